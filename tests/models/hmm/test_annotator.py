"""The chromatin-state module: what it adds to the HMM's functions, whose oracle is in test_hmm_enumeration.py."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from epizoo.errors import InputError
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.reference import HMMParameters

MARKS = ("H3K4me3", "H3K27ac", "H3K27me3")
WITH_ZEROS = HMMParameters(
    np.array([1.0, 0.0]), np.array([[0.9, 0.1], [0.0, 1.0]]), np.array([[0.0, 0.3, 1e-30], [1.0, 0.2, 0.999]])
)


def some_marks(n_sequences=2, n_bins=30, seed=0):
    marks = np.random.default_rng(seed).integers(0, 2, size=(n_sequences, n_bins, 3)).astype(np.float32)
    marks[0, :4] = -1
    marks[1, 3, 1] = np.nan
    return jnp.asarray(marks)


def test_probabilities_survive_the_logits_exact_zeros_and_ones_included():
    model = ChromatinStateAnnotator.from_parameters(ChromatinStateConfig(MARKS, 2), WITH_ZEROS)
    for found, expected in zip(model.parameters(), WITH_ZEROS, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0)
    with jax.enable_x64(True):
        exact = ChromatinStateAnnotator.from_parameters(ChromatinStateConfig(MARKS, 2), WITH_ZEROS).parameters()
    for found, expected in zip(exact, WITH_ZEROS, strict=True):
        assert found.dtype == jnp.float64
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("start", ["stationary", "initial"])
def test_outputs_are_those_of_the_hmm(start):
    model = ChromatinStateAnnotator(ChromatinStateConfig(MARKS, 4, start=start), rngs=nnx.Rngs(3))
    marks, parameters = some_marks(), model.parameters()
    first = hmm.stationary(parameters.transition) if start == "stationary" else parameters.initial
    output = nnx.jit(lambda model, marks: model(marks))(model, marks)
    for index, sequence in enumerate(marks):
        posteriors, filtered = hmm.posteriors(parameters, sequence, first)
        np.testing.assert_allclose(output.state_posteriors[index], posteriors, atol=1e-6)
        np.testing.assert_allclose(output.state_probabilities[index], filtered.probabilities, atol=1e-6)
        np.testing.assert_array_equal(output.viterbi_path[index], hmm.viterbi(parameters, sequence, first))
        np.testing.assert_allclose(output.log_likelihood_per_bin[index], filtered.log_likelihood_per_bin, atol=1e-5)
    assert output.viterbi_path.dtype == jnp.int32
    np.testing.assert_allclose(output.log_likelihood, output.log_likelihood_per_bin.sum(-1), rtol=1e-6)
    np.testing.assert_allclose(model.log_likelihood(marks), output.log_likelihood, rtol=1e-5)
    soft = model.soft_viterbi(marks)
    np.testing.assert_allclose(soft.weights, output.state_probabilities, atol=1e-5)


def test_training_by_gradient_raises_the_likelihood_and_leaves_exact_zeros():
    model = ChromatinStateAnnotator.from_parameters(ChromatinStateConfig(MARKS, 2, start="initial"), WITH_ZEROS)
    marks = some_marks(n_sequences=4, n_bins=60)
    optimizer = nnx.Optimizer(model, optax.adamw(0.05), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        loss, gradients = nnx.value_and_grad(lambda model: -model.log_likelihood(marks).mean())(model)
        optimizer.update(model, gradients)
        return loss

    losses = [float(step(model, optimizer)) for _ in range(20)]
    assert losses[-1] < losses[0] - 1
    trained = model.parameters()
    for values, start in zip(trained, WITH_ZEROS, strict=True):
        assert np.all(np.isfinite(values))
        np.testing.assert_array_equal(
            np.asarray(values)[(start == 0) | (start == 1)], start[(start == 0) | (start == 1)]
        )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"marks": ()}, "marks"),
        ({"marks": ("a", "a")}, "marks"),
        ({"n_states": 0}, "n_states"),
        ({"bin_bp": -200}, "bin_bp"),
        ({"temperature": 0.0}, "temperature"),
        ({"start": "uniform"}, "start"),
    ],
)
def test_a_config_that_cannot_be_is_refused(settings, named):
    with pytest.raises(InputError, match=named):
        ChromatinStateConfig(**{"marks": MARKS, "n_states": 2} | settings)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("initial", np.array([0.5, 0.4]), "sum to"),
        ("initial", np.array([1.0]), "shape"),
        ("transition", np.array([[1.5, -0.5], [0, 1]]), "0, 1"),
        ("transition", np.array([[0.5, 0.4], [0, 1]]), "sum to"),
        ("emission", np.full((2, 2), 0.5), "shape"),
        ("emission", np.full((2, 3), np.nan), "0, 1"),
    ],
)
def test_parameters_that_are_no_model_are_refused(field, value, reason):
    with pytest.raises(InputError, match=f"{field}.*{reason}"):
        ChromatinStateAnnotator.from_parameters(ChromatinStateConfig(MARKS, 2), WITH_ZEROS._replace(**{field: value}))


@pytest.mark.parametrize("shape", [(1, 10, 2), (10, 3), (1, 0, 3)])
def test_marks_of_another_shape_are_refused(shape):
    model = ChromatinStateAnnotator(ChromatinStateConfig(MARKS, 2), rngs=nnx.Rngs(0))
    with pytest.raises(InputError, match="H3K4me3, H3K27ac, H3K27me3"):
        model(jnp.zeros(shape))

"""Learning states by gradients of expected counts: the gradient by differentiating, the optimum by EM, checkpoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hmm_oracles import random_model

from epizoo.errors import InputError
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.reference import HMMParameters, stationary
from epizoo.states.count_gradients import KEPT_STEPS, AdamConfig, Batch, expected, learn_by_gradient, make_batches
from epizoo.states.em import LearningConfig, expectation_maximization, log_prior
from epizoo.states.initialization import perturbed_parameters
from epizoo.states.known_states import known_as_marks
from epizoo.states.priors import centred_prior, log_density, uniform_prior
from epizoo.states.recursion_gradients import Chunks, chunk_log_likelihoods

MODEL = runs.Float64Parameters(
    np.full(3, 1 / 3), np.full((3, 3), 0.05) + 0.85 * np.eye(3), np.array([[0.9, 0.1], [0.1, 0.8], [0.05, 0.1]])
)


def draw(rng, n_bins, model=MODEL):
    states = [rng.choice(3, p=model.initial)]
    for _ in range(n_bins - 1):
        states.append(rng.choice(3, p=model.transition[states[-1]]))
    return (rng.random((n_bins, 2)) < model.emission[states]).astype(np.uint8), np.array(states, np.int16)


def test_steps_that_are_too_long_are_refused():
    rng = np.random.default_rng(3)
    marks = runs.from_values(draw(rng, 400)[0])
    with pytest.raises(InputError, match=r"fell from .*-\S+ to \S+;.*\b100\b"):
        learn_by_gradient([marks], MODEL, AdamConfig(n_steps=20, learning_rate=100.0))


def test_the_gradient_of_expected_counts_is_that_of_the_recursion():
    rng = np.random.default_rng(0)
    start = runs.in_float64(random_model(rng, 3, 2))
    values = rng.integers(0, 3, (4, 30, 2)).astype(np.uint8)  # 2 is missing.
    known = np.where(rng.random((4, 30)) < 0.2, rng.integers(0, 3, (4, 30)), -1).astype(np.int16)
    begins = np.array([1.0, 0.0, 0.0, 1.0])
    chunks = [known_as_marks(runs.from_values(one), states, 3) for one, states in zip(values, known, strict=True)]
    first, inner = ([chunk for chunk, one in zip(chunks, begins, strict=True) if one == kind] for kind in (1, 0))
    batch = Batch(RunCounter(first), RunCounter(inner))
    marks = np.where(values == 2, np.nan, values)

    with jax.enable_x64(True):

        def likelihood(logits):
            model = HMMParameters(jax.nn.softmax(logits[0]), jax.nn.softmax(logits[1]), jax.nn.sigmoid(logits[2]))
            return chunk_log_likelihoods(model, Chunks(marks, known, begins)).sum()

        odds = np.log(start.emission) - np.log1p(-start.emission)
        value, wanted = jax.jit(jax.value_and_grad(likelihood))((np.log(start.initial), np.log(start.transition), odds))
        counts, of_inner, log_likelihood = expected(batch, start, 2)
        # Inner chunks start from the stationary distribution, which depends on the transitions too.
        weighted = jax.jit(jax.grad(lambda logits: (of_inner * jnp.log(stationary(jax.nn.softmax(logits)))).sum()))
        by_start = weighted(np.log(start.transition))
    assert log_likelihood == pytest.approx(float(value), rel=1e-9)
    steps = counts.transition - counts.transition.sum(axis=1, keepdims=True) * start.transition
    np.testing.assert_allclose(steps + np.asarray(by_start), wanted[1], atol=1e-7)
    np.testing.assert_allclose(counts.initial - counts.initial.sum() * start.initial, wanted[0], atol=1e-7)
    measured = counts.present + counts.absent
    np.testing.assert_allclose(counts.present - measured * start.emission, wanted[2], atol=1e-7)


def test_a_step_goes_where_the_derivative_of_the_whole_objective_points():
    # Adam's first step is the sign of the gradient: it tells every component that is not tiny.
    rng = np.random.default_rng(1)
    start = perturbed_parameters(MODEL, 0.5, rng)
    sequence = runs.from_values(draw(rng, 300)[0])
    config = AdamConfig(n_steps=1, learning_rate=1e-3)
    prior = centred_prior(MODEL, 5.0)
    learned = learn_by_gradient([sequence], start, config, prior=prior).parameters

    def objective(log_transition):
        transition = np.exp(log_transition) / np.exp(log_transition).sum(axis=1, keepdims=True)
        model = start._replace(transition=transition)
        return RunCounter([sequence]).count(model).log_likelihood + log_density(prior, model)

    logits = np.log(start.transition)
    slopes = np.zeros((3, 3))
    for place in np.ndindex(3, 3):
        moved = np.zeros((3, 3))
        moved[place] = 1e-5
        slopes[place] = (objective(logits + moved) - objective(logits - moved)) / 2e-5
    went = np.log(learned.transition) - logits
    went -= went.mean(axis=1, keepdims=True)
    signs = np.sign(slopes) - np.sign(slopes).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(went, 1e-3 * signs, atol=1e-5)


def test_one_batch_of_all_reaches_the_optimum_that_em_with_the_same_prior_reaches():
    rng = np.random.default_rng(2)
    sequences = [runs.from_values(draw(rng, 400)[0]) for _ in range(2)]
    prior, start = centred_prior(MODEL, 20.0), perturbed_parameters(MODEL, 0.3, rng)
    counter = RunCounter(sequences)
    best = expectation_maximization(counter, start, LearningConfig(2000, 1e-9), prior=prior)
    found = learn_by_gradient(sequences, start, AdamConfig(n_steps=300), prior=prior)
    reached, wanted = (one.log_likelihood + log_prior(one.parameters, LearningConfig(), prior) for one in (found, best))
    assert reached == pytest.approx(wanted, abs=1e-2)
    assert found.log_likelihood == pytest.approx(counter.count(found.parameters).log_likelihood)
    np.testing.assert_allclose(found.parameters.emission, best.parameters.emission, atol=5e-3)
    np.testing.assert_allclose(found.parameters.transition, best.parameters.transition, atol=5e-3)


def test_mini_batches_come_near_the_optimum_and_a_seed_gives_one_result():
    rng = np.random.default_rng(3)
    sequences = [runs.from_values(draw(rng, 2000)[0]) for _ in range(2)]
    start = perturbed_parameters(MODEL, 0.4, rng)
    counter = RunCounter(sequences)
    best = expectation_maximization(counter, start, LearningConfig(1000, 1e-6)).log_likelihood
    first, again, other = (
        learn_by_gradient(sequences, start, AdamConfig(n_steps=200, batch_bins=500, chunk_bins=100, seed=seed))
        for seed in (0, 0, 1)
    )
    assert best - first.log_likelihood < 0.002 * 4000
    assert first.log_likelihood - counter.count(start).log_likelihood > 10 * (best - first.log_likelihood)
    assert first.parameters.emission.tobytes() == again.parameters.emission.tobytes()
    assert (first.parameters.emission != other.parameters.emission).any()


def test_every_bin_is_in_one_batch_and_chunks_know_whether_they_begin():
    sequences = [runs.from_values(np.zeros((n, 1), np.uint8)) for n in (1050, 0, 7)]
    batches = make_batches(sequences, AdamConfig(batch_bins=200, chunk_bins=100))
    assert sum(batch.n_bins for batch in batches) == 1057
    assert len(batches) == 5
    assert sum(batch.first.n_bins for batch in batches if batch.first) == 107
    whole = make_batches(sequences, AdamConfig(batch_bins=2000, chunk_bins=100))
    assert [(batch.first.n_bins, batch.inner) for batch in whole] == [(1057, None)]
    with pytest.raises(InputError, match=r"\bbins?\b"):
        make_batches(sequences[1:2], AdamConfig())


def test_a_run_that_was_killed_goes_on_to_the_same_result(tmp_path):
    rng = np.random.default_rng(4)
    values, states = draw(rng, 1000)
    known = [np.where(rng.random(1000) < 0.1, states, -1).astype(np.int16)]
    sequences, start = [runs.from_values(values)], perturbed_parameters(MODEL, 0.4, rng)
    config = AdamConfig(n_steps=45, batch_bins=300, chunk_bins=100)
    seen, path = [], tmp_path / "kept"
    whole = learn_by_gradient(sequences, start, config, known=known, report=lambda *told: seen.append(told))
    assert [done for done, _ in seen] == [10, 20, 30, 40, 45]

    def kill(done, _):
        if done == 2 * KEPT_STEPS:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_by_gradient(sequences, start, config, known=known, checkpoint=path, report=kill)
    seen.clear()
    resumed = learn_by_gradient(
        sequences, start, config, known=known, checkpoint=path, report=lambda *told: seen.append(told)
    )
    assert [done for done, _ in seen] == [30, 40, 45]
    assert resumed.trajectory.tobytes() == whole.trajectory.tobytes()
    for one, other in zip(resumed.parameters, whole.parameters, strict=True):
        assert one.tobytes() == other.tobytes()
    with pytest.raises(InputError, match="other data"):
        learn_by_gradient(sequences, start, config, checkpoint=path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="checkpoint"):
        learn_by_gradient(sequences, start, config, known=known, checkpoint=path)


def test_exact_zeros_stay_zero_under_pseudo_counts_and_nothing_becomes_nan():
    rng = np.random.default_rng(5)
    start = runs.Float64Parameters(
        np.array([1.0, 0.0, 0.0]),
        np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]]),
        np.array([[0.0, 0.3], [0.6, 0.7], [1.0, 0.2]]),
    )
    values = rng.integers(0, 2, (60, 2)).astype(np.uint8)
    values[0] = 0
    learned = learn_by_gradient(
        [runs.from_values(values)], start, AdamConfig(n_steps=20), prior=uniform_prior(3, 2, 1.0, 1.0, 1.0)
    )
    assert all(np.isfinite(array).all() for array in learned.parameters)
    assert learned.parameters.transition[1].tolist() == [0.0, 1.0, 0.0]
    assert learned.parameters.emission[[0, 2], 0].tolist() == [0.0, 1.0]
    assert learned.parameters.emission[0, 1] != 0.3
    assert np.isfinite(learned.trajectory).all()


@pytest.mark.parametrize("name", ["n_steps", "learning_rate", "batch_bins", "chunk_bins"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_settings_that_are_no_positive_numbers_are_refused(name, value):
    with pytest.raises(InputError, match=rf"{name}\b.*above 0"):
        AdamConfig(**{name: value})


def test_the_learning_rate_falls_to_zero_along_a_cosine():
    # So far from the data the objective is a line, and each step of Adam is as long as its rate.
    start = runs.Float64Parameters(np.array([1.0]), np.array([[1.0]]), np.array([[1e-6]]))
    marks = runs.from_values(np.ones((30, 1), np.uint8))
    emission = learn_by_gradient([marks], start, AdamConfig(n_steps=50, learning_rate=0.02)).parameters.emission[0, 0]
    moved = np.log(emission / (1 - emission)) - np.log(1e-6 / (1 - 1e-6))
    assert moved == pytest.approx(0.02 * (50 + 1) / 2, rel=1e-3)

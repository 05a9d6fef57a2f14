"""DiffBio's parameters in our models: the outputs that diffbio 0.1.0 itself gave (make_diffbio_golden.py)."""

from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from flax import nnx

from epizoo.conversion.diffbio import annotator_from_diffbio, marks_of_diffbio, peak_caller_from_diffbio
from epizoo.errors import EntryError, InputError

MARKS = ("H3K4me3", "H3K27ac", "H3K36me3")


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "data" / "diffbio_golden.npz") as file:
        return dict(file)


def part(golden, prefix):
    return {key.removeprefix(prefix): value for key, value in golden.items() if key.startswith(prefix)}


def test_the_annotator_gives_diffbios_outputs(golden):
    """On binary marks and on any numbers; the two small terms that DiffBio adds to probabilities are what differs."""
    model = annotator_from_diffbio(part(golden, "states.parameter."), MARKS, temperature=0.7)
    marks = marks_of_diffbio(golden["states.input.histone_marks"])
    output = model(marks)
    expected = part(golden, "states.output.")
    np.testing.assert_allclose(output.state_posteriors, expected["state_posteriors"], atol=2e-5)
    np.testing.assert_allclose(output.state_probabilities, expected["state_probabilities"], atol=2e-5)
    np.testing.assert_allclose(output.log_likelihood, expected["log_likelihood"], rtol=1e-5)
    np.testing.assert_allclose(model.soft_viterbi(marks).expected_state, expected["viterbi_path"], atol=1e-4)


def test_without_the_sigmoid_it_is_another_model(golden):
    model = annotator_from_diffbio(part(golden, "states.parameter."), MARKS)
    binary = golden["states.input.histone_marks"][:1]
    differs = np.abs(model(binary).state_posteriors - golden["states.output.state_posteriors"][:1])
    assert differs.max() > 0.1


def test_the_peak_caller_gives_diffbios_outputs(golden):
    model = peak_caller_from_diffbio(part(golden, "peaks.parameter."), min_peak_width=20)
    output = model(golden["peaks.input.coverage"][..., None])
    expected = part(golden, "peaks.output.")
    assert set(expected) == set(output._fields)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(output, name), values, rtol=1e-4, atol=2e-6, err_msg=name)


class Stand(nnx.Module):
    """An operator with DiffBio's names, for tests without DiffBio."""

    def __init__(self, arrays, config):
        self.config = config
        self.count = nnx.Variable(None)
        for name, array in arrays.items():
            setattr(self, name, nnx.Param(jax.numpy.asarray(array)))


def test_operators_themselves_are_taken_with_their_settings(golden):
    arrays = part(golden, "states.parameter.")
    model = annotator_from_diffbio(Stand(arrays, SimpleNamespace(temperature=0.25)), MARKS, bin_bp=100)
    assert (model.config.temperature, model.config.bin_bp, model.config.start) == (0.25, 100, "initial")
    np.testing.assert_array_equal(model.emission_logits[...], arrays["emission_logits"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emission_means": np.zeros((1, 4, 3))}, "emission_means: .*cell types"),
        ({"initial_logits": None}, "initial_logits.*emission_logits, transition_logits"),
        ({"emission_logits": np.zeros((4, 2))}, r"\b3 names\b.*\b2 marks\b"),
    ],
)
def test_other_annotators_are_refused(golden, change, message):
    arrays = {key: value for key, value in (part(golden, "states.parameter.") | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        annotator_from_diffbio(arrays, MARKS)


def test_other_peak_callers_are_refused(golden):
    arrays = part(golden, "peaks.parameter.")
    with pytest.raises(InputError, match="vae_encoder: "):
        peak_caller_from_diffbio(arrays | {"vae_encoder.enc_mean.bias": np.zeros(2)})
    with pytest.raises(InputError, match=r"peak_cnn\.conv_layers\.0\.kernel, threshold"):
        peak_caller_from_diffbio({})
    with pytest.raises(EntryError, match=r"output_conv\.bias"):
        peak_caller_from_diffbio({key: value for key, value in arrays.items() if key != "peak_cnn.output_conv.bias"})

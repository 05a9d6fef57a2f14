"""Attributions and deletions: held to JAX's gradients, to completeness, and to computing again."""

import numpy as np
import pytest
import torch
from grelu_warnings import IGNORED

import epizoo
from epizoo.errors import InputError
from epizoo.plugins.grelu import lightning_model
from epizoo.plugins.grelu.checkpoints import predictions
from epizoo.plugins.grelu.interpret import attributions, deletion
from epizoo.zoo.jax_engine import Scalar

pytestmark = IGNORED


@pytest.fixture(scope="module")
def entry(random_zoo):
    return epizoo.load(random_zoo.folder / "peak_caller/random")


@pytest.fixture(scope="module")
def peaks(entry):
    return lightning_model(entry)


@pytest.fixture(scope="module")
def states(random_zoo):
    return lightning_model(epizoo.load(random_zoo.folder / "chromatin_states/random"))


@pytest.fixture(scope="module")
def coverage():
    return np.random.default_rng(0).gamma(1, size=(3, 70, 1)).astype(np.float32)


def logits(entry, coverage, bins=slice(None)):
    return entry.activations({"coverage": coverage}, ("logits",))["logits"][:, bins].sum(1)


def test_saliency_is_the_gradient_of_jax(entry, peaks, coverage):
    bins = slice(10, 20)
    expected = entry.gradient({"coverage": coverage}, Scalar("logits", (("slice", 10, 20, None),)))
    found = attributions(peaks, coverage, task="random", bins=bins)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    times_input = attributions(peaks, coverage, bins=bins, method="inputxgradient")
    np.testing.assert_allclose(times_input, expected * coverage, rtol=1e-4, atol=1e-5)


def test_integrated_gradients_add_up_to_the_change(entry, peaks, coverage):
    found = attributions(peaks, coverage, method="integratedgradients")
    expected = logits(entry, coverage) - logits(entry, np.zeros_like(coverage))
    np.testing.assert_allclose(found.sum((1, 2)), expected, rtol=0.02, atol=0.02)


def test_deletions_are_what_computing_again_gives(entry, peaks, coverage):
    found = deletion(peaks, coverage, 5, step_bins=3, bins=slice(4, 30))
    assert found.start_bins.tolist() == list(range(0, 66, 3))
    whole = logits(entry, coverage, slice(4, 30))
    for number, start in enumerate(found.start_bins):
        without = coverage.copy()
        without[:, start : start + 5] = 0
        expected = logits(entry, without, slice(4, 30)) - whole
        np.testing.assert_allclose(found.change[:, number], expected, rtol=1e-4, atol=1e-4)


def test_signal_out_of_reach_says_nothing(peaks, coverage):
    reach = peaks.model.crop_len
    found = attributions(peaks, coverage, bins=slice(0, 1))
    assert np.abs(found[:, : 2 * reach + 1]).max() > 0
    assert np.abs(found[:, 2 * reach + 1 :]).max() == 0


def test_a_mark_is_deleted_by_leaving_it_out(random_zoo, states):
    entry = epizoo.load(random_zoo.folder / "chromatin_states/random")
    marks = entry.golden()["inputs.marks"][:1]
    found = deletion(states, marks, 10, task="S1", bins=slice(0, 20), value=np.nan)
    number = 7
    without = marks.copy()
    stretch = without[:, 70:80]
    stretch[stretch != -1] = np.nan
    whole, changed = (np.log(predictions(states, x)[0, :20, 1]).sum() for x in (marks, without))
    assert found.start_bins[number] == 70
    np.testing.assert_allclose(found.change[0, number], changed - whole, rtol=1e-3, atol=1e-4)
    assert np.isfinite(attributions(states, without, task="S1")).all()


def test_what_cannot_be_explained_is_refused(peaks, coverage):
    with pytest.raises(InputError, match="method: 'guess'"):
        attributions(peaks, coverage, method="guess")
    with pytest.raises(InputError, match=r"task: 'none'.*random"):
        attributions(peaks, coverage, task="none")
    with pytest.raises(InputError, match=r"task: 1 .*1"):
        attributions(peaks, coverage, task=1)
    with pytest.raises(InputError, match="no bin"):
        attributions(peaks, coverage, bins=slice(500, 600))
    with pytest.raises(InputError, match=r"width_bins: 71\b.*\b1 to 70"):
        deletion(peaks, coverage, 71)
    with pytest.raises(InputError, match=r"Linear.*PeakCallerModel"):
        attributions(torch.nn.Linear(1, 1), coverage)

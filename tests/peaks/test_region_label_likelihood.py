"""The likelihood of region labels against the enumeration of all 2^n segmentations."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.metrics.label_errors import ANNOTATIONS, label_errors
from epizoo.peaks.region_label_likelihood import (
    LabelBins,
    gather_labels,
    label_bins,
    pack_labels,
    region_log_likelihood,
)


def enumerated(logits, switch_cost):
    """Probabilities of the four labels, each segmentation weighed and counted."""
    weights, holds = [], []
    for states in itertools.product([0, 1], repeat=len(logits)):
        z = np.array(states)
        step = np.diff(z)
        weights.append(np.exp(logits @ z - switch_cost * np.abs(step).sum()))
        holds.append([z.sum() == 0, z.sum() > 0, (step == 1).sum() == 1, (step == -1).sum() == 1])
    weights = np.array(weights)
    return weights @ np.array(holds) / weights.sum()


@pytest.mark.parametrize("switch_cost", [0.0, 1.5])
@pytest.mark.parametrize("n_bins", [2, 5, 9])
def test_likelihood_matches_enumeration(n_bins, switch_cost):
    logits = np.random.default_rng(n_bins).normal(scale=2, size=n_bins)
    padded = np.concatenate([logits, np.full(3, 7.0)])
    inside = np.arange(n_bins + 3) < n_bins
    with jax.enable_x64(True):
        found = region_log_likelihood(
            jnp.tile(padded, (4, 1)), jnp.tile(inside, (4, 1)), jnp.arange(4), switch_cost=switch_cost
        )
    np.testing.assert_allclose(np.exp(found), enumerated(logits, switch_cost), rtol=1e-10)


@pytest.mark.parametrize("annotation", range(4))
def test_gradient_matches_finite_differences(annotation):
    with jax.enable_x64(True):
        logits = jnp.asarray(np.random.default_rng(0).normal(scale=3, size=(1, 12)))
        inside, code = jnp.ones((1, 12), bool), jnp.array([annotation])

        def value(x):
            return region_log_likelihood(x, inside, code, 0.7)[0]

        gradient = np.asarray(jax.grad(value)(logits))[0]
        for i in range(12):
            step = np.zeros((1, 12))
            step[0, i] = 1e-6
            np.testing.assert_allclose(gradient[i], (value(logits + step) - value(logits - step)) / 2e-6, atol=1e-7)


@pytest.mark.parametrize("size", [1e-30, 80.0, 1e4])
def test_gradients_stay_finite_for_extreme_logits(size):
    random = np.random.default_rng(1)
    logits = jnp.asarray(size * random.choice([-1.0, 1.0], size=(4, 30)), jnp.float32)
    inside = jnp.ones((4, 30), bool)
    value, gradient = jax.value_and_grad(lambda x: region_log_likelihood(x, inside, jnp.arange(4)).sum())(logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("annotation", ANNOTATIONS)
@pytest.mark.parametrize(("start", "end"), [(100, 200), (110, 190), (120, 260), (99, 151)])
def test_the_bins_of_a_label_decide_it_as_peakerror_does(annotation, start, end):
    label = pd.DataFrame({"chrom": ["chr1"], "start": [start], "end": [end], "annotation": [annotation]})
    code, first, last = label_bins(annotation, start, end, 50)
    for states in itertools.product([0, 1], repeat=7):
        edges = np.flatnonzero(np.diff(states, prepend=0, append=0)) * 50
        peaks = pd.DataFrame({"chrom": "chr1", "start": edges[::2], "end": edges[1::2]})
        z = np.array(states)[first:last]
        step = np.diff(z)
        holds = [z.sum() == 0, z.sum() > 0, (step == 1).sum() == 1, (step == -1).sum() == 1][code]
        assert holds == (not label_errors(label, peaks)["wrong"].item())


def test_labels_are_gathered_from_their_windows():
    batch = pack_labels([(1, LabelBins(0, 3, 6), 1.0), (0, LabelBins(2, 8, 10), 0.5)], n_labels=3, length=4)
    logits = jnp.arange(20.0).reshape(2, 10)
    found = np.asarray(gather_labels(logits, batch))
    assert found[0][batch.inside[0]].tolist() == [13, 14, 15]
    assert found[1][batch.inside[1]].tolist() == [8, 9]
    assert batch.weight.tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(InputError, match="do not fit"):
        pack_labels([(0, LabelBins(0, 0, 9), 1.0)], n_labels=1, length=4)

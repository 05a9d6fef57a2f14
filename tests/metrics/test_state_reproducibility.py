"""Curves of what comes back, against a truth that was drawn."""

import numpy as np
import pytest

from epizoo.metrics.state_reproducibility import (
    N_LEVELS,
    ReturnCounts,
    calibration_error,
    half_of,
    posterior_level,
    return_curves,
    state_figures,
)

N_BINS = 60_000


@pytest.fixture(scope="module")
def drawn():
    """Bins of three states, which come back the more often, the higher their posterior; the third never."""
    rng = np.random.default_rng(0)
    state = rng.choice(3, N_BINS, p=(0.7, 0.29, 0.01)).astype(np.uint8)
    level = rng.integers(5, 40, N_BINS).astype(np.uint8)
    true = np.where(state == 2, 0.0, np.where(state == 0, 0.3, 0.6) + level / 100)
    counts = ReturnCounts.nothing(3)
    half = half_of(N_BINS, 200)
    counts.add(half, state, level, rng.random(N_BINS) < true)
    return counts, half, state, level, true


def test_curves_are_the_shares_that_came_back(drawn):
    counts, half, state, level, true = drawn
    found = return_curves(counts)[half, state, level]
    common = state < 2
    assert np.abs(found - true)[common].mean() < 0.03
    assert found[~common].max() < 0.5 < true[common].max()
    assert calibration_error(counts, return_curves(counts)) < 0.02


def test_curves_rise_and_stay_between_0_and_1(drawn):
    curves = return_curves(drawn[0])
    assert (np.diff(curves, axis=2) >= 0).all()
    assert curves.min() >= 0
    assert curves.max() <= 1


def test_no_bin_speaks_for_its_own_half():
    counts = ReturnCounts.nothing(1)
    for half, came_back in ((0, True), (1, False)):
        counts.add(*(np.full(5_000, value, np.uint8) for value in (half, 0, 30)), returned=np.full(5_000, came_back))
    first, second = return_curves(counts)[:, 0, 30]
    assert first < 0.01
    assert second > 0.99
    assert calibration_error(counts, return_curves(counts)) > 0.98


def test_levels_are_tenths_of_powers_of_ten_of_doubt():
    doubt = np.logspace(-0.05, -5.95, 60)
    np.testing.assert_array_equal(posterior_level(1 - doubt), np.arange(60))
    assert posterior_level(np.array([1.0]))[0] == N_LEVELS - 1


def test_a_state_without_bins_has_no_share(drawn):
    counts = ReturnCounts.nothing(4)
    counts.add(*(np.zeros(10, np.uint8),) * 3, returned=np.ones(10, bool))
    bins, share, mean = state_figures(counts, return_curves(counts))
    assert bins.tolist() == [10, 0, 0, 0]
    assert share[0] == 1
    assert np.isnan(share[1:]).all()
    assert np.isnan(mean[1:]).all()

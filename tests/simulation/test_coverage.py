"""Simulated coverage against its own parameters, and thinning against fragments that are really thinned."""

import dataclasses

import numpy as np
import pytest

from epizoo.simulation.coverage import SimulationConfig, simulate, thin

FLAT = SimulationConfig(
    depth=(100.0, 100.0), background_level=(0.5, 0.5), peaks_per_10kb=(1e-9, 1e-9), wave_sd=0.0, scale_error_sd=0.0
)


def pile_up(starts, n_bp, fragment_bp, bin_bp):
    """Mean pile-up over bins, fragment by fragment."""
    coverage = np.zeros(n_bp + fragment_bp)
    for start in starts:
        coverage[start : start + fragment_bp] += 1
    return coverage[:n_bp].reshape(-1, bin_bp).mean(axis=1)


def test_the_same_seed_gives_the_same_windows():
    first, second = (simulate(np.random.default_rng(3), 4, 200, 50, SimulationConfig()) for _ in range(2))
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


def test_background_has_its_depth_and_more_than_poisson_variance():
    windows = simulate(np.random.default_rng(0), 60, 400, 50, FLAT)
    covered = windows.coverage[:, 50:-50]
    assert (windows.scale == 200).all()
    assert not windows.is_peak.any()
    assert np.median(covered[covered > 0]) == pytest.approx(100, rel=0.1)
    # A Poisson pile-up, averaged over bins, has a variance of at most its mean.
    kept = covered[(covered > 20).all(axis=1)]
    assert len(kept) > 5
    assert np.median(kept.var(axis=1) / kept.mean(axis=1)) > 1.2


def test_peaks_are_where_the_expectation_is_high():
    config = dataclasses.replace(SimulationConfig(), depth=(5.0, 20.0), peaks_per_10kb=(2.0, 2.0))
    windows = simulate(np.random.default_rng(1), 40, 400, 50, config)
    level = windows.coverage / windows.scale[:, None]
    peak, background = windows.is_peak & windows.is_clear, ~windows.is_peak & windows.is_clear
    assert 0.02 < windows.is_peak.mean() < 0.5
    assert np.mean(level[peak] > config.extend_level) > 0.8
    assert np.mean(level[background] < config.enter_level) > 0.97


@pytest.mark.parametrize("keep", [0.1, 0.5])
def test_thinning_a_pile_up_has_the_mean_and_variance_of_thinning_its_fragments(keep):
    random = np.random.default_rng(2)
    n_bp, fragment_bp, bin_bp = 40_000, 100, 50
    starts = random.integers(0, n_bp, 20 * n_bp // fragment_bp)
    coverage = pile_up(starts, n_bp, fragment_bp, bin_bp)
    inner = slice(4, -4)
    real, fast = [], []
    for _ in range(20):
        real.append(pile_up(starts[random.random(len(starts)) < keep], n_bp, fragment_bp, bin_bp)[inner])
        fast.append(thin(random, coverage, keep, bin_bp, fragment_bp)[inner])
    assert np.mean(fast) == pytest.approx(np.mean(real), rel=0.02)
    assert np.var(fast, axis=0).mean() == pytest.approx(np.var(real, axis=0).mean(), rel=0.3)


def test_estimates_of_the_background_are_off_by_the_error_that_was_asked_for():
    config = dataclasses.replace(FLAT, depth=(1.0, 1.0), scale_error_sd=0.4)
    errors = np.log(simulate(np.random.default_rng(4), 400, 4, 50, config).scale / 2)
    assert np.std(errors) == pytest.approx(0.4, rel=0.1)
    assert np.mean(errors) == pytest.approx(0, abs=0.06)

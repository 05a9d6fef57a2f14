"""Pairs of conditions whose differential peaks are known.

No region label of real data differs between cell types, so differential peaks can only be evaluated on simulations.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from epizoo.simulation.coverage import SimulationConfig, simulate, thin

_OWN_LEVEL = 1e-3
"""Background of the peaks of one condition alone, over the scale: next to nothing."""


class SimulatedPairs(NamedTuple):
    """Windows of two conditions: what they share, sequenced twice, and peaks of one of them alone."""

    first: Float[np.ndarray, "window bin"]
    second: Float[np.ndarray, "window bin"]
    """Mean pile-up over each bin's bp."""
    scales: Float[np.ndarray, "window condition"]
    """Estimates of the scales of both."""
    gained: Bool[np.ndarray, "window bin"]
    """In a peak of the first alone."""
    lost: Bool[np.ndarray, "window bin"]
    """In a peak of the second alone."""
    is_clear: Bool[np.ndarray, "window bin"]


def simulate_pairs(
    random: np.random.Generator,
    n_windows: int,
    n_bins: int,
    bin_bp: int,
    *,
    scale: float = 10.0,
    background_level: float = 0.4,
    second_depth: float = 0.5,
    own_peaks_per_10kb: tuple[float, float] = (0.3, 1.0),
) -> SimulatedPairs:
    """Pairs of windows; the second condition is sequenced to a share of the depth of the first.

    Args:
        random: of all draws.
        n_windows: number of pairs.
        n_bins: of each.
        bin_bp: width of a bin.
        scale: of the first, in fragments.
        background_level: over the scale.
        second_depth: depth of the second over that of the first.
        own_peaks_per_10kb: how many peaks each condition has alone.
    """
    depth = 2 * scale * background_level
    shared = simulate(random, n_windows, n_bins, bin_bp, _fixed(depth, background_level, (0.3, 2.0)))
    own = [
        simulate(random, n_windows, n_bins, bin_bp, _fixed(scale * _OWN_LEVEL, _OWN_LEVEL, own_peaks_per_10kb))
        for _ in range(2)
    ]
    # Half of the shared fragments go to each condition, so that their noise is their own.
    half = np.stack([thin(random, row, 0.5, bin_bp) for row in shared.coverage])
    first = half + own[0].coverage
    both = shared.coverage - half + own[1].coverage
    second = np.stack([thin(random, row, second_depth, bin_bp) for row in both]) if second_depth < 1 else both
    error = np.exp(0.1 * random.normal(size=(n_windows, 2)))
    gained = own[0].is_peak & ~shared.is_peak & ~own[1].is_peak
    lost = own[1].is_peak & ~shared.is_peak & ~own[0].is_peak
    clear = shared.is_clear & own[0].is_clear & own[1].is_clear
    # What is a weak peak by itself may be one together with the background: nobody could tell.
    clear &= ~((own[0].is_peak | own[1].is_peak) & shared.is_peak)
    scales = np.array([scale, scale * second_depth]) * error
    return SimulatedPairs(first.astype(np.float32), second.astype(np.float32), scales, gained, lost, clear)


def _fixed(depth: float, level: float, peaks_per_10kb: tuple[float, float]) -> SimulationConfig:
    """One depth and background for all windows."""
    return SimulationConfig(depth=(depth, depth), background_level=(level, level), peaks_per_10kb=peaks_per_10kb)

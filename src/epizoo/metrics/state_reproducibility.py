"""Probability that a bin has the same state in a replicate: the question of SAGAconf, answered by calibration.

A posterior says how sure a model is of a state, given the marks; it does not know how much the marks of a replicate
differ. What comes back is counted for each state and each level of its posterior, and smoothed to a curve that rises
with the posterior. The curve of one half of the genome, alternate megabases, is read for the bins of the other half, so
that no bin speaks for itself.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, UInt8
from scipy.optimize import isotonic_regression

N_LEVELS = 61
_LEVELS_PER_DECADE = 10
_PRIOR_BINS = 10.0
"""A level of a state counts as much as the state as a whole where it has so many bins."""
_BLOCK_BP = 1_000_000


class ReturnCounts(NamedTuple):
    """Bins of each half of the genome, state and level of its posterior, and how many of them came back."""

    bins: Float64[np.ndarray, "2 state level"]
    returned: Float64[np.ndarray, "2 state level"]

    @classmethod
    def nothing(cls, n_states: int) -> "ReturnCounts":
        """No bin yet."""
        return cls(np.zeros((2, n_states, N_LEVELS)), np.zeros((2, n_states, N_LEVELS)))

    def add(
        self,
        half: UInt8[np.ndarray, " bin"],
        state: UInt8[np.ndarray, " bin"],
        level: UInt8[np.ndarray, " bin"],
        returned: Bool[np.ndarray, " bin"],
    ) -> None:
        """Count bins, in place."""
        n_states = self.bins.shape[1]
        cell = (half.astype(np.int64) * n_states + state) * N_LEVELS + level
        for counts, weights in ((self.bins, None), (self.returned, returned)):
            counts += np.bincount(cell, weights, minlength=counts.size).reshape(counts.shape)


def half_of(n_bins: int, bin_bp: int) -> UInt8[np.ndarray, " bin"]:
    """0 in one megabase, 1 in the next."""
    return (np.arange(n_bins) * bin_bp // _BLOCK_BP % 2).astype(np.uint8)


def posterior_level(posterior: Float[np.ndarray, " bin"]) -> UInt8[np.ndarray, " bin"]:
    """Level of a posterior: ten for each power of ten of what is left to 1.

    >>> posterior_level(np.array([0.5, 0.9, 0.999, 1.0])).tolist()
    [3, 10, 30, 60]
    """
    left = np.maximum(1.0 - np.asarray(posterior, np.float64), 1e-9)
    return np.clip(np.floor(-_LEVELS_PER_DECADE * np.log10(left) + 1e-6), 0, N_LEVELS - 1).astype(np.uint8)


def return_curves(counts: ReturnCounts) -> Float64[np.ndarray, "2 state level"]:
    """Probability that a bin comes back, for bins of each half: the curves of the other half.

    Curves rise with the level. Levels with few bins lean on the mean of their state.
    """
    return np.stack([_curves(counts.bins[1 - half], counts.returned[1 - half]) for half in (0, 1)])


def calibration_error(counts: ReturnCounts, curves: Float64[np.ndarray, "2 state level"]) -> float:
    """Mean distance between the probability and the share that came back, in ten ranges of probability.

    Weighted by bins.
    """
    group = np.minimum((10 * curves).astype(np.int64), 9).ravel()
    gap = np.bincount(group, (counts.bins * curves - counts.returned).ravel(), minlength=10)
    return float(np.abs(gap).sum() / max(counts.bins.sum(), 1.0))


def _curves(
    bins: Float64[np.ndarray, "state level"], returned: Float64[np.ndarray, "state level"]
) -> Float64[np.ndarray, "state level"]:
    """A rising curve for each state; levels with few bins lean on the state's mean, and that on the mean of all."""
    of_all = (returned.sum() + 1) / (bins.sum() + 2)
    of_state = (returned.sum(axis=1) + _PRIOR_BINS * of_all) / (bins.sum(axis=1) + _PRIOR_BINS)
    weight = bins + _PRIOR_BINS
    share = (returned + _PRIOR_BINS * of_state[:, None]) / weight
    return np.stack([isotonic_regression(row, weights=w).x for row, w in zip(share, weight, strict=True)])


def state_figures(
    counts: ReturnCounts, curves: Float64[np.ndarray, "2 state level"]
) -> tuple[Int64[np.ndarray, " state"], Float64[np.ndarray, " state"], Float64[np.ndarray, " state"]]:
    """Bins of each state, the share of them that came back, and their mean probability; NaN of a state without bins."""
    bins = counts.bins.sum(axis=(0, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        share, mean = counts.returned.sum(axis=(0, 2)) / bins, (counts.bins * curves).sum(axis=(0, 2)) / bins
    return bins.astype(np.int64), share, mean

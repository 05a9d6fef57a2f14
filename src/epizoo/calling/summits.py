"""Summits of peaks: the maxima of smoothed signal, and where the signal between two of them counts as a valley."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

# Heights this close, as a share, count as equal: smoothing rounds equal signal differently at different places, and on
# different processors.
_EQUAL = 1e-6


class Summits(NamedTuple):
    """Summits of runs of bins, in the order of the runs; every run has at least one.

    Attributes:
        run: the run that a summit lies in.
        place: its bin, as a position in the array of all runs' bins.
        offset: how far it lies from the middle of its bin, in bins, within -0.5 to 0.5.
        height: smoothed signal there.
    """

    run: Int[np.ndarray, " summit"]
    place: Int[np.ndarray, " summit"]
    offset: Float[np.ndarray, " summit"]
    height: Float[np.ndarray, " summit"]


def find_summits(
    signal: Float[np.ndarray, " bin"], run_lengths: Int[np.ndarray, " run"], *, smooth_bins: int, valley: float
) -> Summits:
    """Maxima of the signal of each run, smoothed by a triangle.

    The signal of a run is smoothed by two moving averages of `smooth_bins` in which it is 0 outside the run: a maximum
    moves away from the run's border, and another run cannot move it. Of two maxima the lower one counts only where the
    smoothed signal between them falls to `valley` times the lower one at least. A parabola through a maximum and its
    neighbours places the summit within its bin. A run without signal has its middle as summit.

    Args:
        signal: of the bins of all runs, one run after the other.
        run_lengths: bins of each run, at least 1.
        smooth_bins: width of each moving average, odd; 1 leaves the signal as it is.
        valley: share of the lower maximum, in (0, 1).

    >>> found = find_summits(np.array([1., 5, 1, 4, 2, 7]), np.array([5, 1]), smooth_bins=1, valley=0.5)
    >>> found.run.tolist(), found.place.tolist()
    ([0, 0, 1], [1, 3, 5])
    """
    smooth, places = _smooth(signal, run_lengths, smooth_bins)
    padded = np.zeros(places[-1] + 2 if len(places) else 0)
    padded[places] = smooth
    at = np.searchsorted(places, _maxima(padded, valley))
    run = np.repeat(np.arange(len(run_lengths)), run_lengths)
    first = np.cumsum(run_lengths) - run_lengths
    silent = np.setdiff1d(np.arange(len(run_lengths)), run[at])
    index = np.sort(np.concatenate([at, (first + (run_lengths - 1) // 2)[silent]])).astype(np.int64)
    return Summits(run[index], index, _parabola(smooth, index, run), smooth[index])


def first_highest(heights: Float[np.ndarray, " summit"], first: Int[np.ndarray, " peak"]) -> Int[np.ndarray, " peak"]:
    """Position of the highest summit of each peak, the first of those that are equal but for rounding.

    Args:
        heights: of the summits of all peaks, one peak after the other, none of them NaN.
        first: position of each peak's first summit.

    >>> first_highest(np.array([5.0, 1.0, 3.0, 3.0000001]), np.array([0, 1])).tolist()
    [0, 2]
    """
    highest = np.repeat(np.maximum.reduceat(heights, first), np.diff(first, append=len(heights)))
    equal = np.flatnonzero(heights >= highest * (1 - _EQUAL))
    return equal[np.searchsorted(equal, first)]


def smoothing_bins(width_bp: int, bin_bp: int) -> int:
    """The odd number of bins that comes nearest to a width, at least 1.

    >>> [smoothing_bins(250, bin_bp) for bin_bp in (10, 50, 200, 1000)]
    [25, 5, 1, 1]
    """
    return max(2 * round((width_bp / bin_bp - 1) / 2), 0) + 1


def _smooth(
    signal: Float[np.ndarray, " bin"], run_lengths: Int[np.ndarray, " run"], smooth_bins: int
) -> tuple[Float[np.ndarray, " bin"], Int[np.ndarray, " bin"]]:
    """Smoothed signal, and the place of each bin in an array that has zeros between runs."""
    gap = max(2 * (smooth_bins - 1), 1)
    places = np.arange(len(signal)) + 1 + gap * np.repeat(np.arange(len(run_lengths)), run_lengths)
    if smooth_bins == 1 or not len(signal):
        return np.asarray(signal, np.float64), places
    spread = np.zeros(places[-1] + 1)
    spread[places] = signal
    box = np.ones(smooth_bins) / smooth_bins
    return np.convolve(spread, np.convolve(box, box))[places + smooth_bins - 1], places


def _maxima(values: Float[np.ndarray, " place"], valley: float) -> Int[np.ndarray, " maximum"]:
    """Places of the maxima that a valley parts from those before and after; the first of equals."""
    if not len(values):
        return np.zeros(0, np.int64)
    # Only turning points matter; of a plateau its first place.
    changed = np.flatnonzero(~(np.abs(np.diff(values, prepend=np.nan)) <= _EQUAL * values))
    steps = np.sign(np.diff(values[changed]))
    turns = changed[np.flatnonzero(np.diff(steps, prepend=-1, append=1))] if len(steps) else changed[:0]
    found: list[int] = []
    highest, lowest, place, is_rising = 0.0, 0.0, -1, False
    for turn, value in zip(turns.tolist(), values[turns].tolist(), strict=True):
        if is_rising:
            if value > (1 + _EQUAL) * highest:
                highest, place = value, turn
            elif value <= (1 + _EQUAL) * valley * highest:
                found.append(place)
                is_rising, lowest = False, value
        elif value > 0 and lowest <= (1 + _EQUAL) * valley * value:
            is_rising, highest, place = True, value, turn
        else:
            lowest = min(lowest, value)
    return np.array(found, np.int64)


def _parabola(
    smooth: Float[np.ndarray, " bin"], index: Int[np.ndarray, " summit"], run: Int[np.ndarray, " bin"]
) -> Float[np.ndarray, " summit"]:
    """Offset of the vertex of the parabola through each summit and its neighbours, 0 at a run's border."""
    before, after = np.maximum(index - 1, 0), np.minimum(index + 1, len(smooth) - 1)
    is_inner: Bool[np.ndarray, " summit"] = (
        (before < index) & (after > index) & (run[before] == run[index]) & (run[after] == run[index])
    )
    curvature = smooth[before] - 2 * smooth[index] + smooth[after]
    is_inner &= curvature < 0
    offset = np.zeros(len(index))
    slope = smooth[before] - smooth[after]
    offset[is_inner] = 0.5 * slope[is_inner] / curvature[is_inner]
    return np.clip(offset, -0.5, 0.5)

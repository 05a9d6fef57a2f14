"""Signal summed over intervals and over the whole genome, in one pass over a track."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from epizoo.errors import InputError
from epizoo.genome.bigwig.records import Records
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import SignalTrack

_BLOCK_BP = 1 << 22


def signal_sums(track: SignalTrack, intervals: pd.DataFrame) -> tuple[Float[np.ndarray, " interval"], float, float]:
    """The sum of the signal over the bp of each interval, of their union, and of the whole genome; absent values are 0.

    Raises:
        InputError: the track is damaged, or a value is negative or infinite.
    """
    union = merged(intervals)
    places = pd.concat([intervals[["chrom", "start", "end"]], union], ignore_index=True)
    sums, total = np.zeros(len(places)), 0.0
    low, high = (places[column].to_numpy(np.int64) for column in ("start", "end"))
    rows_of = {str(chrom): np.asarray(rows) for chrom, rows in places.groupby("chrom").indices.items()}
    for chrom, size in track.chrom_sizes.items():
        rows = rows_of.get(chrom, np.zeros(0, np.int64))
        for start in range(0, size, _BLOCK_BP):
            end = min(start + _BLOCK_BP, size)
            runs = track.runs(chrom, start, end)
            if len(runs.value) and not (np.isfinite(runs.value).all() and runs.value.min() >= 0):
                raise InputError(f"{track.path}: holds a negative or infinite value on {chrom}; correct it")
            here = rows[(low[rows] < end) & (high[rows] > start)]
            edges = np.concatenate([np.maximum(low[here], start), np.minimum(high[here], end), [end]])
            *before, whole = _area_before(runs, edges)
            total += float(whole)
            sums[here] += np.subtract(before[len(here) :], before[: len(here)])
    return sums[: len(intervals)], float(sums[len(intervals) :].sum()), total


def _area_before(runs: Records, positions: Int64[np.ndarray, " position"]) -> Float64[np.ndarray, " position"]:
    """Sum of the signal over all bp before each position.

    >>> runs = Records(np.array([0, 10]), np.array([5, 20]), np.array([2.0, 1.0]))
    >>> _area_before(runs, np.array([0, 3, 7, 15, 20])).tolist()
    [0.0, 6.0, 10.0, 15.0, 20.0]
    """
    value = runs.value.astype(np.float64)
    up_to = np.concatenate([[0.0], np.cumsum(value * (runs.end - runs.start))])
    n_begun = np.searchsorted(runs.start, positions)
    last = np.maximum(n_begun - 1, 0)
    beyond = np.maximum(runs.end[last] - positions, 0) * value[last] if len(value) else 0.0
    return up_to[n_begun] - np.where(n_begun > 0, beyond, 0.0)

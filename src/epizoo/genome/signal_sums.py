"""Signal summed over intervals and over the whole genome."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from epizoo.errors import InputError
from epizoo.genome.bigwig.records import Records, joined
from epizoo.genome.intervals import whole_genome
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import SignalTrack

_BLOCK_BP, _GAP_BP = 1 << 22, 1 << 14
_ROUNDING = 1 + 1e-6


def signal_sums(track: SignalTrack, intervals: pd.DataFrame) -> tuple[Float[np.ndarray, " interval"], float, float]:
    """The sum of the signal over the bp of each interval, of their union, and of the whole genome; absent values are 0.

    The sum of the genome is that of the file's header where there is one that can be true, else all of the signal is
    read.

    Raises:
        InputError: the track is damaged where it is read, or a value is negative or infinite.
    """
    union = merged(intervals)
    places = pd.concat([intervals[["chrom", "start", "end"]], union], ignore_index=True)
    stated = track.summary.total
    if stated is not None and np.isfinite(stated) and track.summary.minimum >= 0:
        known = union[union["chrom"].isin(list(track.chrom_sizes))]
        sums, _ = _sums(track, places, merged(known, gap_bp=_GAP_BP))
        inside = float(sums[len(intervals) :].sum())
        if inside <= stated * _ROUNDING:
            return sums[: len(intervals)], min(inside, stated), stated
    sums, total = _sums(track, places, whole_genome(track.chrom_sizes))
    return sums[: len(intervals)], float(sums[len(intervals) :].sum()), total


def _sums(
    track: SignalTrack, places: pd.DataFrame, wanted: pd.DataFrame
) -> tuple[Float64[np.ndarray, " place"], float]:
    """The sum over each place, which lie in what is wanted, and over all that is wanted."""
    sums, total = np.zeros(len(places)), 0.0
    low, high = (places[column].to_numpy(np.int64) for column in ("start", "end"))
    rows_of = {str(chrom): np.asarray(rows) for chrom, rows in places.groupby("chrom").indices.items()}
    for chrom, spans in _spans(wanted):
        runs = joined(track.runs(chrom, start, end) for start, end in spans)
        if len(runs.value) and not (np.isfinite(runs.value).all() and runs.value.min() >= 0):
            raise InputError(f"{track.path}: holds a negative or infinite value on {chrom}; correct it")
        (start, _), (_, end) = spans[0], spans[-1]
        rows = rows_of.get(chrom, np.zeros(0, np.int64))
        here = rows[(low[rows] < end) & (high[rows] > start)]
        edges = np.concatenate([np.maximum(low[here], start), np.minimum(high[here], end), [end]])
        *before, whole = _area_before(runs, edges)
        total += float(whole)
        sums[here] += np.subtract(before[len(here) :], before[: len(here)])
    return sums, total


def _spans(wanted: pd.DataFrame) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """A chromosome, and starts and ends of as many parts of intervals as are read at once."""
    for chrom, rows in wanted.groupby("chrom", sort=False):
        spans: list[tuple[int, int]] = []
        n_bp = 0
        for first, last in rows[["start", "end"]].itertuples(index=False):
            for start in range(first, last, _BLOCK_BP):
                end = min(start + _BLOCK_BP, last)
                if n_bp + end - start > _BLOCK_BP and spans:
                    yield str(chrom), spans
                    spans, n_bp = [], 0
                spans.append((start, end))
                n_bp += end - start
        if spans:
            yield str(chrom), spans


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

"""Overlaps of interval tables, counted in intervals and in bp."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64


def merged(intervals: pd.DataFrame) -> pd.DataFrame:
    """Chrom, start and end of the union, sorted; touching intervals become one.

    >>> table = pd.DataFrame({"chrom": ["a", "a", "a"], "start": [5, 0, 9], "end": [8, 5, 12]})
    >>> merged(table).values.tolist()
    [['a', 0, 8], ['a', 9, 12]]
    """
    parts = [intervals[["chrom", "start", "end"]].iloc[:0]]
    for chrom, rows in intervals.groupby("chrom", sort=True):
        ordered = rows.sort_values("start")
        starts, ends = ordered["start"].to_numpy(), np.maximum.accumulate(ordered["end"].to_numpy())
        first = np.concatenate([[True], starts[1:] > ends[:-1]])
        last = np.append(np.flatnonzero(first)[1:] - 1, len(starts) - 1)
        parts.append(pd.DataFrame({"chrom": str(chrom), "start": starts[first], "end": ends[last]}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def overlaps_any(intervals: pd.DataFrame, others: pd.DataFrame) -> Bool[np.ndarray, " interval"]:
    """Whether each interval shares a bp with any of the others."""
    found = np.zeros(len(intervals), bool)
    union = dict(list(merged(others).groupby("chrom")))
    for chrom, rows in _by_chrom(intervals):
        if chrom in union:
            starts, ends = union[chrom]["start"].to_numpy(), union[chrom]["end"].to_numpy()
            before = np.searchsorted(starts, intervals["end"].to_numpy()[rows], side="left")
            found[rows] = (before > 0) & (np.append(ends, 0)[before - 1] > intervals["start"].to_numpy()[rows])
    return found


def shared_bp(intervals: pd.DataFrame, others: pd.DataFrame) -> Int64[np.ndarray, " interval"]:
    """Bp of each interval that lie in the union of the others.

    >>> one = pd.DataFrame({"chrom": ["a", "b"], "start": [4, 4], "end": [11, 11]})
    >>> shared_bp(one, pd.DataFrame({"chrom": ["a", "a"], "start": [0, 9], "end": [8, 12]})).tolist()
    [6, 0]
    """
    found = np.zeros(len(intervals), np.int64)
    union = dict(list(merged(others).groupby("chrom")))
    for chrom, rows in _by_chrom(intervals):
        if chrom in union:
            starts, ends = union[chrom]["start"].to_numpy(), union[chrom]["end"].to_numpy()
            low, high = (intervals[column].to_numpy()[rows] for column in ("start", "end"))
            found[rows] = _covered_below(starts, ends, high) - _covered_below(starts, ends, low)
    return found


def _covered_below(
    starts: Int64[np.ndarray, " other"], ends: Int64[np.ndarray, " other"], places: Int64[np.ndarray, " place"]
) -> Int64[np.ndarray, " place"]:
    """Bp of disjoint sorted intervals that lie before each place."""
    total = np.concatenate([[0], np.cumsum(ends - starts)])
    begun = np.searchsorted(starts, places, side="left")
    last_end = np.append(ends, 0)[begun - 1]
    return total[begun] - np.where(begun > 0, np.maximum(last_end - places, 0), 0)


def _by_chrom(intervals: pd.DataFrame) -> list[tuple[str, Int64[np.ndarray, " row"]]]:
    return [(str(chrom), np.asarray(rows)) for chrom, rows in intervals.groupby("chrom").indices.items()]

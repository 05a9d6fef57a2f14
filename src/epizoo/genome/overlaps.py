"""Interval tables against each other: their union, overlaps and what one has in common with another."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64


def merged(intervals: pd.DataFrame, *, gap_bp: int = 0, grid_bp: int = 1) -> pd.DataFrame:
    """Chrom, start and end of the union, sorted; neighbours become one.

    Args:
        intervals: interval table.
        gap_bp: neighbours with at most this between them are joined: 0 joins those that touch, -1 only what overlaps.
        grid_bp: intervals are neighbours by the whole bins of this width that they lie in; their ends stay as they are.

    >>> table = pd.DataFrame({"chrom": ["a", "a", "a"], "start": [5, 0, 9], "end": [8, 5, 12]})
    >>> [merged(table, **how).values.tolist() for how in ({}, {"gap_bp": 1}, {"grid_bp": 4})]
    [[['a', 0, 8], ['a', 9, 12]], [['a', 0, 12]], [['a', 0, 12]]]
    """
    if intervals.empty:
        return intervals[["chrom", "start", "end"]].iloc[:0].reset_index(drop=True)
    code, chroms = pd.factorize(intervals["chrom"].astype(str), sort=True)
    starts, ends = intervals["start"].to_numpy(np.int64), intervals["end"].to_numpy(np.int64)
    order = np.lexsort((starts, code))
    # Chromosomes are laid one behind the other, too far apart to be neighbours.
    span = int(ends.max()) - min(int(starts.min()), 0) + max(gap_bp, 0) + 2 * grid_bp
    shift = code[order] * (-(-span // grid_bp) * grid_bp)
    starts, ends = starts[order] + shift, np.maximum.accumulate(ends[order] + shift)
    is_apart = starts[1:] // grid_bp * grid_bp - gap_bp > -(-ends[:-1] // grid_bp) * grid_bp
    first = np.concatenate([[True], is_apart])
    last = np.append(np.flatnonzero(first)[1:] - 1, len(starts) - 1)
    return pd.DataFrame(
        {
            "chrom": np.asarray(chroms, object)[code[order][first]],
            "start": (starts - shift)[first],
            "end": (ends - shift)[last],
        }
    )


def cut(intervals: pd.DataFrame, regions: pd.DataFrame | None) -> pd.DataFrame:
    """The parts of intervals that lie in regions, with the intervals' other columns; all of them where None.

    >>> one = pd.DataFrame({"chrom": ["a"], "start": [0], "end": [9], "name": ["x"]})
    >>> cut(one, pd.DataFrame({"chrom": ["a", "a"], "start": [2, 7], "end": [4, 20]})).values.tolist()
    [['a', 2, 4, 'x'], ['a', 7, 9, 'x']]
    """
    if regions is None:
        return intervals
    parts = [intervals.iloc[:0]]
    union = merged(regions)
    for chrom, low, high in zip(*(union[column].tolist() for column in union.columns), strict=True):
        inside = intervals[(intervals["chrom"] == chrom) & (intervals["start"] < high) & (intervals["end"] > low)]
        start, end = inside["start"].clip(lower=low), inside["end"].clip(upper=high)
        parts.append(inside.assign(start=start, end=end))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def overlaps_any(intervals: pd.DataFrame, others: pd.DataFrame) -> Bool[np.ndarray, " interval"]:
    """Mask of the intervals that share a bp with any of the others."""
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

"""Fragments counted in intervals: how many overlap each one, and how many overlap any."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Int64

from epizoo.genome.overlaps import merged

Spans = Mapping[str, tuple[Int64[np.ndarray, " fragment"], Int64[np.ndarray, " fragment"]]]
"""Start and end of each fragment, by chromosome."""


def fragments_in(intervals: pd.DataFrame, spans: Spans) -> Int64[np.ndarray, " interval"]:
    """Number of fragments that share a bp with each interval; one that reaches into two counts in both.

    >>> table = pd.DataFrame({"chrom": ["a", "a"], "start": [0, 10], "end": [5, 20]})
    >>> fragments_in(table, {"a": (np.array([4, 5, 19]), np.array([11, 10, 30]))}).tolist()
    [1, 2]
    """
    counts = np.zeros(len(intervals), np.int64)
    low, high = (intervals[column].to_numpy(np.int64) for column in ("start", "end"))
    for chrom, rows in intervals.groupby("chrom").indices.items():
        if str(chrom) in spans:
            starts, ends = (np.sort(edges) for edges in spans[str(chrom)])
            begun = np.searchsorted(starts, high[rows], side="left")
            counts[rows] = begun - np.searchsorted(ends, low[rows], side="right")
    return counts


def n_fragments_in_any(intervals: pd.DataFrame, spans: Spans) -> int:
    """Number of fragments that share a bp with at least one of the intervals.

    >>> table = pd.DataFrame({"chrom": ["a", "a"], "start": [0, 10], "end": [5, 20]})
    >>> n_fragments_in_any(table, {"a": (np.array([4, 5, 19]), np.array([11, 10, 30]))})
    2
    """
    found = 0
    for chrom, union in merged(intervals).groupby("chrom"):
        if str(chrom) in spans:
            starts, ends = spans[str(chrom)]
            first = np.searchsorted(union["end"].to_numpy(), starts, side="right")
            after = np.searchsorted(union["start"].to_numpy(), ends, side="left")
            found += int((after > first).sum())
    return found

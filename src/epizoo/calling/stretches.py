"""Stretches of chromosomes in which peaks are called, with the surroundings that their backgrounds are taken from."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.calling.local_background import reached_bins
from epizoo.genome.overlaps import merged

Locus = tuple[str, int, int]
"""A chromosome, and the first and the end bin on its grid."""


class Stretch(NamedTuple):
    """Consecutive bins of a chromosome, and starts and ends in bp of what was asked for of them."""

    chrom: str
    start_bin: int
    end_bin: int
    asked: list[tuple[int, int]]

    @property
    def locus(self) -> Locus:
        """Chromosome, first and end bin."""
        return self.chrom, self.start_bin, self.end_bin

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return self.end_bin - self.start_bin


def stretches(
    intervals: pd.DataFrame,
    bin_bp: int,
    background_bp: int,
    sizes: Mapping[str, int],
    known: pd.DataFrame | None = None,
) -> list[Stretch]:
    """Intervals as whole bins with the surroundings that their backgrounds are taken from, sorted by name and start.

    Args:
        intervals: what is asked for.
        bin_bp: width of a bin.
        background_bp: see `epizoo.calling.local_background`.
        sizes: length of each chromosome.
        known: intervals in which an absent value means 0; beyond them nothing is a background.
    """
    union = merged(intervals, grid_bp=bin_bp)
    limits = {} if known is None else {str(chrom): table for chrom, table in merged(known).groupby("chrom")}
    found: list[Stretch] = []
    columns = (union[column].tolist() for column in ("chrom", "start", "end"))
    for chrom, start, end in zip(*columns, strict=True):
        first, after = start // bin_bp, -(-end // bin_bp)
        low, high = reached_bins(first, after, background_bp, bin_bp)
        low, high = max(low, 0), min(high, -(-sizes[chrom] // bin_bp))
        if known is not None:
            least, most = _known_around(limits.get(chrom), start, end)
            low, high = max(low, min(least // bin_bp, first)), min(high, max(-(-most // bin_bp), after))
        if found and found[-1].chrom == chrom and low <= found[-1].end_bin:
            found[-1].asked.append((start, end))
            found[-1] = found[-1]._replace(end_bin=max(high, found[-1].end_bin))
        else:
            found.append(Stretch(chrom, low, high, [(start, end)]))
    return found


def _known_around(known: pd.DataFrame | None, start: int, end: int) -> tuple[int, int]:
    """Start and end of the known regions that the ends of an interval lie in; of the interval itself elsewhere."""
    if known is None:
        return start, end
    starts, ends = known["start"].to_numpy(), known["end"].to_numpy()
    first, last = np.searchsorted(starts, [start, end - 1], side="right") - 1
    low = int(starts[first]) if first >= 0 and start < ends[first] else start
    return low, int(ends[last]) if last >= 0 and end <= ends[last] else end

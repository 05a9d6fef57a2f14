"""Peaks near known places, such as TSS, and peaks per Mb, with bootstrap intervals over loci."""

import numpy as np
import pandas as pd
from jaxtyping import Bool

from epizoo.genome.overlaps import overlaps_any
from epizoo.metrics.label_errors import Interval
from epizoo.metrics.locus_bootstrap import ratio

BLOCK_BP = 100_000
_MEGABASE = 1_000_000


def is_near(intervals: pd.DataFrame, others: pd.DataFrame, distance_bp: int) -> Bool[np.ndarray, " interval"]:
    """Mask of the intervals with one of the others within a distance, which is 1 for neighbours that touch.

    >>> at, other = (pd.DataFrame({"chrom": ["c"], "start": [x], "end": [x + 1]}) for x in (10, 15))
    >>> [is_near(at, other, distance).tolist() for distance in (4, 5)]
    [[False], [True]]
    """
    wide = others.assign(start=others["start"] - distance_bp, end=others["end"] + distance_bp)
    return overlaps_any(intervals, wide)


def share_near(intervals: pd.DataFrame, others: pd.DataFrame, distance_bp: int) -> Interval:
    """Share of intervals with one of the others within a distance."""
    return share(intervals, is_near(intervals, others, distance_bp))


def share(intervals: pd.DataFrame, flags: Bool[np.ndarray, " interval"]) -> Interval:
    """Share of intervals whose flag is set, with its bootstrap over loci; NaN where there are none."""
    return ratio(intervals, flags.astype(np.float64), np.ones(len(intervals)))


def peaks_per_megabase(peaks: pd.DataFrame, regions: pd.DataFrame, covered_bp: int | None = None) -> Interval:
    """Peaks per Mb, with its bootstrap over blocks of 100 kb.

    Args:
        peaks: chrom, start and end; all of them count, those outside the regions for the value alone.
        regions: where reads can lie.
        covered_bp: how much of the regions is sequenced; all of it where None.
    """
    blocks = _blocks(regions)
    width = (blocks["end"] - blocks["start"]).to_numpy(np.float64)
    megabases = width * (1.0 if covered_bp is None else covered_bp / width.sum()) / _MEGABASE
    counts = np.zeros(len(blocks))
    middle = (peaks["start"] + peaks["end"]) // 2
    for number, (chrom, start, end) in enumerate(blocks.itertuples(index=False, name=None)):
        counts[number] = np.sum((peaks["chrom"] == chrom) & (middle >= start) & (middle < end))
    # Spread out, so that each block is a locus of its own.
    apart = pd.DataFrame({"chrom": "blocks", "start": np.arange(len(blocks)) * _MEGABASE})
    found = ratio(apart.assign(end=apart["start"] + 1), counts, megabases)
    return found._replace(value=len(peaks) / float(megabases.sum()))


def _blocks(regions: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (chrom, start, min(start + BLOCK_BP, end))
        for chrom, first, end in regions[["chrom", "start", "end"]].itertuples(index=False, name=None)
        for start in range(first, end, BLOCK_BP)
    ]
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])

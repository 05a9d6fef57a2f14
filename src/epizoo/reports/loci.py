"""Loci that show what peaks and states look like: typical ones and extremes, not the best alone."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.calling.peak_reader import peak_rank
from epizoo.genome.loci import Region
from epizoo.metrics.segmentations import Segmentation

_QUANTILES = {"strongest": 1.0, "upper quartile": 0.75, "median": 0.5, "lower quartile": 0.25, "weakest": 0.0}
_MOST_SAMPLES = 4
_LEAST_FLANK_BP, _FLANK_WIDTHS, _MOST_BP = 5_000, 2, 1_000_000
_WINDOW_BP, _N_WINDOWS = 100_000, 4


class Locus(NamedTuple):
    """A stretch to show, and why."""

    region: Region
    reason: str


def peak_loci(peaks: Mapping[str, pd.DataFrame], sizes: Mapping[str, int]) -> list[Locus]:
    """Peaks at quantiles of the evidence, and the widest, of one sample; of several, the first two samples' and more.

    Peaks are ranked by their p-value, or the score where there is none. Equal peaks are shown once.

    >>> table = pd.DataFrame({"chrom": ["a"], "start": [90_000], "end": [90_500], "score": [7.0]})
    >>> peak_loci({"s": table.assign(signalValue=1.0, pValue=3.0)}, {"a": 93_000})
    [Locus(region=Region(chrom='a', start=85000, end=93000), reason='strongest peak')]
    """
    filled = {name: table for name, table in peaks.items() if len(table)}
    several = len(peaks) > 1
    found: dict[Region, str] = {}
    for name, table in list(filled.items())[:_MOST_SAMPLES]:
        rank = peak_rank(table)
        order = np.arange(len(table)) if rank is None else np.argsort(rank, kind="stable")
        wanted = {"strongest": 1.0, "median": 0.5} if several else _QUANTILES
        rows = {reason: int(order[round(share * (len(order) - 1))]) for reason, share in wanted.items()}
        rows["widest"] = int((table["end"] - table["start"]).to_numpy().argmax())
        for reason, row in rows.items():
            if rank is None and reason not in ("widest", "median"):
                continue
            chrom, start, end = table[["chrom", "start", "end"]].iloc[row]
            region = around(str(chrom), int(start), int(end), sizes)
            found.setdefault(region, f"{reason} peak of {name}" if several else f"{reason} peak")
    return [Locus(region, reason) for region, reason in found.items()]


def state_loci(states: Segmentation) -> list[Locus]:
    """The four windows of 100 kb with the most states, on different chromosomes as far as there are as many.

    >>> segments = pd.DataFrame({"chrom": ["a", "a"], "start": [0, 400], "end": [400, 600], "state": [0, 1]})
    >>> state_loci(Segmentation(segments, ("Quies", "TssA")))
    [Locus(region=Region(chrom='a', start=0, end=600), reason='2 states in 100 kb')]
    """
    segments = states.segments
    window = segments["start"] // _WINDOW_BP
    kinds = segments.groupby(["chrom", window], sort=True)["state"].nunique().reset_index(name="number")
    best = kinds.sort_values("number", ascending=False, kind="stable")
    of_chrom = best.groupby("chrom", sort=False).cumcount()
    chosen = best.iloc[np.argsort(of_chrom.to_numpy(), kind="stable")[:_N_WINDOWS]]
    ends = states.ends()
    return [
        Locus(
            Region(str(chrom), place * _WINDOW_BP, min((place + 1) * _WINDOW_BP, ends[str(chrom)])),
            f"{number} states in 100 kb",
        )
        for chrom, place, number in chosen.itertuples(index=False)
    ]


def around(chrom: str, start: int, end: int, sizes: Mapping[str, int]) -> Region:
    """A peak with as much on both sides as shows what it rises above.

    >>> around("a", 90_000, 90_500, {"a": 93_000})
    Region(chrom='a', start=85000, end=93000)
    """
    flank = max(_LEAST_FLANK_BP, _FLANK_WIDTHS * (end - start))
    flank = min(flank, max((_MOST_BP - (end - start)) // 2, 0))
    return Region(chrom, max(start - flank, 0), min(end + flank, sizes[chrom]))

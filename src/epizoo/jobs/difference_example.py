"""The most significant difference of two groups, as panels of a picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64, UInt8

from epizoo.calling.segments import segments_from_states
from epizoo.calling.state_colors import StateStyle
from epizoo.figures.regions import Panel, ProbabilityPanel, StatesPanel
from epizoo.genome.loci import Region

_LEAST_FLANK_BP = 20_000


def most_significant_region(segments: pd.DataFrame, ends: dict[str, int]) -> Region | None:
    """The segment with the largest product of width and -log10 q, with as much on both sides; None without segments.

    >>> table = pd.DataFrame({"chrom": ["chr1"], "start": [50_000], "end": [50_400], "q_value": [0.001]})
    >>> most_significant_region(table, {"chr1": 60_000})
    Region(chrom='chr1', start=30000, end=60000)
    """
    if segments.empty:
        return None
    evidence = (segments["end"] - segments["start"]) * -np.log10(segments["q_value"].clip(lower=1e-300))
    best = segments.loc[evidence.idxmax()]
    flank = max(int(best["end"] - best["start"]), _LEAST_FLANK_BP)
    chrom = str(best["chrom"])
    return Region(chrom, max(int(best["start"]) - flank, 0), min(int(best["end"]) + flank, ends[chrom]))


def difference_panels(
    region: Region,
    groups: Sequence[tuple[str, UInt8[np.ndarray, " bin"]]],
    probability: Float64[np.ndarray, " bin"],
    styles: Sequence[StateStyle],
    bin_bp: int,
) -> list[Panel]:
    """The states of each group in a region, and how probably they differ.

    Args:
        region: the region.
        groups: the name and the states of each group, of all bins of the chromosome.
        probability: that the states of a bin differ.
        styles: name and colour of each state.
        bin_bp: width of a bin.
    """
    first, after = region.start // bin_bp, -(-region.end // bin_bp)
    panels: list[Panel] = []
    for name, states in groups:
        found = segments_from_states(
            states[first:after], region.chrom, bin_bp=bin_bp, chrom_size=len(states) * bin_bp, start_bin=first
        )
        looks = [styles[state] for state in found["state"]]
        colors = [",".join(map(str, look.color)) for look in looks]
        table = found.assign(name=[look.name for look in looks], itemRgb=colors)
        panels.append(StatesPanel(name, table, order=tuple(look.name for look in styles)))
    return [*panels, ProbabilityPanel("P(differ)", first * bin_bp, bin_bp, probability[first:after])]

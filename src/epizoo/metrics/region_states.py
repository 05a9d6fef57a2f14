"""The states in regions: the share of each in a region, and the one at its summit."""

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from epizoo.metrics.segmentations import Segmentation, by_chromosome, states_at


def region_states(
    regions: pd.DataFrame, places: Int64[np.ndarray, " region"], segmentation: Segmentation
) -> pd.DataFrame:
    """The share of each state in each region, and the state at a place in it.

    Args:
        regions: chrom, start, end; the index is 0, 1, 2, ….
        places: a position for each region, such as its summit.
        segmentation: states along the genome.

    Returns:
        A row for each region: ``state``, the label at its place (``.`` where there is none), then a column for each
        label with the state's share of the region's bp. Shares sum to less than 1 where a part has no state.
    """
    shares = np.zeros((len(regions), len(segmentation.labels)))
    states = np.full(len(regions), -1)
    of_chrom = dict(by_chromosome(segmentation.segments))
    for chrom, here in by_chromosome(regions[["chrom", "start", "end"]]):
        if chrom not in of_chrom:
            continue
        rows = here.index.to_numpy()
        states[rows] = states_at(of_chrom[chrom], places[rows])
        before = [_bp_before(of_chrom[chrom], here[edge].to_numpy(), shares.shape[1]) for edge in ("start", "end")]
        shares[rows] = (before[1] - before[0]) / (here["end"] - here["start"]).to_numpy()[:, None]
    labels = np.array([*segmentation.labels, "."], dtype=object)[states]
    return pd.DataFrame({"state": labels, **dict(zip(segmentation.labels, shares.T, strict=True))}, index=regions.index)


def _bp_before(
    segments: pd.DataFrame, positions: Int64[np.ndarray, " position"], n_states: int
) -> Float64[np.ndarray, "position state"]:
    """Number of bp of each state before each position of a chromosome."""
    starts, ends, states = (segments[column].to_numpy() for column in ("start", "end", "state"))
    found = np.empty((len(positions), n_states))
    row = np.searchsorted(starts, positions, side="right")
    for state in range(n_states):
        total = np.concatenate([[0], np.cumsum(np.where(states == state, ends - starts, 0))])
        last = np.maximum(row - 1, 0)
        beyond = np.where((row > 0) & (states[last] == state), np.maximum(ends[last] - positions, 0), 0)
        found[:, state] = total[row] - beyond
    return found

"""Segments from states per bin."""

import numpy as np
import pandas as pd
from jaxtyping import Integer


def segments_from_states(
    states: Integer[np.ndarray, " bin"], chrom: str, *, bin_bp: int, chrom_size: int, start_bin: int = 0
) -> pd.DataFrame:
    """Equal neighbours joined into segments, as chrom, start, end (int64, bp) and state; the last end is clipped.

    >>> segments_from_states(np.array([3, 3, 1]), "chr1", bin_bp=200, chrom_size=550).values.tolist()
    [['chr1', 0, 400, 3], ['chr1', 400, 550, 1]]
    """
    changes = np.flatnonzero(np.diff(states)) + 1
    first = np.concatenate([[0], changes])[: len(states)]
    after = np.concatenate([changes, [len(states)]])[: len(states)]
    return pd.DataFrame(
        {
            "chrom": pd.Series([chrom] * len(first), dtype="str"),
            "start": (first + start_bin).astype(np.int64) * bin_bp,
            "end": np.minimum((after + start_bin).astype(np.int64) * bin_bp, chrom_size),
            "state": states[first].astype(np.int64),
        }
    )


def clip_segments(segments: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    """The parts of segments that lie in regions; overlapping regions count once, touching ones stay apart.

    Args:
        segments: sorted by start within each chromosome, not overlapping.
        regions: interval table, in any order.

    >>> whole = segments_from_states(np.array([3, 3, 1]), "chr1", bin_bp=200, chrom_size=600)
    >>> nested = pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [300, 310], "end": [450, 420]})
    >>> clip_segments(whole, nested).values.tolist()
    [['chr1', 300, 400, 3], ['chr1', 400, 450, 1]]
    """
    parts = [segments.iloc[:0]]
    for chrom, of_chrom in regions.sort_values(["chrom", "start"]).groupby("chrom", sort=True):
        here = segments[segments["chrom"] == chrom]
        done = 0
        for start, end in of_chrom[["start", "end"]].to_numpy():
            low = max(int(start), done)
            if end <= low:
                continue
            first = int(np.searchsorted(here["end"].to_numpy(), low, side="right"))
            after = int(np.searchsorted(here["start"].to_numpy(), end, side="left"))
            part = here.iloc[first:after]
            parts.append(part.assign(start=part["start"].clip(lower=low), end=part["end"].clip(upper=int(end))))
            done = int(end)
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)

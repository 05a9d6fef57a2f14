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

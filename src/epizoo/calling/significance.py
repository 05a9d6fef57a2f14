"""Significance of peaks among all places that were searched: q-values and cut-offs."""

import os

import numpy as np
import pandas as pd

from epizoo.genome.table_files import write_table

_Q_CUTOFFS = (0.0, 0.5, 1.0, 1.3, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)


def with_q_values(peaks: pd.DataFrame, n_bp: int) -> pd.DataFrame:
    """The peaks with `qValue`, -log10 q by Benjamini and Hochberg (1995), from their `pValue`.

    A peak of w bp was found among about ``n_bp / w`` places of its width, taken side by side. A p-value times that
    number is about how many peaks as wide and as significant are expected where there are none; the q-value is that
    number over the rank of the peak by it, and the least of those of worse ranks.

    Args:
        peaks: narrowPeak's columns; `pValue` is -log10 p, or -1 where it is unknown, and so is `qValue` then.
        n_bp: how many bp were searched.

    >>> peaks = pd.DataFrame({"start": [0, 0], "end": [100, 100], "pValue": [6.0, 5.0]})
    >>> with_q_values(peaks, 10_000)["qValue"].round(3).tolist()
    [4.0, 3.301]
    """
    if peaks.empty or (peaks["pValue"] < 0).any():
        return peaks.assign(qValue=-1.0)
    tests = np.maximum(n_bp / (peaks["end"] - peaks["start"]).to_numpy(), 1)
    expected = np.log10(tests) - peaks["pValue"].to_numpy()
    order = np.argsort(expected, kind="stable")
    by_rank = expected[order] - np.log10(np.arange(1, len(order) + 1))
    log10_q = np.empty(len(order))
    log10_q[order] = np.minimum.accumulate(by_rank[::-1])[::-1]
    # Adding 0 makes -0 a 0.
    return peaks.assign(qValue=np.maximum(-log10_q, 0) + 0.0)


def significant(peaks: pd.DataFrame, most_q: float) -> pd.DataFrame:
    """The peaks with a q-value of at most `most_q`, and all of those whose q-value is unknown."""
    kept = (peaks["qValue"] < 0) | (peaks["qValue"] >= -np.log10(most_q))
    return peaks[kept].reset_index(drop=True)


def cutoff_table(peaks: pd.DataFrame) -> pd.DataFrame:
    """Number of peaks that each cut-off of the q-value would leave, with the columns of MACS's cut-off analysis.

    Returns:
        `pscore` (the least -log10 p among the peaks left), `qscore` (-log10 q), `npeaks`, `lpeaks` (bp in them) and
        `avelpeak` (their mean length in bp), from the strictest cut-off that leaves a peak to none.
    """
    rows = []
    for cutoff in reversed(_Q_CUTOFFS):
        left = peaks[peaks["qValue"] >= cutoff]
        if len(left):
            n_bp = int((left["end"] - left["start"]).sum())
            rows.append((left["pValue"].min(), cutoff, len(left), n_bp, n_bp / len(left)))
    return pd.DataFrame(rows, columns=["pscore", "qscore", "npeaks", "lpeaks", "avelpeak"])


def write_cutoffs(path: str | os.PathLike[str], peaks: pd.DataFrame) -> None:
    """Write `cutoff_table`; see `epizoo.genome.table_files.write_table`.

    Raises:
        InputError: the file cannot be written.
    """
    write_table(path, cutoff_table(peaks), float_format="%.5g")

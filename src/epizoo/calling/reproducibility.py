"""Replicates that are called together: each one's evidence for a peak, and how probably the peak comes back.

The peaks are those of all replicates' reads together. The probability that one comes back, that it overlaps a peak that
is called in a further replicate of usual depth by itself, is a logistic function of two figures: the q-value of all
together, over the one that is asked of a peak, and the number of replicates. Evidence that half of the replicates do
not share does not count: -log10 q counts for at most twice the number of replicates times the (lower) median of their
-log10 p.

The constants were fitted by `benchmarks/peaks/return_probability.py` to peaks of one and two replicates of public
experiments: ATAC-seq, GAF, CTCF and H3K4me3 in replicates or thirds of their reads.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.reads.pileup import ReadCoverage

_LEAST_LOG10_Q, _MOST_OVER_MEDIAN = 0.3, 2.0
_INTERCEPT, _OF_LOG_EVIDENCE, _OF_FEW = -4.59, 1.84, 3.88
_FEWEST_FOR_IDR = 20
"""Of fewer candidates no mixture of two components can be told."""


def replicate_evidence(
    peaks: pd.DataFrame, replicates: Sequence[ReadCoverage], searched: pd.DataFrame
) -> Float[np.ndarray, "peak replicate"]:
    """-log10 of the Poisson probability of so many fragments of each replicate in a peak, by those outside all peaks.

    Fragments of what was not searched, such as the mitochondrial genome, are no background.

    Args:
        peaks: chrom, start and end of all candidates, which do not overlap.
        replicates: the fragments of each replicate.
        searched: intervals in which peaks were looked for, apart from each other.
    """
    n_bp = int((searched["end"] - searched["start"]).sum())
    width = (peaks["end"] - peaks["start"]).to_numpy(np.float64)
    columns = []
    for replicate in replicates:
        counts = replicate.n_overlapping(peaks).astype(np.float64)
        outside = max(float(replicate.n_overlapping(searched).sum()) - counts.sum(), 1.0)
        length = replicate.summary.covered_bp / max(replicate.n_fragments, 1)
        rate = outside / max(n_bp - width.sum(), 1.0)
        columns.append(poisson_log10_p(counts, rate * (width + length)))
    return np.column_stack(columns)


def return_probability(
    log10_q: Float[np.ndarray, " peak"], evidence: Float[np.ndarray, "peak replicate"], least_log10_q: float
) -> Float[np.ndarray, " peak"]:
    """Probability that a peak comes back in a further replicate; see this module.

    Args:
        log10_q: -log10 of the q-value of all replicates together.
        evidence: -log10 p of each replicate.
        least_log10_q: -log10 of the highest q-value of a peak.

    >>> evidence = np.array([[6.0, 5.0], [40.0, 0.0]])
    >>> return_probability(np.array([9.0, 30.0]), evidence, 4.0).round(2).tolist()
    [0.43, 0.0]
    """
    logit = _INTERCEPT + features(log10_q, evidence, least_log10_q) @ np.array([_OF_LOG_EVIDENCE, _OF_FEW])
    return 1 / (1 + np.exp(-logit))


def features(
    log10_q: Float[np.ndarray, " peak"], evidence: Float[np.ndarray, "peak replicate"], least_log10_q: float
) -> Float[np.ndarray, "peak 2"]:
    """The two figures of a peak that its probability is made of: the logarithm of its shared evidence, and 1 / sqrt(n).

    Args:
        log10_q: as in `return_probability`.
        evidence: as in `return_probability`.
        least_log10_q: as in `return_probability`.
    """
    n = evidence.shape[1]
    median = np.sort(evidence, axis=1)[:, (n - 1) // 2]
    shared = np.minimum(np.maximum(log10_q, 0.0), _MOST_OVER_MEDIAN * n * median)
    ratio = (_LEAST_LOG10_Q + np.maximum(shared, 0.0)) / max(least_log10_q, _LEAST_LOG10_Q)
    return np.column_stack([np.log(ratio), np.full(len(shared), 1 / np.sqrt(n))])


def with_reproducibility(
    peaks: pd.DataFrame, replicates: Sequence[ReadCoverage], searched: pd.DataFrame, most_q: float
) -> pd.DataFrame:
    """Candidates with `return_probability`, `idr` and `log10_p_1`, `log10_p_2`, … of the replicates.

    The IDR is NaN where there are fewer than 20 candidates. The `score` becomes 1000 times the probability to come
    back.
    """
    # SciPy takes half a second to import, and few runs have replicates.
    from epizoo.calling.idr import idr

    if peaks.empty:
        return peaks
    evidence = replicate_evidence(peaks, replicates, searched)
    probability = return_probability(peaks["qValue"].to_numpy(), evidence, -np.log10(most_q))
    rates = idr(evidence).rate if len(peaks) >= _FEWEST_FOR_IDR else np.full(len(peaks), np.nan)
    columns = {f"log10_p_{number}": column for number, column in enumerate(evidence.T, start=1)}
    return peaks.assign(
        score=np.rint(1000 * probability).astype(np.int64), return_probability=probability, idr=rates, **columns
    )

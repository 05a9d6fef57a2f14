"""Agreement of peaks of the same experiment done twice: by bp, by peak, and by rank of the score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from epizoo.calling.peak_reader import peak_rank
from epizoo.genome.overlaps import merged, overlaps_any, shared_bp
from epizoo.metrics.label_errors import Interval
from epizoo.metrics.locus_bootstrap import ratio

Pair = tuple[pd.DataFrame, pd.DataFrame]
_PLACE = ["chrom", "start", "end"]
_NOTHING = Interval(float("nan"), float("nan"), float("nan"))


class ReplicateAgreement(NamedTuple):
    """Agreement of replicates, the mean over pairs, each in [0, 1] with its bootstrap over loci.

    Attributes:
        jaccard: bp in peaks of both over bp in peaks of either.
        share: share of peaks that overlap one of the other replicate, mean of both ways.
        rank_consistency: see `rank_consistency`.
    """

    jaccard: Interval
    share: Interval
    rank_consistency: Interval


def replicate_agreement(pairs: Sequence[Pair]) -> ReplicateAgreement:
    """Agreement of pairs of replicates; NaN where one of them has no peaks.

    Args:
        pairs: peaks (chrom, start, end, and the columns of `epizoo.calling.peak_reader.peak_rank`) of two replicates.
    """
    return ReplicateAgreement(jaccard_index(pairs), share_of_peaks(pairs), rank_consistency(pairs))


def jaccard_index(pairs: Sequence[Pair]) -> Interval:
    """Bp that lie in peaks of both replicates over those in peaks of either."""
    if any(not len(peaks) for pair in pairs for peaks in pair):
        return _NOTHING
    unions = [merged(pd.concat([one[_PLACE], other[_PLACE]])) for one, other in pairs]
    either = [(union["end"] - union["start"]).to_numpy(np.float64) for union in unions]
    both = [
        shared_bp(union, one) + shared_bp(union, other) - bp
        for union, bp, (one, other) in zip(unions, either, pairs, strict=True)
    ]
    return _over_sets(unions, both, either)


def share_of_peaks(pairs: Sequence[Pair]) -> Interval:
    """Share of peaks that overlap a peak of the other replicate, mean of both ways."""
    ways = _both_ways(pairs)
    return _over_sets(
        [one for one, _ in ways],
        [overlaps_any(one, other).astype(np.float64) for one, other in ways],
        [np.ones(len(one)) for one, _ in ways],
    )


def rank_consistency(pairs: Sequence[Pair]) -> Interval:
    """Share of the n best peaks that overlap one of the n best of the other replicate, mean over n and both ways.

    This is the mean of the correspondence curve on which the irreproducible discovery rate rests (Li et al., Ann.
    Appl. Stat. 2011), also called concordance at the top. n runs from 1 to the number of peaks of the replicate that
    has fewer. NaN where a replicate has no peaks or no scores.
    """
    ways = _both_ways(pairs)
    parts, wholes = [], []
    for one, other in ways:
        rank, other_rank = _order(one), _order(other)
        if rank is None or other_rank is None:
            return _NOTHING
        weights = _weights(min(len(one), len(other)))
        # A peak counts from the n on at which it and one that it overlaps are both among the best.
        found_at = np.maximum(rank, _best_overlapped(one, other, other_rank))
        parts.append(weights[np.minimum(found_at, len(weights) - 1)])
        wholes.append(weights[np.minimum(rank, len(weights) - 1)])
    return _over_sets([one for one, _ in ways], parts, wholes)


def most_confident(peaks: pd.DataFrame, number: int) -> pd.DataFrame | None:
    """The best peaks by `peak_rank`; None where there are fewer, or where their order is not known.

    >>> peaks = pd.DataFrame({"start": [0, 5], "pValue": [2.0, 3.0]})
    >>> most_confident(peaks, 1)["start"].tolist(), most_confident(peaks, 3)
    ([5], None)
    """
    if len(peaks) == number:
        return peaks
    rank = peak_rank(peaks) if len(peaks) > number else None
    return None if rank is None else peaks.iloc[np.sort(np.argsort(-rank, kind="stable")[:number])]


def _both_ways(pairs: Sequence[Pair]) -> list[Pair]:
    return [way for one, other in pairs for way in ((one, other), (other, one))]


def _over_sets(
    places: Sequence[pd.DataFrame],
    parts: Sequence[Float[np.ndarray, " place"]],
    wholes: Sequence[Float[np.ndarray, " place"]],
) -> Interval:
    if any(not len(table) for table in places):
        return _NOTHING
    sets = np.repeat(np.arange(len(places)), list(map(len, places)))
    together = pd.concat([table[_PLACE] for table in places], ignore_index=True)
    return ratio(together, np.concatenate(list(parts)), np.concatenate(list(wholes)), sets)


def _order(peaks: pd.DataFrame) -> Int64[np.ndarray, " peak"] | None:
    """The place of each peak when the most confident are first, from 0."""
    rank = peak_rank(peaks)
    if rank is None:
        return None
    order = np.empty(len(peaks), np.int64)
    order[np.argsort(-rank, kind="stable")] = np.arange(len(peaks))
    return order


def _weights(n_best: int) -> Float[np.ndarray, " place"]:
    """Contribution of a peak to the mean over n = 1 … n_best, counted from its place (from 0) on; 0 beyond the last.

    >>> _weights(2).tolist()
    [0.75, 0.25, 0.0]
    """
    each = 1 / np.arange(1, n_best + 1) / n_best
    return np.append(np.cumsum(each[::-1])[::-1], 0.0)


def _best_overlapped(
    one: pd.DataFrame, other: pd.DataFrame, order: Int64[np.ndarray, " other"]
) -> Int64[np.ndarray, " one"]:
    """The first place among the other's peaks that each peak overlaps; beyond all of them where there is none."""
    found = np.full(len(one), len(one) + len(other))
    chroms, starts, ends = (other[column].to_numpy() for column in _PLACE)
    for number, (chrom, start, end) in enumerate(zip(*(one[column] for column in _PLACE), strict=True)):
        hits = order[(chroms == chrom) & (starts < end) & (ends > start)]
        if len(hits):
            found[number] = hits.min()
    return found

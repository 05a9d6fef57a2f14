"""Agreement of peaks and probabilities with intervals that are known to be peaks, and with sites of summits."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int64

from epizoo.errors import InputError
from epizoo.genome.overlaps import cut, merged, overlaps_any, shared_bp
from epizoo.metrics.label_errors import Interval, draw_sums, interval

BLOCK_BP = 2_000_000
"""Summits within one block are drawn together: neighbours are no independent witnesses."""
_N_DRAWS = 10_000


class Agreement(NamedTuple):
    """Precision, recall and their harmonic mean, each in [0, 1]; NaN where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


class TruthScores(NamedTuple):
    """Peaks against true intervals.

    Attributes:
        n_peaks, n_truth: disjoint peaks and true intervals within the regions.
        by_bp: share of the peaks' bp that are true, and of true bp that lie in peaks.
        by_peak: share of peaks that overlap a true interval, and of true intervals that overlap a peak.
    """

    n_peaks: int
    n_truth: int
    by_bp: Agreement
    by_peak: Agreement


class Curve(NamedTuple):
    """Precision and recall as the threshold falls; `average_precision` is the area under it, by steps."""

    recall: Float[np.ndarray, " threshold"]
    precision: Float[np.ndarray, " threshold"]
    average_precision: float


class SiteSupport(NamedTuple):
    """Summits near known sites, such as motifs.

    Attributes:
        n_peaks: peaks that were looked at.
        share: of summits with a site within the distance.
        n_sites: known sites.
        share_of_sites: of sites with a summit within the distance.
        interval, interval_of_sites: both shares with their bootstraps over blocks of 2 Mb.
    """

    n_peaks: int
    share: float
    n_sites: int
    share_of_sites: float
    interval: Interval
    interval_of_sites: Interval


def truth_scores(peaks: pd.DataFrame, truth: pd.DataFrame, regions: pd.DataFrame | None = None) -> TruthScores:
    """Peaks against true intervals, within the regions where the truth is known.

    Overlapping peaks count as one, and so do overlapping true intervals; what lies partly outside the regions is cut.

    Args:
        peaks: chrom, start, end.
        truth: chrom, start, end.
        regions: where the truth is known; everywhere where None.

    Raises:
        InputError: no true interval lies in the regions.
    """
    called, true = (merged(cut(table, regions)) for table in (peaks, truth))
    if true.empty:
        raise InputError("truth: no true interval lies in the regions; give the regions in which the truth is known")
    hit = int(shared_bp(called, true).sum())
    called_bp, true_bp = (int((table["end"] - table["start"]).sum()) for table in (called, true))
    by_peak = agreement(_mean(overlaps_any(called, true)), _mean(overlaps_any(true, called)))
    return TruthScores(len(called), len(true), agreement(_ratio(hit, called_bp), _ratio(hit, true_bp)), by_peak)


def ranked_curve(
    peaks: pd.DataFrame, rank: Float[np.ndarray, " peak"], truth: pd.DataFrame, regions: pd.DataFrame | None = None
) -> Curve:
    """Precision of the most confident peaks and share of true intervals that they find, as more peaks are taken.

    Args:
        peaks: chrom, start, end.
        rank: higher for surer peaks; peaks of equal rank are taken together.
        truth: true intervals.
        regions: where the truth is known; peaks that do not overlap them are left out.
    """
    true = merged(cut(truth, regions))
    kept = np.ones(len(peaks), bool) if regions is None else overlaps_any(peaks, regions)
    order = np.argsort(-rank[kept], kind="stable")
    chosen, ranks = peaks[kept].iloc[order], rank[kept][order]
    is_hit = overlaps_any(chosen, true)
    found_by = _first_finder(true, chosen)
    n_taken = np.append(np.flatnonzero(np.diff(ranks)), len(ranks) - 1) + 1 if len(ranks) else np.zeros(0, int)
    precision = np.cumsum(is_hit)[n_taken - 1] / n_taken
    recall = np.searchsorted(np.sort(found_by), n_taken, side="left") / max(len(true), 1)
    return Curve(recall, precision, _area(recall, precision))


def binned_curve(probability: Float[np.ndarray, " bin"], is_true: Bool[np.ndarray, " bin"]) -> Curve:
    """Precision and recall of bins as the probability that is asked for falls; equal ones are taken together.

    >>> binned_curve(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])).average_precision
    0.8333333333333333
    """
    order = np.argsort(-probability, kind="stable")
    n_true = np.cumsum(is_true[order])
    last = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1) if len(order) else order
    recall, precision = n_true[last] / max(int(is_true.sum()), 1), n_true[last] / (last + 1)
    return Curve(recall, precision, _area(recall, precision))


def site_support(
    chroms: pd.Series, summits: Int64[np.ndarray, " peak"], sites: pd.DataFrame, distance_bp: int = 100
) -> SiteSupport:
    """Share of summits less than a distance away from the middle of a site, and of sites with such a summit."""
    places = pd.DataFrame({"chrom": chroms.to_numpy(), "start": summits, "end": summits + 1})
    middle = (sites["start"] + sites["end"]) // 2
    wide = pd.DataFrame({"chrom": sites["chrom"], "start": middle - distance_bp + 1, "end": middle + distance_bp})
    near = block_share(overlaps_any(places, wide), places)
    found = block_share(overlaps_any(wide, places), wide)
    return SiteSupport(len(places), near.value, len(sites), found.value, near, found)


def block_share(flags: Bool[np.ndarray, " place"], places: pd.DataFrame) -> Interval:
    """Share of flags that are set, with its bootstrap over blocks of 2 Mb of the genome; no bounds below five blocks.

    Args:
        flags: one of each place.
        places: chrom and start.
    """
    if not len(flags):
        return Interval(float("nan"), float("nan"), float("nan"))
    rows = pd.DataFrame({"hits": flags.astype(np.float64), "all": 1.0})
    blocks = [places["chrom"].to_numpy(), (places["start"] // BLOCK_BP).to_numpy()]
    sums = rows.groupby(blocks).sum().to_numpy()
    draws = draw_sums(sums, _N_DRAWS, 0)
    return interval(float(flags.mean()), draws[:, 0] / draws[:, 1], len(sums))


def agreement(precision: float, recall: float) -> Agreement:
    """Precision and recall with their harmonic mean.

    >>> agreement(0.5, 1.0).f1
    0.6666666666666666
    """
    if np.isnan(precision) or np.isnan(recall):
        # Without a peak there is no precision, but nothing was found either.
        return Agreement(precision, recall, 0.0 if recall == 0 or precision == 0 else float("nan"))
    total = precision + recall
    return Agreement(precision, recall, 2 * precision * recall / total if total else 0.0)


def _first_finder(true: pd.DataFrame, peaks: pd.DataFrame) -> Int64[np.ndarray, " found"]:
    """Of each true interval that a peak overlaps, the number of the first such peak."""
    found = []
    for chrom, rows in true.groupby("chrom"):
        here = np.flatnonzero((peaks["chrom"] == chrom).to_numpy())
        starts, ends = (peaks[column].to_numpy()[here] for column in ("start", "end"))
        for start, end in zip(rows["start"], rows["end"], strict=True):
            hits = here[(starts < end) & (ends > start)]
            if len(hits):
                found.append(int(hits.min()))
    return np.array(found, np.int64)


def _area(recall: Float[np.ndarray, " threshold"], precision: Float[np.ndarray, " threshold"]) -> float:
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _mean(flags: Bool[np.ndarray, " item"]) -> float:
    return float(np.mean(flags)) if len(flags) else float("nan")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")

"""Consensus of the peaks of several samples: one set of places, at the resolution that most samples see.

A bp is supported where at least so many samples of one group have a peak over it. Runs of supported bp are cut where
samples tell two peaks apart: in the middle of a valley in which at most half as many samples have a peak as on either
side of it. Neighbours therefore do not chain into one long peak, as in the union of all peaks, and a broad domain stays
whole.
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64

from epizoo.calling.peak_reader import summit_places
from epizoo.calling.peaks import narrowpeak_table
from epizoo.genome.overlaps import merged

VALLEY = 0.5
"""Two peaks are told apart where at most this share of the samples on either side has a peak."""
OVERLAP = 0.5
"""A sample supports a consensus peak if this share of it, or of one of the sample's peaks, lies in the other."""


class Consensus(NamedTuple):
    """Consensus peaks of samples.

    Attributes:
        peaks: narrowPeak's columns, sorted. `signalValue` is the number of samples that support the peak, `score` 1000
            times their share; `peak` is the offset of the median of the samples' summits in it.
        support: rows as in `peaks`, a column for each sample: True where it supports the peak.
    """

    peaks: pd.DataFrame
    support: pd.DataFrame


class _Depth(NamedTuple):
    """Number of samples with a peak over the stretches of a chromosome between neighbouring edges of peaks."""

    edges: Int64[np.ndarray, " edge"]
    total: Int64[np.ndarray, " stretch"]
    is_supported: Bool[np.ndarray, " stretch"]


def usual_support(n_samples: int) -> int:
    """Number of samples of a group that must agree: half of them, and two at least where there are two.

    >>> [usual_support(n) for n in (1, 2, 3, 4, 5)]
    [1, 2, 2, 2, 3]
    """
    return max(-(-n_samples // 2), min(n_samples, 2))


def consensus_peaks(
    peaks: Mapping[str, pd.DataFrame], groups: Mapping[str, str], min_support: int | None = None
) -> Consensus:
    """Consensus of the samples' peaks; see this module.

    Args:
        peaks: each sample's peaks, with the columns of `epizoo.calling.peak_reader.read_peaks`.
        groups: the group of each sample.
        min_support: how many samples of one group must have a peak; `usual_support` of the group where None. Groups of
            fewer samples support nothing then.
    """
    unions = {sample: merged(table) for sample, table in peaks.items()}
    members = {group: [sample for sample in peaks if groups[sample] == group] for group in groups.values()}
    least = {group: min_support or usual_support(len(samples)) for group, samples in members.items()}
    pieces = [
        (chrom, start, end, middle)
        for chrom in sorted({str(chrom) for union in unions.values() for chrom in union["chrom"].unique()})
        for start, end, middle in _pieces(_depth(chrom, unions, members, least))
    ]
    places = pd.DataFrame(pieces, columns=["chrom", "start", "end", "middle"])
    places = places.astype({"chrom": "str", "start": "int64", "end": "int64", "middle": "int64"})
    support = pd.DataFrame({sample: supports(union, places) for sample, union in unions.items()}, index=places.index)
    n_of_group = {group: support[samples].sum(axis=1) for group, samples in members.items()}
    is_kept = np.logical_or.reduce([number >= least[group] for group, number in n_of_group.items()])
    places, support = places[is_kept].reset_index(drop=True), support[is_kept].reset_index(drop=True)
    return Consensus(_table(places, support, list(peaks.values())), support)


def supports(peaks: pd.DataFrame, places: pd.DataFrame) -> Bool[np.ndarray, " place"]:
    """Mask of the places that share half of themselves, or of a peak, with one of the peaks, which do not overlap."""
    found = np.zeros(len(places), bool)
    by_chrom = {str(chrom): table for chrom, table in peaks.groupby("chrom")}
    for chrom, rows in places.groupby("chrom").indices.items():
        if str(chrom) not in by_chrom:
            continue
        starts, ends = (by_chrom[str(chrom)][column].to_numpy() for column in ("start", "end"))
        low, high = (places[column].to_numpy()[rows] for column in ("start", "end"))
        first, after = np.searchsorted(ends, low, side="right"), np.searchsorted(starts, high, side="left")
        number = np.maximum(after - first, 0)
        row = np.repeat(np.arange(len(rows)), number)
        other = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first, number)
        shared = np.minimum(ends[other], high[row]) - np.maximum(starts[other], low[row])
        enough = shared >= OVERLAP * np.minimum(ends[other] - starts[other], (high - low)[row])
        found[rows[row[enough]]] = True
    return found


def _depth(
    chrom: str, unions: Mapping[str, pd.DataFrame], members: Mapping[str, list[str]], least: Mapping[str, int]
) -> _Depth:
    """The samples over a chromosome, by group and together."""
    here = {sample: union[union["chrom"] == chrom] for sample, union in unions.items()}
    edges = np.unique(np.concatenate([table[column] for table in here.values() for column in ("start", "end")]))
    total, is_supported = np.zeros(len(edges) - 1, np.int64), np.zeros(len(edges) - 1, bool)
    for group, samples in members.items():
        steps = np.zeros(len(edges), np.int64)
        for sample in samples:
            steps[np.searchsorted(edges, here[sample]["start"])] += 1
            steps[np.searchsorted(edges, here[sample]["end"])] -= 1
        depth = np.cumsum(steps)[:-1]
        total += depth
        is_supported |= depth >= least[group]
    return _Depth(edges.astype(np.int64), total, is_supported)


def _pieces(depth: _Depth) -> list[tuple[int, int, int]]:
    """Start and end of the runs of supported bp, cut at valleys, and the middle of the highest stretch of each."""
    found = []
    steps = np.flatnonzero(np.diff(depth.is_supported, prepend=False, append=False))
    for first, after in zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True):
        total, edges = depth.total[first:after], depth.edges[first : after + 1]
        cuts = _cuts(total, edges) if _has_valley(total) else []
        for start, end in itertools.pairwise([int(edges[0]), *cuts, int(edges[-1])]):
            low, high = np.searchsorted(edges, start, side="right") - 1, np.searchsorted(edges, end, side="left")
            best = low + int(np.argmax(total[low:high]))
            found.append((start, end, (max(int(edges[best]), start) + min(int(edges[best + 1]), end)) // 2))
    return found


def _has_valley(total: Int64[np.ndarray, " stretch"]) -> bool:
    """True if the number falls and rises again."""
    steps = np.sign(np.diff(total))
    steps = steps[steps != 0]
    return bool((np.diff(steps) > 0).any())


def _cuts(total: Int64[np.ndarray, " stretch"], edges: Int64[np.ndarray, " edge"]) -> list[int]:
    """Middles of the valleys: the lowest one (the first of equals) is cut first, then those on either side of it."""
    cuts, uncut = [], [(0, len(total))]
    while uncut:
        low, high = uncut.pop()
        valley = _lowest_valley(total[low:high])
        if valley is not None:
            first, after = low + valley[0], low + valley[1]
            cuts.append(int(edges[first] + edges[after]) // 2)
            uncut += [(low, first), (after, high)]
    return sorted(cuts)


def _lowest_valley(total: Int64[np.ndarray, " stretch"]) -> tuple[int, int] | None:
    """The first of the lowest stretches that lie in a valley, and the first one after it that is higher."""
    left, right = np.maximum.accumulate(total), np.maximum.accumulate(total[::-1])[::-1]
    is_valley = total <= VALLEY * np.minimum(left, right)
    if not is_valley.any():
        return None
    lowest = int(np.argmin(np.where(is_valley, total, total.max() + 1)))
    return lowest, lowest + int(np.argmax(total[lowest:] != total[lowest]))


def _table(places: pd.DataFrame, support: pd.DataFrame, samples: list[pd.DataFrame]) -> pd.DataFrame:
    number = support.sum(axis=1)
    return narrowpeak_table(
        chrom=places["chrom"],
        start=places["start"],
        end=places["end"],
        name=[f"consensus_{row}" for row in range(1, len(places) + 1)],
        score=(1000 * number / max(support.shape[1], 1)).round(),
        strand=".",
        signalValue=number,
        pValue=-1.0,
        qValue=-1.0,
        peak=_summits(places, samples) - places["start"].to_numpy(),
    )


def _summits(places: pd.DataFrame, samples: list[pd.DataFrame]) -> Int64[np.ndarray, " place"]:
    """The lower median of the samples' summits in each place; where there are none, the middle of its best stretch."""
    found = places["middle"].to_numpy().copy()
    stated = [
        pd.DataFrame({"chrom": table["chrom"], "summit": summit_places(table)})[table["peak"] >= 0] for table in samples
    ]
    summits = pd.concat(stated, ignore_index=True).sort_values("summit", kind="stable")
    by_chrom = {str(chrom): table["summit"].to_numpy() for chrom, table in summits.groupby("chrom")}
    for chrom, rows in places.groupby("chrom").indices.items():
        here = by_chrom.get(str(chrom), np.zeros(0, np.int64))
        first = np.searchsorted(here, places["start"].to_numpy()[rows], side="left")
        after = np.searchsorted(here, places["end"].to_numpy()[rows], side="left")
        has_one = after > first
        found[rows[has_one]] = here[(first + (after - first - 1) // 2)[has_one]]
    return found

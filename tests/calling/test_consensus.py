"""Consensus peaks against their rule, bp by bp, and against a join of all pairs."""

import itertools

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.consensus import _cuts, consensus_peaks, supports, usual_support
from epizoo.genome.overlaps import merged

SIZE = 400


def random_peaks(random, n):
    start = random.integers(0, SIZE - 60, n)
    peaks = pd.DataFrame({"chrom": random.choice(["chr1", "chr2"], n), "start": start})
    peaks["end"] = peaks["start"] + random.integers(5, 60, n)
    peaks["peak"] = np.where(random.random(n) < 0.7, random.integers(0, 5, n), -1)
    return peaks


def each_bp(peaks, chrom):
    covered = np.zeros(SIZE, int)
    for start, end in peaks.loc[peaks["chrom"] == chrom, ["start", "end"]].to_numpy():
        covered[start:end] = 1
    return covered


def cut_by_bp(total, low, high, edges):
    """The rule as the module states it, on single bp: `edges` are where any peak begins or ends."""
    best = None
    for start, end in itertools.pairwise(edges):
        if not low < start < end < high:
            continue
        depth = total[start]
        if depth <= 0.5 * min(total[low:start].max(), total[end:high].max()) and (best is None or depth < best[0]):
            best = (depth, start, end)
    if best is None:
        return []
    depth, start, end = best
    while total[end] == depth:
        end += 1
    return [*cut_by_bp(total, low, start, edges), (start + end) // 2, *cut_by_bp(total, end, high, edges)]


def by_bp(samples, groups, least):
    """Consensus peaks before the demand for support."""
    found = []
    for chrom in ("chr1", "chr2"):
        depth = {name: each_bp(peaks, chrom) for name, peaks in samples.items()}
        total = sum(depth.values())
        kept = np.zeros(SIZE, bool)
        for group in set(groups.values()):
            kept |= sum(depth[name] for name in samples if groups[name] == group) >= least
        edges = sorted({0, SIZE, *(edge for name in samples for edge in np.flatnonzero(np.diff(depth[name])) + 1)})
        position = 0
        while position < SIZE:
            if not kept[position]:
                position += 1
                continue
            end = position
            while end < SIZE and kept[end]:
                end += 1
            inner = [edge for edge in edges if position <= edge <= end]
            places = [position, *cut_by_bp(total, position, end, inner), end]
            found += [(chrom, *pair) for pair in itertools.pairwise(places)]
            position = end
    return found


@pytest.mark.parametrize("seed", range(6))
def test_consensus_is_its_rule_bp_by_bp(seed):
    random = np.random.default_rng(seed)
    samples = {f"s{i}": random_peaks(random, 12) for i in range(5)}
    groups = {"s0": "a", "s1": "a", "s2": "b", "s3": "b", "s4": "b"}
    found = consensus_peaks(samples, groups, 2)
    expected = by_bp(samples, groups, 2)
    places = pd.DataFrame(expected, columns=["chrom", "start", "end"])
    support = pd.DataFrame({name: supports(merged(peaks), places) for name, peaks in samples.items()})
    kept = (support[["s0", "s1"]].sum(axis=1) >= 2) | (support[["s2", "s3", "s4"]].sum(axis=1) >= 2)
    assert found.peaks[["chrom", "start", "end"]].to_numpy().tolist() == places[kept].to_numpy().tolist()
    assert len(found.peaks) > 5
    assert (found.support.to_numpy() == support[kept].to_numpy()).all()
    # Each summit is one of the samples' own, or lies in a bp where most samples agree.
    summit = found.peaks["start"] + found.peaks["peak"]
    assert ((summit >= found.peaks["start"]) & (summit < found.peaks["end"])).all()


def test_summits_are_lower_medians():
    samples = {
        name: pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [200], "peak": [peak]})
        for name, peak in (("a", 10), ("b", 30), ("c", 80), ("d", 90))
    }
    found = consensus_peaks(samples, dict.fromkeys(samples, "all")).peaks
    assert (found["start"] + found["peak"]).tolist() == [130]
    assert found[["score", "signalValue"]].to_numpy().tolist() == [[1000, 4]]


def test_a_gap_is_kept_where_half_of_the_samples_see_it():
    narrow = pd.DataFrame({"chrom": ["chr1"] * 2, "start": [100, 200], "end": [150, 250], "peak": [20, 20]})
    wide = pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [250], "peak": [20]})
    for n_narrow, n_wide, n_peaks in ((2, 2, 2), (1, 1, 2), (1, 2, 1), (3, 1, 2)):
        tables = [narrow] * n_narrow + [wide] * n_wide
        samples = {f"s{i}": table for i, table in enumerate(tables)}
        found = consensus_peaks(samples, dict.fromkeys(samples, "all"), 1).peaks
        assert len(found) == n_peaks, (n_narrow, n_wide)
        if n_peaks == 2:
            assert found["end"].iloc[0] == found["start"].iloc[1] == 175


def test_many_neighbours_do_not_chain():
    # Each sample is shifted by 30 bp: the union of all is one stretch of 650 bp, and no bp lies in most of them.
    samples = {
        f"s{i}": pd.DataFrame({"chrom": ["chr1"], "start": [1000 + 30 * i], "end": [1050 + 30 * i], "peak": [25]})
        for i in range(21)
    }
    assert consensus_peaks(samples, dict.fromkeys(samples, "all")).peaks.empty
    assert usual_support(21) == 11


def test_support_is_that_of_a_join_of_all_pairs():
    random = np.random.default_rng(7)
    peaks, places = merged(random_peaks(random, 12)), merged(random_peaks(random, 30))
    pairs = places.reset_index().merge(peaks, on="chrom", suffixes=("", "_peak"))
    shared = np.minimum(pairs["end"], pairs["end_peak"]) - np.maximum(pairs["start"], pairs["start_peak"])
    widths = [pairs[f"end{of}"] - pairs[f"start{of}"] for of in ("", "_peak")]
    enough = (shared >= 0.5 * widths[0]) | (shared >= 0.5 * widths[1])
    found = np.flatnonzero(supports(peaks, places)).tolist()
    assert found == sorted(set(pairs["index"][enough]))
    assert 0 < len(found) < len(places)


def by_recursion(total, edges):
    """The rule of the cuts, written as what it is: the lowest valley, then those on either side."""
    inner = [
        (total[i], i) for i in range(1, len(total) - 1) if total[i] <= 0.5 * min(max(total[: i + 1]), max(total[i:]))
    ]
    if not inner:
        return []
    depth, lowest = min(inner)
    after = lowest + 1
    while total[after] == depth:
        after += 1
    middle = (edges[lowest] + edges[after]) // 2
    return [*by_recursion(total[:lowest], edges[: lowest + 1]), middle, *by_recursion(total[after:], edges[after:])]


def test_cuts_are_those_of_the_recursion():
    random = np.random.default_rng(8)
    n_cuts = 0
    for _ in range(300):
        total = random.integers(1, random.integers(3, 20), random.integers(1, 40))
        edges = np.cumsum(random.integers(1, 50, len(total) + 1))
        expected = by_recursion(total.tolist(), edges.tolist())
        assert _cuts(total, edges) == expected
        n_cuts += len(expected)
    assert n_cuts > 500


def test_thousands_of_peaks_in_one_domain_stay_apart():
    n, start = 3_000, 1_000 * np.arange(3_000)
    narrow = pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 600, "peak": 300})
    domain = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [1_000 * n], "peak": [300]})
    found = consensus_peaks({"a": narrow, "b": narrow, "c": domain}, dict.fromkeys("abc", "all"), 1).peaks
    assert found["start"].tolist() == [0, *(start[1:] - 200)]
    assert (found["start"] + found["peak"]).tolist() == (start + 300).tolist()

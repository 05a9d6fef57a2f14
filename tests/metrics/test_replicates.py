"""Agreement of replicates, against one bp, one peak and one number of peaks at a time."""

import numpy as np
import pandas as pd
import pytest

from epizoo.metrics.replicates import (
    jaccard_index,
    most_confident,
    rank_consistency,
    replicate_agreement,
    share_of_peaks,
)


def replicate(rng, n):
    start = np.sort(rng.choice(60, n, replace=False)) * 100
    chrom = rng.choice(["chr1", "chr2"], n)
    table = pd.DataFrame({"chrom": chrom, "start": start, "end": start + rng.integers(5, 100, n)})
    return table.assign(score=0.0, signalValue=1.0, pValue=rng.permutation(n).astype(float))


def bp(table):
    return {(row.chrom, place) for row in table.itertuples() for place in range(row.start, row.end)}


def overlap(row, table):
    return bool(((table["chrom"] == row.chrom) & (table["start"] < row.end) & (table["end"] > row.start)).any())


def share(one, other):
    return np.mean([overlap(row, other) for row in one.itertuples()])


def best(table, n):
    return table.sort_values("pValue", ascending=False)[:n]


@pytest.mark.parametrize("seed", range(6))
def test_agreement_matches_counting(seed):
    rng = np.random.default_rng(seed)
    pairs = [(replicate(rng, 20), replicate(rng, 31)), (replicate(rng, 25), replicate(rng, 25))]
    expected = np.mean([len(bp(a) & bp(b)) / len(bp(a) | bp(b)) for a, b in pairs])
    assert jaccard_index(pairs).value == pytest.approx(expected)
    ways = [way for a, b in pairs for way in ((a, b), (b, a))]
    assert share_of_peaks(pairs).value == pytest.approx(np.mean([share(a, b) for a, b in ways]))
    tops = [np.mean([share(best(a, n), best(b, n)) for n in range(1, min(len(a), len(b)) + 1)]) for a, b in ways]
    assert rank_consistency(pairs).value == pytest.approx(np.mean(tops))


def test_the_same_peaks_twice_agree_wholly_and_no_peaks_say_nothing():
    one = replicate(np.random.default_rng(0), 12)
    assert [found.value for found in replicate_agreement([(one, one)])] == pytest.approx([1, 1, 1])
    assert np.isnan([found.value for found in replicate_agreement([(one, one[:0])])]).all()
    assert np.isnan(rank_consistency([(one, one.assign(pValue=-1.0))]).value)


def test_the_most_confident_peaks_keep_their_order():
    one = replicate(np.random.default_rng(1), 9)
    assert most_confident(one, 4).equals(one[one["pValue"] >= 5])
    assert most_confident(one, 9) is one
    assert most_confident(one, 10) is None
    assert most_confident(one.assign(pValue=-1.0), 4) is None

"""Comparison of segmentations and of emissions, against definitions written out here."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.segments import segments_from_states
from epizoo.errors import InputError
from epizoo.metrics.segmentations import Segmentation
from epizoo.metrics.state_comparison import (
    Emissions,
    adjusted_rand,
    compare_models,
    compare_segmentations,
    correlations,
    jaccard,
)

LABELS = ("a", "b", "c")


def states(seed, n=60):
    rng = np.random.default_rng(seed)
    return np.repeat(rng.integers(0, 3, n), rng.integers(1, 4, n))[:n]


def segmentation(values, labels=LABELS, chrom="chr1"):
    return Segmentation(segments_from_states(values, chrom, bin_bp=200, chrom_size=200 * len(values)), labels)


def rand_by_pairs(first, second):
    """The index from all pairs of bins: those together in both, corrected for those expected by chance."""
    pairs = list(combinations(range(len(first)), 2))
    one, other = (np.array([values[i] == values[j] for i, j in pairs]) for values in (first, second))
    expected = one.sum() * other.sum() / len(pairs)
    return ((one & other).sum() - expected) / ((one.sum() + other.sum()) / 2 - expected)


@pytest.mark.parametrize("seed", range(4))
def test_comparison_is_that_of_bins(seed):
    first, second = states(seed), states(100 + seed)
    second[:30] = first[:30]
    found = compare_segmentations(segmentation(first), segmentation(second))
    assert found.adjusted_rand == pytest.approx(rand_by_pairs(first, second), abs=1e-12)
    assert found.agreement == pytest.approx((first == second).mean())
    for i, row in enumerate(LABELS):
        for j, column in enumerate(LABELS):
            both, either = (first == i) & (second == j), (first == i) | (second == j)
            assert found.confusion.loc[row, column] == 200 * both.sum()
            if i == j:
                assert found.states.loc[row, "jaccard"] == pytest.approx(both.sum() / either.sum())
    best = [max((np.sum((first == i) & (second == j)) / np.sum((first == i) | (second == j))) for j in range(3))
            for i in range(3)]  # fmt: skip
    np.testing.assert_allclose(found.states["best_jaccard"], best)


def test_only_what_both_cover_is_compared_and_a_change_may_lie_inside_a_segment():
    first = Segmentation(
        pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [0, 0], "end": [900, 50], "state": 0}), LABELS
    )
    second = Segmentation(
        pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [100, 250], "end": [200, 9000], "state": [0, 1]}), ("x", "b")
    )
    found = compare_segmentations(first, second, bin_bp=1)
    assert found.confusion.loc["a"].tolist() == [100, 650]
    assert found.agreement == 0
    assert found.states.loc["a", "best_match"] == "b"
    assert found.adjusted_rand == pytest.approx(0)


def test_equal_partitions_under_other_names_have_an_index_of_one():
    values = states(0)
    found = compare_segmentations(segmentation(values), segmentation((values + 1) % 3, ("x", "y", "z")))
    assert found.adjusted_rand == pytest.approx(1)
    assert np.isnan(found.agreement)
    assert found.states["best_match"].tolist() == ["y", "z", "x"]
    assert found.states["jaccard"].isna().all()


def test_unrelated_partitions_have_an_index_near_zero():
    rng = np.random.default_rng(0)
    counts = np.zeros((3, 3))
    np.add.at(counts, tuple(rng.integers(0, 3, (2, 100_000))), 1)
    assert abs(adjusted_rand(counts)) < 1e-3


def test_segmentations_without_a_common_position_are_refused():
    with pytest.raises(InputError, match="no position in common"):
        compare_segmentations(segmentation(states(0)), segmentation(states(1), chrom="1"))


def test_jaccard_of_states_that_never_occur_is_zero():
    assert jaccard(np.array([[0.0, 0.0], [0.0, 4.0]])).tolist() == [[0, 0], [0, 1]]


def test_correlations_are_numpys():
    rng = np.random.default_rng(1)
    first, second = rng.random((4, 6)), rng.random((3, 6))
    expected = np.corrcoef(np.concatenate([first, second]))[:4, 4:]
    np.testing.assert_allclose(correlations(first, second), expected)
    first[2] = 0.1
    assert (correlations(first, second)[2] == 0).all()


def test_models_are_compared_over_their_common_marks_by_name():
    rng = np.random.default_rng(2)
    one = Emissions("one", ("1", "2"), ("A", "B", "C"), rng.random((2, 3)))
    same = Emissions(
        "same", ("1", "2"), ("C", "D", "A", "B"), np.insert(one.probabilities[::-1, [2, 0, 1]], 1, 9, axis=1)
    )
    assert compare_models(one, [same])["same"].tolist() == pytest.approx([1, 1])
    with pytest.raises(InputError, match=r"\b1 marks?\b"):
        compare_models(one, [same, Emissions("other", ("1",), ("A", "X"), np.ones((1, 2)))])


def test_states_have_their_share_of_the_bins_and_the_match_of_the_highest_index():
    first, second = states(5), states(5)
    second = (second + 1) % 3
    second[:20] = 0
    found = compare_segmentations(segmentation(first), segmentation(second)).states
    assert found["share"].to_numpy() == pytest.approx([100 * (first == state).mean() for state in range(3)])
    assert found["best_match"].tolist() == ["b", "c", "a"]

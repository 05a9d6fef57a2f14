"""Ratios and rankings with intervals over loci, against closed forms and one pair of cases at a time."""

import numpy as np
import pandas as pd
import pytest

from epizoo.metrics.locus_bootstrap import ranking, ratio
from epizoo.metrics.peaks import binned_curve


def places(starts):
    starts = np.asarray(starts)
    return pd.DataFrame({"chrom": "chr1", "start": starts, "end": starts + 10})


def test_loci_are_drawn_together():
    # In half of 16 loci all places count: the drawn share is Binomial(16, 1/2) / 16, however many places a locus has.
    at = places((np.arange(16)[:, None] * 100_000 + np.arange(0, 2_000, 100)).ravel())
    found = ratio(at, np.repeat([1.0, 0.0] * 8, 20), np.ones(320))
    assert found == pytest.approx((1 / 2, 4 / 16, 12 / 16))
    few = ratio(at[:80], np.ones(80), np.ones(80))
    assert few.value == 1
    assert np.isnan([few.low, few.high]).all()


def test_the_ratio_of_sets_is_the_mean_of_their_ratios():
    at = places([0, 20, 40, 60, 80])
    part, whole, sets = np.array([1.0, 2, 0, 1, 1]), np.array([2.0, 2, 4, 1, 3]), np.array([0, 0, 1, 1, 1])
    assert ratio(at, part, whole, sets).value == pytest.approx((3 / 4 + 2 / 8) / 2)
    assert np.isnan(ratio(at, part, whole * (sets == 0), sets).value)
    assert np.isnan(ratio(at[:0], part[:0], whole[:0]).value)


@pytest.mark.parametrize("seed", range(6))
def test_areas_match_other_ways_of_counting(seed):
    rng = np.random.default_rng(seed)
    score, is_true = rng.integers(0, 12, 80) / 4, rng.uniform(size=80) < 0.3
    locus = rng.integers(0, 9, 80)
    assert ranking(score, is_true, locus).value == pytest.approx(binned_curve(score, is_true).average_precision)
    pairs = score[is_true][:, None] - score[~is_true][None]
    expected = ((pairs > 0) + (pairs == 0) / 2).mean()
    assert ranking(score, is_true, locus, "auroc").value == pytest.approx(expected)


def test_many_levels_are_rounded_for_the_interval_alone():
    rng = np.random.default_rng(0)
    score = rng.normal(size=20_000)
    is_true, locus = rng.uniform(size=20_000) < 1 / (1 + np.exp(-score)), np.arange(20_000) // 500
    found = ranking(score, is_true, locus, "auroc")
    # Hanley and McNeil (1982), for cases that are independent, as these are.
    n_true, area = is_true.sum(), found.value
    n_other = len(score) - n_true
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n_true - 1) * (q1 - area**2) + (n_other - 1) * (q2 - area**2)
    expected = 2 * 1.96 * np.sqrt(variance / (n_true * n_other))
    assert found.high - found.low == pytest.approx(expected, rel=0.3)
    assert found.low < area < found.high

"""Agreement of peaks with truth, against one bp and one peak at a time."""

import math

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.overlaps import merged
from epizoo.metrics.peaks import binned_curve, block_share, cut, ranked_curve, site_support, truth_scores

COLUMNS = ["chrom", "start", "end"]
REGIONS = pd.DataFrame([("chr1", 20, 150), ("chr2", 0, 60), ("chr1", 160, 199)], columns=COLUMNS)


def intervals(rng, n):
    chrom, start = rng.choice(["chr1", "chr2"], n), rng.integers(0, 190, n)
    return pd.DataFrame({"chrom": chrom, "start": start, "end": start + rng.integers(1, 20, n)})


def bp(table):
    return {(row.chrom, place) for row in table.itertuples() for place in range(row.start, row.end)}


def within(table, regions):
    """The runs of bp of a table's union that lie in regions, as sets."""
    allowed = bp(regions) if regions is not None else None
    runs = []
    for row in merged(table).itertuples():
        run = set()
        for place in range(row.start, row.end):
            if allowed is None or (row.chrom, place) in allowed:
                run.add((row.chrom, place))
            elif run:
                runs.append(run)
                run = set()
        if run:
            runs.append(run)
    return runs


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("regions", [None, REGIONS])
def test_scores_match_one_bp_at_a_time(seed, regions):
    rng = np.random.default_rng(seed)
    peaks, truth = intervals(rng, 12), intervals(rng, 9)
    found = truth_scores(peaks, truth, regions)
    called, true = within(peaks, regions), within(truth, regions)
    all_called, all_true = set().union(*called), set().union(*true)
    assert (found.n_peaks, found.n_truth) == (len(called), len(true))
    hit = len(all_called & all_true)
    assert found.by_bp[:2] == pytest.approx((hit / len(all_called), hit / len(all_true)))
    precision = np.mean([bool(run & all_true) for run in called])
    recall = np.mean([bool(run & all_called) for run in true])
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    assert found.by_peak == pytest.approx((precision, recall, f1))


def test_no_peaks_find_nothing():
    truth = pd.DataFrame([("chr1", 0, 10)], columns=COLUMNS)
    found = truth_scores(truth.iloc[:0], truth)
    assert found.by_peak.recall == found.by_peak.f1 == found.by_bp.f1 == 0
    assert math.isnan(found.by_peak.precision)
    with pytest.raises(InputError, match="no true interval"):
        truth_scores(truth, truth, pd.DataFrame([("chr1", 20, 30)], columns=COLUMNS))


@pytest.mark.parametrize("seed", range(8))
def test_the_curve_of_ranked_peaks_is_that_of_every_threshold(seed):
    rng = np.random.default_rng(seed)
    peaks, truth = intervals(rng, 15), intervals(rng, 7)
    rank = rng.integers(0, 6, 15).astype(float)
    curve = ranked_curve(peaks, rank, truth)
    expected = []
    for threshold in sorted(set(rank), reverse=True):
        taken = peaks[rank >= threshold]
        true = within(truth, None)
        hits = [bool(bp(taken.iloc[[i]]) & bp(truth)) for i in range(len(taken))]
        expected.append((np.mean([bool(run & bp(taken)) for run in true]), np.mean(hits)))
    np.testing.assert_allclose(np.stack([curve.recall, curve.precision], 1), expected)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_the_mean_precision_at_each_true_bin(seed):
    rng = np.random.default_rng(seed)
    probability, is_true = rng.permutation(50) / 50, rng.uniform(size=50) < 0.3
    order = np.argsort(-probability)
    ranks = np.flatnonzero(is_true[order])
    expected = np.mean([(i + 1) / (rank + 1) for i, rank in enumerate(ranks)])
    assert binned_curve(probability, is_true).average_precision == pytest.approx(expected)


def test_what_straddles_a_border_is_cut():
    table = pd.DataFrame([("chr1", 10, 30, 1.5), ("chr1", 140, 170, 2.5), ("chr3", 0, 9, 0.0)], columns=[*COLUMNS, "x"])
    expected = [("chr1", 20, 30, 1.5), ("chr1", 140, 150, 2.5), ("chr1", 160, 170, 2.5)]
    assert list(cut(table, REGIONS).itertuples(index=False, name=None)) == expected


def test_summits_are_near_sites_below_the_distance_from_their_middle():
    sites = pd.DataFrame([("chr1", 1000, 1020), ("chr1", 5000, 5020), ("chr2", 0, 9)], columns=COLUMNS)
    chroms = pd.Series(["chr1"] * 4 + ["chr3"])
    found = site_support(chroms, np.array([911, 910, 1109, 1110, 5]), sites)
    assert found[:4] == (5, 2 / 5, 3, 1 / 3)


def test_blocks_of_two_megabases_are_drawn_together():
    # In half of n blocks every summit is near a site: the drawn share is Binomial(n, 1/2) / n, however many summits.
    inside = np.linspace(0, 1_999_999, 50).astype(np.int64)
    places = pd.DataFrame({"chrom": "chr1", "start": (np.arange(16)[:, None] * 2_000_000 + inside).ravel()})
    found = block_share(np.repeat([True, False] * 8, 50), places)
    assert found == pytest.approx((1 / 2, 4 / 16, 12 / 16))
    few = block_share(np.repeat([True, False] * 8, 50)[:200], places[:200])
    assert few.value == 1 / 2
    assert np.isnan([few.low, few.high]).all()


def test_the_one_true_interval_that_is_found_is_all_there_are():
    truth = pd.DataFrame([("chr1", 0, 10)], columns=COLUMNS)
    peaks = pd.DataFrame([("chr1", 20, 30), ("chr1", 5, 8)], columns=COLUMNS)
    curve = ranked_curve(peaks, np.array([2.0, 1.0]), truth)
    assert (curve.recall.tolist(), curve.precision.tolist()) == ([0.0, 1.0], [0.0, 0.5])

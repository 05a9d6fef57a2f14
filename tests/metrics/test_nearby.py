"""Peaks near places, and peaks per Mb, against distances and counts by hand."""

import numpy as np
import pandas as pd
import pytest

from epizoo.metrics.nearby import is_near, peaks_per_megabase

COLUMNS = ["chrom", "start", "end"]


@pytest.mark.parametrize("seed", range(4))
def test_near_is_a_distance_of_bp(seed):
    rng = np.random.default_rng(seed)
    at, peak = (rng.integers(0, 300, n) for n in (40, 6))
    places = pd.DataFrame({"chrom": "chr1", "start": at, "end": at + 1})
    peaks = pd.DataFrame({"chrom": "chr1", "start": peak, "end": peak + 10})
    gaps = np.maximum.reduce([peak[None] - at[:, None], at[:, None] - (peak[None] + 9), np.zeros((40, 6), int)])
    assert is_near(places, peaks, 12).tolist() == (gaps.min(axis=1) <= 12).tolist()
    assert not is_near(places.assign(chrom="chr2"), peaks, 12).any()


def test_peaks_per_megabase_is_over_what_is_sequenced():
    regions = pd.DataFrame([("chr1", 0, 1_000_000), ("chr2", 500_000, 1_500_000)], columns=COLUMNS)
    # A peak in every second of 20 blocks of 100 kb: of 20 blocks drawn, Binomial(20, 1/2) hold one.
    starts = np.arange(5) * 200_000
    peaks = pd.concat([pd.DataFrame({"chrom": c, "start": starts + s}) for c, s in (("chr1", 0), ("chr2", 500_000))])
    peaks = peaks.assign(end=peaks["start"] + 10)
    found = peaks_per_megabase(peaks, regions, covered_bp=500_000)
    # Quantiles of Binomial(20, 1/2) / 20 are 6 and 14 tenths of the mean.
    assert found == pytest.approx((20, 12, 28))
    assert peaks_per_megabase(peaks[:0], regions) == (0, 0, 0)
    outside = pd.concat([peaks, pd.DataFrame([("chr3", 0, 10)], columns=COLUMNS)])
    assert peaks_per_megabase(outside, regions).value == pytest.approx(11 / 2)

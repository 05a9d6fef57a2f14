"""Where sparse reads could make a significant peak, against all intervals one by one."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.local_background import LocalBackground
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.possible_peaks import Grid, possible_peaks
from epizoo.calling.significance import significant, with_q_values
from epizoo.genome.overlaps import merged, overlaps_any
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.reads.pileup import ReadCoverage

BIN_BP, FLANK_BINS = 100, 6
SIZES = {"chr1": 3_000_000, "chr2": 1_000_050}
N_BP = sum(SIZES.values())


def sparse_reads(random, *, per_mb=40, n_clumps=12):
    """Fragments of many lengths, some of them in clumps of two to twelve over up to 2 kb."""
    fragments = {}
    for chrom, size in SIZES.items():
        starts = [random.integers(0, size - 400, int(per_mb * size / 1e6))]
        starts += [
            clump + random.integers(0, random.integers(1, 2_000), random.integers(2, 13))
            for clump in random.integers(0, size - 3_000, n_clumps)
        ]
        start = np.concatenate(starts)
        fragments[chrom] = start, start + random.integers(40, 400, len(start))
    return ReadCoverage(["reads.bam"], SIZES, fragments)


def candidates(track, rule, reads_per_bin, hulls):
    """Peaks of all bins of these intervals, or of those with reads in them, with -log10 p as the caller gives it."""
    rows = []
    for chrom, size in SIZES.items():
        n_bins = -(-size // BIN_BP)
        reads = track.binned(chrom, 0, n_bins, BIN_BP).astype(np.float64) * BIN_BP * track.reads_per_area
        surroundings = LocalBackground(np.array([0]), rule.background_bp, BIN_BP)
        surroundings.add(reads, np.ones(n_bins, bool))
        so_far = np.concatenate([[0.0], np.cumsum(reads)])
        own = hulls[hulls["chrom"] == chrom]
        first, after = own["start"].to_numpy() // BIN_BP, own["end"].to_numpy() // BIN_BP
        expected = np.maximum(surroundings.around(first, after - 1), reads_per_bin) * own["n_bins"].to_numpy()
        p = poisson_log10_p(so_far[after] - so_far[first], expected)
        rows.append(own.assign(pValue=p))
    return pd.concat(rows, ignore_index=True)


def hulls_near_reads(track, gap_bins):
    """Intervals of up to 40 bins that begin in a bin that sees reads, and as few bins as a peak of theirs may have.

    Bins that see no reads are in no peak: a peak ends where the reads within it are too far apart.
    """
    rows = []
    for chrom in SIZES:
        bins, _ = track.covered_bins(chrom, BIN_BP)
        last = SIZES[chrom] // BIN_BP
        begins = np.unique(np.maximum(np.concatenate([bins, bins - FLANK_BINS]), 0)).tolist()
        for begin, width in itertools.product(begins, (1, 2, 3, 4, 6, 9, 14, 20, 30, 40)):
            own = bins[(bins >= begin) & (bins < begin + width)]
            if not len(own):
                continue
            sees = begin + width - 1 - own[-1] <= FLANK_BINS and (np.diff(own) <= 2 * FLANK_BINS + 1 + gap_bins).all()
            if sees and begin + width <= last:
                n_bins = width if width < 3 else -(-(width + gap_bins) // (1 + gap_bins))
                rows.append((chrom, begin * BIN_BP, (begin + width) * BIN_BP, n_bins))
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "n_bins"])


def disjoint(peaks):
    """Of peaks that overlap, the one that is expected least often."""
    order = (np.log10(N_BP / (peaks["end"] - peaks["start"])) - peaks["pValue"]).sort_values(kind="stable").index
    kept, free = [], {chrom: np.ones(size // BIN_BP + 1, bool) for chrom, size in SIZES.items()}
    for peak in peaks.loc[order].itertuples():
        bins = slice(peak.start // BIN_BP, peak.end // BIN_BP)
        if free[peak.chrom][bins].all():
            free[peak.chrom][bins] = False
            kept.append(peak.Index)
    return peaks.loc[kept].reset_index(drop=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("most_q", "gap_bp"), [(1e-4, 0), (1e-4, 200), (0.05, 200), (1e-8, 500), (1e-6, 3_000)])
def test_every_significant_peak_lies_in_them(seed, most_q, gap_bp):
    random = np.random.default_rng(seed)
    track = sparse_reads(random)
    rule = PeakCallingConfig(merge_gap_bp=gap_bp, background_bp=5_000, most_q=most_q)
    reads_per_bin = 0.02
    intervals = possible_peaks(track, rule, Grid(BIN_BP, FLANK_BINS, reads_per_bin, N_BP))
    assert intervals is not None
    gap_bins = gap_bp // BIN_BP
    found = disjoint(candidates(track, rule, reads_per_bin, hulls_near_reads(track, gap_bins)))
    peaks = significant(with_q_values(found, N_BP), most_q)
    assert len(peaks) >= 3
    beside = (gap_bins + 1) * BIN_BP
    for peak in peaks.itertuples():
        own = intervals[intervals["chrom"] == peak.chrom]
        low, high = max(peak.start - beside, 0), min(peak.end + beside, SIZES[peak.chrom])
        assert ((own["start"] <= low) & (own["end"] >= high)).any(), peak


def test_lonely_reads_are_left_out():
    random = np.random.default_rng(0)
    track = sparse_reads(random)
    intervals = possible_peaks(track, PeakCallingConfig(most_q=1e-4), Grid(BIN_BP, FLANK_BINS, 0.02, N_BP))
    pd.testing.assert_frame_equal(intervals, merged(intervals))
    covered = pd.concat(
        pd.DataFrame({"chrom": chrom, "start": bins * BIN_BP, "end": (bins + 1) * BIN_BP})
        for chrom, (bins, _) in ((chrom, track.covered_bins(chrom, BIN_BP)) for chrom in SIZES)
    )
    assert 0.05 < overlaps_any(covered, intervals).mean() < 0.9


def test_deep_reads_are_not_looked_at():
    track = sparse_reads(np.random.default_rng(0), per_mb=500)
    assert possible_peaks(track, PeakCallingConfig(most_q=1e-4), Grid(BIN_BP, FLANK_BINS, 0.02, N_BP)) is None
    clumps = sparse_reads(np.random.default_rng(0), per_mb=20, n_clumps=40)
    rule = PeakCallingConfig(most_q=1e-4, background_bp=30_000)
    assert possible_peaks(clumps, rule, Grid(BIN_BP, FLANK_BINS, 0.0002, N_BP)) is None


@pytest.mark.parametrize(("apart", "n_intervals"), [(2 * FLANK_BINS + 1 + 2, 1), (2 * FLANK_BINS + 1 + 3, 0)])
def test_no_peak_crosses_a_stretch_whose_middle_sees_no_reads(apart, n_intervals):
    begins = [1_000 * BIN_BP, (1_000 + apart) * BIN_BP]
    start = np.repeat(begins, 3)
    track = ReadCoverage(["reads.bam"], SIZES, {"chr1": (start, start + BIN_BP)})
    # Three reads are too few for a peak, six in one peak are enough.
    rule = PeakCallingConfig(merge_gap_bp=2 * BIN_BP, background_bp=5_000, most_q=0.002)
    found = possible_peaks(track, rule, Grid(BIN_BP, FLANK_BINS, 0.02, N_BP))
    assert len(found) == n_intervals


def test_the_width_of_a_peak_is_that_with_its_gaps():
    # Six peaks of two bins with 44 bins between them, and a q-value that they just reach.
    first = np.arange(6) * 400_000 + 50_000
    start = np.repeat(np.concatenate([first, first + 45 * BIN_BP]), 2)
    track = ReadCoverage(["reads.bam"], SIZES, {"chr1": (start, start + BIN_BP)})
    hulls = pd.DataFrame({"chrom": "chr1", "start": first, "end": first + 46 * BIN_BP, "n_bins": 2})
    rule = PeakCallingConfig(merge_gap_bp=5_000, background_bp=50_000)
    peaks = with_q_values(candidates(track, rule, 0.0002, hulls), N_BP)
    assert np.ptp(peaks["qValue"]) == 0
    for factor, n_intervals in ((1 + 1e-9, 6), (0.01, 0)):
        strict = replace(rule, most_q=factor * 10 ** -peaks["qValue"].iloc[0])
        assert len(possible_peaks(track, strict, Grid(BIN_BP, 30, 0.0002, N_BP))) == n_intervals

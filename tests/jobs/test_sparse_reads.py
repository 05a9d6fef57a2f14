"""Peaks of few reads: only where they are dense the network looks, and finds what it finds anywhere."""

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.genome.reads.pileup import ReadCoverage

# The last bins are whole in none of the entries' grids.
SIZES = {"chr1": 40_000_003, "chr2": 25_000_001, "chrM": 16_001}
NAMES = ["universal", "h3k4me3", "tf", "atac", "cutrun"]


def few_reads(seed, *, per_mb=17):
    """Lonely reads, sites of two to twenty reads, some at ends, and domains wider than a background."""
    random = np.random.default_rng(seed)
    fragments = {}
    for chrom, size in SIZES.items():
        starts = [random.integers(0, size - 300, size * per_mb // 1_000_000 + 3)]
        starts += [
            site + random.integers(0, 400, random.integers(2, 21))
            for site in random.integers(0, size - 1_000, size // 1_000_000 + 1)
        ]
        if chrom != "chrM":
            starts += [size // 3 + random.integers(0, 30_000, 150), size // 2 + random.integers(0, 40_000, 1_300)]
            starts += [size // 2 - 15_000 + random.integers(0, 70_000, 50)]
        starts += [size - random.integers(20, 60, 3 + seed)]
        start = np.concatenate(starts)
        fragments[chrom] = start, start + random.choice([60, 200, 250], len(start))
    return ReadCoverage(["reads.bam"], SIZES, fragments)


@pytest.fixture(scope="module")
def entries():
    return {name: epizoo.load(f"peak_caller/{name}") for name in NAMES}


def dense_and_all(entry, track, folder, **options):
    """Peaks by the dense places alone, those by all candidates, and the share of bins that were looked at for them."""
    totals = [0]
    options["progress"] = lambda _, total: totals.append(total)
    found = pd.DataFrame(entry.call_peaks(track, **options))
    n_dense = totals[-1]
    # A table of cut-offs counts every candidate.
    expected = pd.DataFrame(entry.call_peaks(track, cutoff_analysis=folder / "cutoffs.tsv", **options))
    return found, expected, n_dense / totals[-1]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_peaks_are_those_of_all_candidates(entries, name, seed, tmp_path):
    found, expected, share = dense_and_all(entries[name], few_reads(seed), tmp_path)
    assert share < 0.5
    assert len(found) > 5
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_each_peak_that_just_passes_is_found(entries, name, tmp_path):
    track = few_reads(1)
    every = entries[name].call_peaks(track, q_value=0.9, cutoff_analysis=tmp_path / "cutoffs.tsv")
    limits = np.unique(10.0 ** -every["qValue"].to_numpy())
    for limit in limits[:: max(1, len(limits) // 8)]:
        found, expected, _ = dense_and_all(entries[name], track, tmp_path, q_value=min(limit * (1 + 1e-9), 0.9))
        pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["universal", "cutrun"])
@pytest.mark.parametrize(
    "options",
    [
        {"exclude": ["none"]},
        {"exclude": ["chr2"]},
        {"blacklist": pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [20_000_000]})},
        {"known_regions": pd.DataFrame({"chrom": ["chr1"], "start": [1_000_000], "end": [30_000_000]})},
        {"control": few_reads(9, per_mb=60)},
        {"merge_gap_bp": 5_000, "enter_probability": 0.2, "extend_probability": 0.1},
        {"min_width_bp": 1, "merge_gap_bp": 0},
        {"q_value": 1e-320},
        {"scale_factor": 3.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_peaks_with_options_are_those_of_all_candidates(entries, name, options, tmp_path):
    found, expected, _ = dense_and_all(entries[name], few_reads(2), tmp_path, **options)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)

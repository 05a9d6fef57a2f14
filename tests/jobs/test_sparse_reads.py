"""Peaks of few reads: only where they are dense the network looks, and finds what it finds anywhere."""

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.genome.reads.pileup import ReadCoverage

SIZES = {"chr1": 40_000_000, "chr2": 25_000_000, "chrM": 16_000}


def few_reads(seed):
    """Lonely reads, sites of two to twenty reads and a domain of 30 kb on each chromosome."""
    random = np.random.default_rng(seed)
    fragments = {}
    for chrom, size in SIZES.items():
        starts = [random.integers(0, size - 300, size // 60_000)]
        starts += [
            site + random.integers(0, 400, random.integers(2, 21))
            for site in random.integers(0, size - 1_000, size // 1_000_000)
        ]
        if chrom != "chrM":
            starts.append(size // 3 + random.integers(0, 30_000, 150))
        start = np.concatenate(starts)
        fragments[chrom] = start, start + 200
    return ReadCoverage(["reads.bam"], SIZES, fragments)


@pytest.mark.parametrize("name", ["universal", "h3k4me3", "tf", "atac", "cutrun"])
def test_peaks_are_those_of_all_candidates(name, tmp_path):
    entry = epizoo.load(f"peak_caller/{name}")
    looked_at = {}

    def bins(of):
        return lambda done, total: looked_at.update({of: total})

    for seed in range(3):
        track = few_reads(seed)
        found = entry.call_peaks(track, progress=bins("dense"))
        # A table of cut-offs counts every candidate.
        expected = entry.call_peaks(track, cutoff_analysis=tmp_path / "cutoffs.tsv", progress=bins("all"))
        assert len(found) > 5
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))
        assert looked_at["dense"] < 0.5 * looked_at["all"]
        masked = pd.DataFrame({"chrom": ["chr1"], "start": [found["start"].iloc[0]], "end": [SIZES["chr1"] // 2]})
        pd.testing.assert_frame_equal(
            pd.DataFrame(entry.call_peaks(track, blacklist=masked)),
            pd.DataFrame(entry.call_peaks(track, blacklist=masked, cutoff_analysis=tmp_path / "cutoffs.tsv")),
        )

"""Peak scorers in the benchmark: excerpts are known to be such, and experiments with a control are not for them."""

import dataclasses

import numpy as np
import pandas as pd

import epizoo
from epizoo.bench.callers import entry_caller
from epizoo.bench.experiments import Experiment, Stretch

ENTRY = "peak_caller/lanceotron"


def test_a_part_of_a_genome_is_known_to_be_one(tmp_path):
    random = np.random.default_rng(0)
    starts = np.sort(np.concatenate([random.integers(50_000, 150_000, 1_500), random.integers(90_000, 90_500, 200)]))
    rows = "".join(f"chr1\t{start}\t{start + 36}\tr\t0\t+\n" for start in starts)
    (tmp_path / "reads.bed").write_text(rows)
    (tmp_path / "sizes.txt").write_text("chr1\t5000000\nchr2\t5000000\n")
    one = Experiment("one", "one", ("controls",), "point", "reads.bed", genome=str(tmp_path / "sizes.txt"))
    call = entry_caller(ENTRY).call(one, tmp_path)
    known = pd.DataFrame({"chrom": ["chr1"], "start": [50_000], "end": [160_000]})
    files = {"reads": tmp_path / "reads.bed", "chrom_sizes": tmp_path / "sizes.txt"}
    expected = epizoo.call_peaks(ENTRY, **files, known_regions=known)
    assert len(expected) > 0
    pd.testing.assert_frame_equal(pd.DataFrame(call.peaks), pd.DataFrame(expected))
    assert entry_caller(ENTRY).call(dataclasses.replace(one, control="reads.bed"), tmp_path) is None


def test_bp_are_ranked_by_the_peak_that_they_lie_in():
    files = epizoo.load(ENTRY).folder / "example_files"
    region = Stretch("chr17", 7_996_000, 8_146_000)
    one = Experiment("one", "one", ("depth",), "narrow", "H3K4me3.bw", regions=(region,), true_peaks="candidates.bed")
    call = entry_caller(ENTRY).call(one, files)
    assert (call.bins > 0).sum() * 50 >= (call.peaks["end"] - call.peaks["start"]).sum() > 0
    best = call.peaks.sort_values("score").iloc[-1]
    assert call.bins.argmax() * 50 + region.start in range(best["start"] - 50, best["end"])

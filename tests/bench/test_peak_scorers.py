"""Peak scorers in the benchmark: excerpts are known to be such, and experiments with a control are not for them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.bench.callers import BIN_BP, entry_caller
from epizoo.bench.experiments import EXPERIMENTS, Experiment, Stretch

ENTRY = "peak_caller/lanceotron"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "peaks" / "bench.json"
REGION = Stretch("chr17", 7_996_000, 8_146_000)


@pytest.fixture(scope="module")
def example():
    return epizoo.load(ENTRY).folder / "example_files"


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


def test_regions_are_what_is_known_of_the_genome(example):
    one = Experiment("one", "one", ("labels",), "narrow", "H3K4me3.bw", regions=(REGION,))
    call = entry_caller(ENTRY).call(one, example)
    expected = epizoo.call_peaks(ENTRY, example / "H3K4me3.bw", known_regions=example / "known.bed")
    columns = ["chrom", "start", "end", "score", "peak"]
    assert len(expected) > 1
    assert call.peaks[columns].to_numpy().tolist() == expected[columns].to_numpy().tolist()


def test_bp_are_ranked_by_the_score_of_the_candidate_that_they_lie_in(example):
    one = Experiment("one", "one", ("depth",), "narrow", "H3K4me3.bw", regions=(REGION,), true_peaks="candidates.bed")
    call = entry_caller(ENTRY).call(one, example)
    assert len(call.bins) == (REGION.end - REGION.start) // BIN_BP
    known = example / "known.bed"
    candidates = epizoo.call_peaks(ENTRY, example / "H3K4me3.bw", known_regions=known, enter_probability=0)
    assert len(candidates) > len(call.peaks) > 1
    inside = np.zeros(len(call.bins))
    for rank, row in enumerate(candidates.sort_values(["score", "signalValue"]).itertuples(), start=1):
        inside[(row.start - REGION.start) // BIN_BP : -(-(row.end - REGION.start) // BIN_BP)] = rank
    # Only the order counts.
    assert (pd.Series(call.bins).rank() == pd.Series(inside).rank()).all()


def test_committed_rows_are_those_of_all_experiments_without_a_control():
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]
    with_control = {experiment.data for experiment in EXPERIMENTS if experiment.control is not None}
    assert with_control

    def measured(caller):
        return {(row["truth"], row["data"], row["metric"]) for row in rows if row["caller"] == caller}

    own, of_a_peer = measured(ENTRY), measured("peak_caller/universal")
    # Whether there are N best ones depends on the number of peaks.
    needed = {key for key in of_a_peer if key[1] not in with_control and not key[2].endswith("N best")}
    assert needed <= own
    assert not {data for _, data, _ in own} & with_control
    assert {truth for truth, _, _ in own} == {"labels", "tss", "controls", "replicates", "depth"}


def test_committed_figures_are_of_signal_at_the_depth_of_rpkm(data_dir):
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]
    recorded = {(row["data"], row["metric"]): row for row in rows if row["caller"] == ENTRY}
    (one,) = [experiment for experiment in EXPERIMENTS if experiment.data == "HSC, 5 million reads"]
    call = entry_caller(ENTRY).call(one, data_dir)
    row = recorded["HSC, 5 million reads", "share of peaks that overlap a true one"]
    assert row["counted"].startswith(f"{len(call.peaks)} peaks")
    true = pd.read_csv(data_dir / one.true_peaks, sep="\t", header=None, usecols=[0, 1, 2]).to_numpy()
    hits = sum(
        any(chrom == peak.chrom and start < peak.end and end > peak.start for chrom, start, end in true)
        for peak in call.peaks.itertuples()
    )
    assert row["value"] == pytest.approx(hits / len(call.peaks), abs=1e-6)

"""Evaluation of callers on labels, truth and sites, against figures that were counted by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from epizoo.calling.peaks import narrowpeak_table
from epizoo.errors import InputError
from epizoo.figures.evaluation import draw_evaluation, example_loci
from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.metrics.caller_evaluation import (
    Caller,
    Truth,
    caller_of_files,
    evaluate_callers,
    files_of_samples,
    fill,
    write_figures,
)
from epizoo.metrics.label_files import read_labels

LABELS = """chrom\tstart\tend\tannotation\tsample
chr1\t0\t1000\tnoPeaks\ta
chr1\t2000\t3000\tpeaks\ta
chr1\t0\t1000\tnoPeaks\tb
chr1\t2000\t3000\tpeaks\tb
chr1\t200000\t201000\tpeakStart\tb
chr2\t0\t1000\tpeakEnd\tb
"""
ROWS = {
    "good": {"a": [(2100, 2900)], "b": [(2100, 2900), (200_500, 202_000)]},
    "bad": {"a": [(900, 1100)], "b": [(2100, 2900), (200_500, 200_600), (200_700, 200_800)]},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.tsv").write_text(LABELS)
    for name, samples in ROWS.items():
        for sample, spans in samples.items():
            rows = "".join(f"chr1\t{start}\t{end}\tp\t{900 - i}\n" for i, (start, end) in enumerate(spans))
            (tmp_path / f"{name}.{sample}.bed").write_text(rows)
    for sample, heights in (("a", (0.1, 0.9)), ("b", (0.1, 0.7))):
        with BigWigWriter(tmp_path / f"{sample}.bw", {"chr1": 300_000, "chr2": 2000}, 50) as writer:
            values = np.zeros(6000)
            values[4:8], values[45:50] = heights
            writer.add("chr1", 0, values)
    return tmp_path


def callers():
    return [caller_of_files("good", "good.{sample}.bed", "{sample}.bw"), caller_of_files("bad", "bad.{sample}.bed")]


def test_label_errors_are_those_counted_by_hand(folder):
    found = evaluate_callers(callers(), Truth(labels=read_labels(folder / "labels.tsv")))
    good, bad = (found.figures["callers"][name]["labels"] for name in ("good", "bad"))
    assert [good[key] for key in ("labels", "wrong", "false_positives", "false_negatives")] == [6, 1, 0, 1]
    assert [bad[key] for key in ("labels", "wrong", "false_positives", "false_negatives")] == [6, 4, 2, 2]
    assert (bad["regions"], bad["loci"]) == (4, 3)
    assert good["mean_over_regions"]["value"] == pytest.approx((0 + 0 + 0 + 1) / 4)
    assert bad["mean_over_regions"]["value"] == pytest.approx((1 / 2 + 1 / 2 + 1 + 1) / 4)
    assert [locus["false_negatives"] for locus in bad["by_locus"]] == [1, 0, 1]
    (pair,) = found.figures["comparisons"]
    assert pair["mean_over_regions_difference"]["value"] == pytest.approx(1 / 4 - 3 / 4)
    assert found.errors["bad"].index.tolist() == list(range(6))


def test_calibration_takes_the_highest_probability_in_a_label(folder):
    found = evaluate_callers(callers()[:1], Truth(labels=read_labels(folder / "labels.tsv")))
    # noPeaks at 0.1 in both samples, peaks at 0.9 and 0.7, each region weighing 1.
    expected = (0.1**2 + (0.1**2 + 0.3**2) / 2) / 2
    assert found.figures["callers"]["good"]["calibration"]["brier"] == pytest.approx(expected, rel=1e-5)
    assert found.reliability["good"]["n"].sum() == 4


def test_truth_and_sites_are_scored_for_the_surest_peaks(folder):
    truth = pd.DataFrame({"chrom": ["chr1"], "start": [2000], "end": [3000]})
    sites = pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [2490, 200_000], "end": [2510, 200_010]})
    caller = caller_of_files("good", "good.b.bed", "b.bw")
    held_to = [Truth(intervals=truth, sites=sites, n_peaks=n) for n in (1, None)]
    one, all_of = (evaluate_callers([caller], one).figures["callers"]["good"] for one in held_to)
    assert one["truth"]["by_peak"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert one["sites"]["share_of_summits"] == 1.0
    assert all_of["truth"]["by_peak"]["precision"] == 0.5
    assert all_of["truth"]["by_bp"] == pytest.approx({"precision": 800 / 2300, "recall": 0.8, "f1": 2 * 800 / 3300})
    assert all_of["truth"]["average_precision_of_ranked_peaks"] == 1.0
    # Of the 20 true bins 5 have 0.7; the others are found only with all 6,000 bins of the chromosome.
    assert all_of["truth"]["average_precision_of_bins"] == pytest.approx(0.25 + 0.75 * 20 / 6000)


def test_figures_and_pictures_are_written(folder):
    truth = Truth(labels=read_labels(folder / "labels.tsv"))
    found = evaluate_callers(callers(), truth)
    write_figures(folder / "x.json", found)
    read = json.loads((folder / "x.json").read_text())
    assert read["callers"]["bad"]["labels"]["wrong"] == 4
    assert read["reliability"]["good"][0]["n"] == 2
    assert example_loci(found, truth)[0].region.chrom == "chr2"
    for name in ("x.png", "x.svg"):
        draw_evaluation(folder / name, found, callers(), truth, "{sample}.bw")
        assert (folder / name).stat().st_size > 10_000


def test_a_caller_without_peaks_is_scored(folder):
    nothing = Caller("nothing", lambda sample: narrowpeak_table())
    truth = pd.DataFrame({"chrom": ["chr1"], "start": [2000], "end": [3000]})
    found = evaluate_callers([nothing], Truth(labels=read_labels(folder / "labels.tsv"), intervals=truth, sites=truth))
    assert found.figures["callers"]["nothing"]["labels"]["false_negatives"] == 4
    write_figures(folder / "x.json", found)
    assert json.loads((folder / "x.json").read_text())["callers"]["nothing"]["truth"]["by_peak"]["precision"] is None


def test_labels_may_be_bed_of_four_columns(folder):
    (folder / "x.bed").write_text("track name=x\nchr1\t0\t10\tnoPeaks\n")
    assert read_labels(folder / "x.bed").to_numpy().tolist() == [["chr1", 0, 10, "noPeaks"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t0\t10\tpeak\n", r"line 1: .*'peak'.*noPeaks, peaks, peakStart, peakEnd"),
        ("chr1\t0\t10\n", r"line 1: .*chrom, start, end"),
        ("chr1\t10\t10\tpeaks\n", r"line 1: .*\b10\b.*\b10\b"),
        ("chrom\tstart\tannotation\nchr1\t0\tpeaks\n", r".*\bend\b"),
        ("# nothing\n", r".*no label"),
        ("chr1\t0\t10\tpeaks\nchr1\t0\t10\tnoPeaks\n", r".*chr1:0-10\b.*\bpeaks\b.*\bnoPeaks\b"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tmp_path, text, message):
    (tmp_path / "x.tsv").write_text(text)
    with pytest.raises(InputError, match=r"x\.tsv: " + message):
        read_labels(tmp_path / "x.tsv")


def test_impossible_evaluations_are_refused(folder):
    labels = read_labels(folder / "labels.tsv")
    for arguments, message in (
        ((callers(), Truth()), "labels, true intervals"),
        (([], Truth(labels=labels)), "no caller"),
        (([callers()[0]] * 2, Truth(labels=labels)), r"\bgood\b.*two callers"),
        (([caller_of_files("x", "{donor}.bed")], Truth(labels=labels)), "'donor'"),
        (([caller_of_files("x", "none.bed")], Truth(labels=labels)), r"none\.bed: no such file"),
        ((callers(), Truth(labels=labels, n_peaks=0)), r"n_peaks\): 0 found.*\b1\b"),
        ((callers(), Truth(labels=labels, distance_bp=-5)), r"distance_bp\): -5 found"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate_callers(*arguments)
    assert fill("x.bed", {}) == "x.bed"


@pytest.mark.parametrize("what", ["labels", "intervals", "sites"])
def test_peaks_and_truth_that_share_no_chromosome_are_an_error(folder, what):
    truth = pd.DataFrame({"chrom": ["1", "2"], "start": 2000, "end": 3000, "annotation": "peaks"})
    caller = caller_of_files("good", "good.a.bed")
    with pytest.raises(InputError, match=r"good: .*\bchr1\b.*\b1, 2\b"):
        evaluate_callers([caller], Truth(**{what: truth}))


def test_a_caller_that_misses_its_only_chromosome_is_wrong_and_no_error(tmp_path):
    (tmp_path / "x.bed").write_text("chr2\t100\t200\tp\t1\n")
    labels = pd.DataFrame({"chrom": ["chr1"], "start": [2000], "end": [3000], "annotation": ["peaks"]})
    found = evaluate_callers([caller_of_files("x", tmp_path / "x.bed")], Truth(labels=labels))
    figures = found.figures["callers"]["x"]["labels"]
    assert (figures["false_negatives"], figures["peaks_on_labelled_chromosomes"]) == (1, 0)


def test_samples_may_be_labelled_differently(tmp_path):
    rows = "chr1\t0\t10\tpeaks\ta\nchr1\t0\t10\tnoPeaks\tb\n"
    (tmp_path / "x.tsv").write_text("chrom\tstart\tend\tannotation\tsample\n" + rows)
    labels = read_labels(tmp_path / "x.tsv")
    assert len(labels) == 2
    assert files_of_samples("{sample}.bed", labels) == ["a.bed", "b.bed"]


def test_calibration_on_true_intervals_takes_every_bin_of_the_regions(folder):
    truth = pd.DataFrame({"chrom": ["chr1"], "start": [200], "end": [300]})
    regions = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [600]})
    with BigWigWriter(folder / "whole.bw", {"chr1": 300_000, "chr2": 2000}, 50) as writer:
        writer.add("chr1", 0, np.repeat([0.25, 0.75, 0.25], [4, 4, 5992]))
    found = evaluate_callers(
        [caller_of_files("good", "good.a.bed", "whole.bw")], Truth(intervals=truth, regions=regions)
    )
    # Of 12 bins of 50 bp, two are true and called with 3/4, two called so in error, eight rightly with 1/4.
    assert found.figures["callers"]["good"]["calibration"]["brier"] == pytest.approx((10 / 16 + 2 * 9 / 16) / 12)

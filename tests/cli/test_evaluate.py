"""`epizoo evaluate`: tables, figures and pictures of files and entries, one sentence for what cannot be evaluated."""

import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.metrics.caller_evaluation import Truth


@pytest.fixture
def folder(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "peak_caller").symlink_to(random_zoo.folder / "peak_caller")
    (tmp_path / "good.bw").symlink_to(random_zoo.bigwig)
    (tmp_path / "labels.tsv").write_text(
        "chrom\tstart\tend\tannotation\tsample\nchr1\t1000\t9000\tpeaks\tgood\nchr2\t24000\t25130\tnoPeaks\tgood\n"
    )
    (tmp_path / "odd.tsv").write_text("chr1\t1000\t9000\tpeaks\nchr1\t9000\t9900\tenriched\n")
    (tmp_path / "truth.bed").write_text("chr1\t1000\t2000\nchr1\t8000\t8500\n")
    (tmp_path / "mine.bed").write_text("chr1\t1100\t1900\tp\t7\nchr2\t24000\t24100\tp\t3\n")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def test_files_and_entries_stand_side_by_side(folder):
    entry = ["--entry", "peak_caller/random", "--bigwig", "{sample}.bw", "--labels", "labels.tsv"]
    result = run(
        "--peaks", "mine=mine.bed", *entry, "--metrics", "x.json", "--picture", "x.png", "--about", "two labels"
    )
    assert result.exit_code == 0, result.output
    assert "Mean over regions, paired over loci" in result.stdout
    figures = json.loads((folder / "x.json").read_text())
    assert list(figures["callers"]) == ["peak_caller/random 1.0.0", "mine"]
    assert figures["about"]["held_to"] == "two labels"
    assert figures["about"]["entries"]["peak_caller/random 1.0.0"]["version"] == "1.0.0"
    names = ["labels.tsv", "mine.bed", "good.bw"]
    assert figures["about"]["files"] == [{"name": name, "sha256": sha256(folder / name)} for name in names]
    assert figures["callers"]["mine"]["labels"]["false_positives"] == 1
    assert "calibration" in figures["callers"]["peak_caller/random 1.0.0"]
    assert (folder / "x.png").stat().st_size > 10_000


def test_peaks_that_lie_elsewhere_are_noted_and_text_without_a_file_is_refused(folder):
    (folder / "far.bed").write_text("chr3\t1100\t1900\tp\t7\n")
    result = run("--peaks", "far=far.bed", "--peaks", "mine=mine.bed", "--labels", "labels.tsv")
    assert result.exit_code == 0, result.output
    assert "far: no peak on a chromosome that has labels" in result.stdout
    assert "mine: no peak" not in result.stdout
    refused = run("--peaks", "mine=mine.bed", "--labels", "labels.tsv", "--about", "x")
    assert refused.exit_code == 2
    assert re.search("--about: .*--metrics", refused.stderr)


def test_truth_and_sites_give_their_tables(folder):
    result = run("--peaks", "mine=mine.bed", "--truth", "truth.bed", "--sites", "truth.bed")
    assert result.exit_code == 0, result.output
    header, row = result.stdout.splitlines()[1:3]
    assert "bp: precision, recall, F1  peaks: precision, recall, F1" in header
    assert row.split() == ["mine", "2", "0.889,", "0.533,", "0.667", "0.500,", "0.500,", "0.500", "0.500"]
    assert "50.0%" in result.stdout


@pytest.mark.parametrize(
    "held_to", [{"truth": "all.bed"}, {"truth": "all.bed", "regions": "some.bed"}, {"sites": "all.bed"}]
)
def test_labels_change_nothing_of_what_the_truth_says_of_an_entry(folder, held_to):
    # Labels lie where there is no peak.
    (folder / "labels.tsv").write_text("chrom\tstart\tend\tannotation\nchr2\t24000\t25130\tnoPeaks\n")
    called = pd.DataFrame(epizoo.call_peaks("peak_caller/random", "good.bw"))
    assert set(called["chrom"]) == {"chr1"}
    called[["chrom", "start", "end"]].to_csv("all.bed", sep="\t", header=False, index=False)
    (folder / "some.bed").write_text("chr1\t0\t20000\nchr2\t0\t20000\n")
    options = {"entry": "peak_caller/random", "bigwig": "good.bw", **held_to}
    with_labels = epizoo.evaluate(labels="labels.tsv", **options).figures["callers"]["peak_caller/random 1.0.0"]
    alone = epizoo.evaluate(**options).figures["callers"]["peak_caller/random 1.0.0"]
    what = "sites" if "sites" in held_to else "truth"
    assert json.dumps(with_labels[what]) == json.dumps(alone[what])
    if "regions" not in held_to and what == "truth":
        assert with_labels["truth"]["by_bp"]["recall"] == 1
    labels_alone = epizoo.evaluate(labels="labels.tsv", entry="peak_caller/random", bigwig="good.bw").figures
    assert with_labels["labels"]["wrong"] == labels_alone["callers"]["peak_caller/random 1.0.0"]["labels"]["wrong"]


def test_an_entry_calls_around_labels_as_far_as_its_rule_sees(random_zoo, tmp_path, monkeypatch):
    from epizoo.jobs import evaluate as job

    labels = pd.DataFrame({"chrom": ["chr1"], "start": [10_000], "end": [11_000], "annotation": ["peaks"]})
    seen = []
    monkeypatch.setattr(job, "MARGIN_BP", 1_000)
    monkeypatch.setattr(job, "call_peaks", lambda entry, **options: seen.append(options["regions"]) or called)
    called = epizoo.call_peaks(random_zoo.folder / "peak_caller/random", random_zoo.bigwig)
    entry = epizoo.load_peak_caller(random_zoo.folder / "peak_caller/random")
    caller = job._caller_of_entry(entry, {"bigwig": random_zoo.bigwig}, tmp_path, Truth(labels), {})
    caller.peaks({})
    margin_bp = entry.config.calling.background_bp
    assert margin_bp > 1_000
    assert seen[0]["start"].tolist() == [max(10_000 - margin_bp, 0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peaks", "mine=mine.bed"], "labels, true intervals"),
        (["--labels", "labels.tsv"], "no caller"),
        (["--peaks", "mine=mine.bed", "--labels", "odd.tsv"], r"odd\.tsv: line 2: .*'enriched'"),
        (["--peaks", "mine.bed", "--labels", "labels.tsv"], r"'mine\.bed'"),
        (
            ["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--metrics", "labels.tsv"],
            r"labels\.tsv: .*overwrite",
        ),
        (["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--picture", "x.jpg"], r"\.jpg\b"),
        (["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--regions", "truth.bed"], "--regions: "),
        (["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--probabilities", "b=x.bw"], r"\bb\b.*--peaks"),
        (["--entry", "peak_caller/random", "--labels", "labels.tsv"], "--entry: .*--bigwig"),
        (["--peaks", "a={donor}.bed", "--labels", "labels.tsv"], "'donor'"),
        (["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--signal-kind", "cpm"], "--signal-kind: .*--entry"),
        (["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--backend", "jax"], "--backend: .*--entry"),
        (["--peaks", "a=mine.bed", "--labels", "labels.tsv", "--top", "5"], "--top: .*--truth"),
        (
            ["--entry", "chromatin_states/encode-10", "--bigwig", "good.bw", "--labels", "labels.tsv"],
            "encode-10: .*does not call peaks",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused(folder, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["--entry", "peak_caller/random", "--bigwig", "good.bw"], "good.bw"),
        (["--entry", "peak_caller/random", "--bigwig", "{sample}.bw"], "good.bw"),
        (["--entry", "peak_caller/random", "--bigwig", "good.bw", "--known-regions", "truth.bed"], "truth.bed"),
        (["--entry", "peak_caller/random", "--bigwig", "good.bw", "--control", "control.bw"], "control.bw"),
        (["--entry", "peak_caller/random", "--bigwig", "good.bw"], "peak_caller/random/model.yaml"),
        (["--peaks", "a=calls/{sample}.bed"], "calls/good.bed"),
        (["--peaks", "a=mine.bed", "--probabilities", "a={sample}.bw"], "good.bw"),
    ],
)
def test_no_output_replaces_an_input(folder, arguments, file):
    (folder / "calls").mkdir()
    for name in ("calls/good.bed", "control.bw"):
        (folder / name).write_text("chr1\t1100\t1900\tp\t7\n")
    before = (folder / file).read_bytes()
    result = run(*arguments, "--labels", "labels.tsv", "--metrics", file)
    assert result.exit_code == 2
    assert re.search(f"{file}: .*overwrite an input", result.stderr)
    assert (folder / file).read_bytes() == before


def test_few_loci_and_no_peaks_are_not_certainties(folder):
    (folder / "empty.bed").write_text("")
    given = ["--peaks", "mine=mine.bed", "--peaks", "none=empty.bed", "--labels", "labels.tsv"]
    result = run(*given, "--truth", "truth.bed", "--sites", "truth.bed", "--metrics", "x.json")
    assert result.exit_code == 0, result.output
    assert "50.0% (–)" in result.stdout
    assert "– of draws" in result.stdout
    assert "nan" not in result.stdout
    assert "No interval, –: fewer than 5 loci are too few to draw from." in result.stdout
    assert "fewer than 5 blocks of 2 Mb are too few" in result.stdout
    figures = json.loads((folder / "x.json").read_text())["callers"]["mine"]
    assert figures["labels"]["wrong_labels"] == {"value": 0.5, "low": None, "high": None}


def test_an_entry_that_calls_no_peaks_is_refused_in_python_too():
    with pytest.raises(InputError, match="does not call peaks"):
        epizoo.evaluate(entry=epizoo.load("chromatin_states/encode-10"), bigwig="x.bw", labels=None)

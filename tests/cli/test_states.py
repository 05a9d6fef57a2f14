"""The commands about segmentations and models of states: tables, pictures, refusals in one sentence."""

import re

import numpy as np
import pandas as pd
import pytest
from random_entries import MARKS
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app

ANNOTATOR = "chromatin_states/random"


@pytest.fixture
def folder(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chromatin_states").symlink_to(random_zoo.folder / "chromatin_states")
    (tmp_path / "marks").symlink_to(random_zoo.marks)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "b.bed").write_text("chr1\t400\t9000\n")
    (tmp_path / "annotations" / ".hidden").write_text("no interval\n")
    (tmp_path / "a.bed").write_text("chr2\t1000\t1500\nchr1\t0\t10\n")
    (tmp_path / "b.bed").write_text("chr2\t1000\t1500\n")
    (tmp_path / "far.bed").write_text("chr9\t1000\t1500\n")
    (tmp_path / "tss.txt").write_text("chr1\t4000\t+\nchr1\t9000\t-\n")
    (tmp_path / "segments.bed").write_text("chr1\t0\t400\tE1\nchr1\t400\t20000\tE2\nchr2\t0\t2000\tE1\n")
    (tmp_path / "e.txt").write_text("State\tA\tB\n1\t0.5\t0.25\n")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_enrichment_of_chromhmms_segments(folder):
    result = run("enrichment", "segments.bed", "--over", "a.bed", "annotations", "-o", "t.tsv", "--picture", "t.svg")
    assert result.exit_code == 0, result.output
    table = pd.read_csv("t.tsv", sep="\t", index_col=0)
    assert list(table.columns) == ["Genome %", "a.bed", "b.bed"]
    assert table.loc["1"].tolist() == pytest.approx([100 * 24 / 220, 220 / 24, 0], abs=1e-5)
    assert ">b</text>" in (folder / "t.svg").read_text()


def test_neighbourhood_of_an_annotation_in_its_entrys_order(folder):
    assert run("annotate", ANNOTATOR, "--binarized", "marks", "-o", "states.bed").exit_code == 0
    result = run(
        "neighborhood", "states.bed", "--anchors", "tss.txt", "--entry", ANNOTATOR, "-o", "t.tsv", "--picture", "t.png",
        "--left", 2, "--right", 3,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    table = pd.read_csv("t.tsv", sep="\t", index_col=0)
    assert list(table.columns) == ["-400", "-200", "0", "200", "400", "600"]
    assert list(table.index) == sorted(table.index)
    assert (folder / "t.png").stat().st_size > 1000


def test_anchors_that_lie_in_no_state_are_not_counted(folder):
    (folder / "tss.txt").write_text("chr1\t4000\t+\nchr1\t9000\t-\nchr1\t20000\t-\nchr2\t99000\t+\nchr9\t10\t+\n")
    result = run("neighborhood", "segments.bed", "--anchors", "tss.txt", "-o", "t.tsv")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "fold enrichment of 2 states around 5 anchors, of which 2 lie in a state." in said
    assert "tss.txt: 2 of 5 anchors lie past the last state of their chromosome in segments.bed" in said


def test_segmentations_are_compared(folder):
    (folder / "other.bed").write_text("chr1\t0\t400\tE2\nchr1\t400\t20000\tE1\n")
    result = run(
        "compare-states", "segments.bed", "other.bed", "-o", "t.tsv", "--per-state", "s.tsv", "--picture", "t.pdf"
    )
    assert result.exit_code == 0, result.output
    assert "Adjusted Rand index 1.0000; 0.00% of the bp have the same state" in result.output
    assert pd.read_csv("t.tsv", sep="\t", index_col=0).to_numpy().tolist() == [[0, 400], [19600, 0]]
    assert pd.read_csv("s.tsv", sep="\t", index_col=0)["best_jaccard"].tolist() == [1, 1]
    assert (folder / "t.pdf").stat().st_size > 1000


def test_states_of_the_zoo_are_in_the_order_of_their_model(folder):
    (folder / "named.bed").write_text("chr1\t0\t400\tQuies\nchr1\t400\t20000\tTssA\n")
    assert run("enrichment", "named.bed", "--over", "a.bed", "-o", "t.tsv").exit_code == 0
    table = pd.read_csv("t.tsv", sep="\t", index_col=0)
    assert list(table.index) == ["TssA", "Quies", "Base"]
    assert table.loc["Quies", "Genome %"] == pytest.approx(2)
    assert run("compare-states", "named.bed", "named.bed", "-o", "t.tsv").exit_code == 0
    table = pd.read_csv("t.tsv", sep="\t", index_col=0)
    assert list(table.index) == list(table.columns) == ["TssA", "Quies"]
    assert table.to_numpy().tolist() == [[19600, 0], [0, 400]]


def test_models_are_compared_and_drawn(folder):
    labels = [f"{state + 1}_S{state}" for state in range(4)]
    rows = [["State", *MARKS]]
    emission = epizoo.load(ANNOTATOR).parameters().emission
    rows += [[label, *map(str, values)] for label, values in zip(labels, emission.tolist(), strict=True)]
    (folder / "emissions_4.txt").write_text("".join("\t".join(row) + "\n" for row in rows))
    result = run("compare-models", ANNOTATOR, "emissions_4.txt", ANNOTATOR, "-o", "t.tsv", "--picture", "t.png")
    assert result.exit_code == 0, result.output
    table = pd.read_csv("t.tsv", sep="\t", index_col=0)
    assert list(table.index) == labels
    np.testing.assert_allclose(table, 1, atol=1e-5)
    result = run("plot-model", ANNOTATOR, "-o", "e.svg", "--transitions", "t.svg")
    assert result.exit_code == 0, result.output
    assert all(mark in (folder / "e.svg").read_text() for mark in MARKS)
    assert labels[0] in (folder / "t.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["compare-states", "segments.bed", "segments.bed", "-o", "segments.bed"],
            r"segments\.bed: .*overwrite",
        ),
        (["compare-models", ANNOTATOR, "emissions_9.txt", "-o", "t.tsv"], r"emissions_9\.txt: no such file"),
        (["compare-models", ANNOTATOR, "tss.txt", "-o", "t.tsv"], r"tss\.txt: line 2\b"),
        (["plot-model", "e.txt", "-o", "t.png", "--transitions", "u.png"], r"e\.txt: .*emissions"),
        (["plot-model", "e.txt", "-o", "t.jpg"], r"\.png, \.svg"),
        (["plot-model", "no/entry", "-o", "t.png"], "no/entry"),
        (["enrichment", "segments.bed", "--over", "a.bed", "-o", "a.bed"], r"a\.bed: .*overwrite an input"),
        (["enrichment", "segments.bed", "--over", "far.bed", "-o", "t.tsv"], r"far\.bed: .*intervals"),
        (["enrichment", "segments.bed", "--over", "b.bed", "annotations", "-o", "t.tsv"], "name"),
        (["enrichment", "segments.bed", "--over", "b.bed", "-o", "t.tsv", "--picture", "t.gif"], r"\.png, \.svg"),
        (["enrichment", "tss.txt", "--over", "a.bed", "-o", "t.tsv"], r"tss\.txt: line 1\b"),
        (["enrichment", "a.bed", "--over", "a.bed", "-o", "t.tsv"], r"a\.bed: .*four.* columns"),
        (["neighborhood", "segments.bed", "--anchors", "far.bed", "-o", "t.tsv"], "anchors: "),
        (["neighborhood", "segments.bed", "--anchors", "no.bed", "-o", "t.tsv"], r"no\.bed: no such file"),
    ],
)
def test_bad_input_is_told_in_one_sentence(folder, arguments, message):
    before = {path: path.read_bytes() for path in folder.glob("*.bed")}
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert re.search(message, result.output)
    assert "Traceback" not in result.output
    assert {path: path.read_bytes() for path in folder.glob("*.bed")} == before
    assert not (folder / "t.tsv").exists()

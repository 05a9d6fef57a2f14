"""The states of regions, beside bedtools; enrichments over genes, with p-values and signal weights."""

import itertools
import logging
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.jobs.states_of import states_of
from epizoo.metrics.enrichment import enrichment_p_values
from epizoo.metrics.segmentations import read_segmentation

CHROMHMM = Path("/usr/share/java/chromhmm.jar")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Segments of four states on two chromosomes, with a gap."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for chrom, size in (("chr1", 60_000), ("chr2", 40_000)):
        edges = [0, *(200 * np.sort(rng.choice(size // 200 - 1, 60, replace=False) + 1)).tolist(), size]
        states = itertools.cycle([1, 3, 2, 4, 1, 2])
        rows += [f"{chrom}\t{a}\t{b}\tE{next(states)}\n" for a, b in itertools.pairwise(edges)]
    del rows[10]
    (tmp_path / "segments.bed").write_text("".join(rows))
    return tmp_path


def write_regions(path, n=50, summits=True):
    rng = np.random.default_rng(1)
    rows = []
    for number in range(n):
        chrom = ("chr1", "chr2")[rng.integers(2)]
        start, width = int(rng.integers(0, 41_000)), int(rng.integers(1, 3_000))
        more = f"\t0\t.\t1\t-1\t-1\t{rng.integers(width)}" if summits else ""
        rows.append(f"{chrom}\t{start}\t{start + width}\tr{number}{more}\n")
    path.write_text("".join(rows))


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="needs bedtools")
@pytest.mark.parametrize("summits", [True, False])
def test_shares_and_summits_are_those_of_bedtools(folder, summits):
    write_regions(folder / "peaks.narrowPeak", summits=summits)
    found = states_of("peaks.narrowPeak", read_segmentation("segments.bed"), folder / "t.tsv")
    command = ["bedtools", "intersect", "-wao", "-a", "peaks.narrowPeak", "-b", "segments.bed"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    shares = {name: dict.fromkeys("1234", 0.0) for name in found["name"]}
    at = dict.fromkeys(found["name"], ".")
    for line in lines:
        fields = line.split("\t")
        start, end, n_bp = int(fields[1]), int(fields[2]), int(fields[-1])
        summit = start + int(fields[9]) if summits else (start + end) // 2
        if n_bp:
            state = fields[-2][1:]
            shares[fields[3]][state] += n_bp / (end - start)
            if int(fields[-4]) <= summit < int(fields[-3]):
                at[fields[3]] = state
    assert found["state"].tolist() == list(at.values())
    np.testing.assert_allclose(found[list("1234")].to_numpy(), [list(one.values()) for one in shares.values()])
    written = pd.read_csv(folder / "t.tsv", sep="\t", dtype={"state": str})
    assert list(written.columns) == ["chrom", "start", "end", "name", "place", "state", "1", "2", "3", "4"]
    assert written["state"].tolist() == found["state"].tolist()


def test_the_command_writes_the_table(folder):
    write_regions(folder / "peaks.bed", summits=False)
    result = CliRunner().invoke(app, ["states-of", "peaks.bed", "segments.bed", "-o", "t.tsv"])
    assert result.exit_code == 0, result.output
    assert "the states of 50 regions" in result.output


def test_regions_of_another_assembly_are_said_or_refused(folder, caplog):
    segmentation = read_segmentation("segments.bed")
    (folder / "far.bed").write_text("chr1\t100\t200\nchr1\t900000\t900100\n")
    with caplog.at_level(logging.WARNING, "epizoo"):
        assert states_of("far.bed", segmentation)["state"].tolist()[1] == "."
    assert any("1 of 2 intervals lie past the last state" in text for text in caplog.messages)
    (folder / "other.bed").write_text("II\t100\t200\n")
    with pytest.raises(InputError, match=r"other\.bed: none of its chromosomes \(II"):
        states_of("other.bed", segmentation)
    (folder / "ensembl.bed").write_text("1\t100\t200\n")
    with caplog.at_level(logging.WARNING, "epizoo"):
        assert states_of("ensembl.bed", segmentation)["state"].tolist() == ["1"]
    assert any("1 is taken for chr1" in text for text in caplog.messages)


@pytest.mark.skipif(not (CHROMHMM.exists() and shutil.which("java")), reason="needs ChromHMM and Java")
def test_signal_weights_are_chromhmms(folder):
    rng = np.random.default_rng(2)
    (folder / "coords").mkdir()
    for name in ("a.bed", "b.bed"):
        rows = []
        for _ in range(80):
            start = int(rng.integers(0, 39_000))
            rows.append(f"chr{rng.integers(1, 3)}\t{start}\t{start + rng.integers(1, 900)}\t{rng.random():.3f}\n")
        (folder / "coords" / name).write_text("".join(rows))
    command = [
        "java",
        "-jar",
        CHROMHMM,
        "OverlapEnrichment",
        "-signal",
        "-noimage",
        "segments.bed",
        "coords",
        "expected",
    ]
    subprocess.run(command, check=True, capture_output=True)
    result = CliRunner().invoke(app, ["enrichment", "segments.bed", "--over", "coords", "--signal", "-o", "found.txt"])
    assert result.exit_code == 0, result.output
    assert (folder / "found.txt").read_text() == (folder / "expected.txt").read_text()


def test_a_weight_that_is_none_is_refused(folder):
    (folder / "a.bed").write_text("chr1\t0\t900\t2\nchr1\t0\t900\tx\n")
    result = CliRunner().invoke(app, ["enrichment", "segments.bed", "--over", "a.bed", "--signal", "-o", "t.txt"])
    assert result.exit_code == 2
    assert "'x' found in the fourth column of interval 2" in result.output


def test_p_values_are_binomial_tails(folder):
    segmentation = read_segmentation("segments.bed")
    write_regions(folder / "a.bed", n=30, summits=False)
    intervals = pd.read_csv("a.bed", sep="\t", header=None, names=["chrom", "start", "end", "name"])
    found = enrichment_p_values(segmentation, {"a": intervals})["a"]
    segments = segmentation.segments
    widths = (segments["end"] - segments["start"]).groupby(segments["state"]).sum()
    counts = dict.fromkeys(range(4), 0)
    for chrom, start, end in intervals[["chrom", "start", "end"]].itertuples(index=False):
        centre = (start + end - 1) // 2
        rows = segments[(segments["chrom"] == chrom) & (segments["start"] <= centre) & (centre < segments["end"])]
        for state in rows["state"]:
            counts[state] += 1
    n = sum(counts.values())
    for state, label in enumerate(segmentation.labels):
        p = widths[state] / widths.sum()
        tail = math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(counts[state], n + 1))
        assert found[label] == pytest.approx(-math.log10(tail), abs=1e-9)


def test_genes_give_annotations_and_anchors(folder):
    genes = [("chr1", 1_001, 9_000, "+"), ("chr1", 20_001, 30_000, "-"), ("chr2", 5_001, 8_000, "+")]
    rows = [f'{chrom[3:]}\tx\ttranscript\t{a}\t{b}\t.\t{s}\t.\ttranscript_id "t{a}";\n' for chrom, a, b, s in genes]
    rows += [f'{chrom[3:]}\tx\texon\t{a}\t{a + 99}\t.\t{s}\t.\ttranscript_id "t{a}";\n' for chrom, a, b, s in genes]
    (folder / "genes.gtf").write_text("".join(rows))
    result = CliRunner().invoke(
        app, ["enrichment", "segments.bed", "--over", "genes.gtf", "-o", "t.tsv", "--p-values", "p.tsv"]
    )
    assert result.exit_code == 0, result.output
    table = pd.read_csv("t.tsv", sep="\t", index_col=0)
    assert list(table.columns) == ["Genome %", "TSS", "TES", "exons", "genes", "promoters"]
    assert list(pd.read_csv("p.tsv", sep="\t", index_col=0).columns) == list(table.columns)[1:]
    for part, anchors in (
        ("TSS", "chr1\t1000\t+\nchr1\t29999\t-\nchr2\t5000\t+\n"),
        ("TES", "chr1\t8999\t+\nchr1\t20000\t-\nchr2\t7999\t+\n"),
    ):
        (folder / "anchors.txt").write_text(anchors)
        for name, given in (
            ("found", ["--anchors", "genes.gtf", "--anchor", part]),
            ("wanted", ["--anchors", "anchors.txt"]),
        ):
            done = CliRunner().invoke(app, ["neighborhood", "segments.bed", *given, "-o", f"{name}.tsv"])
            assert done.exit_code == 0, done.output
        assert (folder / "found.tsv").read_text() == (folder / "wanted.tsv").read_text()

"""`epizoo annotate --report`: shares, marks and likelihood by brute force from the files of the run."""

import re

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from hmm_oracles import Model, emission_rows, smooth
from random_entries import MARKS
from report_pages import excerpts, table
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.genome.marks import BinarizedChromosome, write_binarized


@pytest.fixture
def annotator(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return random_zoo.folder / "chromatin_states/random"


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def write_cell(cell, chroms, seed=0):
    """Binarised marks, in some bins of which the last mark is missing."""
    rng = np.random.default_rng(seed)
    found = {chrom: (rng.random((n, len(MARKS))) < 0.3).astype(np.uint8) for chrom, n in chroms.items()}
    for chrom, values in found.items():
        values[: len(values) // 4, -1] = 2
        write_binarized(f"marks/{cell}_{chrom}_binary.txt", BinarizedChromosome(cell, chrom, MARKS, values))
    return found


def log_likelihood(entry, chromosomes):
    """By forward-backward in plain NumPy, bin by bin."""
    model = Model(*entry.parameters())
    rows = [emission_rows(model, np.where(values == 2, np.nan, values)) for values in chromosomes.values()]
    return sum(smooth(model, of_chrom).log_likelihood for of_chrom in rows)


def test_figures_are_those_of_the_run(annotator, tmp_path):
    (tmp_path / "marks").mkdir()
    cells = {"A": write_cell("A", {"chr1": 300, "chr2": 40}), "B": write_cell("B", {"chr1": 90}, 1)}
    run("annotate", annotator, "--binarized", "marks", "-o", "states", "--report", "a.html")
    page, entry = (tmp_path / "a.html").read_text(), epizoo.load(annotator)
    likelihoods = {row[0]: row[1:] for row in table(page, "Likelihood of the marks under the model")[1:]}
    shares = {row[0]: row[1:] for row in table(page, "Share of bins with each mark")[1:]}
    for number, (cell, chromosomes) in enumerate(cells.items()):
        values = np.concatenate(list(chromosomes.values()))
        assert likelihoods[cell][0] == str(len(values))
        assert float(likelihoods[cell][1]) == pytest.approx(log_likelihood(entry, chromosomes), abs=0.05)
        for mark, column in zip(MARKS, values.T, strict=True):
            present = (column == 1).sum() / (column < 2).sum()
            assert shares[mark][number].startswith(f"{100 * present:.1f}%")
            assert ("missing in" in shares[mark][number]) == (mark == MARKS[-1])
        bed = pd.read_csv(tmp_path / f"states/{cell}.bed", sep="\t", header=None)
        lengths = (bed[2] - bed[1]).groupby(bed[3]).sum()
        found = {row[0]: row[2] for row in table(page, f"States of {cell}")[1:]}
        assert {name: int(bp.replace(",", "")) for name, bp in found.items() if bp != "0"} == lengths.to_dict()
        for chrom in chromosomes:
            assert epizoo.files.sha256(tmp_path / f"marks/{cell}_{chrom}_binary.txt") in page
    assert {track["name"] for track in excerpts(page)["tracks"]} == {"A: states", "B: states"}
    assert entry.sha256 in page
    assert f"random {entry.version}, {entry.config.model.n_states} states" in page


def write_bigwigs(size):
    for mark in MARKS:
        with pyBigWig.open(f"{mark}.bw", "w") as file:
            file.addHeader([("chr1", size)])
            file.addEntries(["chr1"], [0], ends=[size // 2], values=[4.0])
    return ["--marks", *(f"{mark}={mark}.bw" for mark in MARKS), "--signal-kind", "counts"]


def test_bigwigs_of_marks_are_shown(annotator, tmp_path):
    run("annotate", annotator, *write_bigwigs(9_000), "-o", "one.parquet", "--report", "a.html")
    page = (tmp_path / "a.html").read_text()
    tracks = excerpts(page)["tracks"]
    assert [track["name"] for track in tracks] == [*MARKS, "one: states"]
    assert tracks[0]["parts"][0]["values"][0] == 4
    files = table(page, "Files")[1:]
    assert [row[1] for row in files] == [*(f"{mark}.bw" for mark in MARKS), "one.parquet"]
    assert files[0][3] == epizoo.files.sha256(tmp_path / f"{MARKS[0]}.bw")


def test_a_genome_without_a_whole_bin_is_reported(annotator, tmp_path):
    run("annotate", annotator, *write_bigwigs(150), "-o", "none.bed", "--report", "a.html")
    page = (tmp_path / "a.html").read_text()
    assert (tmp_path / "none.bed").read_text() == ""
    assert {row[2] for row in table(page, "States of none")[1:]} == {"0"}
    assert not re.search(r"\bnan", re.sub(r"<style>.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL))


def test_a_report_of_regions_says_what_is_of_the_whole_chromosomes(annotator, tmp_path):
    words = ["annotate", str(annotator), *write_bigwigs(9_000), "-o", "one.bed", "--report", "a.html"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "of their whole chromosomes" not in (tmp_path / "a.html").read_text()
    assert CliRunner().invoke(app, [*words, "--regions", "chr1:1-1,000"]).exit_code == 0
    assert "of their whole chromosomes" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize("report", ["one.bed", f"{MARKS[0]}.bw", "no/a.html", "regions.bed"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(annotator, tmp_path, report):
    (tmp_path / "regions.bed").write_text("chr1\t0\t1000\n")
    words = ["annotate", str(annotator), *write_bigwigs(9_000), "-o", "one.bed", "--report", report]
    words += ["--regions", "regions.bed"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert report in result.output
    assert not (tmp_path / "one.bed").exists()

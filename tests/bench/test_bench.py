"""`epizoo bench` on small files: entries and folders of peaks, scored on what fixtures declare."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from epizoo.bench import experiments as declared
from epizoo.bench import run as bench_run
from epizoo.bench.experiments import EXPERIMENTS, TRUTHS, Experiment, Stretch
from epizoo.cli.all_commands import app

PEAKS = {
    "input": [("chr1", 1_000, 1_300, 5), ("chr2", 9_000, 9_100, 3)],
    "gaf_1": [("chr1", 1_000 * n, 1_000 * n + 200, 50 - n) for n in range(1, 9)],
    "gaf_2": [("chr1", 1_000 * n + 100, 1_000 * n + 300, 50 - n) for n in range(1, 7)],
    "atac": [("chr1", 2_000, 3_000, 9), ("chr1", 8_000, 9_000, 7)],
    "H3K4me3.tcell.S1": [("chr1", 10_000, 12_000, 9)],
    "tss.H3K4me3.tcell.S1": [("chr1", 10_000, 12_000, 9), ("chr1", 30_000, 30_100, 1)],
}


def bed(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


def table(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False)


@pytest.fixture
def folder(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "peak_caller").symlink_to(random_zoo.folder / "peak_caller")
    data = tmp_path / "data"
    histones = data / declared.HISTONES
    (histones / "coverage").mkdir(parents=True)
    signal = histones / "coverage" / "H3K4me3.tcell.S1.bw"
    signal.symlink_to(random_zoo.bigwig)
    file = "coverage/H3K4me3.tcell.S1.bw"
    table(
        histones / "windows.tsv",
        ["window", "mark", "celltype", "sample", "chrom", "start", "end", "bp", "n_labels", "bw"],
        [("w", "H3K4me3", "tcell", "S1", "chr1", 0, 40_000, 40_000, 2, file)],
    )
    labels = [("H3K4me3", "tcell", "S1", "chr1", 9_000, 13_000, "peaks")]
    labels += [("H3K4me3", "tcell", "S1", "chr1", 11_500, 14_000, "noPeaks")]
    table(histones / "labels.tsv", ["mark", "celltype", "sample", "chrom", "start", "end", "annotation"], labels)
    table(
        data / declared.CONSTITUTIVE_TSS,
        ["chrom", "pos", "bw", "window"],
        [("chr1", 9_500, file, "w"), ("chr1", 20_000, file, "w")],
    )
    table(data / declared.NEARBY_TSS, ["chrom", "pos"], [("chr1", 9_500), ("chr1", 20_000)])
    bed(data / "true.bed", [("chr1", 2_500, 3_500)])
    (data / "genome.fa").write_text(f">chr1\n{'A' * 1_100}GAGAGAG{'A' * 3_000}\n")
    (data / "signal.bw").symlink_to(random_zoo.bigwig)
    made = (
        Experiment(
            "input", "made input", ("controls",), "point", "signal.bw", span=(Stretch("chr1", 0, 500_000),),
            covered_bp=250_000, is_negative=True,
        ),
        *(
            Experiment(f"gaf_{n}", "GAF", ("replicates",), "point", "signal.bw", motif=("GAGAGAG", "genome.fa"))
            for n in (1, 2)
        ),
        Experiment(
            "atac", "HSC", ("depth",), "accessible", "signal.bw", regions=(Stretch("chr1", 0, 20_000),),
            true_peaks="true.bed",
        ),
    )  # fmt: skip
    monkeypatch.setattr(declared, "EXPERIMENTS", made)
    for name, rows in PEAKS.items():
        bed(tmp_path / "mine" / f"{name}.bed", [(chrom, start, end, "p", score) for chrom, start, end, score in rows])
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["bench", "--data", "data", *map(str, arguments)])


def test_files_and_entries_are_scored_side_by_side(folder):
    truths = [part for truth in TRUTHS for part in ("--truth", truth) if truth != "function"]
    outputs = ["-o", "x.json", "--table", "x.tsv", "--picture", "x.png", "--keep", "kept"]
    result = run("--peaks", "mine=mine", "--entry", "peak_caller/random", *truths, *outputs)
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "x.json").read_text())
    assert found["callers"]["peak_caller/random"]["entries"]["any"]["name"] == "peak_caller/random"
    assert found["callers"]["mine"]["files"] == sorted(f"{name}.bed" for name in PEAKS)
    figures = {(row["data"], row["metric"]): row for row in found["figures"] if row["caller"] == "mine"}
    expected = {
        ("made input", "peaks per Mb, none right"): 2 / 0.25,
        ("GAF", "Jaccard index"): 600 / (600 + 600 + 600 + 400),
        ("GAF", "share of peaks that come back"): (6 / 8 + 6 / 6) / 2,
        ("GAF", "rank consistency"): 1.0,
        ("GAF", "share of summits within 100 bp of GAGAGAG"): 2 / 14,
        ("HSC", "F1 by bp"): 2 * 500 / (2_000 + 1_000),
        # The first 20 bins hold all true ones of the first peak, the next 20 none; 10 true ones lie in no peak.
        ("HSC", "average precision by bp"): (10 * 10 / 20 + 10 * 20 / 400) / 20,
        ("H3K4me3", "wrong labels"): 1 / 2,
        ("H3K4me3, all", "recall of constitutive TSS"): 1 / 2,
        ("H3K4me3, all", "share of peaks within 1 kb of a TSS"): 1 / 2,
        ("H3K4me3, all", "peaks per Mb"): 2 / 0.04,
    }
    assert {key: figures[key]["value"] for key in expected} == pytest.approx(expected, abs=1e-6)
    assert len(pd.read_csv(folder / "x.tsv", sep="\t")) == len(found["figures"])
    assert (folder / "x.png").stat().st_size > 10_000
    assert "Negative controls" in result.stdout
    again = run("--peaks", "again=kept/mine", *truths, "-o", "y.json")
    assert again.exit_code == 0, again.output
    repeated = json.loads((folder / "y.json").read_text())["figures"]
    own = ("GAF", "Jaccard index"), ("HSC", "F1 by bp")
    values = {(row["data"], row["metric"]): row["value"] for row in repeated}
    assert {key: values[key] for key in own} == {key: figures[key]["value"] for key in own}


def test_an_entry_is_asked_for_its_assays_alone(folder):
    result = run("--entry", "zoo=point:peak_caller/random", "--truth", "controls", "--truth", "depth", "-o", "x.json")
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "x.json").read_text())
    assert {row["data"] for row in found["figures"]} == {"made input"}
    assert list(found["callers"]["zoo"]["entries"]) == ["point"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no caller given"),
        (["--peaks", "mine=mine", "--truth", "beauty"], "--truth: 'beauty' is unknown; expected one of labels"),
        (["--peaks", "mine=nowhere"], "nowhere: no such folder"),
        (["--entry", "zoo=dots:peak_caller/random"], "--entry: .*NAME=ASSAY:ENTRY"),
        (["--entry", "peak_caller/random", "--peaks", "peak_caller/random=mine"], "is the name of two callers"),
        (["--macs3", "no/macs3"], "no/macs3: cannot be run"),
        (["--peaks", "mine=mine", "-o", "no/x.json"], "no/x.json: cannot be written"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(folder, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message.split(": .*")[0] in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_data_are_named(folder):
    (folder / "data" / "true.bed").unlink()
    result = run("--peaks", "mine=mine", "--truth", "depth")
    assert result.exit_code == 2
    assert "data/true.bed: no such file; --data names the folder of the public data" in result.stderr


def test_n_best_is_the_fewest_of_any_caller_that_gave_five(folder):
    few = folder / "few"
    bed(few / "gaf_1.bed", [("chr1", 100, 200, "p", 1)])
    bed(few / "gaf_2.bed", [("chr1", 100, 200, "p", 1)])
    found = bench_run.bench("data", peaks={"mine": "mine", "few": few}, truths=["replicates"]).figures
    rows = found[found["metric"] == "Jaccard index, N best"].set_index("caller")
    assert rows["counted"].to_dict() == {"mine": "N 6"}


def test_every_experiment_has_a_file_name_of_its_own():
    names = [one.name for one in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all(np.char.isalnum(list(name.replace("_", "").replace(".", ""))).all() for name in names)
    assert {truth for one in EXPERIMENTS for truth in one.truths} < set(TRUTHS)

"""Differences of states: true changes are found, replicates do not differ, and TSS in use are told apart (RAMPAGE)."""

import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.conversion.chromhmm.import_entry import import_model
from epizoo.errors import InputError
from epizoo.figures.state_differences import changed_shares
from epizoo.genome.marks import BinarizedChromosome, decode, write_binarized
from epizoo.jobs.difference_example import most_significant_region
from epizoo.jobs.differences import differences
from epizoo.metrics.state_differences import LEVELS, Certainty, certainty_level
from epizoo.models.hmm.reference import HMMParameters
from epizoo.recipes.state_data import read_codes
from epizoo.states.chromhmm_models import ChromHMMModel, write_model

MARKS = ("H3K4me3", "H3K27ac", "H3K36me3", "H3K27me3")
EMISSION = np.array(
    [[0.9, 0.8, 0.05, 0.02], [0.05, 0.1, 0.85, 0.02], [0.02, 0.02, 0.02, 0.7], [0.01, 0.01, 0.01, 0.02]]
)
CELLS = ("A1", "A2", "B1", "B2")
N_BINS = 12_000


def true_states(rng):
    stretch = np.cumsum(rng.random(N_BINS) < 0.05)
    return rng.integers(0, 4, N_BINS)[stretch]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An entry of a known model, and replicates of two groups that differ in stretches of 20 bins."""
    folder = tmp_path_factory.mktemp("differences")
    rng = np.random.default_rng(0)
    transition = np.full((4, 4), 0.05 / 4) + np.eye(4) * 0.95
    write_model(folder / "model.txt", ChromHMMModel(HMMParameters(np.full(4, 0.25), transition, EMISSION), MARKS))
    first = true_states(rng)
    second = first.copy()
    for start in range(100, N_BINS - 100, 400):
        second[start : start + 20] = (first[start : start + 20] + rng.integers(1, 4)) % 4
    (folder / "marks").mkdir()
    for cell in CELLS:
        states = first if cell[0] == "A" else second
        values = (rng.random((N_BINS, 4)) < EMISSION[states]).astype(np.uint8)
        path = folder / "marks" / f"{cell}_chr1_binary.txt"
        write_binarized(path, BinarizedChromosome(cell, "chr1", MARKS, values))
    (folder / "labels.txt").write_text("1\tTssA\n2\tTx\n3\tReprPC\n4\tQuies\n")
    entry = import_model(
        folder / "model.txt",
        "known",
        folder / "zoo",
        binarized=folder / "marks",
        cell="A1",
        labels=folder / "labels.txt",
    )
    return entry, folder / "marks", first != second


def called(segments):
    found = np.zeros(N_BINS, bool)
    for start, end in segments[["start", "end"]].itertuples(index=False):
        found[start // 200 : end // 200] = True
    return found


@pytest.mark.parametrize("groups", [(("A1", "A2"), ("B1", "B2")), (("A1",), ("B1",))])
def test_true_changes_are_found_and_few_false_ones(world, groups):
    entry, marks, truth = world
    found = called(differences(entry, *groups, marks).segments)
    assert (found & ~truth).sum() <= 0.01 * found.sum() + 2
    assert (found & truth).sum() >= 0.35 * truth.sum()


def test_groups_that_do_not_differ_have_no_differences(world):
    entry, marks, _ = world
    found = called(differences(entry, ("A1", "B1"), ("A2", "B2"), marks).segments)
    assert found.mean() <= 0.01 * 0.05


def test_the_command_writes_segments_and_gains(world, tmp_path):
    entry, marks, truth = world
    starts = 200 * np.flatnonzero(np.diff(truth.astype(int), prepend=0) == 1)
    (tmp_path / "regions.bed").write_text("".join(f"chr1\t{at}\t{at + 4000}\n" for at in starts))
    groups = [word for cell in CELLS for word in ("--first" if cell[0] == "A" else "--second", cell)]
    more = [
        "--regions",
        tmp_path / "regions.bed",
        "--states",
        "Tss,Tx",
        "--flank-bp",
        "0",
        "--gains",
        tmp_path / "gains.tsv",
    ]
    result = CliRunner().invoke(
        app,
        ["differences", str(entry.folder), *groups, "--binarized", str(marks), "-o", str(tmp_path / "d.bed"),
         "--table", str(tmp_path / "d.tsv"), *map(str, more)],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "d.tsv", sep="\t")
    bed = pd.read_csv(tmp_path / "d.bed", sep="\t", header=None)
    assert bed[3].tolist() == [f"{one}>{other}" for one, other in zip(table["first"], table["second"], strict=True)]
    assert (table["first"] != table["second"]).all()
    assert (table["q_value"] <= 0.01).all()
    assert table["probability"].between(0.5, 1).all()
    states = {cell: _states(entry, marks, cell) for cell in ("A1", "B1")}
    gains = pd.read_csv(tmp_path / "gains.tsv", sep="\t")["gain"]
    active = {
        cell: np.array([(one[at // 200 : at // 200 + 20] < 2).mean() for at in starts]) for cell, one in states.items()
    }
    change = active["B1"] - active["A1"]
    assert (np.sign(gains[abs(change) > 0.8]) == np.sign(change[abs(change) > 0.8])).all()


def test_regions_whose_gains_go_nowhere_are_refused(world, tmp_path):
    entry, marks, _ = world
    words = ["differences", entry.folder, "--first", "A1", "--second", "B1", "--binarized", marks]
    words += ["-o", tmp_path / "d.bed", "--regions", tmp_path / "tss.bed", "--states", "Tss"]
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 2
    assert "--regions: given without --gains" in " ".join(result.output.split())
    assert not (tmp_path / "d.bed").exists()


def _states(entry, marks, cell):
    segments = entry.annotate(marks, cell=cell).segments
    return np.repeat(segments["state"].to_numpy(), (segments["end"] - segments["start"]).to_numpy() // 200)


def test_the_picture_shows_shares_and_the_region_that_differs_most(world, tmp_path):
    entry, marks, truth = world
    found = differences(entry, ("A1", "A2"), ("B1", "B2"), marks, picture=tmp_path / "x.svg").segments
    text = (tmp_path / "x.svg").read_text()
    assert {"A1, A2", "B1, B2", "P(differ)", "Changes of state"} <= set(re.findall(r">([^<>]+)</text>", text))
    shares = changed_shares(found, ["TssA", "Tx", "ReprPC", "Quies"])
    assert np.nansum(shares) == pytest.approx(100)
    width = (found["end"] - found["start"]).where((found["first"] == "Tx") & (found["second"] == "Quies")).sum()
    assert shares[1, 3] == pytest.approx(100 * width / (found["end"] - found["start"]).sum())
    region = most_significant_region(found, {"chr1": N_BINS * 200})
    assert f"chr1:{region.start + 1:,}–{region.end:,}" in text
    assert truth[region.start // 200 : region.end // 200].any()


def test_without_differences_the_picture_has_no_region(world, tmp_path):
    entry, marks, _ = world
    found = differences(entry, ("A1", "B1"), ("A2", "B2"), marks, max_false=1e-9, picture=tmp_path / "x.svg").segments
    assert found.empty
    assert "P(differ)" not in (tmp_path / "x.svg").read_text()


def test_q_values_are_shares_counted_level_by_level():
    rng = np.random.default_rng(3)
    first, second = ([rng.dirichlet(np.full(3, 0.1), 500).astype(np.float32) for _ in range(2)] for _ in range(2))
    prior = np.array([0.5, 0.3, 0.2])
    counts = Certainty.nothing(prior)
    between = counts.add(first, second)
    within = np.concatenate([certainty_level(*first, prior), certainty_level(*second, prior)])
    q_values = counts.q_values()
    lowest = 1.0
    for level in range(LEVELS):
        if (between >= level).any():
            lowest = min(lowest, (within >= level).mean() / (between >= level).mean())
        assert q_values[level] == pytest.approx(lowest)


@pytest.mark.parametrize(
    ("first", "second", "settings", "sentence"),
    [
        (["A1"], ["A1"], {}, "A1 in both groups"),
        (["A1"], [], {}, "an empty group"),
        (["A1", "A1"], ["B1"], {}, "first: A1 given twice"),
        (["A1"], ["B1", "B2", "B1"], {}, "second: B1 given twice"),
        (["A1"], ["C"], {}, "no cell type C"),
        (["A1"], ["B1"], {"max_false": 1}, "max_false: 1"),
        (["A1"], ["B1"], {"states": ["Tss"]}, "regions, states"),
        (["A1"], ["B1"], {"flank_bp": -1}, "flank_bp: -1"),
        (["A1"], ["B1"], {"states": ["Enh"], "regions": "r.bed"}, "Enh begins no state"),
    ],
)
def test_groups_and_settings_that_cannot_be_used_are_refused(world, first, second, settings, sentence):
    entry, marks, _ = world
    with pytest.raises(InputError, match=sentence):
        differences(entry, first, second, marks, **settings)


@pytest.mark.data
def test_differential_tss_of_rampage_are_told_apart(data_dir, tmp_path):
    truth = pd.read_csv(data_dir / "truth/rampage_tss/tss_hg19.tsv.gz", sep="\t")
    truth = truth[truth["differential"].isin(["K562_only", "GM12878_only"]) & (truth["chrom"] != "chrX")]
    entry = epizoo.load("chromatin_states/encode-10")
    (tmp_path / "marks").mkdir()
    chroms = ("chr1", "chr2", "chr17", "chr20")
    for cell in ("K562", "GM12878"):
        marks, codes = read_codes(data_dir, cell)
        for chrom in chroms:
            path = tmp_path / "marks" / f"{cell}_{chrom}_binary.txt"
            write_binarized(path, BinarizedChromosome(cell, chrom, marks, decode(codes[chrom], len(marks))))
    truth = truth[truth["chrom"].isin(chroms)]
    rows = truth[["chrom", "pos"]].itertuples(index=False)
    (tmp_path / "tss.bed").write_text("".join(f"{chrom}\t{at}\t{at + 1}\n" for chrom, at in rows))
    found = differences(
        entry, ["GM12878"], ["K562"], tmp_path / "marks", regions=tmp_path / "tss.bed", states=["Tss", "Enh"]
    )
    is_gained = (truth["differential"] == "K562_only").to_numpy()
    rank = found.regions["gain"].rank().to_numpy()
    n_gained, n_lost = is_gained.sum(), (~is_gained).sum()
    assert (rank[is_gained].sum() - n_gained * (n_gained + 1) / 2) / (n_gained * n_lost) >= 0.99

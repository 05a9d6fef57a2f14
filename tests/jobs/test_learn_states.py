"""States are learned from a folder of marks into an entry that annotates, and into ChromHMM's files."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.jobs.learn_states import learn_entry, learn_states
from epizoo.jobs.select_states import compare_plans, select_states
from epizoo.jobs.state_learning_data import read_learning_marks, read_start
from epizoo.states.chromhmm_models import read_model, read_table
from epizoo.states.count_gradients import AdamConfig
from epizoo.states.em import LearningConfig
from epizoo.states.learning_plan import LearningPlan, learn, log_likelihood_per_bin
from epizoo.states.model_selection import bic, n_free_parameters

pytestmark = pytest.mark.usefixtures("without_graphs")

MARKS = ("H3K4me3", "H3K27me3", "CTCF")
EMISSION = np.array([[0.9, 0.05, 0.3], [0.02, 0.8, 0.02], [0.01, 0.02, 0.01]])
QUICK = LearningConfig(max_iterations=40, zero_transitions_below=1e-8)


def write_marks(folder, cells=("A", "B"), chroms=("chr1", "chr2"), n_bins=1600, marks=MARKS):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for cell in cells:
        for chrom in chroms:
            stretch = np.cumsum(rng.random(n_bins) < 0.1)
            states = rng.integers(0, 3, n_bins)[stretch]
            values = (rng.random((n_bins, 3)) < EMISSION[states]).astype(np.uint8)
            columns = [MARKS.index(mark) for mark in marks]
            path = folder / f"{cell}_{chrom}_binary.txt.gz"
            write_binarized(path, BinarizedChromosome(cell, chrom, tuple(marks), values[:, columns]))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_makes_an_entry_that_annotates_and_chromhmms_files(tmp_path, with_graphs):
    marks = write_marks(tmp_path / "marks")
    zoo = tmp_path / "zoo"
    options = ["--states", 3, "--name", "mine", "-o", zoo, "--hold-out", "chr2", "--pseudo-count", 1, "--restarts", 1]
    done = run("learn-states", "--binarized", marks, *options)
    assert done.exit_code == 0, done.output
    entry = epizoo.load(zoo / "chromatin_states" / "mine")
    entry.check_files()
    assert entry.zoo.onnx == "model.onnx"
    # What the data were made with, whatever the order of the states.
    found = entry.parameters().emission
    for row in EMISSION:
        assert np.abs(np.asarray(found) - row).max(axis=1).min() < 0.08
    # The model of ChromHMM's file is that of the entry.
    model = read_model(zoo / "runs" / "mine" / "model_3.txt")
    np.testing.assert_allclose(model.parameters.emission, found, rtol=1e-12)
    names = tuple(state.name for state in entry.config.states)
    rows = read_table(zoo / "runs" / "mine" / "emissions_3.txt").rows
    assert rows == tuple(f"{number}_{name}" for number, name in enumerate(names, start=1))
    held_out = [metric for metric in entry.zoo.metrics if "never seen" in metric.on]
    assert [metric.on.split(",")[0] for metric in held_out] == ["A", "B"]
    assert entry.zoo.trained_on.held_out_chromosomes == ["chr2"]
    assert not list((zoo / "runs" / "mine").glob("*.checkpoint"))
    annotated = run("annotate", entry.folder, "--binarized", marks, "--cell", "A", "-o", tmp_path / "states.bed")
    assert annotated.exit_code == 0, annotated.output
    assert set(pd.read_csv(tmp_path / "states.bed", sep="\t", header=None)[3]) <= set(names)
    again = run("learn-states", "--binarized", marks, *options)
    assert again.exit_code == 2
    assert "exists already" in again.output


def test_known_states_keep_their_names_and_the_entry_says_how_well_they_are_found(tmp_path):
    marks, zoo, known = write_marks(tmp_path / "marks", cells=("A",)), tmp_path / "zoo", tmp_path / "known.bed"
    # As in write_marks, which draws chr1 first.
    rng = np.random.default_rng(0)
    stretch = np.cumsum(rng.random(1600) < 0.1)
    states = rng.integers(0, 3, 1600)[stretch]
    names = ["Mine", "TssA", "Quies"]
    rows = [f"chr1\t{200 * i}\t{200 * i + 200}\t{names[state]}\n" for i, state in enumerate(states)]
    known.write_text("".join(rows[:600]))
    options = ["--algorithm", "gradient", "--steps", 60, "--pseudo-count", 1, "--known-states", known]
    done = run("learn-states", "--binarized", marks, "--states", 4, *options, "--name", "mine", "-o", zoo)
    assert done.exit_code == 0, done.output
    assert "after 60 steps" in done.output
    for name, n_bins in zip(*np.unique(np.array(names)[states[:600]], return_counts=True), strict=True):
        assert f"{name} in {n_bins}" in done.output
    entry = epizoo.load(zoo / "chromatin_states" / "mine")
    found = {state.name: row for state, row in zip(entry.config.states, entry.parameters().emission, strict=True)}
    assert len(found) == 4
    for name, row in zip(names, EMISSION, strict=True):
        np.testing.assert_allclose(found[name], row, atol=0.1)
    (share,) = [metric.value for metric in entry.zoo.metrics if metric.name == "share of bins with their known state"]
    assert share > 0.85
    assert entry.zoo.training["known_states"]["Mine"] == (states[:600] == 0).sum()
    assert "known.bed" in entry.zoo.training["data_sha256"]


@pytest.mark.parametrize("algorithm", ["em", "squarem", "incremental", "gradient"])
def test_a_killed_run_resumes_with_the_same_result(tmp_path, algorithm):
    data = read_learning_marks(write_marks(tmp_path / "marks"))
    plan = LearningPlan(3, algorithm, config=QUICK, adam=AdamConfig(n_steps=40, batch_bins=2000, chunk_bins=500))
    whole = learn_entry(data, plan, "whole", tmp_path / "zoo")
    calls = []

    def kill(*progress):
        calls.append(progress)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_entry(data, plan, "killed", tmp_path / "zoo", report=kill)
    with pytest.raises(InputError, match="--resume"):
        learn_entry(data, plan, "killed", tmp_path / "zoo")
    resumed = learn_entry(data, plan, "killed", tmp_path / "zoo", resume=True)
    assert resumed.sha256 == whole.sha256


def test_learning_goes_on_from_a_chromhmm_model_and_from_an_entry(tmp_path):
    data = read_learning_marks(write_marks(tmp_path / "marks"))
    entry = learn_entry(data, LearningPlan(3, config=QUICK), "first", tmp_path / "zoo")
    of_file = read_start(str(tmp_path / "zoo" / "runs" / "first" / "model_3.txt"), data.marks).parameters
    of_entry = read_start(str(entry.folder), data.marks).parameters
    for array, other in zip(of_file, of_entry, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-9, atol=1e-300)
    learned = learn(data.sequences, LearningPlan(3, "em", of_file, config=QUICK))
    assert learned.trajectory[0] == pytest.approx(entry.zoo.training["log_likelihood"], abs=1e-3)
    with pytest.raises(InputError, match=r"expected 4\D+3\b"):
        learn(data.sequences, LearningPlan(4, "em", of_file))
    with pytest.raises(InputError, match="agree"):
        read_start("chromatin_states/encode-10", data.marks)


def test_selection_finds_the_number_of_states_that_the_data_were_made_with(tmp_path):
    data = read_learning_marks(write_marks(tmp_path / "marks", n_bins=4000))
    plans = [LearningPlan(number, start="random", restarts=3, config=QUICK) for number in (2, 3, 4)]
    table = compare_plans(data, plans, tmp_path / "out", held_out=["chr2"])
    assert table["bic"].idxmin() == 3
    assert table["held_out_per_bin"].idxmax() in (3, 4)
    assert table.loc[4, "median_recovery"] == pytest.approx(1)
    assert (tmp_path / "out" / "selection.png").stat().st_size > 5_000
    assert [row["states"] for row in json.loads((tmp_path / "out" / "selection.json").read_text())] == [2, 3, 4]
    model = read_model(tmp_path / "out" / "model_3.txt")
    training, left_out = data.split(["chr2"])
    assert log_likelihood_per_bin(model.parameters, left_out) == pytest.approx(table.loc[3, "held_out_per_bin"])
    n_bins = sum(len(one.marks.codes) for one in training)
    expected = bic(table.loc[3, "log_likelihood"], n_free_parameters(model.parameters), n_bins)
    assert table.loc[3, "bic"] == pytest.approx(expected)


def test_numbers_of_states_are_not_compared_on_a_single_mark(tmp_path):
    data = read_learning_marks(write_marks(tmp_path / "marks", cells=("A",), marks=MARKS[:1]))
    with pytest.raises(InputError, match="two or more"):
        compare_plans(data, [LearningPlan(2, config=QUICK)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_cell_types_may_have_their_marks_in_another_order(tmp_path):
    folder = write_marks(tmp_path / "marks", cells=("A",))
    other = write_marks(tmp_path / "other", cells=("A",), marks=MARKS[::-1])
    first, second = read_learning_marks(folder), read_learning_marks(other)
    assert (first.marks, second.marks) == (MARKS, MARKS[::-1])
    shutil.rmtree(other)
    for path in write_marks(other, cells=("B",), marks=MARKS[::-1]).iterdir():
        path.rename(folder / path.name)
    both = read_learning_marks(folder)
    assert both.cells == ["A", "B"]
    for one, again in zip(both.sequences[:2], both.sequences[2:], strict=True):
        np.testing.assert_array_equal(one.marks.marks[one.marks.codes], again.marks.marks[again.marks.codes])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--states", 30], r"allows? only"),
        (["--states", 3, "--hold-out", "chr9"], "chr9 "),
        (["--states", 3, "--hold-out", "chr1,chr2"], "nothing is left"),
        (["--states", 3, "--algorithm", "magic"], "em, squarem, incremental"),
        (["--states", 3, "--algorithm", "incremental", "--restarts", 2], "one start"),
        (["--states", 3, "--algorithm", "gradient", "--restarts", 2], "one start"),
        (
            ["--states", 3, "--algorithm", "gradient", "--tolerance", 0.1],
            "tolerance: given with algorithm gradient",
        ),
        (["--states", 3, "--algorithm", "gradient", "--max-iterations", 9], "em, squarem"),
        (["--states", 3, "--steps", 9], "steps: given with algorithm em, but it belongs to gradient"),
        (["--states", 3, "--learning-rate", 0.1], "learning_rate: given"),
        (["--states", 3, "--batch-bins", 100], "batch_bins: given"),
        (["--states", 3, "--known-states", "A=x.bed"], "known_states: given with algorithm em"),
        (["--states", 3, "--algorithm", "gradient", "--batch-bins", 0], "batch_bins is 0"),
        (["--states", 3, "--algorithm", "gradient", "--known-states", "x.bed"], "give A=x.bed, and one file for each"),
        (["--states", 3, "--algorithm", "gradient", "--known-states", "A=x.bed"], "x.bed: no such file"),
        (["--states", 0], "expected 1 or more"),
        (["--states", 3, "--init", "nothing.txt"], "nothing.txt"),
        (["--states", 3, "--threshold", 2], "belongs to marks"),
        (["--states", 3, "--cell", "C"], "no cell type C"),
        (["--states", 3, "--pseudo-count", -1], "expected 0 or more"),
    ],
)
def test_bad_requests_are_one_sentence_and_leave_no_entry(tmp_path, arguments, message):
    marks = write_marks(tmp_path / "marks")
    done = run("learn-states", "--binarized", marks, *arguments, "--name", "mine", "-o", tmp_path / "zoo")
    assert done.exit_code == 2
    assert re.search(message, " ".join(done.output.split()))
    assert not (tmp_path / "zoo" / "chromatin_states").exists()
    assert not (tmp_path / "zoo" / "runs" / "mine").exists()


def test_files_of_other_marks_are_named(tmp_path):
    folder = write_marks(tmp_path / "marks", cells=("A",))
    values = np.zeros((5, 1), np.uint8)
    write_binarized(folder / "B_chr1_binary.txt.gz", BinarizedChromosome("B", "chr1", ("H3K9ac",), values))
    with pytest.raises(InputError, match=r"B_chr1_binary\.txt\.gz.*H3K9ac.*A_chr1"):
        read_learning_marks(folder)


def test_a_mark_that_training_never_saw_does_not_lose_the_run(tmp_path):
    folder = write_marks(tmp_path / "marks", cells=("A",))
    unseen = np.array([[0, 1, 1]] * 50, np.uint8)
    write_binarized(folder / "A_chr3_binary.txt.gz", BinarizedChromosome("A", "chr3", MARKS, unseen))
    blank = np.zeros((400, 3), np.uint8)
    blank[::7, 0] = 1
    for chrom in ("chr1", "chr2"):
        write_binarized(folder / f"A_{chrom}_binary.txt.gz", BinarizedChromosome("A", chrom, MARKS, blank))
    data = read_learning_marks(folder)
    plan = LearningPlan(2, start="random", config=QUICK)
    entry = learn_entry(data, plan, "mine", tmp_path / "zoo", held_out=["chr3"])
    never_seen = next(metric for metric in entry.zoo.metrics if "never seen" in metric.on)
    # As in ChromHMM, what no state shows has the probability 1e-300 in all of them.
    assert never_seen.value == pytest.approx(np.log(1e-300), rel=0.01)


def test_the_function_does_what_the_command_does(tmp_path, monkeypatch):
    marks, known = write_marks(tmp_path / "marks"), tmp_path / "known.bed"
    known.write_text("chr1\t0\t4000\tMine\n")
    options = {"algorithm": "gradient", "steps": 5, "pseudo_count": 1.0, "cell": "A", "seed": 3, "batch_bins": 500}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    words += ["--binarized", marks, "--known-states", known, "--hold-out", "chr2"]
    assert run("learn-states", "--states", 3, "--name", "x", "-o", tmp_path / "a", *words).exit_code == 0
    entry = learn_states(3, "x", tmp_path / "b", binarized=marks, known_states=known, hold_out=["chr2"], **options)
    assert epizoo.load(tmp_path / "a" / "chromatin_states" / "x").sha256 == entry.sha256
    assert entry.zoo.training["command"] == "epizoo.learn_states"
    few = {"binarized": marks, "max_iterations": 3, "hold_out": ["chr2"]}
    table = select_states(2, tmp_path / "c", to=3, **few)
    assert table.index.tolist() == [2, 3]
    with pytest.raises(InputError, match="to: 1 found"):
        select_states([2], tmp_path / "d", to=1, **few)
    with pytest.raises(InputError, match="binarized, table, marks: none given"):
        learn_states(3, "y", tmp_path / "b")
    with pytest.raises(InputError, match="binarized and marks given"):
        select_states(3, tmp_path / "d", binarized=marks, marks={"A": "a.bw"})


def test_a_start_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="start: 'nonsense'"):
        LearningPlan(3, start="nonsense")

import json
import re

import numpy as np
import pytest
import yaml
from random_entries import write_marks
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import EntryError, InputError
from epizoo.finetuning.new_cell_type import StateData
from epizoo.finetuning.state_movement import MOVED
from epizoo.jobs.finetune import finetune
from epizoo.jobs.finetune_states import split_chromosomes
from epizoo.validation import parse
from epizoo.zoo import load
from epizoo.zoo.description import Metric
from epizoo.zoo.new_entries import write_metrics

pytestmark = pytest.mark.usefixtures("without_graphs")


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    return write_marks(tmp_path_factory.mktemp("new") / "marks", seed=5)


def write_yaml(folder, marks, **keys):
    path = folder / "new.yaml"
    content = {"cell_type": "another", "binarized": str(marks)} | keys
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return path


@pytest.fixture(scope="module")
def base(random_zoo):
    return load(random_zoo.folder / "chromatin_states/random")


@pytest.fixture(scope="module")
def tuned(base, marks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return finetune(base, write_yaml(folder, marks), "another", folder / "zoo", strength=5.0)


def test_the_result_keeps_states_and_describes_the_new_marks_better(tuned, base, marks):
    assert tuned.name == "chromatin_states/another"
    assert tuned.config == base.config
    # chr2 is what the pretrained entry held out, so it is held out again.
    assert tuned.zoo.trained_on.held_out_chromosomes == ["chr2"]
    metric = tuned.zoo.metrics[0]
    assert metric.value > metric.compared_with["chromatin_states/random 1.0.0"]
    here, there = tuned.annotate(marks), base.annotate(marks)
    assert here.log_likelihood > there.log_likelihood
    assert [one.name for one in tuned.zoo.lineage] == ["chromatin_states/random"]


def test_metrics_that_are_no_finite_numbers_are_text(tmp_path):
    row = {"name": "log-likelihood", "value": -np.inf, "on": "chr1", "compared_with": {"base": np.nan, "other": 2.5}}
    write_metrics(tmp_path, [row, {"name": "share", "value": 0.5, "on": "chr1"}])
    first, second = parse(list[Metric], json.loads((tmp_path / "metrics.json").read_text()), "metrics", EntryError)
    assert (first.value, first.compared_with) == ("-inf", {"base": "nan", "other": 2.5})
    assert second.value == 0.5


def test_what_is_held_out_is_the_users_to_say(base, marks):
    def split(found, **keys):
        return split_chromosomes(base, StateData(cell_type="x", binarized=marks, **keys), found, "new.yaml")

    assert split(["chr1", "chr2"]) == (["chr1"], ["chr2"])
    assert split(["chr1", "chr2"], held_out_chromosomes=[]) == (["chr1", "chr2"], [])
    assert split(["chr2"]) == (["chr2"], [])
    assert split(["chr1", "chr2"], chromosomes=["chr2"]) == (["chr2"], [])


def test_the_report_says_how_far_every_state_moved(tuned, base):
    report = json.loads((tuned.folder.parents[1] / "runs/another/movement.json").read_text())
    assert [state["name"] for state in report["states"]] == [state.name for state in base.config.states]
    assert 0 < report["changed_bins"] <= 1
    assert report["log_likelihood_per_bin"]["after"] == pytest.approx(tuned.zoo.metrics[0].value, abs=1e-6)


def test_the_command_gives_the_same_weights_twice_and_refuses_a_name_that_is_there(base, marks, tmp_path):
    new = write_yaml(tmp_path, marks)
    hashes = []
    for zoo in ("a", "b"):
        words = ["finetune", str(base.folder), "--data", str(new), "--name", "x", "-o", str(tmp_path / zoo)]
        words += ["--strength", "3", "--restarts", "1", "--seed", "4"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        hashes.append(load(tmp_path / zoo / "chromatin_states/x").sha256)
    assert hashes[0] == hashes[1]
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2
    assert "exists already" in again.output


def test_states_mean_the_same_unless_emissions_are_asked_for(tuned, base, marks, tmp_path):
    np.testing.assert_allclose(tuned.parameters().emission, base.parameters().emission, atol=1e-6)
    assert not np.allclose(tuned.parameters().transition, base.parameters().transition, atol=1e-3)
    assert tuned.zoo.training["settings"]["train"] == "transitions"
    words = ["finetune", str(base.folder), "--data", str(write_yaml(tmp_path, marks)), "--name", "x", "--strength", "0"]
    result = CliRunner().invoke(app, [*words, "--train", "emissions", "-o", str(tmp_path / "zoo")])
    assert result.exit_code == 0, result.output
    new = load(tmp_path / "zoo/chromatin_states/x")
    moved = np.abs(new.parameters().emission - base.parameters().emission).max(axis=1) > MOVED
    assert moved.any()
    for number, (before, after) in enumerate(zip(base.config.states, new.config.states, strict=True), start=1):
        told = [limit for limit in new.zoo.limits if limit.startswith(f"State {number} is named {after.name} anew")]
        assert len(told) == (before.name != after.name)
        assert before.name == after.name or moved[number - 1]
        assert all(f"Note: {limit[:30]}" in result.output for limit in told)
    assert any(before != after for before, after in zip(base.config.states, new.config.states, strict=True))


def test_one_function_serves_both_families(base, marks, tmp_path):
    tuned = epizoo.finetune(str(base.folder), write_yaml(tmp_path, marks), "x", tmp_path / "zoo", strength=5.0)
    assert tuned.family == "chromatin_states"


def test_states_learn_from_an_annotation(base, marks, tmp_path):
    names = [state.name for state in base.config.states]
    rows = [f"chr1\t{200 * i}\t{200 * (i + 1)}\t{names[i % 4]}" for i in range(100)]
    (tmp_path / "states.bed").write_text("\n".join(rows) + "\n")
    new = write_yaml(tmp_path, marks, annotation="states.bed")
    tuned = finetune(base, new, "x", tmp_path / "zoo", strength=0.0)
    assert [state.name for state in tuned.config.states] == names
    assert tuned.zoo.training["settings"]["train"] == "emissions"
    kept = finetune(base, new, "kept", tmp_path / "zoo", strength=0.0, train="transitions")
    np.testing.assert_allclose(kept.parameters().emission, base.parameters().emission, atol=1e-6)
    transition = tuned.parameters().transition
    np.testing.assert_allclose(transition, np.roll(np.eye(4), 1, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"chromosomes": ["chr9"]}, r"new.yaml: .*chr9.*chr1, chr2"),
        ({"chromosomes": [], "held_out_chromosomes": ["chr1", "chr2"]}, r"nothing is left|no chromosome"),
    ],
)
def test_chromosomes_that_do_not_fit_are_refused_before_anything_is_written(base, marks, tmp_path, keys, message):
    with pytest.raises(InputError, match=message):
        finetune(base, write_yaml(tmp_path, marks, **keys), "x", tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_marks_that_the_model_lacks_or_misses_are_refused(base, marks, tmp_path):
    more, fewer = tmp_path / "more", tmp_path / "fewer"
    for folder, columns in ((more, [0, 1, 2, 2]), (fewer, [0, 1])):
        folder.mkdir()
        for path in marks.iterdir():
            head, *lines = path.read_text().splitlines()
            table = [line.split("\t") for line in lines]
            table[0] = [*table[0], "H4K20me1"]
            places = columns if folder is fewer else [0, 1, 2, 3]
            rows = ["\t".join((row if len(row) > 3 else [*row, "0"])[c] for c in places) for row in table]
            (folder / path.name).write_text("\n".join([head, *rows]) + "\n")
    with pytest.raises(InputError, match=r"H4K20me1.*ignore_marks"):
        finetune(base, write_yaml(tmp_path, more), "x", tmp_path / "zoo")
    finetune(base, write_yaml(tmp_path, more, ignore_marks=["H4K20me1"]), "x", tmp_path / "zoo")
    with pytest.raises(InputError, match=r"H3K36me3"):
        finetune(base, write_yaml(tmp_path, fewer), "y", tmp_path / "zoo")
    finetune(base, write_yaml(tmp_path, fewer, allow_missing=True), "y", tmp_path / "zoo")


def test_options_of_peaks_are_refused_for_states(base, marks, tmp_path):
    words = ["finetune", str(base.folder), "--data", str(write_yaml(tmp_path, marks)), "--name", "x"]
    result = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "zoo"), "--train", "all"])
    assert result.exit_code == 2
    assert re.search("--train: .*chromatin_states/random", result.output)


def test_a_wrong_annotation_leaves_the_name_free(base, marks, tmp_path):
    (tmp_path / "states.bed").write_text("chr1\t0\t2000\tno such state\n")
    new = write_yaml(tmp_path, marks, annotation=str(tmp_path / "states.bed"))
    with pytest.raises(InputError, match=r"states\.bed"):
        finetune(base, new, "another", tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_the_limits_of_the_pretrained_entry_are_headed_as_such(tuned, base):
    assert tuned.zoo.limits[1:] == [f"Pretrained entry: {limit}" for limit in base.zoo.limits]

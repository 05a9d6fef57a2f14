"""A run folder becomes a whole entry or nothing, and everything in an entry follows from it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import random_entries
import yaml

import epizoo
from epizoo.errors import EntryError, InputError
from epizoo.files import sha256
from epizoo.zoo import ZOO_FOLDER, list_entries
from epizoo.zoo.build import DEFAULT_ENTRY, render, write_entry
from epizoo.zoo.card import render_card
from epizoo.zoo.card_evaluation import METRICS_FILE, evaluation_table, read_evaluation
from epizoo.zoo.kipoi_yaml import root_model_yaml

REPOSITORY = ZOO_FOLDER.parent
ENTRIES = list_entries()


@pytest.fixture
def run_folder(tmp_path):
    return random_entries.peak_caller_run(tmp_path / "run")


def build(run_folder, zoo, random_zoo, name="peak_caller/new"):
    example = {"intervals_file": random_zoo.intervals, "bigwig_file": random_zoo.bigwig}
    return write_entry(run_folder, name, example, zoo_folder=zoo)


EVALUATED = [name for name in ENTRIES if (ZOO_FOLDER / name / METRICS_FILE).is_file()]


@pytest.mark.parametrize("name", EVALUATED)
def test_figures_of_evaluate_are_those_of_the_weights_that_are_shipped(name, tmp_path):
    entry = epizoo.load(name)
    evaluation = read_evaluation(entry)
    assert evaluation is not None
    table = evaluation_table(evaluation)
    content = json.loads((entry.folder / METRICS_FILE).read_text())
    assert all(f"| {caller} |" in table for caller in content["callers"])

    copy = tmp_path / name
    shutil.copytree(entry.folder, copy)
    (of_entry,) = content["about"]["entries"].values()
    for key, value in (("sha256", "0" * 64), ("calling", {})):
        of_entry[key], kept = value, of_entry[key]
        (copy / METRICS_FILE).write_text(json.dumps(content))
        with pytest.raises(EntryError, match=rf"metrics\.json: measured with {key} .* expected the entry's"):
            read_evaluation(epizoo.load(copy))
        of_entry[key] = kept
    for text in ("{", "{}", "[]"):
        (copy / METRICS_FILE).write_text(text)
        with pytest.raises(EntryError, match=r"metrics\.json: not what `epizoo evaluate"):
            read_evaluation(epizoo.load(copy))


def test_entries_whose_training_left_a_cell_type_out_are_measured_on_it():
    assert {"peak_caller/h3k4me3", "peak_caller/universal", "peak_caller/tf"} <= set(EVALUATED)


@pytest.mark.parametrize("name", ENTRIES)
def test_hashes_of_the_zoo_are_those_of_its_files(name):
    entry = epizoo.load(name)
    entry.check_files()
    assert sha256(entry.folder / "weights.safetensors") == entry.sha256


@pytest.mark.parametrize("name", ENTRIES)
def test_goldens_of_the_zoo_are_what_its_models_give(name):
    entry = epizoo.load(name)
    golden = entry.golden()
    inputs = {entry.input_name: golden[f"inputs.{entry.input_name}"]}
    for layer, array in entry.activations(inputs, entry.layer_names + entry.output_names).items():
        np.testing.assert_allclose(array, golden[layer], atol=1e-5, err_msg=layer)


@pytest.mark.parametrize("name", ENTRIES)
def test_cards_of_the_zoo_are_rendered(name):
    entry = epizoo.load(name)
    assert (entry.folder / "README.md").read_text(encoding="utf-8") == render_card(entry)


@pytest.mark.parametrize("name", [name for name in ENTRIES if name == DEFAULT_ENTRY])
def test_root_describes_the_default_entry(name):
    root = yaml.safe_load((REPOSITORY / "model.yaml").read_text(encoding="utf-8"))
    entry = epizoo.load(name)
    assert root == root_model_yaml(entry.kipoi, name)
    assert (REPOSITORY / root["args"]["entry"]).resolve() == entry.folder
    assert (REPOSITORY / root["test"]["expect"]).resolve() == entry.folder / entry.kipoi["test"]["expect"]


def test_entry_is_built_from_a_run(run_folder, tmp_path, random_zoo):
    entry = build(run_folder, tmp_path / "zoo", random_zoo)
    assert entry.name == "peak_caller/new"
    assert sha256(entry.folder / "weights.safetensors") == sha256(run_folder / "weights.safetensors")
    entry.check_files()
    files = sorted(path.relative_to(entry.folder).as_posix() for path in entry.folder.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "dataloader.py",
        "dataloader.yaml",
        "example_files/regions.bed",
        "example_files/signal.bw",
        "expected_predictions.h5",
        "golden.safetensors",
        "model.yaml",
        "weights.safetensors",
    ]


def test_building_twice_gives_equal_files(run_folder, tmp_path, random_zoo):
    first, second = (build(run_folder, tmp_path / zoo, random_zoo) for zoo in ("one", "two"))
    for path in first.folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (second.folder / path.relative_to(first.folder)).read_bytes(), path.name


def test_rendering_changes_nothing_in_a_fresh_zoo(run_folder, tmp_path, random_zoo):
    entry = build(run_folder, tmp_path / "zoo", random_zoo)
    before = (entry.folder / "README.md").read_text()
    assert render(tmp_path / "zoo") == [entry.folder / "README.md"]
    assert (entry.folder / "README.md").read_text() == before


def test_card_tells_what_was_held_out_and_what_others_reach(random_zoo):
    card = render_card(epizoo.load(random_zoo.folder / "peak_caller/random"))
    front = yaml.safe_load(card.split("---")[1])
    assert front == {"license": "cc0-1.0", "library_name": "epizoo", "tags": ["test"], "datasets": ["random numbers"]}
    assert "| wrong labels | chr2 | 0.5 | 0.17 |" in card
    assert "Held out: chromosomes chr2" in card


@pytest.mark.parametrize(
    "missing", ["weights.safetensors", "config.yaml", "training.json", "metrics.json", "about.yaml"]
)
def test_missing_file_of_a_run_is_named_and_nothing_is_left(run_folder, tmp_path, random_zoo, missing):
    (run_folder / missing).unlink()
    with pytest.raises(EntryError, match=rf"{missing}: .*missing"):
        build(run_folder, tmp_path / "zoo", random_zoo)
    assert not list((tmp_path / "zoo").rglob("*"))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("config.yaml", "bin_bp: 50", "bin: 50", r"config\.yaml: .*window\.bin_bp"),
        ("config.yaml", "flank_bins: 8", "flank_bins: 7", r"flank_bins\b.*\b7\b.*\b8\b"),
        ("config.yaml", "n_filters: 4", "n_filters: 5", "do not fit the model"),
        ("about.yaml", "limits", "limit", r"about\.yaml: .*limits: .*required"),
        ("metrics.json", '"on"', '"where"', r"metrics\.json: .*0\.on: .*required"),
        ("training.json", '"assembly"', '"genome"', r"training\.json: .*trained_on\.assembly: .*required"),
    ],
)
def test_unfit_run_leaves_the_old_entry_alone(run_folder, tmp_path, random_zoo, file, old, new, message):
    zoo = tmp_path / "zoo"
    old_entry = zoo / "peak_caller/new"
    shutil.copytree(random_zoo.folder / "peak_caller/random", old_entry)
    before = sha256(old_entry / "model.yaml")
    text = (run_folder / file).read_text()
    assert old in text
    (run_folder / file).write_text(text.replace(old, new))
    with pytest.raises(EntryError, match=message):
        build(run_folder, zoo, random_zoo)
    assert sha256(old_entry / "model.yaml") == before
    assert [path.name for path in (zoo / "peak_caller").iterdir()] == ["new"]


def test_unknown_example_argument_is_refused(run_folder, tmp_path):
    with pytest.raises(InputError, match="example bigwig"):
        write_entry(run_folder, "peak_caller/new", {"bigwig": "x.bw"}, zoo_folder=tmp_path / "zoo")


def test_missing_example_file_is_refused(run_folder, tmp_path):
    with pytest.raises(InputError, match=r"nope\.bw: no such file"):
        write_entry(run_folder, "peak_caller/new", {"bigwig_file": "nope.bw"}, zoo_folder=tmp_path / "zoo")


def test_command_builds_the_same_entry(run_folder, tmp_path, random_zoo):
    entry = build(run_folder, tmp_path / "zoo", random_zoo)
    kept = tmp_path / "kept"
    shutil.move(entry.folder, kept)
    command = [sys.executable, "-m", "epizoo.zoo.build", run_folder, "peak_caller/new", "--zoo", tmp_path / "zoo"]
    command += ["--example", f"intervals_file={random_zoo.intervals}", "--example", f"bigwig_file={random_zoo.bigwig}"]
    subprocess.run(command, check=True, capture_output=True)
    assert (entry.folder / "model.yaml").read_bytes() == (kept / "model.yaml").read_bytes()


@pytest.mark.parametrize(
    ("file", "text"), [("training.json", "{"), ("training.json", "[]"), ("metrics.json", "{}"), ("metrics.json", "")]
)
def test_damaged_files_of_a_run_are_named(tmp_path, file, text):
    run = random_entries.peak_caller_run(tmp_path / "run")
    (run / file).write_text(text)
    with pytest.raises(EntryError, match=file):
        write_entry(run, "peak_caller/new", {}, zoo_folder=tmp_path / "zoo")
    assert not (tmp_path / "zoo" / "peak_caller").exists() or not list((tmp_path / "zoo" / "peak_caller").iterdir())

"""The real ``kipoi`` command line, unmodified, on entries of a zoo: what it lists, tests and writes."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import yaml

import epizoo
from epizoo.zoo import ZOO_FOLDER
from epizoo.zoo.build import DEFAULT_ENTRY
from epizoo.zoo.kipoi_yaml import root_model_yaml

TOLERANCE = 1e-6
REPOSITORY = ZOO_FOLDER.parent
ENTRIES = epizoo.list_entries()


@pytest.fixture(scope="module")
def arguments(random_zoo):
    """Dataloader arguments of both entries."""
    return {
        "peak_caller/random": {"intervals_file": str(random_zoo.intervals), "bigwig_file": str(random_zoo.bigwig)},
        "chromatin_states/random": {"intervals_file": str(random_zoo.intervals), "binarized": str(random_zoo.marks)},
    }


@pytest.fixture(scope="module")
def expected(random_zoo, arguments):
    """What the Python API gives for them: predictions and metadata."""
    found = {}
    for name, values in arguments.items():
        entry = epizoo.load(random_zoo.folder / name)
        rows = list(entry.windows(**values))
        inputs = {entry.input_name: np.stack([row["inputs"][entry.input_name] for row in rows])}
        found[name] = entry.predict(inputs), [row["metadata"] for row in rows]
    return found


def assert_h5_holds(path, predictions):
    with h5py.File(path) as file:
        assert set(file["preds"]) == set(predictions)
        for name, array in predictions.items():
            np.testing.assert_allclose(file[f"preds/{name}"][:], array, atol=TOLERANCE, err_msg=name)


def assert_table_holds(table, predictions, metadata):
    """A table has a column for each number, named by its indices."""
    for name, array in predictions.items():
        for index in np.ndindex(array.shape[1:]):
            column = "/".join(["preds", name, *map(str, index)])
            np.testing.assert_allclose(table[column], array[(slice(None), *index)], atol=TOLERANCE, err_msg=column)
    for key in ("chr", "start", "end", "id", "strand"):
        assert table[f"metadata/ranges/{key}"].tolist() == [row["ranges"][key] for row in metadata]
    assert table["metadata/valid_bins"].tolist() == [row["valid_bins"] for row in metadata]


def test_source_lists_and_describes_its_entries(run_kipoi, tmp_path):
    listed = run_kipoi("ls", "all", "--source=epizoo", folder=tmp_path).split()
    assert sorted(listed) == ["chromatin_states/random", "peak_caller/random"]
    described = run_kipoi("info", "peak_caller/random", "--source=epizoo", folder=tmp_path)
    assert "bigwig_file:" in described
    assert "held out: chr2" in described


@pytest.mark.parametrize("name", ["peak_caller/random", "chromatin_states/random"])
def test_predictions_in_every_format_are_those_of_python(run_kipoi, tmp_path, arguments, expected, name):
    given = f"--dataloader_args={json.dumps(arguments[name])}"
    outputs = ["p.h5", "p.tsv", "p.bed", "p.parquet"]
    options = ["--num_workers", "2", "--batch_size", "3", "-m", "-o", *outputs]
    printed = run_kipoi("predict", name, "--source=epizoo", given, *options, folder=tmp_path)
    assert "os.fork" not in printed
    assert "not compatible" not in printed
    predictions, metadata = expected[name]
    assert_h5_holds(tmp_path / "p.h5", predictions)
    assert_table_holds(
        pd.read_csv(tmp_path / "p.tsv", sep="\t", dtype={"metadata/ranges/id": str}), predictions, metadata
    )
    assert_table_holds(pyarrow.parquet.read_table(tmp_path / "p.parquet").to_pandas(), predictions, metadata)
    bed = pd.read_csv(tmp_path / "p.bed", sep="\t", dtype={"name": str})
    ranges = [[row["ranges"][key] for key in ("chr", "start", "end", "id")] for row in metadata]
    assert bed[["chr", "start", "end", "name"]].to_numpy().tolist() == ranges


def test_kipoi_tests_an_entry_and_refuses_a_changed_output(run_kipoi, random_zoo, tmp_path):
    printed = run_kipoi("test", "chromatin_states/random", "--source=epizoo", folder=tmp_path)
    assert "All predictions match" in printed
    folder = tmp_path / "changed"
    shutil.copytree(random_zoo.folder / "peak_caller/random", folder)
    # The last output in the file, because kipoi 0.8.6 by itself compares the first alone.
    with h5py.File(folder / "expected_predictions.h5", "a") as file:
        file["preds/peak_summits"][0, 0] += 0.001
    content = yaml.safe_load((folder / "model.yaml").read_text())
    content["zoo"]["expect_sha256"] = epizoo.files.sha256(folder / "expected_predictions.h5")
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    printed = run_kipoi("test", "changed", "--source=dir", folder=tmp_path, fails=True)
    assert "peak_summits" in printed


def test_a_clone_predicts_from_its_root_and_by_folder(run_kipoi, random_zoo, tmp_path, arguments, expected):
    name = "peak_caller/random"
    clone = tmp_path / "clone"
    shutil.copytree(random_zoo.folder, clone / "model_zoo")
    kipoi = epizoo.load(clone / "model_zoo" / name).kipoi
    (clone / "model.yaml").write_text(yaml.safe_dump(root_model_yaml(kipoi, name)))
    given = [f"{key}={value}" for key, value in arguments[name].items()]
    for model, output in ((".", "root.h5"), (f"model_zoo/{name}", "folder.h5")):
        run_kipoi("predict", model, "--source=dir", "--dataloader_args", *given, "-o", output, folder=clone)
        assert_h5_holds(clone / output, expected[name][0])
    assert "All predictions match" in run_kipoi("test", ".", "--source=dir", folder=clone)


def test_inputs_are_written(run_kipoi, tmp_path, arguments, random_zoo):
    name = "chromatin_states/random"
    given = f"--dataloader_args={json.dumps(arguments[name])}"
    run_kipoi("preproc", name, "--source=epizoo", given, "-m", "--num_workers", "2", "-o", "inputs.h5", folder=tmp_path)
    rows = list(epizoo.load(random_zoo.folder / name).windows(**arguments[name]))
    with h5py.File(tmp_path / "inputs.h5") as file:
        np.testing.assert_array_equal(file["inputs/marks"][:], [row["inputs"]["marks"] for row in rows])
        assert file["metadata/ranges/chr"].asstr()[:].tolist() == [row["metadata"]["ranges"]["chr"] for row in rows]


@pytest.mark.parametrize("name", ["peak_caller/random", "chromatin_states/random"])
def test_examples_are_written_and_predict(run_kipoi, random_zoo, tmp_path, name):
    for _ in range(2):
        printed = run_kipoi("get-example", name, "--source=epizoo", "-o", "example", folder=tmp_path)
    example = json.loads(printed.strip().splitlines()[-1])
    for path in example.values():
        copy = tmp_path / path
        original = random_zoo.folder / name / "example_files" / copy.name
        pairs = [(copy, original)]
        if copy.is_dir():
            pairs = [(file, original / file.name) for file in copy.iterdir()]
            assert len(pairs) == len(list(original.iterdir()))
        for one, other in pairs:
            assert one.read_bytes() == other.read_bytes()
    run_kipoi(
        "predict", name, "--source=epizoo", f"--dataloader_args={json.dumps(example)}", "-o", "p.h5", folder=tmp_path
    )
    # Kipoi's own test predicts the first batch alone.
    with h5py.File(tmp_path / "p.h5") as found, h5py.File(random_zoo.folder / name / "expected_predictions.h5") as file:
        for key, array in file["preds"].items():
            np.testing.assert_allclose(found[f"preds/{key}"][: len(array)], array[:], atol=TOLERANCE, err_msg=key)


def test_the_root_of_a_clone_writes_the_example_of_its_entry(run_kipoi, tmp_path):
    run_kipoi("get-example", ".", "--source=dir", "-o", tmp_path / "example", folder=REPOSITORY)
    written = {path.name: path.read_bytes() for path in (tmp_path / "example").iterdir()}
    shipped = (ZOO_FOLDER / DEFAULT_ENTRY / "example_files").iterdir()
    assert written == {path.name: path.read_bytes() for path in shipped}


def test_environments_name_where_epizoo_was_installed_from(run_kipoi, tmp_path):
    run_kipoi("env", "export", "peak_caller/random", "--source=epizoo", "-o", "environment.yaml", folder=tmp_path)
    dependencies = yaml.safe_load((tmp_path / "environment.yaml").read_text())["dependencies"]
    (found,) = [one for one in dependencies[-1]["pip"] if one.startswith("epizoo")]
    name, _, url = found.partition(" @ ")
    assert name in ("epizoo[kipoi]", f"epizoo[kipoi]=={epizoo.__version__}")
    if url.startswith("file:") and "/" in url:
        path = Path(url2pathname(urlsplit(url).path))
        assert path.suffix == ".whl" or 'name = "epizoo"' in (path / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, f"epizoo[kipoi]=={epizoo.__version__}"),
        ({"url": "file:///home/me/epizoo", "dir_info": {}}, "epizoo[kipoi] @ file:///home/me/epizoo"),
        (
            {"url": "https://host/epizoo.git", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}},
            "epizoo[kipoi] @ git+https://host/epizoo.git@0a1b",
        ),
    ],
)
def test_requirements_are_those_of_pep_610(kipoi_home, monkeypatch, origin, requirement):
    from epizoo.plugins.kipoi import patches

    class Installed:
        version = epizoo.__version__

        def read_text(self, name):
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(patches.importlib.metadata, "distribution", lambda name: Installed())
    assert patches.installed_requirement() == requirement


@pytest.mark.parametrize(
    ("output", "sentence"),
    [("o.bed", "o.bed: a BED file needs the windows' positions; add -m"), ("o.zarr", "o.zarr: kipoi has no writer")],
)
def test_outputs_that_kipoi_cannot_write_are_refused(run_kipoi, tmp_path, arguments, output, sentence):
    name = "peak_caller/random"
    given = f"--dataloader_args={json.dumps(arguments[name])}"
    printed = run_kipoi("predict", name, "--source=epizoo", given, "-o", "o.h5", output, folder=tmp_path, fails=True)
    assert sentence in printed.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_with_one_sentence_and_leaves_no_file(run_kipoi, tmp_path, arguments):
    name = "peak_caller/random"
    (tmp_path / "empty.bw").touch()
    (tmp_path / "reversed.bed").write_text("chr1\t100\t100\n")
    cases = [
        ("predict", {"bigwig_file": "empty.bw"}, r"empty\.bw: .*empty"),
        ("preproc", {"intervals_file": "reversed.bed"}, r"reversed\.bed: line 1: .*\b100\b.*\b100\b"),
        # Found in the middle of a run, when the writers are open.
        ("predict --layer=nope", {}, "layer: 'nope'"),
        ("predict", {"bigwig_file": None}, f"bigwig_file: .*{name}.*intervals_file and bigwig_file"),
    ]
    for command, change, sentence in cases:
        given = f"--dataloader_args={json.dumps(arguments[name] | change)}"
        outputs = ["o.h5", "o.bed"] if command.startswith("predict") else ["o.h5"]
        options = ["--source=epizoo", given, *command.split()[1:], "-o", *outputs]
        printed = run_kipoi(command.split()[0], name, *options, folder=tmp_path, fails=True)
        assert re.search(sentence, printed.strip().splitlines()[-1])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.bw", "reversed.bed"]


def test_weights_of_another_hash_are_refused_before_anything_is_written(run_kipoi, random_zoo, tmp_path, arguments):
    shutil.copytree(random_zoo.folder / "peak_caller/random", tmp_path / "entry")
    with open(tmp_path / "entry/weights.safetensors", "ab") as file:
        file.write(b"x")
    given = f"--dataloader_args={json.dumps(arguments['peak_caller/random'])}"
    printed = run_kipoi("predict", "entry", "--source=dir", given, "-o", "o.tsv", folder=tmp_path, fails=True)
    assert "weights.safetensors: sha256 is" in printed.strip().splitlines()[-1]
    assert not (tmp_path / "o.tsv").exists()


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_of_the_zoo_passes_kipois_test(run_kipoi, name):
    assert "All predictions match" in run_kipoi("test", f"model_zoo/{name}", "--source=dir", folder=REPOSITORY)


@pytest.mark.parametrize("name", [name for name in ENTRIES if name == DEFAULT_ENTRY])
def test_this_clone_predicts_from_its_root(run_kipoi, tmp_path, name):
    # The engine that model.yaml names for Kipoi; others differ in the last digits.
    entry = epizoo.load(name).with_backend("jax")
    described = yaml.safe_load((entry.folder / "dataloader.yaml").read_text(encoding="utf-8"))["args"]
    example = {key: argument["example"] for key, argument in described.items() if "example" in argument}
    files = {
        key: str(entry.folder / value) if str(value).startswith("example_files/") else value
        for key, value in example.items()
    }
    given = f"--dataloader_args={json.dumps(files)}"
    run_kipoi("predict", ".", "--source=dir", given, "-o", tmp_path / "p.h5", folder=REPOSITORY)
    inputs = np.stack([row["inputs"][entry.input_name] for row in entry.windows(**files)])
    # Kipoi's model computes in JAX, as its model.yaml says.
    assert_h5_holds(tmp_path / "p.h5", entry.with_backend("jax").predict({entry.input_name: inputs}))

"""Entries say what they are, refuse what is not theirs, and predict the same whatever the batch."""

import subprocess
import sys

import jax
import numpy as np
import pyBigWig
import pytest
import yaml
from flax import nnx

import epizoo
from epizoo.errors import EntryError, InputError
from epizoo.zoo import list_entries
from epizoo.zoo.catalogue import find_entry
from epizoo.zoo.jax_engine import JaxEngine, Scalar


@pytest.fixture(scope="module")
def peaks(random_zoo):
    return epizoo.load(random_zoo.folder / "peak_caller/random")


@pytest.fixture(scope="module")
def states(random_zoo):
    return epizoo.load(random_zoo.folder / "chromatin_states/random")


def batch_of(entry, **arguments):
    windows = entry.windows(**arguments)
    return {entry.input_name: np.stack([row["inputs"][entry.input_name] for row in windows])}


def copy_with(random_zoo, tmp_path, change):
    """A copy of the random peak caller whose model.yaml went through ``change``."""
    folder = tmp_path / "entry"
    folder.mkdir()
    for file in (random_zoo.folder / "peak_caller/random").iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    content = yaml.safe_load((folder / "model.yaml").read_text())
    change(content)
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    return folder


def test_entries_are_listed_by_name(random_zoo):
    assert list_entries(random_zoo.folder) == ["chromatin_states/random", "peak_caller/random"]


def test_every_entry_of_the_installed_zoo_loads():
    for name in epizoo.list_entries():
        assert epizoo.load(name).name == name


def test_a_folder_that_is_not_there_is_no_misspelt_name(random_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo").mkdir()
    for path in ("zoo/random", "zoo/peak_caller/random", tmp_path / "random"):
        with pytest.raises(EntryError, match="no such folder") as found:
            find_entry(path, random_zoo.folder)
        assert "did you mean" not in str(found.value)


def test_unknown_entry_lists_what_exists_and_suggests_the_nearest(random_zoo):
    with pytest.raises(EntryError, match=r"chromatin_states/random, peak_caller/random.* peak_caller/random\?"):
        find_entry("peak_caler/random", random_zoo.folder)


def test_folder_without_model_yaml_is_no_entry(tmp_path):
    with pytest.raises(EntryError, match=r"no model\.yaml"):
        epizoo.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("zoo"), r"\bzoo\b.*missing"),
        (lambda content: content["zoo"].pop("sha256"), r"zoo\.sha256: .*required"),
        (lambda content: content["zoo"]["window"].pop("flank_bins"), r"zoo\.window\.flank_bins: .*required"),
        (lambda content: content["zoo"].update(sha="x"), r"zoo: .*'sha'"),
        (lambda content: content["zoo"]["config"].pop("model"), r"config\.model\b.*(missing|required)"),
        (lambda content: content["zoo"].update(family="dna"), r"zoo\.family: .*'peak_caller'"),
    ],
)
def test_incomplete_description_names_the_key(random_zoo, tmp_path, change, message):
    folder = copy_with(random_zoo, tmp_path, change)
    with pytest.raises(EntryError, match=rf"model\.yaml: .*{message}"):
        epizoo.load(folder)


def test_changed_weights_are_refused(random_zoo, tmp_path):
    folder = copy_with(random_zoo, tmp_path, lambda content: None)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(EntryError, match=r"weights\.safetensors: .*sha256.*[0-9a-f]{64}.*model\.yaml"):
        epizoo.load(folder).model()


def test_missing_weights_are_named(random_zoo, tmp_path):
    folder = copy_with(random_zoo, tmp_path, lambda content: None)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(EntryError, match=r"weights\.safetensors: .* missing"):
        epizoo.load(folder).model()


def test_weights_of_another_shape_are_refused(random_zoo, tmp_path):
    folder = copy_with(random_zoo, tmp_path, lambda content: content["zoo"]["config"]["model"].update(n_filters=5))
    with pytest.raises(EntryError, match="do not fit"):
        epizoo.load(folder).model()


def test_goldens_are_what_the_model_gives(peaks, states):
    for entry in (peaks, states):
        golden = entry.golden()
        found = entry.activations(
            {entry.input_name: golden[f"inputs.{entry.input_name}"]}, entry.layer_names + entry.output_names
        )
        for name, array in found.items():
            np.testing.assert_allclose(array, golden[name], atol=1e-5, err_msg=name)


def test_products_are_taken_in_full_precision_on_any_device():
    # CPUs always do; a GPU's default of 10 bits loses peaks.
    asked = []

    def forward(model, inputs):
        asked.append(jax.config.jax_default_matmul_precision)
        return {"double": 2 * inputs}

    engine = JaxEngine(lambda: nnx.Linear(1, 1, rngs=nnx.Rngs(0)), forward, flank_bins=1)
    inputs = np.ones((2, 5, 1), np.float32)
    assert engine.run(inputs, ("double",))["double"].shape == (2, 3, 1)
    engine.gradient(inputs, Scalar("double"))
    assert len(asked) >= 2
    assert set(asked) == {"highest"}


def test_predictions_do_not_depend_on_the_batch(peaks, states, random_zoo):
    examples = {
        peaks: {"intervals_file": random_zoo.intervals, "bigwig_file": random_zoo.bigwig},
        states: {"intervals_file": random_zoo.intervals, "binarized": random_zoo.marks},
    }
    for entry, arguments in examples.items():
        inputs = batch_of(entry, **arguments)[entry.input_name]
        together = entry.predict({entry.input_name: inputs})
        for i in range(len(inputs)):
            alone = entry.predict({entry.input_name: inputs[i : i + 1]})
            for name in entry.output_names:
                np.testing.assert_allclose(alone[name][0], together[name][i], atol=1e-6, err_msg=name)


def test_windows_give_what_the_model_gives_for_the_whole_chromosome(peaks, random_zoo, tmp_path):
    chrom = tmp_path / "chrom.bed"
    chrom.write_text("chr2\t0\t25130\n")
    windows = peaks.windows(intervals_file=chrom, bigwig_file=random_zoo.bigwig)
    rows = peaks.predict(batch_of(peaks, intervals_file=chrom, bigwig_file=random_zoo.bigwig))
    valid = [row["metadata"]["valid_bins"] for row in windows]
    bigwig, fitted = windows.bigwigs[0], windows.fitted[0]
    margin = peaks.window.flank_bins
    n_bins = -(-25130 // peaks.window.bin_bp)
    whole = fitted(bigwig.binned("chr2", -margin, n_bins + margin, peaks.window.bin_bp))
    expected = peaks.model()(whole[None, :, None])
    for name in peaks.output_names:
        stitched = np.concatenate([row[:n] for row, n in zip(rows[name], valid, strict=True)])
        np.testing.assert_allclose(stitched, np.asarray(getattr(expected, name))[0, margin:-margin], atol=1e-5)


def test_log_likelihoods_of_windows_add_up_to_the_chromosome(states, random_zoo, tmp_path):
    chrom = tmp_path / "chrom.bed"
    chrom.write_text("chr1\t0\t30000\n")
    inputs = batch_of(states, intervals_file=chrom, binarized=random_zoo.marks)
    found = states.predict(inputs)["log_likelihood"].sum()
    # The forward recursion in float64 NumPy, from the first bin to the last.
    logits = {name: np.exp(array.astype(np.float64)) for name, array in states.weights().items()}
    initial, transition = (logits[name] for name in ("initial_logits", "transition_logits"))
    initial, transition = initial / initial.sum(), transition / transition.sum(axis=1, keepdims=True)
    emission = logits["emission_logits"] / (1 + logits["emission_logits"])
    marks = states.windows(intervals_file=chrom, binarized=random_zoo.marks).chromosomes["chr1"]
    predicted, expected = initial, 0.0
    for bin_ in marks:
        joint = predicted * np.prod(np.where(bin_ == 1, emission, 1 - emission), axis=1)
        expected += np.log(joint.sum())
        predicted = joint / joint.sum() @ transition
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "nothing.*peak_caller/random.*coverage"),
        ({"marks": np.zeros((1, 64, 1))}, r"\bmarks\b.*\bcoverage\b"),
        ({"coverage": np.zeros((64, 1))}, r"shape \(64, 1\)"),
        ({"coverage": np.zeros((1, 64, 2))}, r"channels.*treatment"),
        ({"coverage": np.zeros((1, 3, 1))}, r"\b17 bins"),
    ],
)
def test_inputs_of_another_shape_are_refused(peaks, inputs, message):
    with pytest.raises(InputError, match=message):
        peaks.predict(inputs)


def test_unknown_layer_lists_those_that_exist(peaks):
    with pytest.raises(InputError, match=r"features, logits, peak_probabilities"):
        peaks.activations({"coverage": np.zeros((1, 64, 1))}, ("nope",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"control_file": "x.bw"}, "no control"),
        ({"signal_kind": "guess"}, "'guess'"),
        ({"bigwig_file": "nope.bw"}, "no such file"),
    ],
)
def test_files_that_cannot_be_used_are_refused(peaks, random_zoo, change, message):
    arguments = {"intervals_file": random_zoo.intervals, "bigwig_file": random_zoo.bigwig} | change
    with pytest.raises(InputError, match=message):
        peaks.windows(**arguments)


def test_marks_of_bigwigs_are_binarised_by_their_threshold(states, random_zoo, tmp_path):
    chrom = tmp_path / "chrom.bed"
    chrom.write_text("chr2\t0\t24000\n")
    bigwigs = dict.fromkeys(states.channels, random_zoo.bigwig)
    windows = states.windows(intervals_file=chrom, marks=bigwigs, signal_kind="coverage", threshold=3)
    found = np.concatenate([row["inputs"]["marks"][64:104][: row["metadata"]["valid_bins"]] for row in windows])
    with pyBigWig.open(str(random_zoo.bigwig)) as bigwig:
        means = np.nan_to_num(bigwig.values("chr2", 0, 24000, numpy=True)).reshape(-1, 200).mean(axis=1)
    np.testing.assert_array_equal(found, np.repeat((means >= 3)[:, None], 3, axis=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither"),
        ({"binarized": "folder", "marks": {}}, "both"),
        ({"marks": {"H3K4me3": "a.bw"}}, "signal_kind: "),
        ({"marks": "a.bw", "signal_kind": "counts"}, "dict"),
        ({"marks": {"H3K4me3": "a.bw"}, "signal_kind": "counts"}, "H3K27ac, H3K36me3"),
    ],
)
def test_marks_that_are_not_enough_are_refused(states, random_zoo, arguments, message):
    with pytest.raises(InputError, match=message):
        states.windows(intervals_file=random_zoo.intervals, **arguments)


def test_listing_entries_loads_no_library_that_takes_long():
    heavy = {"jax", "flax", "torch", "onnx", "onnxruntime", "numpy", "pandas", "scipy", "numba", "matplotlib", "pysam"}
    code = f"import sys, epizoo; epizoo.list_entries(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("test", [None, {}, {"precision_decimal": 5}])
def test_an_entry_without_expected_predictions_is_refused(random_zoo, test):
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    changed = type(entry)(entry.folder, entry.kipoi | {"test": test}, entry.zoo)
    with pytest.raises(EntryError, match=r"model\.yaml: .*test\.expect\b"):
        changed.check_files()

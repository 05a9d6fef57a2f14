"""Backends give the same outputs, and ONNX Runtime needs no JAX for it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import epizoo.conversion
from epizoo.cli.all_commands import app
from epizoo.conversion import with_backend
from epizoo.errors import EpizooError, InputError, MissingDependencyError
from epizoo.jobs import annotate as module
from epizoo.optional import require
from epizoo.zoo.engines import make_engine
from epizoo.zoo.jax_engine import Scalar

ENTRIES = ["peak_caller/random", "peak_caller/denoising", "chromatin_states/random"]
WITHOUT_JAX = """
import sys
sys.modules.update(dict.fromkeys({"jax", "jaxlib", "flax", "torch"}))
import numpy as np
from epizoo import load
from epizoo.conversion import with_backend
entry = with_backend(load(sys.argv[1]), "onnx")
given = entry.golden()
found = entry.predict({entry.input_name: given["inputs." + entry.input_name]})
for name, array in found.items():
    np.testing.assert_allclose(array, given[name], rtol=0, atol=1e-5, err_msg=name)
"""


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("backend", ["onnx", "torch", None])
def test_every_backend_gives_outputs_and_layers_of_jax(zoo, name, backend):
    entry = zoo[name]
    other = with_backend(entry, backend)
    inputs = {entry.input_name: entry.golden()[f"inputs.{entry.input_name}"]}
    names = entry.output_names + entry.layer_names
    found, expected = other.activations(inputs, names), entry.with_backend("jax").activations(inputs, names)
    for output in names:
        assert found[output].dtype == expected[output].dtype
        np.testing.assert_allclose(found[output], expected[output], rtol=0, atol=1e-5, err_msg=output)


@pytest.mark.parametrize("name", ENTRIES)
def test_onnx_predicts_where_jax_cannot_be_imported(zoo, name):
    subprocess.run([sys.executable, "-c", WITHOUT_JAX, str(zoo[name].folder)], check=True, capture_output=True)


def test_peaks_are_the_same_whatever_computes_them(zoo):
    entry = zoo["peak_caller/random"]
    bigwig = next((entry.folder / "example_files").glob("*.bw"))
    expected = entry.with_backend("jax").call_peaks(bigwig)
    for backend in ("onnx", "torch"):
        found = with_backend(entry, backend).call_peaks(bigwig)
        assert len(found) == len(expected) > 0
        assert (found[["chrom", "start", "end"]] == expected[["chrom", "start", "end"]]).all(axis=None)


@pytest.mark.parametrize("name", ["chromatin_states/roadmap-15", "chromatin_states/encode-10"])
def test_weights_in_float64_lose_no_digit_on_the_way_to_torch(name):
    entry = epizoo.load(name)
    marks = {"marks": np.random.default_rng(0).random((1, entry.window.input_bins, len(entry.channels)), np.float32)}
    found, expected = with_backend(entry, "torch").predict(marks), entry.predict(marks)
    np.testing.assert_allclose(found["log_likelihood"], expected["log_likelihood"], rtol=1e-12)


@pytest.mark.parametrize("backend", ["jax", "onnx", "torch"])
def test_no_names_are_no_arrays_and_no_error(zoo, backend):
    for name in ENTRIES:
        entry = zoo[name].with_backend(backend)
        assert entry.activations({entry.input_name: entry.golden()[f"inputs.{entry.input_name}"]}, ()) == {}


def test_states_are_annotated_by_the_backend_that_was_chosen(zoo, monkeypatch):
    used, by_windows = [], module.decode_by_windows

    def seen(entry, *chromosomes, **settings):
        used.append(entry.backend)
        return by_windows(entry, *chromosomes, **settings)

    monkeypatch.setattr(module, "decode_by_windows", seen)
    entry = zoo["chromatin_states/random"]
    marks = entry.folder / "example_files" / "marks"
    for chosen, expected in ((entry, []), (entry.with_backend("torch"), ["torch"]), (entry.with_backend(), ["torch"])):
        chosen.annotate(marks)
        assert used == expected
    with pytest.raises(InputError, match="viterbi"):
        entry.with_backend("jax").annotate(marks, viterbi=True)


def test_the_entry_itself_keeps_its_backend(zoo):
    entry = zoo["peak_caller/random"]
    assert with_backend(entry.with_backend("jax"), "onnx").backend == "onnx"
    assert entry.backend == epizoo.load(entry.folder).backend
    assert with_backend(entry.with_backend("torch")).backend == entry.backend


def test_onnx_is_the_default_of_peak_callers_where_it_is_installed_and_proven(zoo, monkeypatch):
    assert zoo["peak_caller/random"].zoo.backends == ["jax"]
    assert zoo["peak_caller/random"].backend == "jax"
    peaks, states = epizoo.load("peak_caller/h3k4me3"), epizoo.load("chromatin_states/encode-10")
    assert (peaks.backend, states.backend) == ("onnx", "jax")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert (peaks.backend, states.backend) == ("jax", "jax")
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "onnxruntime")
    assert (peaks.backend, states.backend) == ("onnx", "onnx")


def test_python_and_the_command_compute_with_the_same_backend(monkeypatch, tmp_path):
    folder = epizoo.load("peak_caller/h3k4me3").folder
    bigwig = str(next((folder / "example_files").glob("*.bw")))
    used = []
    monkeypatch.setattr(
        "epizoo.zoo.entry.make_engine", lambda backend, entry: used.append(backend) or make_engine(backend, entry)
    )
    epizoo.load(folder).call_peaks(bigwig, output=tmp_path / "python.narrowPeak")
    arguments = ["call-peaks", str(folder), "--bigwig", bigwig, "-o", str(tmp_path / "command.narrowPeak")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert used == ["onnx", "onnx"]
    found = (tmp_path / "python.narrowPeak").read_bytes()
    assert found
    assert found == (tmp_path / "command.narrowPeak").read_bytes()


def test_onnx_runtime_sends_nothing_about_its_use():
    script = """
import os
from epizoo.conversion.onnx.engine import onnxruntime
assert "onnxruntime" not in __import__("sys").modules
onnxruntime()
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""
    for given, expected in ((None, "1"), ("0", "0")):
        environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
        environment |= {} if given is None else {"ORT_DISABLE_TELEMETRY": given}
        found = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment
        )
        assert found.stdout.strip() == expected


def test_an_unknown_backend_is_refused(zoo):
    with pytest.raises(InputError, match="jax, onnx, torch"):
        with_backend(zoo["peak_caller/random"], "tpu")


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_the_model_and_gradients_are_those_of_jax_whatever_computes_predictions(zoo, backend):
    entry = zoo["peak_caller/random"]
    other = with_backend(entry, backend)
    assert other.model() is entry.model()
    inputs = {"coverage": np.random.default_rng(0).gamma(1, size=(1, 99, 1)).astype(np.float32)}
    scalar = Scalar("logits")
    found = other.gradient(inputs, scalar)
    assert found.any()
    np.testing.assert_array_equal(found, entry.with_backend("jax").gradient(inputs, scalar))


def test_a_missing_dependency_says_which_extra_brings_it():
    with pytest.raises(MissingDependencyError, match=r"epizoo\[onnx\]") as error:
        require("no_such_runtime", "onnx")
    assert isinstance(error.value, EpizooError)


def test_importing_conversion_imports_none_of_it():
    script = "import epizoo.conversion, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"jax", "flax", "torch", "onnx", "onnxruntime"} & set(loaded)


@pytest.mark.parametrize("backend", ["jax", "onnx"])
def test_an_empty_batch_gives_empty_outputs(zoo, backend):
    entry = zoo["peak_caller/random"].with_backend(backend)
    nothing = np.zeros((0, 2 * entry.window.flank_bins + 5, len(entry.channels)), np.float32)
    outputs = entry.predict({entry.input_name: nothing})
    assert {name: array.shape for name, array in outputs.items()} == dict.fromkeys(entry.output_names, (0, 5))

"""Backends give the same outputs, and ONNX Runtime needs no JAX for it."""

import subprocess
import sys

import numpy as np
import pytest

import epizoo.conversion
from epizoo.conversion import with_backend
from epizoo.conversion.backends import default_backend
from epizoo.errors import EpizooError, InputError, MissingDependencyError

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
    found, expected = other.activations(inputs, names), entry.activations(inputs, names)
    for output in names:
        assert found[output].dtype == expected[output].dtype
        np.testing.assert_allclose(found[output], expected[output], rtol=0, atol=1e-5, err_msg=output)


@pytest.mark.parametrize("name", ENTRIES)
def test_onnx_predicts_where_jax_cannot_be_imported(zoo, name):
    subprocess.run([sys.executable, "-c", WITHOUT_JAX, str(zoo[name].folder)], check=True, capture_output=True)


def test_peaks_are_the_same_whatever_computes_them(zoo):
    entry = zoo["peak_caller/random"]
    bigwig = next((entry.folder / "example_files").glob("*.bw"))
    expected = entry.call_peaks(bigwig)
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


def test_the_entry_itself_keeps_its_backend(zoo):
    entry = zoo["peak_caller/random"]
    with_backend(entry, "onnx").prepare()
    assert type(entry.predictor).__name__ == "Predictor"


def test_onnx_is_the_default_where_it_is_installed():
    assert default_backend("peak_caller") == "onnx"


def test_an_unknown_backend_is_refused(zoo):
    with pytest.raises(InputError, match="jax, onnx, torch"):
        with_backend(zoo["peak_caller/random"], "tpu")


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_gradients_are_left_to_jax(zoo, backend):
    entry = with_backend(zoo["peak_caller/random"], backend)
    with pytest.raises(InputError, match=rf"backend: {backend}\b.*gradients.*backend jax"):
        entry.predictor.gradient(np.zeros((1, 99, 1), np.float32), None)


def test_a_missing_dependency_says_which_extra_brings_it():
    with pytest.raises(MissingDependencyError, match=r"epizoo\[onnx\]") as error:
        epizoo.conversion.require("no_such_runtime", "onnx")
    assert isinstance(error.value, EpizooError)


def test_importing_conversion_imports_none_of_it():
    script = "import epizoo.conversion, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"jax", "flax", "torch", "onnx", "onnxruntime"} & set(loaded)

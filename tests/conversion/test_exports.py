"""Exported files: opened where neither JAX, flax nor epizoo can be imported, and never left behind when wrong."""

import copy
import itertools
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from epizoo.conversion import export, metadata
from epizoo.conversion.onnx import models as onnx_models
from epizoo.conversion.onnx.programs import NEWEST_OPSET, OPSET, build_onnx
from epizoo.conversion.parity import Check, ParityReport, check_parity, compare
from epizoo.conversion.path_parity import FREE, path_scores
from epizoo.conversion.torch import programs as to_torch
from epizoo.conversion.torch.hmm import Chunks
from epizoo.errors import EntryError, InputError

ENTRIES = ["peak_caller/random", "peak_caller/denoising", "chromatin_states/random"]
BLOCK = """
import sys
sys.modules.update(dict.fromkeys({blocked}))
import numpy as np
given = np.load(sys.argv[2])
"""
WITH_ONNXRUNTIME = (
    BLOCK.replace("{blocked}", '{"jax", "jaxlib", "flax", "epizoo", "torch", "onnx"}')
    + """
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
values = session.run(None, {name: given[name] for name in given})
np.savez(sys.argv[3], **dict(zip([output.name for output in session.get_outputs()], values)))
"""
)
WITH_TORCH = (
    BLOCK.replace("{blocked}", '{"jax", "jaxlib", "flax", "epizoo", "onnx", "onnxruntime"}')
    + """
import torch
extra = {"epizoo.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra).module()
outputs = program(*(torch.from_numpy(given[name]) for name in given))
np.savez(sys.argv[3], about=extra["epizoo.json"], **{name: value.numpy() for name, value in outputs.items()})
"""
)


def run_alone(script, path, inputs, folder):
    np.savez(folder / "given.npz", **inputs)
    command = [sys.executable, "-c", script, str(path), str(folder / "given.npz"), str(folder / "found.npz")]
    subprocess.run(command, check=True, capture_output=True)
    return dict(np.load(folder / "found.npz"))


def assert_same(entry, found, inputs):
    for name, expected in entry.with_backend("jax").predict(inputs).items():
        assert found[name].dtype == expected.dtype, name
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", ENTRIES)
def test_onnx_runs_with_onnxruntime_alone(zoo, tmp_path, name):
    entry = zoo[name]
    report = export(entry, "onnx", tmp_path / "model.onnx")
    assert report.passed
    assert json.loads((tmp_path / "model.onnx.parity.json").read_text())["passed"]
    inputs = {entry.input_name: entry.golden()[f"inputs.{entry.input_name}"]}
    assert_same(entry, run_alone(WITH_ONNXRUNTIME, tmp_path / "model.onnx", inputs, tmp_path), inputs)


@pytest.mark.parametrize("name", ENTRIES)
def test_programs_run_with_torch_alone(zoo, tmp_path, name, monkeypatch):
    # Programs of short chunks are small, and quickly traced.
    monkeypatch.setattr(to_torch, "_PROGRAM_CHUNKS", Chunks(chunk_bins=4, max_chunks=64))
    monkeypatch.setattr(to_torch, "_MOST_BINS", 256)
    entry = zoo[name]
    export(entry, "pt2", tmp_path / "model.pt2")
    inputs = {entry.input_name: entry.golden()[f"inputs.{entry.input_name}"]}
    found = run_alone(WITH_TORCH, tmp_path / "model.pt2", inputs, tmp_path)
    assert json.loads(str(found.pop("about"))) == metadata.metadata(entry)
    assert_same(entry, found, inputs)


@pytest.mark.parametrize("to", ["torch", "safetensors"])
def test_state_dicts_are_left_with_their_report(zoo, tmp_path, to):
    report = export(zoo["peak_caller/random"], to, tmp_path / "state")
    assert {"peak_scores", "gradient of the input", "gradient of threshold"} <= {
        check.output for check in report.checks
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state", "state.parity.json"]


@pytest.mark.parametrize("name", [*ENTRIES, "chromatin_states/zeros"])
@pytest.mark.parametrize("opset", [OPSET, NEWEST_OPSET])
def test_graphs_are_equal_to_jax_in_old_and_new_opsets(zoo, name, opset):
    import onnxruntime

    model = build_onnx(zoo[name], opset=opset, layers=True, crop=False)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]

    def run(inputs):
        return dict(zip(names, session.run(None, {zoo[name].input_name: inputs}), strict=True))

    report = check_parity(zoo[name], run, "onnx", layers=True, crop=False)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", ["peak_caller/random", "peak_caller/denoising"])
def test_half_precision_costs_no_more_than_it_may(zoo, tmp_path, name):
    report = export(zoo[name], "onnx", tmp_path / "half.onnx", float16=True, layers=True)
    assert report.passed
    bounded = [check for check in report.checks if check.output in ("peak_probabilities", "peak_starts", "peak_ends")]
    assert {check.allowed for check in bounded} == {0.002}
    assert max(check.difference for check in report.checks) > 0


@pytest.mark.parametrize("name", ENTRIES)
def test_every_node_has_a_name_of_its_own_and_old_runtimes_read_the_graph(zoo, name):
    model = build_onnx(zoo[name], layers=True)
    names = [node.name for node in nodes_of(model.graph)]
    assert all(names)
    assert len(set(names)) == len(names)
    # ONNX Runtime 1.16 reads the format up to version 9 and opsets up to 19.
    assert model.ir_version <= 9
    assert model.opset_import[0].version <= 19


def nodes_of(graph):
    """Nodes of a graph and of the graphs in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from nodes_of(attribute.g)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_graph_says_what_it_is_in_the_words_of_the_entry(zoo, name):
    entry, model = zoo[name], build_onnx(zoo[name])
    about = {prop.key: prop.value for prop in model.metadata_props}
    assert about["entry"] == name
    assert about["sha256"] == entry.sha256
    assert about["version"] == entry.version
    assert about["bin_bp"] == str(entry.window.bin_bp)
    assert "transform" in about
    assert [value.name for value in model.graph.input] == list(entry.kipoi["schema"]["inputs"])
    assert [value.name for value in model.graph.output] == list(entry.kipoi["schema"]["targets"])
    assert [opset.version for opset in model.opset_import] == [OPSET]
    for value in [*model.graph.input, *model.graph.output]:
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_raw_coverage_goes_into_the_graph_that_normalises(zoo, tmp_path):
    entry = zoo["peak_caller/random"]
    assert export(entry, "onnx", tmp_path / "raw.onnx", raw_coverage=True).passed
    signal = np.random.default_rng(0).poisson(4, (2, entry.window.input_bins, 1)).astype(np.float32)
    given = {"coverage": signal, "scale": np.array([1.7], np.float32)}
    found = run_alone(WITH_ONNXRUNTIME, tmp_path / "raw.onnx", given, tmp_path)
    assert_same(entry, found, {"coverage": np.arcsinh(signal / np.float32(1.7))})


@pytest.mark.parametrize("name", ENTRIES)
def test_an_export_that_is_not_the_same_model_leaves_no_file(zoo, tmp_path, monkeypatch, name):
    monkeypatch.setattr(onnx_models, "_EDGE_SOFTNESS", 0.1001)
    monkeypatch.setattr("epizoo.conversion.onnx.hmm._stationary", lambda transition: np.full(len(transition), 0.25))
    entry = zoo[name]
    if entry.family == "chromatin_states":
        # Flanks hide how a sequence starts, which is what they are for.
        with pytest.raises(EntryError, match="not the same model"):
            export(entry, "onnx", tmp_path / "model.onnx", crop=False)
    else:
        with pytest.raises(EntryError, match=r"peak_(starts|ends)\b.*\d"):
            export(entry, "onnx", tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_path_may_differ_at_ties_alone(zoo):
    entry = zoo["chromatin_states/random"]
    inputs = entry.golden()["inputs.marks"]
    path = entry.predict({"marks": inputs})["viterbi_path"]
    wrong = path.copy()
    wrong[0, 7] = (wrong[0, 7] + 1) % 4
    (same,) = compare(entry, "case", inputs, {"viterbi_path": path}, {"viterbi_path": path})
    (other,) = compare(entry, "case", inputs, {"viterbi_path": wrong}, {"viterbi_path": path})
    assert same.passed
    assert not other.passed
    assert other.difference > 1e-3


def test_a_path_of_free_bins_is_scored_as_the_best_of_all_that_agree_with_it(zoo):
    entry = zoo["chromatin_states/random"]
    n_states, rng = entry.config.model.n_states, np.random.default_rng(4)
    logs = rng.normal(-2, 1, (1, 6, n_states))
    for pattern in ([FREE, FREE, 1, 0, FREE, FREE], [FREE, 2, -1, FREE, 1, FREE], [3, -1, -1, FREE, 2, -1]):
        given = np.array([pattern])
        choices = [range(n_states) if state == FREE else [state] for state in pattern]
        wanted = max(path_scores(entry, logs, np.array([path]))[0] for path in itertools.product(*choices))
        assert path_scores(entry, logs, given)[0] == pytest.approx(wanted, abs=1e-9)


def test_a_path_scores_the_product_of_its_probabilities(zoo):
    entry = zoo["chromatin_states/random"]
    initial, transition, _ = (np.asarray(part, np.float64) for part in entry.parameters())
    start = np.linalg.matrix_power(transition, 4096)[0] if entry.config.model.start == "stationary" else initial
    logs = np.random.default_rng(4).normal(-2, 1, (1, 5, len(initial)))
    path = np.array([[0, 3, -1, 2, 2]])
    steps = start[0] * transition[0, 3] * initial[2] * transition[2, 2]
    emitted = logs[0, [0, 1, 3, 4], [0, 3, 2, 2]].sum()
    assert path_scores(entry, logs, path)[0] == pytest.approx(np.log(steps) + emitted, rel=1e-5)


def test_twins_among_the_states_are_a_tie_whatever_the_flanks_hold(zoo):
    """Two states of one emission and symmetric transitions: their exchange in all bins is as probable."""
    entry = copy.copy(zoo["chromatin_states/random"])
    n_states, n_marks = entry.config.model.n_states, len(entry.channels)
    emission = np.full((n_states, n_marks), -9.0)
    emission[:2] = 2.0
    arrays = {
        "initial_logits": np.zeros(n_states),
        "transition_logits": np.eye(n_states) * 4,
        "emission_logits": emission,
    }
    entry.__dict__["weights"] = lambda: arrays
    marks = np.ones((1, entry.window.input_bins, n_marks), np.float32)
    wanted = np.zeros((1, entry.window.window_bins), np.int32)
    (tie,) = compare(entry, "case", marks, {"viterbi_path": wanted + 1}, {"viterbi_path": wanted})
    assert tie.passed
    wanted[0, 7] = 1
    (worse,) = compare(entry, "case", marks, {"viterbi_path": wanted}, {"viterbi_path": np.zeros_like(wanted)})
    assert worse.difference == pytest.approx(2 * 4, abs=1e-6)


def test_nan_and_nothing_never_pass():
    report = ParityReport("entry", "0", "onnx", (Check("case", "peak_scores", float("nan"), 1e-5),))
    assert not report.passed
    assert "FAILED" in str(report)
    assert not ParityReport("entry", "0", "onnx", ()).passed


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (np.array([[-1e30, -2.0]]), True),
        (np.array([[-2e30, -2.0]]), True),
        (np.array([[-1e30, -1002.0]]), False),
        (np.array([[-5.0, -2.0]]), False),
        (np.array([[-1e30, np.inf]]), False),
        (np.array([[-1e30, np.nan]]), False),
        (np.array([[-1e30, -2.0]], np.float32), False),
        (np.array([-1e30, -2.0]), False),
    ],
)
def test_impossible_bins_and_other_kinds_of_numbers_do_not_widen_the_tolerance(zoo, found, passes):
    (check,) = compare(
        zoo["chromatin_states/zeros"],
        "case",
        None,
        {"log_emissions": found},
        {"log_emissions": np.array([[-1e30, -2]])},
    )
    assert check.passed == passes


def test_a_path_that_ignores_the_start_is_found_out(zoo):
    """Two states that never change and show the same: only the start says which."""
    entry = copy.copy(zoo["chromatin_states/random"])
    n_states = entry.config.model.n_states
    arrays = {
        "initial_logits": np.array([0.0, *[-50.0] * (n_states - 1)]),
        "transition_logits": np.where(np.eye(n_states), 0.0, -1e4),
        "emission_logits": np.zeros((n_states, len(entry.channels))),
    }
    entry.__dict__["weights"] = lambda: arrays
    entry.config = entry.config.model_copy(update={"model": replace(entry.config.model, start="initial")})
    marks = np.ones((1, 9, len(entry.channels)), np.float32)
    wanted, other = np.zeros((1, 9), np.int32), np.ones((1, 9), np.int32)
    (same,) = compare(entry, "case", marks, {"viterbi_path": wanted}, {"viterbi_path": wanted})
    (lost,) = compare(entry, "case", marks, {"viterbi_path": other}, {"viterbi_path": wanted})
    assert same.passed
    assert lost.difference == pytest.approx(50, rel=1e-3)


@pytest.mark.parametrize(("key", "value"), [("heads", ["liver", "muscle"]), ("paired", True)])
def test_models_without_a_twin_are_refused_by_name(zoo, tmp_path, key, value):
    entry = copy.copy(zoo["peak_caller/random"])
    entry.config = entry.config.model_copy(update={"model": replace(entry.config.model, **{key: value})})
    for to in ("onnx", "pt2", "torch", "safetensors"):
        with pytest.raises(InputError, match=rf"config\.model\.{key}\b"):
            export(entry, to, tmp_path / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "tflite"}, "tflite"),
        ({"to": "onnx", "opset": 11}, r"opset: 11\b.*\b18\b"),
        ({"to": "onnx", "opset": 99}, "opset: 99"),
        ({"to": "pt2", "opset": 18}, "options of onnx"),
        ({"to": "safetensors", "crop": False}, "no outputs"),
    ],
)
def test_options_that_cannot_be_met_are_refused(zoo, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        export(zoo["peak_caller/random"], path=tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_raw_coverage_is_refused_for_marks(zoo, tmp_path):
    with pytest.raises(InputError, match="takes marks"):
        export(zoo["chromatin_states/random"], "onnx", tmp_path / "x.onnx", raw_coverage=True)


def test_a_folder_that_does_not_exist_is_named(zoo, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\b.*does not exist"):
        export(zoo["peak_caller/random"], "onnx", tmp_path / "nowhere" / "x.onnx")


def test_an_entry_without_its_weights_is_refused(zoo, tmp_path):
    import shutil

    folder = tmp_path / "entry"
    shutil.copytree(zoo["peak_caller/random"].folder, folder)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(EntryError, match=r"weights\.safetensors: .*missing"):
        export(str(folder), "onnx", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_a_name_of_another_format_is_refused(zoo, tmp_path):
    with pytest.raises(InputError, match=r"safetensors\b.*\btorch\b"):
        export(zoo["peak_caller/random"], "torch", tmp_path / "state.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", ["torch", "pt2", "safetensors"])
def test_an_entry_that_scores_candidates_is_converted_to_onnx_alone(to, tmp_path):
    with pytest.raises(InputError, match=r"peak_caller/lanceotron: scores candidate peaks.*ONNX alone"):
        export("peak_caller/lanceotron", to, tmp_path / "model")
    assert not list(tmp_path.iterdir())
    onnx = tmp_path / "model.onnx"
    assert export("peak_caller/lanceotron", "onnx", onnx).passed
    for option in ({"raw_coverage": True}, {"float16": True}):
        with pytest.raises(InputError, match="leave the option out"):
            export("peak_caller/lanceotron", "onnx", tmp_path / "other.onnx", **option)

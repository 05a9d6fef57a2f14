"""Entries carry their ONNX graph, which is the same model."""

import json
import shutil

import numpy as np
import pytest

from epizoo.conversion import with_backend
from epizoo.conversion.onnx.entry_graph import add_onnx
from epizoo.conversion.onnx.programs import build_onnx
from epizoo.conversion.parity import compare
from epizoo.errors import EntryError
from epizoo.files import sha256
from epizoo.zoo import list_entries, load


@pytest.mark.parametrize("name", list_entries())
def test_every_entry_of_the_zoo_carries_its_graph(name):
    import onnx

    entry = load(name)
    assert entry.zoo.onnx == "model.onnx", f"run python -m epizoo.conversion.onnx.entry_graph {name}"
    entry.check_files()
    graph = onnx.load(entry.folder / entry.zoo.onnx)
    assert_same_graph(graph.graph, build_onnx(entry, layers=True).graph)
    golden = entry.golden()
    names = entry.output_names + entry.layer_names
    inputs = golden[f"inputs.{entry.input_name}"]
    found = with_backend(entry, "onnx").activations({entry.input_name: inputs}, names)
    checks = list(compare(entry, "golden", inputs, found, {output: golden[output] for output in names}))
    assert [check for check in checks if not check.passed] == []
    assert json.loads((entry.folder / "model.onnx.parity.json").read_text())["file_sha256"] == entry.zoo.onnx_sha256


def test_an_entry_carries_its_onnx_with_a_hash_that_is_checked(zoo, tmp_path):
    folder = tmp_path / "entry"
    shutil.copytree(zoo["chromatin_states/random"].folder, folder)
    add_onnx(str(folder))
    entry = load(folder)
    assert entry.zoo.backends == ["jax", "onnx", "torch"]
    entry.check_files()
    (folder / "model.onnx").write_bytes(b"another")
    with pytest.raises(EntryError, match=r"model\.onnx: sha256"):
        entry.check_files()


@pytest.mark.parametrize("damage", [lambda graph: b"garbage", lambda graph: graph.replace(b"Conv", b"Cynv")])
def test_a_graph_that_cannot_be_used_is_named_in_one_sentence(zoo, tmp_path, damage):
    folder = tmp_path / "entry"
    shutil.copytree(load("peak_caller/h3k4me3").folder, folder)
    graph, description = folder / "model.onnx", folder / "model.yaml"
    before = sha256(graph)
    graph.write_bytes(damage(graph.read_bytes()))
    description.write_text(description.read_text().replace(before, sha256(graph)))
    entry = load(folder)
    with pytest.raises(EntryError, match=r"model\.onnx.*restore the file") as caught:
        with_backend(entry, "onnx").predict({"coverage": entry.golden()["inputs.coverage"]})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "error"), [("peak_caller/h3k4me3", MemoryError("no memory")), ("peak_caller/random", RuntimeError("no"))]
)
def test_a_file_is_not_blamed_where_memory_lacks_or_no_file_is(zoo, monkeypatch, name, error):
    import onnxruntime

    def fail(*arguments, **options):
        raise error

    entry = zoo[name] if name in zoo else load(name)
    loaded = with_backend(entry, "onnx")
    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(type(error), match=f"^{error}$"):
        loaded.predict({"coverage": np.zeros((1, 256, 1), np.float32)})


def assert_same_graph(found, expected):
    """The same operators, and constants that are equal but for the last digits that another machine computes."""
    from onnx.numpy_helper import to_array

    assert [(node.op_type, node.input, node.output) for node in found.node] == [
        (node.op_type, node.input, node.output) for node in expected.node
    ]
    for left, right in zip(found.initializer, expected.initializer, strict=True):
        assert left.name == right.name
        np.testing.assert_allclose(to_array(left), to_array(right), rtol=1e-6, atol=1e-12, err_msg=left.name)

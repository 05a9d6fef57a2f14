"""Entries carry their ONNX graph, which is the same model."""

import shutil

import numpy as np
import pytest

from epizoo.conversion import with_backend
from epizoo.conversion.entry_onnx import add_onnx
from epizoo.conversion.to_onnx import build_onnx
from epizoo.errors import EntryError
from epizoo.model_zoo import list_entries, load


@pytest.mark.parametrize("name", list_entries())
def test_every_entry_of_the_zoo_carries_its_graph(name):
    import onnx

    entry = load(name)
    assert entry.zoo.onnx == "model.onnx", f"run python -m epizoo.conversion.entry_onnx {name}"
    entry.check_files()
    graph = onnx.load(entry.folder / entry.zoo.onnx)
    assert_same_graph(graph.graph, build_onnx(entry, layers=True).graph)
    golden = entry.golden()
    names = entry.output_names + entry.layer_names
    found = with_backend(entry, "onnx").activations({entry.input_name: golden[f"inputs.{entry.input_name}"]}, names)
    for output in names:
        np.testing.assert_allclose(found[output], golden[output], rtol=0, atol=1e-4, err_msg=output)


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


def assert_same_graph(found, expected):
    """The same operators, and constants that are equal but for the last digits that another machine computes."""
    from onnx.numpy_helper import to_array

    assert [(node.op_type, node.input, node.output) for node in found.node] == [
        (node.op_type, node.input, node.output) for node in expected.node
    ]
    for left, right in zip(found.initializer, expected.initializer, strict=True):
        assert left.name == right.name
        np.testing.assert_allclose(to_array(left), to_array(right), rtol=1e-6, atol=1e-12, err_msg=left.name)

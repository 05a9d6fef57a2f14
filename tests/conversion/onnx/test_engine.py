"""ONNX Runtime computes what is asked for, and nothing else."""

import numpy as np
import onnx
import pytest
from onnx.utils import Extractor

from epizoo.conversion.onnx.engine import OnnxEngine


@pytest.mark.parametrize("name", ["peak_caller/denoising", "chromatin_states/random"])
def test_one_output_is_what_it_is_among_all(zoo, name):
    entry = zoo[name].with_backend("onnx")
    inputs = {entry.input_name: entry.golden()[f"inputs.{entry.input_name}"]}
    names = entry.output_names + entry.layer_names
    together = entry.activations(inputs, names)
    for output in names:
        np.testing.assert_array_equal(entry.activations(inputs, (output,))[output], together[output])


@pytest.mark.parametrize("output", ["peak_probabilities", "denoised_coverage", "logits"])
def test_a_graph_holds_only_what_its_outputs_need(zoo, tmp_path, output):
    engine = OnnxEngine(zoo["peak_caller/denoising"])
    engine.save((output,), tmp_path / "part.onnx")
    part = onnx.load(tmp_path / "part.onnx").graph
    expected = Extractor(engine._model).extract_model(["coverage"], [output]).graph
    assert list(part.node) == list(expected.node)
    assert {constant.name for constant in part.initializer} == {constant.name for constant in expected.initializer}

"""Kipoi's models over another backend."""

import numpy as np
import pytest

import epizoo


@pytest.mark.parametrize("name", ["peak_caller/random", "chromatin_states/random"])
@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_kipoi_models_predict_the_same_with_another_backend(kipoi_home, random_zoo, name, backend):
    from epizoo.plugins.kipoi_model import KipoiChromatinStateAnnotator, KipoiPeakCaller

    kind = KipoiPeakCaller if name.startswith("peak_caller") else KipoiChromatinStateAnnotator
    entry = epizoo.load(random_zoo.folder / name)
    golden = entry.golden()
    inputs = {entry.input_name: golden[f"inputs.{entry.input_name}"]}
    found = kind(str(entry.folder), backend=backend).predict_on_batch(inputs)
    for output in entry.output_names:
        np.testing.assert_allclose(found[output], golden[output], rtol=0, atol=1e-5)

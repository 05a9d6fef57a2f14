"""Kipoi's models over another backend."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

import epizoo

KIPOI_WITHOUT_JAX = """
import sys
sys.modules.update(dict.fromkeys({"jax", "jaxlib", "flax", "torch"}))
import kipoi
import numpy as np
model = kipoi.get_model(sys.argv[1], source="dir")
found = model.pipeline.predict_example()
np.savez(sys.argv[2], **found)
"""


@pytest.mark.parametrize("name", ["peak_caller/random", "chromatin_states/random"])
@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_kipoi_models_predict_the_same_with_another_backend(kipoi_home, random_zoo, name, backend):
    from epizoo.plugins.kipoi.model import KipoiChromatinStateAnnotator, KipoiPeakCaller

    kind = KipoiPeakCaller if name.startswith("peak_caller") else KipoiChromatinStateAnnotator
    entry = epizoo.load(random_zoo.folder / name)
    golden = entry.golden()
    inputs = {entry.input_name: golden[f"inputs.{entry.input_name}"]}
    found = kind(str(entry.folder), backend=backend).predict_on_batch(inputs)
    for output in entry.output_names:
        np.testing.assert_allclose(found[output], golden[output], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["peak_caller/h3k4me3", "chromatin_states/encode-10"])
def test_kipoi_predicts_by_the_entrys_graph_where_jax_cannot_be_imported(kipoi_home, tmp_path, name):
    folder = tmp_path / "entry"
    shutil.copytree(epizoo.load(name).folder, folder)
    content = yaml.safe_load((folder / "model.yaml").read_text())
    assert content["args"]["backend"] == "jax"
    content["args"]["backend"] = "onnx"
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    command = [sys.executable, "-c", KIPOI_WITHOUT_JAX, str(folder), str(tmp_path / "found.npz")]
    subprocess.run(command, check=True, capture_output=True)
    golden, found = epizoo.load(name).golden(), np.load(tmp_path / "found.npz")
    for output in epizoo.load(name).output_names:
        expected = golden[output]
        np.testing.assert_allclose(found[output][: len(expected)], expected, rtol=0, atol=1e-5, err_msg=output)

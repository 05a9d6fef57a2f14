"""The shipped graphs in whatever ONNX Runtime is installed, against the golden outputs of JAX.

    python -m venv old && old/bin/pip install 'onnxruntime==1.16.3' 'numpy<2' safetensors
    old/bin/python benchmarks/conversion/onnx_runtime.py

Needs nothing else of epizoo, so that releases that epizoo itself does not support can be tried. Prints the largest
difference of each output of each entry; ends with 1 where one is above 1e-4 (paths: above 0).
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[2]
WHOLE = {"viterbi_path"}


def main() -> int:
    print(f"ONNX Runtime {onnxruntime.__version__}, NumPy {np.__version__}")
    n_wrong = 0
    for path in sorted((ROOT / "model_zoo").glob("*/*/model.onnx")):
        golden = load_file(path.parent / "golden.safetensors")
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        inputs = {one.name: golden[f"inputs.{one.name}"] for one in session.get_inputs()}
        outputs = [one.name for one in session.get_outputs()]
        for name, found in zip(outputs, session.run(outputs, inputs), strict=True):
            difference = float(np.abs(found.astype(np.float64) - golden[name]).max())
            n_wrong += difference > (0 if name in WHOLE else 1e-4)
            print(f"{path.parent.name}\t{name}\t{difference:.2g}")
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

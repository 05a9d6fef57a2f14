"""A zoo of entries with random weights, every one of them, those that start at zero included."""

from pathlib import Path

import numpy as np
import pytest
import random_entries
from safetensors.numpy import load_file, save_file

from epizoo.zoo.build import write_entry
from epizoo.zoo.entry import Entry

DENOISE = {"widths": [1, 3, 15, 21], "levels": [0.2, 1.0], "n_hidden": 5}


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> dict[str, Entry]:
    return build(tmp_path_factory.mktemp("random"))


def build(folder: Path) -> dict[str, Entry]:
    """A peak caller without and with a denoiser, chromatin states without and with exact zeros in their transitions."""
    intervals = random_entries.write_intervals(folder / "regions.bed")
    coverage = {"intervals_file": intervals, "bigwig_file": random_entries.write_bigwig(folder / "signal.bw")}
    marks = {"intervals_file": intervals, "binarized": random_entries.write_marks(folder / "marks")}
    peaks = shaken(random_entries.peak_caller_run(folder / "peaks"))
    denoising = shaken(random_entries.peak_caller_run(folder / "denoising", 2, DENOISE))
    states = shaken(random_entries.chromatin_state_run(folder / "states"))
    zeros = shaken(random_entries.chromatin_state_run(folder / "zeros"), zeros=True)
    runs = {"peak_caller/random": (peaks, coverage), "chromatin_states/random": (states, marks)}
    runs["chromatin_states/zeros"] = (zeros, marks)
    runs["peak_caller/denoising"] = (denoising, coverage | {"control_file": coverage["bigwig_file"]})
    zoo = folder / "zoo"
    return {name: write_entry(run, name, files, zoo_folder=zoo) for name, (run, files) in runs.items()}


def shaken(run: Path, zeros: bool = False) -> Path:
    """A run folder with noise on its weights; with transitions and emissions of exactly 0 or 1 where asked for."""
    random = np.random.default_rng(5)
    arrays = load_file(run / "weights.safetensors")
    arrays = {name: np.asarray(a + 0.3 * random.normal(size=a.shape), np.float32) for name, a in arrays.items()}
    if "temperature" in arrays:
        arrays["temperature"] = np.array(-0.7, np.float32)
    if zeros:
        arrays["transition_logits"][0, 1:3] = arrays["transition_logits"][3, 0] = -1e4
        arrays["initial_logits"][2] = -1e4
        arrays["emission_logits"][1, 0], arrays["emission_logits"][2, 1] = -1e4, 1e4
    save_file(arrays, run / "weights.safetensors")
    return run

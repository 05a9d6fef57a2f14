"""Run folders and example files with random weights and random data: entries for tests, never for the zoo."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyBigWig
import yaml
from safetensors.numpy import save_file

MARKS = ("H3K4me3", "H3K27ac", "H3K36me3")
CHROM_SIZES = {"chr1": 40_000, "chr2": 25_130}
ABOUT = {
    "doc": "Random weights, made by a test.",
    "license": "CC0-1.0",
    "weights_license": "Random numbers are free.",
    "limits": ["It knows nothing."],
    "authors": ["A test"],
    "tags": ["test"],
    "datasets": ["random numbers"],
}
TRAINING = {
    "trained_on": {
        "data": [{"name": "random numbers", "source": "numpy", "license": "CC0-1.0"}],
        "assembly": "none",
        "cell_types": [],
        "chromosomes": ["chr1"],
        "held_out_chromosomes": ["chr2"],
        "held_out_cell_types": [],
    },
    "procedure": "None at all.",
    "seed": 0,
}
METRICS = [{"name": "wrong labels", "value": 0.5, "on": "chr2", "compared_with": {"MACS3": 0.17}}]


class Zoo(NamedTuple):
    """A zoo of random entries, and the files that their examples were made from."""

    folder: Path
    intervals: Path
    bigwig: Path
    marks: Path


def build_zoo(folder: Path) -> Zoo:
    """Build ``peak_caller/random`` and ``chromatin_states/random`` with all their files."""
    from epizoo.zoo.build import write_entry

    intervals, bigwig = write_intervals(folder / "regions.bed"), write_bigwig(folder / "signal.bw")
    zoo = Zoo(folder / "zoo", intervals, bigwig, write_marks(folder / "marks"))
    coverage = {"intervals_file": intervals, "bigwig_file": bigwig}
    write_entry(peak_caller_run(folder / "peaks"), "peak_caller/random", coverage, zoo_folder=zoo.folder)
    marks = {"intervals_file": intervals, "binarized": zoo.marks}
    write_entry(chromatin_state_run(folder / "states"), "chromatin_states/random", marks, zoo_folder=zoo.folder)
    return zoo


def write_bigwig(path: Path, seed: int = 0) -> Path:
    """Steps of random coverage over all of `CHROM_SIZES`, integers, with gaps."""
    rng = np.random.default_rng(seed)
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader(list(CHROM_SIZES.items()))
        for chrom, size in CHROM_SIZES.items():
            starts = np.arange(0, size - 100, 100)
            values = rng.poisson(3, len(starts)).astype(float)
            kept = values > 0
            starts, values = starts[kept], values[kept]
            bigwig.addEntries(
                [chrom] * len(starts), starts.tolist(), ends=(starts + 100).tolist(), values=values.tolist()
            )
    return path


def write_marks(folder: Path, seed: int = 0) -> Path:
    """Random binarised marks of 150 and 90 bins."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for chrom, n_bins in (("chr1", 150), ("chr2", 90)):
        rows = ["\t".join(map(str, row)) for row in rng.integers(0, 2, (n_bins, len(MARKS)))]
        text = "\n".join([f"cell\t{chrom}", "\t".join(MARKS), *rows]) + "\n"
        (folder / f"cell_{chrom}_binary.txt").write_text(text)
    return folder


def write_intervals(path: Path) -> Path:
    """Intervals at the start, in the middle and at the end of a chromosome, one of them wider than a window."""
    path.write_text("chr1\t0\t9000\twide\t0\t+\nchr1\t20010\t20020\tnarrow\t0\t-\nchr2\t17000\t18000\tlast\t0\t.\n")
    return path


def write_run(folder: Path, config: dict, arrays: dict[str, np.ndarray]) -> Path:
    """A run folder as a recipe leaves it."""
    folder.mkdir(parents=True)
    save_file(arrays, folder / "weights.safetensors")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "about.yaml").write_text(yaml.safe_dump(ABOUT))
    (folder / "training.json").write_text(json.dumps(TRAINING))
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    return folder


def peak_caller_run(folder: Path, n_tracks: int = 1, denoise: dict | None = None) -> Path:
    """The run folder of a peak caller with random weights, and a denoiser of this shape."""
    from flax import nnx

    from epizoo.models.parameters import flatten_parameters
    from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

    config = PeakCallerConfig(
        bin_bp=50, n_tracks=n_tracks, n_filters=4, kernel_sizes=(3, 5), dilations=(2,), summit_window_bins=6
    )
    model = PeakCaller(replace(config, denoise=denoise), rngs=nnx.Rngs(1))
    window = {"window_bins": 48, "flank_bins": model.receptive_field_bins}
    settings = {
        "family": "peak_caller",
        "window": window,
        "model": model.config.to_dict(),
        "transform": {},
        "calling": {},
    }
    return write_run(folder, settings, flatten_parameters(model))


def chromatin_state_run(folder: Path) -> Path:
    """The run folder of a chromatin-state annotator with random weights."""
    from flax import nnx

    from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
    from epizoo.models.parameters import flatten_parameters

    model = ChromatinStateAnnotator(ChromatinStateConfig(marks=MARKS, n_states=4), rngs=nnx.Rngs(2))
    states = [{"name": f"S{i}", "description": "random", "color": f"{i},0,0"} for i in range(4)]
    settings = {
        "family": "chromatin_states",
        "window": {"window_bins": 40, "flank_bins": 64},
        "model": {"marks": list(MARKS), "n_states": 4, "bin_bp": 200},
        "states": states,
    }
    return write_run(folder, settings, flatten_parameters(model))

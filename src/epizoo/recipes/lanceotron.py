r"""The recipe of ``peak_caller/lanceotron``: the weights that LanceOtron's package on PyPI holds, converted.

    pip download --no-deps lanceotron==1.2.7
    python -m epizoo.recipes.lanceotron --weights lanceotron-1.2.7-py3-none-any.whl -o runs/lanceotron

turns the network and the two scalers into a run folder. Batch normalisation is folded into the layer before it.
TensorFlow and scikit-learn are not needed, and nothing is unpickled. This builds the entry of it::

    python -m epizoo.zoo.build runs/lanceotron peak_caller/lanceotron \
        --example intervals_file=runs/lanceotron/example/candidates.bed \
        --example bigwig_file=runs/lanceotron/example/H3K4me3.bw \
        --example known_regions_file=runs/lanceotron/example/known.bed
"""

import argparse
import hashlib
import io
import pickletools
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Shaped
from safetensors.numpy import save_file

from epizoo.errors import InputError
from epizoo.files import atomic_path, write_json, write_yaml
from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.genome.candidate_windows import FULL_DEPTH, CandidateSignal, KnownStretch
from epizoo.genome.candidates import RPKM_DEPTH, CandidateConfig, find_candidates
from epizoo.genome.signal import BigWig
from epizoo.models.peak_scorer.config import PeakScorerConfig
from epizoo.recipes.run_folder import one_sentence_errors, prose
from epizoo.zoo.catalogue import ZOO_FOLDER

Arrays = dict[str, Float[np.ndarray, "..."]]

FOLDER = "lanceotron/static"
NETWORK = "wide_and_deep_fully_trained_v5_03.h5"
SCALERS = ("standard_scaler_deep_v5_03.p", "standard_scaler_wide_v5_03.p")
"""Of the coverage, and of the enrichment features."""
SHA256 = {
    NETWORK: "ef837c06398360787a64701706a9b4bd537c0b520e782578bc41100ae4897ed6",
    SCALERS[0]: "74ef181784840c048d1a847d194a7525cb43b054c3f495a9cc34226dbeaaf910",
    SCALERS[1]: "106856818748a4caf950273f8d059461932ace7b113cb97750eb536215aedf8e",
}
EXAMPLE = ("chr17", 7_996_000, 8_146_000)
# The published names of our layers, and of the batch normalisation behind them.
_LAYERS = {
    **{f"convs.{i}": (f"conv1d_{i}" if i else "conv1d", f"batch_normalization_{i}") for i in range(5)},
    "position_dense": ("dense", "batch_normalization_5"),
    "hidden.0": ("dense_1", "batch_normalization_6"),
    "hidden.1": ("dense_2", "batch_normalization_7"),
    "shape_dense": ("shape_classification", None),
    "enrichment_dense": ("pvalue_classification", None),
    "overall_dense": ("overall_classification", None),
}
# That of Keras, where none is stated.
_BATCH_NORMALIZATION_EPSILON = 1e-3


def read_published(weights: Path) -> dict[str, bytes]:
    """The three files of a version of the package, by name, their hashes checked.

    Args:
        weights: the wheel, or the folder that it was unpacked to.

    Raises:
        InputError: a file is missing, or is of another version.
    """
    found = {}
    for name, expected in SHA256.items():
        try:
            if weights.is_dir():
                content = (weights / FOLDER / name).read_bytes()
            else:
                with zipfile.ZipFile(weights) as wheel:
                    content = wheel.read(f"{FOLDER}/{name}")
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{weights}: has no {FOLDER}/{name} ({error}); give the wheel of lanceotron 1.2.7, or its folder"
            ) from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise InputError(f"{weights}: {name} is not that of lanceotron 1.2.7; give the wheel of this version")
        found[name] = content
    return found


def scaler_arrays(pickled: bytes) -> Arrays:
    """``mean_`` and ``scale_`` of a pickled scaler, read from the pickle's opcodes without executing any of them."""
    found: Arrays = {}
    name = ""
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name == "SHORT_BINUNICODE" and str(argument).endswith("_"):
            name = str(argument)
        elif isinstance(argument, bytes) and len(argument) > 1 and name in ("mean_", "scale_"):
            # A single byte is the type that an empty array begins with.
            found[name] = np.frombuffer(argument, "<f8")
    return found


def converted(files: Mapping[str, bytes]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Parameters of `epizoo.models.peak_scorer.network.PeakScorer` by flat name, float32."""
    arrays: Arrays = {}
    with h5py.File(io.BytesIO(files[NETWORK])) as network:
        for ours, (layer, normalization) in _LAYERS.items():
            kernel, bias = (np.asarray(network[f"{layer}/{layer}/{part}:0"], np.float64) for part in ("kernel", "bias"))
            if normalization is not None:
                name = normalization.removesuffix("_0")
                beta, gamma, mean, variance = (
                    np.asarray(network[f"{name}/{name}/{part}:0"], np.float64)
                    for part in ("beta", "gamma", "moving_mean", "moving_variance")
                )
                factor = gamma / np.sqrt(variance + _BATCH_NORMALIZATION_EPSILON)
                kernel, bias = kernel * factor, (bias - mean) * factor + beta
            arrays |= {f"{ours}.kernel": kernel, f"{ours}.bias": bias}
    scalers = [scaler_arrays(files[name]) for name in SCALERS]
    arrays["location"] = np.concatenate([scaler["mean_"] for scaler in scalers])
    arrays["scale"] = np.concatenate([scaler["scale_"] for scaler in scalers])
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def write_run(folder: Path, weights: Path) -> None:
    """Write the run folder that `epizoo.zoo.build.write_entry` takes, and an example.

    Raises:
        InputError: the weights are not those of lanceotron 1.2.7.
    """
    words, config = prose("lanceotron"), PeakScorerConfig()
    arrays = converted(read_published(weights))
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / "weights.safetensors") as path:
        save_file(arrays, path)
    settings = {
        "family": "peak_scorer",
        "window": {"window_bins": config.window_bins, "flank_bins": 0},
        "model": config.to_dict(),
        "candidates": CandidateConfig().to_dict(),
    }
    training = {
        "trained_on": words["trained_on"],
        "procedure": words["procedure"],
        "command": "python -m epizoo.recipes.lanceotron --weights lanceotron-1.2.7-py3-none-any.whl -o runs/lanceotron",
        "published_sha256": SHA256,
    }
    write_yaml(folder / "config.yaml", settings)
    write_yaml(folder / "about.yaml", words["about"])
    write_json(folder / "training.json", training)
    write_json(folder / "metrics.json", words.get("metrics", []))
    write_example(folder / "example")


def write_example(folder: Path) -> None:
    """Write the excerpt of H3K4me3 that peak_caller/h3k4me3 has, in RPKM in a file of the whole genome, and candidates.

    The genome is taken to have as much signal everywhere, and the fragments to be `RPKM_DEPTH` bp long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = ZOO_FOLDER / "peak_caller/h3k4me3/example_files/H3K4me3.bw"
    (chrom, start, end), sizes = EXAMPLE, chrom_sizes("hg19")
    with BigWig(source) as track, BigWigWriter(folder / source.name, sizes, bin_bp=1) as writer:
        values = track.binned(chrom, start, end, 1)
        depth = values.mean(dtype=np.float64) * sum(sizes.values()) / FULL_DEPTH
        writer.add(chrom, start, values * (RPKM_DEPTH / depth))
    (folder / "known.bed").write_text(f"{chrom}\t{start}\t{end}\n", encoding="utf-8")
    signal = CandidateSignal(folder / source.name, folder / "known.bed")
    candidates = find_candidates(
        signal.reader(KnownStretch(*EXAMPLE)), end - start, signal.level.means[chrom], CandidateConfig()
    )
    rows = [f"{chrom}\t{start + low}\t{start + high}\n" for low, high in zip(*candidates, strict=True)]
    (folder / "candidates.bed").write_text("".join(rows), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="wheel of lanceotron 1.2.7, or the folder of it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder to write")
    options = parser.parse_args(arguments)
    with one_sentence_errors():
        write_run(options.output, options.weights)


if __name__ == "__main__":
    main()

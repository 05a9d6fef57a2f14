"""Kipoi's part of an entry's ``model.yaml``, its ``dataloader.yaml`` and its ``dataloader.py``.

Kipoi evaluates ``shape`` as Python, which is why shapes are written as the text of a tuple.
"""

import inspect
from collections.abc import Callable
from typing import Any

from epizoo.version import __version__
from epizoo.zoo.description import About, Family, TrainedOn, Window
from epizoo.zoo.windows import Argument, candidate_windows, coverage_windows, mark_windows

EXPECT_FILE = "expected_predictions.h5"
PRECISION_DECIMAL = 5
# Kipoi's HDF5 writer makes chunks of 10,000 rows, which for windows are hundreds of MB each.
HDF5_CHUNK_ROWS = 32

MODEL_CLASSES: dict[Family, str] = {
    "peak_caller": "KipoiPeakCaller",
    "peak_scorer": "KipoiPeakScorer",
    "chromatin_states": "KipoiChromatinStateAnnotator",
}
DATASET_CLASSES: dict[Family, str] = {
    "peak_caller": "CoverageDataset",
    "peak_scorer": "CandidateDataset",
    "chromatin_states": "MarkDataset",
}

_WINDOWS: dict[Family, Callable[..., Any]] = {
    "peak_caller": coverage_windows,
    "peak_scorer": candidate_windows,
    "chromatin_states": mark_windows,
}
_PROBABILITIES = (
    "output of the network for the bin, 0 to 1: the higher, the more likely the bin lies in a peak; not calibrated"
)
_DENOISED = (
    "the treatment's expected signal at the depth of the input, normalised as the input is; scale * sinh(value) is "
    "the signal in the bigWig's unit"
)
_METADATA = {
    "ranges": {"type": "GenomicRanges", "doc": "the window's valid bins, with the interval's name (or row) as id"},
    "valid_bins": {"type": "int", "doc": "how many bins of the window, from its start, are the interval's"},
}


def model_yaml(
    family: Family, window: Window, config: dict[str, Any], about: About, trained: TrainedOn, version: str
) -> dict[str, Any]:
    """Kipoi's part of ``model.yaml``; paths are relative to the entry's folder."""
    held_out = ", ".join(trained.held_out_chromosomes + trained.held_out_cell_types) or "nothing"
    data = "; ".join(source.name for source in trained.data)
    info = {
        "authors": [{"name": name} for name in about.authors],
        "doc": about.doc,
        "version": version,
        "license": about.license,
        "tags": about.tags,
        "cite_as": about.cite_as,
        "trained_on": f"{data} ({trained.assembly}); held out: {held_out}",
    }
    return {
        "defined_as": f"epizoo.plugins.kipoi.model.{MODEL_CLASSES[family]}",
        "args": {"entry": ".", "backend": "jax"},
        # As an import, so that Kipoi's get-example and env export reach the fixes for them.
        "default_dataloader": {"defined_as": "epizoo.plugins.kipoi.patches.EntryDataloader"},
        "info": {key: value for key, value in info.items() if value},
        "dependencies": {"pip": [f"epizoo[kipoi]>={__version__}"]},
        "schema": {"inputs": _inputs(family, window, config), "targets": _targets(family, window, config)},
        "test": {"expect": EXPECT_FILE, "precision_decimal": PRECISION_DECIMAL},
        "writers": {"hdf5_chunk_size": HDF5_CHUNK_ROWS},
    }


def dataloader_yaml(
    family: Family, window: Window, config: dict[str, Any], about: About, example: dict[str, Any]
) -> dict[str, Any]:
    """``dataloader.yaml``, with ``example`` (argument -> value, files relative to the entry's folder) written in."""
    args: dict[str, dict[str, Any]] = {}
    for name, parameter in _parameters(family).items():
        described: Argument = parameter.annotation.__metadata__[0]
        args[name] = {"doc": described.doc, "type": described.type}
        if parameter.default is not parameter.empty:
            args[name]["optional"] = True
        if name in example:
            args[name]["example"] = example[name]
    inputs = _inputs(family, window, config)
    for schema in inputs.values():
        schema["associated_metadata"] = ["ranges"]
    return {
        "type": "Dataset",
        "defined_as": f"dataloader.py::{DATASET_CLASSES[family]}",
        "args": args,
        "info": {
            "authors": [{"name": name} for name in about.authors],
            "doc": _rows_in_words(family, window),
            "license": "MIT",
        },
        "dependencies": {"pip": [f"epizoo[kipoi]>={__version__}"]},
        "output_schema": {"inputs": inputs, "metadata": {name: dict(value) for name, value in _METADATA.items()}},
        "writers": {"hdf5_chunk_size": HDF5_CHUNK_ROWS},
    }


def root_model_yaml(kipoi: dict[str, Any], name: str) -> dict[str, Any]:
    """An entry's Kipoi part as the ``model.yaml`` of the repository's root: the same, its paths seen from there."""
    folder = f"model_zoo/{name}"
    test = kipoi["test"] | {"expect": f"{folder}/{kipoi['test']['expect']}"}
    return kipoi | {"args": kipoi["args"] | {"entry": folder}, "test": test}


def dataloader_py(family: Family) -> str:
    """``dataloader.py``: a class of the entry's own, because Kipoi writes the entry's description onto it."""
    name = DATASET_CLASSES[family]
    return (
        f'"""The dataloader of this entry; everything that it does is in epizoo.plugins.kipoi.dataloader."""\n\n'
        f"from epizoo.plugins.kipoi import dataloader\n\n\n"
        f"class {name}(dataloader.{name}):\n    pass\n"
    )


def argument_names(family: Family) -> tuple[str, ...]:
    """The dataloader's arguments, in their order."""
    return tuple(_parameters(family))


def required_arguments(family: Family) -> tuple[str, ...]:
    """Those of the dataloader's arguments that must be given."""
    return tuple(name for name, parameter in _parameters(family).items() if parameter.default is parameter.empty)


def _parameters(family: Family) -> dict[str, inspect.Parameter]:
    """Those of the function that reads an entry's windows, but the entry itself."""
    _, *parameters = inspect.signature(_WINDOWS[family]).parameters.values()
    return {parameter.name: parameter for parameter in parameters}


def _rows_in_words(family: Family, window: Window) -> str:
    if family == "peak_scorer":
        return (
            "Candidate peaks with their coverage and enrichment, read from the files; a row is an interval. Coverage "
            "that is not in RPKM is scaled to the depth of RPKM by one factor, which a warning states"
        )
    return (
        f"Windows of {window.window_bins} bins of {window.bin_bp} bp with {window.flank_bins} bins on both sides, read "
        "from the files; the last window of an interval may reach past its end"
    )


def _array(doc: str, *shape: int) -> dict[str, Any]:
    return {"shape": str(tuple(shape)), "doc": doc}


def _inputs(family: Family, window: Window, config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    bins = f"{window.window_bins} bins of {window.bin_bp} bp and {window.flank_bins} more on both sides"
    if family == "peak_caller":
        tracks = config["model"].get("n_tracks", 1)
        what = "treatment" if tracks == 1 else "treatment and control"
        doc = f"normalised coverage ({what}), {bins}; 0 outside the chromosome"
        return {"coverage": _array(doc, window.input_bins, tracks)}
    if family == "peak_scorer":
        n_features = config["model"]["n_features"]
        doc = (
            f"standardised coverage of {window.window_bins:,} bp around the candidate's middle, then {n_features} "
            "enrichment features: -log10 p of its height against the chromosome and against 10 to 100 kb to both "
            "sides, and the depth (sum of the signal / 1e9; about 200 in RPKM)"
        )
        return {"candidates": _array(doc, window.window_bins + n_features, 1)}
    marks = config["model"]["marks"]
    doc = f"marks {', '.join(marks)}: 0, 1, NaN = missing, -1 = outside the chromosome; {bins}"
    return {"marks": _array(doc, window.input_bins, len(marks))}


def _targets(family: Family, window: Window, config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    bins = window.window_bins
    if family == "peak_caller":
        targets = {
            "peak_probabilities": _array(_PROBABILITIES, bins),
            "peak_scores": _array("score of the bin before threshold and temperature are applied", bins),
            "peak_summits": _array("degree to which the bin is the summit of its peak, 0 to 1", bins),
            "peak_starts": _array("degree to which a peak starts at the bin, 0 to 1", bins),
            "peak_ends": _array("degree to which a peak ends at the bin, 0 to 1", bins),
        }
        if config["model"].get("denoise"):
            targets["denoised_coverage"] = _array(_DENOISED, bins)
        return targets
    if family == "peak_scorer":
        return {
            "overall_scores": _array("score of the candidate as a peak, 0 to 1, by shape and enrichment together"),
            "shape_scores": _array("score by the shape of the coverage alone, 0 to 1"),
            "enrichment_scores": _array("score by the enrichment over the surroundings alone, 0 to 1"),
        }
    states = config["model"]["n_states"]
    return {
        "state_posteriors": _array("probability of each state given all bins (forward-backward)", bins, states),
        "state_probabilities": _array("probability of each state given the bins up to this one", bins, states),
        "viterbi_path": _array("state of the bin on the most probable path, from 0", bins),
        "log_likelihood": _array("sum over the window's bins inside the chromosome of log p(bin | bins before it)"),
    }

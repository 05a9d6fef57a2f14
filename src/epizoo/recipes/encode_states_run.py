"""The data of the recipe of ``chromatin_states/encode-*``, and what its run folder says of them in words."""

import argparse
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt16

from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.recipes.run_folder import prose
from epizoo.states.em import Learned, LearningConfig

HELD_OUT = ("chr8", "chr11", "chr19")
CELLS = ("GM12878", "K562")


def read_codes(data_dir: Path, cell: str) -> tuple[tuple[str, ...], dict[str, UInt16[np.ndarray, " bin"]]]:
    """Marks of a cell type over the whole genome: their names, and a code per bin for each chromosome.

    Raises:
        InputError: the data hold no such cell type.
    """
    path = _codes_path(data_dir, cell)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of the data and one of its cell types")
    with np.load(path, allow_pickle=False) as file:
        return tuple(str(mark) for mark in file["marks"]), {name: file[name] for name in file.files if name != "marks"}


def describe_training(
    options: argparse.Namespace,
    command: str,
    chromosomes: Sequence[str],
    learning: LearningConfig,
    results: Sequence[Learned],
    seconds: float,
) -> dict[str, Any]:
    """The content of ``training.json``: what was seen, how, from which files, and how it went.

    Args:
        options: the command's options.
        command: the command itself.
        chromosomes: of the data.
        learning: how each result was learned.
        results: of all starts.
        seconds: how long it took.
    """
    files = [_codes_path(options.data, cell) for cell in CELLS]
    published = options.data / "states" / "published_models"
    files += [
        published / "model_15_coreMarks.txt",
        published / "human_Roadmap_Consortium_127_sample_hg19_15.tsv",
    ]
    return {
        "trained_on": {
            "data": [
                {
                    "name": f"Binarised marks of {options.cell}, 200 bp, whole genome",
                    "source": "ENCODE ChIP-seq, as binarised for diHMM (gcyuan/diHMM)",
                    "license": "ENCODE data policy (free to use)",
                }
            ],
            "assembly": "hg19",
            "cell_types": [options.cell],
            "chromosomes": [chrom for chrom in chromosomes if chrom not in HELD_OUT],
            "held_out_chromosomes": list(HELD_OUT),
            "held_out_cell_types": [cell for cell in CELLS if cell != options.cell],
        },
        "procedure": _prose(options)["procedure"],
        "command": command.replace(str(options.data), "DIR"),
        "seed": options.seed,
        "learning": {name: getattr(learning, name) for name in learning.__dataclass_fields__},
        "log_likelihoods": [round(result.log_likelihood, 3) for result in results],
        "trajectory": [round(float(value), 3) for value in max(results, key=lambda r: r.log_likelihood).trajectory],
        "converged": max(results, key=lambda result: result.log_likelihood).converged,
        "data_sha256": {str(path.relative_to(options.data)): sha256(path) for path in files},
        "versions": {name: version(name) for name in ("epizoo", "jax", "flax", "numba", "numpy")}
        | {"python": platform.python_version()},
        "seconds": round(seconds, 1),
    }


def describe_entry(options: argparse.Namespace) -> dict[str, Any]:
    """The content of ``about.yaml``: the prose of the card."""
    return _prose(options)["about"]


def _prose(options: argparse.Namespace) -> dict[str, Any]:
    (other,) = (cell for cell in CELLS if cell != options.cell)
    fields = {"states": options.states, "cell": options.cell, "other": other, "restarts": options.restarts}
    return prose("encode_states", **fields)


def _codes_path(data_dir: Path, cell: str) -> Path:
    return data_dir / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz"

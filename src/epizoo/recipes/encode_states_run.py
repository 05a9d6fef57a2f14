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
        "procedure": "EM (Baum-Welch, accelerated by SQUAREM, a pseudo-count of 1) from ChromHMM's information "
        f"initialisation and {options.restarts} random moves of it, to the end from the best; the highest training "
        "likelihood was kept. States are named by the rule of epizoo.states.state_names from Roadmap Epigenomics' 15 "
        "states.",
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
    others = ", ".join(cell for cell in CELLS if cell != options.cell)
    return {
        "doc": f"A hidden Markov model of {options.states} chromatin states over nine marks (CTCF and eight histone "
        f"marks) in bins of 200 bp, as ChromHMM's, learned on the whole genome of {options.cell} but "
        f"{', '.join(HELD_OUT)}. It takes binarised marks, any of which may be missing, and gives the posterior "
        "probability of each state in each bin.",
        "license": "CC-BY-4.0",
        "weights_license": "Learned on ENCODE data, which are free to use without restriction under ENCODE's data "
        "policy (the repository that publishes the binarised marks, gcyuan/diHMM, states no licence of its own); the "
        "weights are CC-BY-4.0: cite ENCODE and this entry.",
        "limits": [
            f"Learned on one cell type, {options.cell}; the marks of {others} are described less well.",
            "The marks were binarised at p = 1e-4 in 200-bp bins; other thresholds or bin sizes shift the states.",
            "There is no H3K9me3 in the data: heterochromatin and ZNF genes cannot be told from quiescent chromatin.",
            "State names follow a rule from emissions, their likeness to Roadmap's 15 states: they are no annotation.",
            "Positions are no input, so any human assembly will do; other species were not tried.",
        ],
        "authors": ["The epizoo authors"],
        "tags": ["chromatin-states", "hmm", "chromhmm", "histone-marks", "encode"],
        "datasets": ["ENCODE ChIP-seq of GM12878"],
        "cite_as": "The ENCODE Project Consortium, Nature 2012; Ernst and Kellis, Nature Methods 2012 (ChromHMM)",
    }


def _codes_path(data_dir: Path, cell: str) -> Path:
    return data_dir / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz"

"""Run folders of chromatin-state models, learned or imported: weights, ``config.yaml`` and example files."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors.numpy import save_file

from epizoo.files import atomic_path, write_yaml
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.parameters import flatten_parameters
from epizoo.states.state_names import NamedState

WINDOW_BINS, FLANK_BINS, BIN_BP = 2048, 512, 200
# Two windows, the second one reaching past the interval's end, with room for the flanks.
FIRST_BIN = 1000
INTERVAL_BINS = WINDOW_BINS + WINDOW_BINS // 2
EXCERPT_BINS = FIRST_BIN + 2 * WINDOW_BINS + FLANK_BINS


def write_model_files(
    run: Path, config: ChromatinStateConfig, parameters: HMMParameters, states: list[NamedState], order: str = "E"
) -> None:
    """Write ``weights.safetensors``, in float64, and ``config.yaml``; ``order`` is ChromHMM's letter.

    Raises:
        InputError: the parameters do not fit the config, or a file cannot be written.
    """
    with jax.enable_x64(True):
        arrays = flatten_parameters(ChromatinStateAnnotator.from_parameters(config, parameters))
    with atomic_path(run / "weights.safetensors") as path:
        save_file(arrays, path)
    write_yaml(run / "config.yaml", describe_config(config, states, order=order))


def describe_config(
    config: ChromatinStateConfig, states: list[NamedState], measured_on: str = "", order: str = "E"
) -> dict[str, Any]:
    """The content of ``config.yaml``; ``measured_on`` says what the states' enrichments are."""
    return {
        "family": "chromatin_states",
        "window": {"window_bins": WINDOW_BINS, "flank_bins": FLANK_BINS},
        "model": {
            "marks": list(config.marks),
            "n_states": config.n_states,
            "bin_bp": config.bin_bp,
            "start": config.start,
        },
        "states": [describe_state(state) for state in states],
        **({"order": order} if order != "E" else {}),
        **({"measured_on": measured_on} if measured_on else {}),
    }


def describe_state(state: NamedState) -> dict[str, Any]:
    """A state as ``config.yaml`` and ``model.yaml`` hold it; see `epizoo.zoo.description.State`."""
    described: dict[str, Any] = {"name": state.name, "description": state.description, "color": state.color}
    if np.isfinite(state.confidence):
        described["confidence"] = round(float(state.confidence), 2)
    if state.enrichment:
        described["enrichment"] = dict(state.enrichment)
    return described


def write_excerpt(chromosome: BinarizedChromosome, output: Path, bin_bp: int) -> dict[str, str]:
    """Write the first bins of a chromosome as an entry's example, and return the dataloader's arguments.

    The files are ``marks/CELL_CHROM_binary.txt.gz``, and ``regions.bed`` with one interval, which begins inside the
    chromosome where that is long enough.

    Raises:
        InputError: the folder cannot be written to.
    """
    folder = output / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    excerpt = chromosome._replace(values=chromosome.values[:EXCERPT_BINS])
    write_binarized(folder / f"{chromosome.cell}_{chromosome.chrom}_binary.txt.gz", excerpt)
    first_bin = FIRST_BIN if len(chromosome.values) > 2 * FIRST_BIN else 0
    end_bin = min(first_bin + INTERVAL_BINS, len(excerpt.values))
    with atomic_path(output / "regions.bed") as path:
        path.write_text(f"{chromosome.chrom}\t{first_bin * bin_bp}\t{end_bin * bin_bp}\n", encoding="utf-8")
    return {"intervals_file": str(output / "regions.bed"), "binarized": str(folder)}

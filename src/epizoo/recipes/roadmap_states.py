r"""The recipe of the entries ``chromatin_states/roadmap-15`` and ``roadmap-18``: Roadmap Epigenomics' published models.

``python -m epizoo.recipes.roadmap_states --data DIR --states 15 -o runs/roadmap-15`` turns the published parameters,
names and colours into a run folder, unchanged and in float64, with an example. This builds the entry of it::

    python -m epizoo.zoo.build runs/roadmap-15 chromatin_states/roadmap-15 \
        --example intervals_file=runs/roadmap-15/example/regions.bed \
        --example binarized=runs/roadmap-15/example/GM12878
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
import yaml
from jaxtyping import UInt8
from safetensors.numpy import save_file

from epizoo.errors import EpizooError, InputError
from epizoo.files import sha256
from epizoo.genome.marks import BinarizedChromosome, arrange_marks, decode, write_binarized
from epizoo.mark_values import MISSING
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.decoding import decode_all
from epizoo.models.parameters import flatten_parameters
from epizoo.recipes.run_folder import prose
from epizoo.states.chromhmm_models import ChromHMMModel, read_model

WINDOW_BINS, FLANK_BINS, BIN_BP = 2048, 512, 200
CELLS = ("GM12878", "K562")
EXAMPLE_CHROM, EXAMPLE_BINS = "chr19", 5120
EXAMPLE_REGIONS = f"{EXAMPLE_CHROM}\t0\t409600\tstart\n{EXAMPLE_CHROM}\t500000\t640000\tgenes\n"
PORTAL = "https://egg2.wustl.edu/roadmap/web_portal/chr_state_learning.html"


class Published(NamedTuple):
    """Where the parts of a published model lie, and what is known of its training."""

    model: str
    states: str
    cell_types: str
    title: str


MODELS = {
    15: Published(
        "model_15_coreMarks.txt",
        "human_Roadmap_Consortium_127_sample_hg19_15.tsv",
        "60 of the 127 epigenomes of Roadmap and ENCODE, those of the highest quality",
        "core 15-state model (5 marks, 127 epigenomes)",
    ),
    18: Published(
        "model_18_core_K27ac.txt",
        "human_Roadmap_Consortium_127_sample_hg19_18.tsv",
        "epigenomes of Roadmap and ENCODE that have H3K27ac (98 are annotated with the model)",
        "expanded 18-state model (6 marks, 98 epigenomes)",
    ),
}


def read_states(path: Path) -> list[dict[str, str]]:
    """Names, descriptions and colours ("r,g,b") of the states, in their order, from the portal's table.

    Raises:
        InputError: the file is missing or lacks a column.
    """
    try:
        table = pd.read_csv(path, sep="\t").sort_values("one_index")
        rows = zip(table["short_name"], table["long_name"], table["hex"], strict=True)
        return [
            {
                "name": str(name),
                "description": str(description),
                "color": ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5)),
            }
            for name, description, color in rows
        ]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as a table with one_index, short_name, long_name and hex ({error}); give the "
            "folder of the data"
        ) from None


def read_marks(data: Path, cell: str, marks: Sequence[str]) -> dict[str, UInt8[np.ndarray, "bin mark"]]:
    """Marks of a cell type over the whole genome, by chromosome; those that were not measured are missing (2).

    Raises:
        InputError: the file is missing, or none of the marks is there.
    """
    path = data / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz"
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of the data")
    with np.load(path) as file:
        found = [str(mark) for mark in file["marks"]]
        return {
            chrom: arrange_marks(decode(file[chrom], len(found)), found, marks, str(path), allow_missing=True)
            for chrom in file.files
            if chrom != "marks"
        }


def measure(model: ChromHMMModel, data: Path) -> list[dict[str, Any]]:
    """Log-likelihood per bin of real marks, beside that of marks without states or neighbours."""
    metrics = []
    for cell in CELLS:
        chromosomes = list(read_marks(data, cell, model.marks).values())
        n_bins = sum(map(len, chromosomes))
        missing = [mark for mark, value in zip(model.marks, chromosomes[0][0], strict=True) if value == MISSING]
        total = sum(decoding.log_likelihood for decoding in decode_all(model.parameters, chromosomes))
        share = sum((values == 1).sum(axis=0) for values in chromosomes) / n_bins
        share = share[(share > 0) & (share < 1)]
        independent = float(np.sum(share * np.log(share) + (1 - share) * np.log(1 - share)))
        metrics.append(
            {
                "name": f"log-likelihood per bin (nats), {', '.join(missing)} missing",
                "value": round(total / n_bins, 6),
                "on": f"{cell}, all chromosomes",
                "compared_with": {"marks independent of each other and of place": round(independent, 6)},
            }
        )
    return metrics


def write_example(folder: Path, marks: Sequence[str], data: Path) -> None:
    """The first megabase of a chromosome of GM12878 as ChromHMM's binarised text, and two intervals of it."""
    values = read_marks(data, CELLS[0], marks)[EXAMPLE_CHROM][:EXAMPLE_BINS]
    (folder / CELLS[0]).mkdir(parents=True, exist_ok=True)
    chromosome = BinarizedChromosome(CELLS[0], EXAMPLE_CHROM, tuple(marks), values)
    write_binarized(folder / CELLS[0] / f"{CELLS[0]}_{EXAMPLE_CHROM}_binary.txt.gz", chromosome)
    (folder / "regions.bed").write_text(EXAMPLE_REGIONS, encoding="utf-8")


def write_run(folder: Path, data: Path, n_states: int) -> None:
    """Write the run folder that `epizoo.zoo.build.write_entry` takes.

    Raises:
        InputError: a file of the data is missing or in another format.
    """
    published = data / "states" / "published_models"
    source = MODELS[n_states]
    model, states = read_model(published / source.model), read_states(published / source.states)
    if len(states) != n_states or len(model.parameters.initial) != n_states:
        raise InputError(f"{published}: {len(states)} names found for {n_states} states; fetch the files again")
    config = ChromatinStateConfig(marks=model.marks, n_states=n_states, bin_bp=BIN_BP)
    with jax.enable_x64(True):
        arrays = flatten_parameters(ChromatinStateAnnotator.from_parameters(config, model.parameters))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(arrays, folder / "weights.safetensors")
    settings = {
        "family": "chromatin_states",
        "window": {"window_bins": WINDOW_BINS, "flank_bins": FLANK_BINS},
        "model": {"marks": list(model.marks), "n_states": n_states, "bin_bp": BIN_BP, "start": config.start},
        "states": states,
    }
    training = _training(source, n_states) | {"published_sha256": sha256(published / source.model)}
    for name, content in (("config.yaml", settings), ("about.yaml", _prose(source, model.marks, n_states)["about"])):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for name, values in (("training.json", training), ("metrics.json", measure(model, data))):
        (folder / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    write_example(folder / "example", model.marks, data)


def _training(source: Published, n_states: int) -> dict[str, Any]:
    return {
        "trained_on": {
            "data": [
                {
                    "name": f"Roadmap Epigenomics, parameters of the {source.title}",
                    "source": PORTAL,
                    "license": "public, no licence came with them; cite the consortium's paper",
                }
            ],
            "assembly": "hg19",
            "cell_types": [source.cell_types],
            "chromosomes": ["the whole genome"],
            "held_out_chromosomes": [],
            "held_out_cell_types": [],
        },
        "procedure": _prose(source, (), n_states)["procedure"],
        "command": f"python -m epizoo.recipes.roadmap_states --data DIR --states {n_states} -o runs/roadmap-{n_states}",
    }


def _prose(source: Published, marks: Sequence[str], n_states: int) -> dict[str, Any]:
    return prose("roadmap_states", title=source.title, marks=", ".join(marks), states=n_states)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.recipes.roadmap_states", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--states", type=int, choices=sorted(MODELS), default=15)
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    options = parser.parse_args(arguments)
    try:
        write_run(options.output, options.data, options.states)
    except EpizooError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

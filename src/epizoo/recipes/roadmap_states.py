r"""The recipe of the entries ``chromatin_states/roadmap-15`` and ``roadmap-18``: Roadmap Epigenomics' published models.

``python -m epizoo.recipes.roadmap_states --data DIR --states 15 -o runs/roadmap-15`` turns the published parameters,
names and colours into a run folder, unchanged and in float64, with an example. This builds the entry of it::

    python -m epizoo.zoo.build runs/roadmap-15 chromatin_states/roadmap-15 \
        --example intervals_file=runs/roadmap-15/example/regions.bed \
        --example binarized=runs/roadmap-15/example/GM12878
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from epizoo.files import sha256, write_json, write_yaml
from epizoo.genome.marks import BinarizedChromosome, arrange_marks, decode, write_binarized
from epizoo.mark_values import MISSING
from epizoo.models.hmm.annotator import ChromatinStateConfig
from epizoo.models.hmm.decoding import decode_all
from epizoo.recipes.run_folder import one_sentence_errors, prose
from epizoo.recipes.state_data import CELLS, ROADMAP, codes_path, read_codes, read_published
from epizoo.states.chromhmm_models import ChromHMMModel
from epizoo.states.state_names import NamedState
from epizoo.zoo.state_runs import BIN_BP, write_model_files

EXAMPLE_CHROM, EXAMPLE_BINS = "chr19", 5120
EXAMPLE_REGIONS = f"{EXAMPLE_CHROM}\t0\t409600\tstart\n{EXAMPLE_CHROM}\t500000\t640000\tgenes\n"


def read_marks(data: Path, cell: str, marks: Sequence[str]) -> dict[str, UInt8[np.ndarray, "bin mark"]]:
    """Marks of a cell type over the whole genome, by chromosome; those that were not measured are missing (2).

    Raises:
        InputError: the file is missing, or none of the marks is there.
    """
    found, chromosomes = read_codes(data, cell)
    name = str(codes_path(data, cell))
    return {
        chrom: arrange_marks(decode(codes, len(found)), found, marks, name, allow_missing=True)
        for chrom, codes in chromosomes.items()
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
    """Write the first megabase of a chromosome of GM12878 as ChromHMM's binarised text, and two intervals of it."""
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
    model, reference = read_published(data, n_states)
    source, marks = ROADMAP[n_states], ", ".join(model.marks)
    words = prose("roadmap_states", states=n_states, title=source.title, marks=marks)
    config = ChromatinStateConfig(marks=model.marks, n_states=n_states, bin_bp=BIN_BP)
    columns = (reference.names, reference.descriptions, reference.colors)
    states = [NamedState(*look) for look in zip(*columns, strict=True)]
    training = {
        "trained_on": {
            "data": words["data"],
            "assembly": "hg19",
            "cell_types": [source.cell_types],
            "chromosomes": ["the whole genome"],
            "held_out_chromosomes": [],
            "held_out_cell_types": [],
        },
        "procedure": words["procedure"],
        "command": f"python -m epizoo.recipes.roadmap_states --data DIR --states {n_states} -o runs/roadmap-{n_states}",
        "published_sha256": sha256(source.paths(data)[0]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_model_files(folder, config, model.parameters, states)
    write_yaml(folder / "about.yaml", words["about"])
    write_json(folder / "training.json", training)
    write_json(folder / "metrics.json", measure(model, data))
    write_example(folder / "example", model.marks, data)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.recipes.roadmap_states", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--states", type=int, choices=sorted(ROADMAP), default=15, help="number of states")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    options = parser.parse_args(arguments)
    with one_sentence_errors():
        write_run(options.output, options.data, options.states)


if __name__ == "__main__":
    main()

"""The data of the page for chromatin states: marks, states and probabilities of each annotator, and an example."""

from pathlib import Path
from typing import Any

import numpy as np

from epizoo.files import write_json
from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.genome.marks import find_binarized, read_binarized
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.examples import example_arguments
from epizoo.zoo.loading import load_annotator

_EXAMPLE_ENTRY = "chromatin_states/encode-10"
_EXAMPLE_THRESHOLD = 1.0


def write_annotators(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    """Write the probabilities of each annotator into a folder; returns the annotators' descriptions.

    Raises:
        EntryError: weights are missing or do not match their hash.
    """
    annotators = [load_annotator(name) for name in names]
    for annotator in annotators:
        parameters = annotator.parameters()
        # JSON holds each float64 to its last digit.
        content = {name: array.tolist() for name, array in parameters._asdict().items()}
        write_json(folder / _parameters_name(annotator), content)
    return [describe_annotator(annotator) for annotator in annotators]


def describe_annotator(annotator: ChromatinStateEntry) -> dict[str, Any]:
    """Description, marks and states of an annotator, as its ``model.yaml`` states them."""
    info = annotator.kipoi["info"]
    return {
        "name": annotator.name,
        "version": annotator.version,
        "about": info["doc"],
        "license": info["license"],
        "parameters": _parameters_name(annotator),
        "marks": list(annotator.channels),
        "bin_bp": annotator.window.bin_bp,
        "states": [
            {"name": state.name, "description": state.description, "color": list(state.style.color)}
            for state in annotator.config.states
        ],
    }


def write_state_example(folder: Path) -> dict[str, Any]:
    """Write a bigWig for each mark of the example, 1 where it is present; returns how the page annotates them."""
    annotator = load_annotator(_EXAMPLE_ENTRY)
    bin_bp = annotator.window.bin_bp
    marks = annotator.folder / example_arguments(annotator)["binarized"]
    chromosomes = [read_binarized(file.path) for file in find_binarized(marks)]
    sizes = {one.chrom: len(one.values) * bin_bp for one in chromosomes}
    files = []
    for column, mark in enumerate(annotator.channels):
        files.append(f"{chromosomes[0].cell}.{mark}.bw")
        with BigWigWriter(folder / files[-1], sizes, bin_bp) as writer:
            for one in chromosomes:
                writer.add(one.chrom, 0, one.values[:, column].astype(np.float32))
    return {"entry": _EXAMPLE_ENTRY, "files": files, "kind": "counts", "threshold": _EXAMPLE_THRESHOLD}


def _parameters_name(annotator: ChromatinStateEntry) -> str:
    return f"{annotator.name.split('/')[-1]}.json"

"""Models that somebody learned with ChromHMM as entries of the zoo, their probabilities unchanged."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from epizoo.calling.state_colors import default_colors
from epizoo.calling.state_mappings import read_colors, read_mapping
from epizoo.errors import EntryError, InputError
from epizoo.files import sha256, write_json, write_yaml
from epizoo.genome.marks import BinarizedChromosome, arrange_marks, find_binarized, read_binarized
from epizoo.mark_values import MISSING
from epizoo.models.hmm.annotator import ChromatinStateConfig
from epizoo.models.hmm.run_lengths import from_values, in_float64
from epizoo.states.chromhmm_models import ChromHMMModel, read_model
from epizoo.states.learning_plan import LearningSequence, log_likelihood_per_bin
from epizoo.states.state_names import NamedState
from epizoo.zoo.entry import ChromatinStateEntry, Entry
from epizoo.zoo.imported_entries import build_proven
from epizoo.zoo.state_runs import write_excerpt, write_model_files

File = str | os.PathLike[str]


def import_model(
    path: File,
    name: str,
    output: File,
    *,
    binarized: File,
    cell: str | None = None,
    labels: File | None = None,
    colors: File | None = None,
    bin_bp: int = 200,
    assembly: str = "unknown",
    source: str = "private",
    license_name: str = "unknown",
    version: str = "1.0.0",
) -> ChromatinStateEntry:
    """Make an entry of a ``model_N.txt``; whole or not at all. States keep their order, exact zeros stay zeros.

    Args:
        path: the model, plain or gzipped.
        name: Name of the new entry, such as muscle (letters, digits, - and _).
        output: Folder of a zoo; the entry is written to ``FOLDER/FAMILY/NAME``.
        binarized: Marks of a cell type, binarised by ChromHMM, for the example and the likelihood. Marks that they lack
            count as missing.
        cell: Cell type to take, if the folder holds several.
        labels: Names of the states, in the format of ChromHMM's ``-m``: state, tab, name.
        colors: Colours of the states, in the format of ChromHMM's ``-c``: state, tab, red,green,blue.
        bin_bp: Width of the model's bins.
        assembly: Assembly of the training data, such as hg38.
        source: Source of the model, for the card.
        license_name: Licence of the model, for the card.
        version: Version number of the new entry.

    Raises:
        InputError: a file is missing or in another format, states are named that the model lacks, none of the model's
            marks is there, or the name is none or taken.
        EntryError: the entry's probabilities would not be the file's; nothing is left.
    """
    model = read_model(path)
    config = ChromatinStateConfig(marks=model.marks, n_states=len(model.parameters.initial), bin_bp=bin_bp)
    states = _states(model, labels, colors)
    chromosomes = _chromosomes(binarized, cell, model.marks)
    about = _about(Path(path).name, config, source, license_name)
    provenance = {"name": f"{Path(path).name} of ChromHMM", "source": source, "license": license_name}
    training = {
        "trained_on": {
            "data": [provenance],
            "assembly": assembly,
            "cell_types": [],
            "chromosomes": [],
            "held_out_chromosomes": [],
            "held_out_cell_types": [],
        },
        "procedure": "Learned with ChromHMM; its probabilities are taken as they are, in float64.",
        "model_sha256": sha256(path),
    }

    def write_run(run: Path) -> None:
        write_model_files(run, config, model.parameters, states, model.order)
        write_yaml(run / "about.yaml", about)
        write_json(run / "training.json", training)
        write_json(run / "metrics.json", [_metric(model, chromosomes)])

    with tempfile.TemporaryDirectory() as scratch:
        longest = max(chromosomes, key=lambda one: len(one.values))
        example = write_excerpt(longest, Path(scratch), bin_bp)
        family = "chromatin_states"
        entry = build_proven(family, example, name, output, version, write_run, lambda entry: _prove(entry, model))
    assert isinstance(entry, ChromatinStateEntry)
    return entry


def _prove(entry: Entry, model: ChromHMMModel) -> None:
    assert isinstance(entry, ChromatinStateEntry)
    for what, found, wanted in zip(
        ("initial", "transition", "emission"), entry.parameters(), model.parameters, strict=True
    ):
        gap = np.abs(np.asarray(found) - np.asarray(wanted)).max()
        zeros = np.array_equal(np.asarray(found) == 0, np.asarray(wanted) == 0)
        if not (gap <= 1e-9 and zeros):
            raise EntryError(f"{entry.name}: {what} probabilities differ from the file's by {gap:.1e}; report this")


def _states(model: ChromHMMModel, labels: File | None, colors: File | None) -> list[NamedState]:
    n_states = len(model.parameters.initial)
    names = [f"{model.order}{number}" for number in range(1, n_states + 1)]
    shades = [",".join(map(str, color)) for color in default_colors(n_states)]
    if labels is not None:
        for state, text in read_mapping(labels, n_states).items():
            names[state] = text
    if colors is not None:
        for state, text in read_colors(colors, n_states).items():
            shades[state] = text
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise InputError(f"{labels}: {', '.join(twice)} names several states; give each a name of its own")
    return [NamedState(one, "", shade) for one, shade in zip(names, shades, strict=True)]


def _chromosomes(binarized: File, cell: str | None, marks: tuple[str, ...]) -> list[BinarizedChromosome]:
    files = find_binarized(binarized, cell)
    cells = list(dict.fromkeys(file.cell for file in files))
    if len(cells) > 1:
        raise InputError(f"{binarized}: holds several cell types ({', '.join(cells)}); name one with --cell")
    found = []
    for file in files:
        values = read_binarized(file.path).values
        arranged = arrange_marks(values, file.marks, marks, str(file.path), allow_missing=True)
        found.append(BinarizedChromosome(file.cell, file.chrom, marks, arranged))
    return found


def _metric(model: ChromHMMModel, chromosomes: list[BinarizedChromosome]) -> dict[str, Any]:
    sequences = [LearningSequence(one.cell, one.chrom, one.chrom, from_values(one.values)) for one in chromosomes]
    value = log_likelihood_per_bin(in_float64(model.parameters), sequences)
    chroms = ", ".join(one.chrom for one in chromosomes)
    lacking = [
        mark for i, mark in enumerate(model.marks) if all((one.values[:, i] == MISSING).all() for one in chromosomes)
    ]
    without = f", without {', '.join(lacking)}, which is not among their marks" if lacking else ""
    on = f"{chromosomes[0].cell}, {chroms}{without}; whether the model was learned from them is not known"
    return {"name": "log-likelihood per bin (nats)", "value": round(value, 6), "on": on}


def _about(file: str, config: ChromatinStateConfig, source: str, license_name: str) -> dict[str, Any]:
    return {
        "doc": f"A hidden Markov model of {config.n_states} chromatin states over {', '.join(config.marks)}, "
        f"learned with ChromHMM ({file}). It takes binarised marks, any of which may be missing, and gives the "
        "posterior probability of each state in each bin.",
        "license": license_name,
        "weights_license": f"The weights are the probabilities of {file} ({source}), in another format.",
        "limits": [
            "The training data are not recorded in the model file, so that no figure is known to be of held-out data."
        ],
        "authors": ["The owner of the model (parameters)"],
        "tags": ["chromatin-states", "hmm", "chromhmm"],
    }

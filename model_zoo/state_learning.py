"""Learning chromatin states from marks: a new entry, and the model as ChromHMM's files."""

import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from epizoo.calling.state_colors import default_colors
from epizoo.errors import InputError
from epizoo.files import atomic_path, sha256
from epizoo.genome.marks import BinarizedChromosome
from epizoo.model_zoo.build import write_entry
from epizoo.model_zoo.catalogue import list_entries
from epizoo.model_zoo.entry import ChromatinStateEntry, load
from epizoo.model_zoo.learning_marks import LearningMarks
from epizoo.model_zoo.tuned_entries import Target, make_target, write_json, write_yaml
from epizoo.models.chromatin_state_annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm import HMMParameters
from epizoo.models.parameters import flatten_parameters
from epizoo.models.runs import Float64Parameters
from epizoo.training.chromatin_state_examples import EXCERPT_BINS, FIRST_BIN, write_excerpt
from epizoo.training.chromatin_state_run import describe_config
from epizoo.training.chromatin_states import reorder
from epizoo.training.chromhmm_models import (
    ChromHMMModel,
    similarity_order,
    write_emissions,
    write_model,
    write_transitions,
)
from epizoo.training.em import Learned, Report
from epizoo.training.model_selection import selection_table
from epizoo.training.model_selection_picture import draw_selection
from epizoo.training.state_learning import LearningPlan, LearningSequence, learn, log_likelihood_per_bin
from epizoo.training.state_names import NamedState, ReferenceStates, name_states

File = str | os.PathLike[str]
REFERENCE_ENTRY = "chromatin_states/roadmap-15"


def learn_states(
    data: LearningMarks,
    plan: LearningPlan,
    name: str,
    output: File,
    *,
    held_out: Collection[str] = (),
    assembly: str = "unknown",
    source: str = "private",
    license_name: str = "unknown",
    bin_bp: int = 200,
    resume: bool = False,
    command: str = "epizoo learn-states",
    report: Report | None = None,
) -> ChromatinStateEntry:
    """Learn states and build an entry of them; ChromHMM's files of the model lie in the run folder.

    Args:
        data: the marks.
        plan: how to learn.
        name: of the entry, ``TAG`` or ``chromatin_states/TAG``.
        output: folder of a zoo: the entry is ``output/chromatin_states/TAG``, ``model_N.txt``, ``emissions_N.txt`` and
            ``transitions_N.txt`` are in ``output/runs/TAG``.
        held_out: chromosomes not to learn from, on which the model is measured.
        assembly: of the positions.
        source: where the data come from, for the card.
        license_name: of the data, and of the weights.
        bin_bp: width of the marks' bins.
        resume: go on with a run of this name that was killed, with the same final result.
        command: what to note as the command that makes the entry again.
        report: see `epizoo.training.em.Report`.

    Raises:
        InputError: the name exists already, or the data cannot be learned from.
    """
    training, left_out = data.split(held_out)
    target = make_target("chromatin_states", name, output, resume)
    run = target.run_folder
    learned = learn(training, plan, checkpoints=run, report=report)
    states, order = named_states(learned.parameters, data.marks)
    parameters = reorder(learned.parameters, order)
    config = ChromatinStateConfig(marks=data.marks, n_states=plan.n_states, bin_bp=bin_bp)
    with jax.enable_x64(True):
        arrays = flatten_parameters(ChromatinStateAnnotator.from_parameters(config, HMMParameters(*parameters)))
    with atomic_path(run / "weights.safetensors") as path:
        save_file(arrays, path)
    write_chromhmm_files(run, learned, parameters, data.marks, [state.name for state in states])
    write_yaml(run / "config.yaml", describe_config(config, states))
    write_yaml(run / "about.yaml", _about(data, plan, license_name))
    write_json(run / "metrics.json", _metrics(parameters, training, left_out))
    provenance = {"assembly": assembly, "source": source, "license": license_name, "command": command}
    write_json(run / "training.json", _training(data, plan, learned, held_out, provenance))
    entry = _build(target, data, left_out or training, bin_bp)
    for checkpoint in run.glob("*.npz"):
        checkpoint.unlink()
    return entry


def select_states(
    data: LearningMarks,
    plans: Sequence[LearningPlan],
    output: File,
    *,
    held_out: Collection[str] = (),
    report: Report | None = None,
) -> pd.DataFrame:
    """Learn models of several numbers of states and compare them.

    Writes ``model_N.txt`` of each, ``selection.tsv``, ``selection.json`` and ``selection.png`` into a folder; models
    that are being learned keep checkpoints there, and go on from them when the same is asked for again.

    Args:
        data: the marks.
        plans: one for each number of states.
        output: the folder, made where there is none.
        held_out: chromosomes not to learn from, whose likelihood is measured.
        report: see `epizoo.training.em.Report`.

    Returns:
        See `epizoo.training.model_selection.selection_table`.

    Raises:
        InputError: the folder cannot be made, two plans have one number of states, or as `learn_states`.
    """
    folder = Path(output)
    numbers = [plan.n_states for plan in plans]
    if len(set(numbers)) < max(len(numbers), 1):
        raise InputError(f"states: {', '.join(map(str, numbers)) or 'none'} found, expected different numbers")
    if len(data.marks) < 2:
        raise InputError(
            f"marks: only {', '.join(data.marks)} found, expected two or more, since states are compared by the "
            "correlation of their emissions"
        )
    training, left_out = data.split(held_out)
    learned = {}
    for plan in plans:
        checkpoints = folder / "checkpoints" / str(plan.n_states)
        try:
            checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
        learned[plan.n_states] = learn(training, plan, checkpoints=checkpoints, report=report)
        found = learned[plan.n_states]
        write_model(folder / f"model_{plan.n_states}.txt", _chromhmm(found, found.parameters, data.marks))
    measured = {n: log_likelihood_per_bin(one.parameters, left_out) for n, one in learned.items()} if left_out else None
    n_bins = sum(len(one.marks.codes) for one in training)
    table = selection_table(learned, data.marks, n_bins, measured)
    with atomic_path(folder / "selection.tsv") as path:
        table.to_csv(path, sep="\t", float_format="%.6f", lineterminator="\n")
    write_json(folder / "selection.json", table.reset_index().to_dict("records"))
    draw_selection(folder / "selection.png", table)
    return table


def named_states(parameters: Float64Parameters, marks: tuple[str, ...]) -> tuple[list[NamedState], np.ndarray]:
    """The states in their order with names and colours, and that order.

    Named by the rule of `epizoo.training.state_names` after Roadmap's states; where marks do not allow it, E1, E2, …
    in the order of ChromHMM's tables, with ChromHMM's colours.
    """
    try:
        states, order = name_states(parameters.emission, marks, _reference())
    except InputError:
        order = np.array(similarity_order(parameters.emission))
        colors = [",".join(map(str, color)) for color in default_colors(len(order))]
        numbered = enumerate(colors, start=1)
        return [NamedState(f"E{i}", "a learned state", color, "", np.nan) for i, color in numbered], order
    return [states[state] for state in order], order


def write_chromhmm_files(
    folder: Path, learned: Learned, parameters: Float64Parameters, marks: tuple[str, ...], names: list[str]
) -> None:
    """``model_N.txt``, ``emissions_N.txt`` and ``transitions_N.txt``."""
    model, n_states = _chromhmm(learned, parameters, marks), len(names)
    write_model(folder / f"model_{n_states}.txt", model)
    write_emissions(folder / f"emissions_{n_states}.txt", model, names)
    write_transitions(folder / f"transitions_{n_states}.txt", model, names)


def _chromhmm(learned: Learned, parameters: Float64Parameters, marks: tuple[str, ...]) -> ChromHMMModel:
    return ChromHMMModel(HMMParameters(*parameters), marks, "U", learned.log_likelihood, len(learned.trajectory))


def _reference() -> ReferenceStates:
    if REFERENCE_ENTRY not in list_entries():
        raise InputError(f"{REFERENCE_ENTRY}: not in the zoo; install epizoo again")
    entry = load(REFERENCE_ENTRY)
    assert isinstance(entry, ChromatinStateEntry)
    states = entry.config["states"]
    columns = ([str(state[key]) for state in states] for key in ("name", "description", "color"))
    return ReferenceStates(entry.channels, np.asarray(entry.parameters().emission), *map(tuple, columns))


def _build(target: Target, data: LearningMarks, sequences: list[LearningSequence], bin_bp: int) -> ChromatinStateEntry:
    """The entry, whose example is an excerpt of the longest chromosome that was held out, or of all."""
    one = max(sequences, key=lambda sequence: len(sequence.marks.codes))
    first_bin = FIRST_BIN if len(one.marks.codes) > 2 * FIRST_BIN else 0
    values = one.marks.marks[one.marks.codes[:EXCERPT_BINS]]
    with tempfile.TemporaryDirectory(dir=target.run_folder, prefix=".example-") as folder:
        write_excerpt(BinarizedChromosome(one.cell, one.chrom, data.marks, values), Path(folder), first_bin, bin_bp)
        example = {"intervals_file": f"{folder}/regions.bed", "binarized": f"{folder}/marks"}
        entry = write_entry(target.run_folder, target.name, example, zoo_folder=target.zoo_folder)
    assert isinstance(entry, ChromatinStateEntry)
    return entry


def _metrics(
    parameters: Float64Parameters, training: list[LearningSequence], left_out: list[LearningSequence]
) -> list[dict[str, Any]]:
    rows = []
    for sequences, what in ((left_out, "never seen"), (training, "learned from")):
        for cell in dict.fromkeys(one.cell for one in sequences):
            chosen = [one for one in sequences if one.cell == cell]
            value = round(log_likelihood_per_bin(parameters, chosen), 6)
            on = f"{cell}, {', '.join(one.chrom for one in chosen) if what == 'never seen' else 'all else'} ({what})"
            rows.append({"name": "log-likelihood per bin (nats)", "value": value, "on": on})
    return rows


def _about(data: LearningMarks, plan: LearningPlan, license_name: str) -> dict[str, Any]:
    return {
        "doc": f"A hidden Markov model of {plan.n_states} chromatin states over {', '.join(data.marks)}, "
        f"as ChromHMM's, learned from {', '.join(data.cells)}. It takes binarised marks, any of "
        "which may be missing, and gives the posterior probability of each state in each bin.",
        "license": license_name,
        "weights_license": f"The weights have the licence of the data that they were learned from: {license_name}.",
        "limits": [
            f"Learned from {', '.join(data.cells)} alone; other cell types are described less well.",
            "State names follow a rule from emissions, their likeness to Roadmap's 15 states: they are no annotation.",
        ],
        "authors": ["The user of epizoo learn-states"],
        "tags": ["chromatin-states", "hmm", "chromhmm"],
    }


def _training(
    data: LearningMarks, plan: LearningPlan, learned: Learned, held_out: Collection[str], provenance: dict[str, str]
) -> dict[str, Any]:
    chroms = list(dict.fromkeys(one.chrom for one in data.sequences))
    start = plan.start if isinstance(plan.start, str) else "given parameters"
    return {
        "trained_on": {
            "data": [
                {
                    "name": f"Binarised marks of {', '.join(data.cells)}",
                    "source": provenance["source"],
                    "license": provenance["license"],
                }
            ],
            "assembly": provenance["assembly"],
            "cell_types": data.cells,
            "chromosomes": [chrom for chrom in chroms if chrom not in held_out],
            "held_out_chromosomes": list(held_out),
            "held_out_cell_types": [],
        },
        "procedure": f"EM ({plan.algorithm}) from {start} and {plan.restarts} restarts; the best likelihood was kept.",
        "command": provenance["command"],
        "seed": plan.seed,
        "learning": asdict(plan.config),
        "log_likelihood": round(learned.log_likelihood, 3),
        "trajectory": [round(float(value), 3) for value in learned.trajectory],
        "converged": learned.converged,
        "data_sha256": {path.name: sha256(path) for path in data.sources},
    }

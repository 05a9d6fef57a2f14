"""Learning chromatin states from marks: a new entry, and the model as ChromHMM's files."""

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path

import jax
import numpy as np
from safetensors.numpy import save_file

from epizoo.calling.state_colors import default_colors
from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.marks import BinarizedChromosome
from epizoo.jobs.learned_entries import about_entry, describe_training, measured_metrics
from epizoo.jobs.learning_marks import LearningMarks
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import Float64Parameters, reorder
from epizoo.models.parameters import flatten_parameters
from epizoo.states.autodiff import UNKNOWN
from epizoo.states.chromhmm_models import (
    ChromHMMModel,
    similarity_order,
    write_emissions,
    write_model,
    write_transitions,
)
from epizoo.states.em import Learned, Report
from epizoo.states.learning import LearningPlan, LearningSequence, learn
from epizoo.states.names import NamedState, ReferenceStates, name_states
from epizoo.zoo.build import write_entry
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import ChromatinStateEntry, load
from epizoo.zoo.new_entries import Target, make_target, running, write_json, write_yaml
from epizoo.zoo.state_runs import EXCERPT_BINS, FIRST_BIN, describe_config, write_excerpt

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
        report: see `epizoo.states.em.Report`.

    Raises:
        InputError: the name exists already, or the data cannot be learned from.
    """
    training, left_out = data.split(held_out)
    known = known_names(data, training)
    target = make_target("chromatin_states", name, output, resume)
    run = target.run_folder
    with running(target):
        learned = learn(training, plan, checkpoints=run, report=report)
    states, order = named_states(learned.parameters, data.marks, known)
    parameters = reorder(learned.parameters, order)
    config = ChromatinStateConfig(marks=data.marks, n_states=plan.n_states, bin_bp=bin_bp)
    with jax.enable_x64(True):
        arrays = flatten_parameters(ChromatinStateAnnotator.from_parameters(config, HMMParameters(*parameters)))
    with atomic_path(run / "weights.safetensors") as path:
        save_file(arrays, path)
    write_chromhmm_files(run, learned, parameters, data.marks, [state.name for state in states])
    write_yaml(run / "config.yaml", describe_config(config, states))
    write_yaml(run / "about.yaml", about_entry(data, known, plan, license_name))
    write_json(run / "metrics.json", measured_metrics(parameters, order, training, left_out))
    provenance = {"assembly": assembly, "source": source, "license": license_name, "command": command}
    told = describe_training(data, training, known, plan, learned, held_out, provenance)
    write_json(run / "training.json", told)
    entry = _build(target, data, left_out or training, bin_bp)
    for checkpoint in run.glob("*.npz"):
        checkpoint.unlink()
    return entry


def known_names(data: LearningMarks, training: Sequence[LearningSequence]) -> dict[int, str]:
    """Names of the known states by their numbers.

    Raises:
        InputError: a state is known in no bin that is learned from.
    """
    numbers, learned = (
        {int(number) for one in sequences if one.known is not None for number in np.unique(one.known)}
        for sequences in (data.sequences, training)
    )
    absent = [data.known_names[number] for number in sorted(numbers - learned - {UNKNOWN})]
    if absent:
        raise InputError(
            f"known states: {', '.join(absent)} known on chromosomes that are held out alone, expected bins to learn "
            "from too; hold out others, or leave these states out"
        )
    return {number: data.known_names[number] for number in sorted(learned - {UNKNOWN})}


def named_states(
    parameters: Float64Parameters, marks: tuple[str, ...], known: Mapping[int, str] | None = None
) -> tuple[list[NamedState], np.ndarray]:
    """The states in their order with names and colours, and that order.

    Named by the rule of `epizoo.states.names` after Roadmap's states; where marks do not allow it, E1, E2, …
    in the order of ChromHMM's tables, with ChromHMM's colours. Known states keep their names, and have Roadmap's colour
    where the name is Roadmap's; the others are numbered from 2 where the rule gives them one of these.
    """
    states, order = _named_by_rule(parameters, marks)
    known = known or {}
    reference = _reference()
    colors = dict(zip(reference.names, reference.colors, strict=True))
    taken = set(known.values())
    for place, number in enumerate(order.tolist()):
        state = states[place]
        if number in known:
            text = f"a known state; by its emissions {state.name}"
            color = colors.get(known[number], state.color)
            states[place] = state._replace(name=known[number], description=text, color=color)
        elif state.name in taken:
            numbered = (f"{state.name}_{i}" for i in count(2))
            states[place] = state._replace(name=next(name for name in numbered if name not in taken))
        taken.add(states[place].name)
    return states, order


def _named_by_rule(parameters: Float64Parameters, marks: tuple[str, ...]) -> tuple[list[NamedState], np.ndarray]:
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
    model, n_states = chromhmm_model(learned, parameters, marks), len(names)
    write_model(folder / f"model_{n_states}.txt", model)
    write_emissions(folder / f"emissions_{n_states}.txt", model, names)
    write_transitions(folder / f"transitions_{n_states}.txt", model, names)


def chromhmm_model(learned: Learned, parameters: Float64Parameters, marks: tuple[str, ...]) -> ChromHMMModel:
    """The model as ChromHMM's files hold it."""
    return ChromHMMModel(HMMParameters(*parameters), marks, "U", learned.log_likelihood, len(learned.trajectory))


def _reference() -> ReferenceStates:
    if REFERENCE_ENTRY not in list_entries():
        raise InputError(f"{REFERENCE_ENTRY}: not in the zoo; install epizoo again")
    entry = load(REFERENCE_ENTRY)
    assert isinstance(entry, ChromatinStateEntry)
    columns = ([getattr(state, key) for state in entry.config.states] for key in ("name", "description", "color"))
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

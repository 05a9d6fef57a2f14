"""Fine-tuning a chromatin-state entry on a new cell type: EM from its parameters.

States keep their names, but for those whose emissions moved too far, which are named anew.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Shaped

from epizoo.errors import InputError
from epizoo.files import write_json
from epizoo.finetuning.new_cell_type import StateData, read_state_data
from epizoo.finetuning.state_adaptation import (
    StateSettings,
    TunedStates,
    annotation_states,
    tune_states,
    tune_states_on_annotation,
)
from epizoo.finetuning.state_movement import MOVED, Movement, Renamed, movement, rename_moved
from epizoo.genome.intervals import read_bed
from epizoo.genome.mark_sources import Chromosomes, MarkFiles, binarize_files, read_folder
from epizoo.genome.marks import find_one_cell
from epizoo.models.hmm.annotator import ChromatinStateAnnotator
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import Float64Parameters, from_values
from epizoo.models.parameters import flatten_parameters
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.new_entries import Prepared, Target, Tuning, limits_of, uncalibrated
from epizoo.zoo.state_runs import describe_state


def prepare_states(base: ChromatinStateEntry, path: Path, settings: StateSettings) -> Prepared:
    """Read the marks to learn from, before anything is written.

    Chromosomes that the data name are held out, by default those that the pretrained entry held out.

    Raises:
        InputError: the data cannot be used, or marks or states do not fit the model.
    """
    content = read_state_data(path)
    sequences = {chrom: from_values(values) for chrom, values in read_marks(base, content).items()}
    learned, held_out = split_chromosomes(base, content, list(sequences), str(path))
    names = [state.name for state in base.config.states]
    before = base.parameters()
    training = {chrom: sequences[chrom] for chrom in learned}
    annotated = None
    if content.annotation is not None:
        sizes = {chrom: len(sequence.codes) for chrom, sequence in training.items()}
        segments = read_bed(content.annotation)
        annotated = annotation_states(segments, names, sizes, base.window.bin_bp, str(content.annotation))

    def run(target: Target) -> Tuning:
        if annotated is None:
            tuned = tune_states(
                before, list(training.values()), settings, checkpoint=target.run_folder / "checkpoint.safetensors"
            )
        else:
            tuned = tune_states_on_annotation(before, training, annotated, settings)
        moved = movement(before, tuned.parameters, [sequences[chrom] for chrom in held_out or learned])
        write_json(target.run_folder / "movement.json", moved.to_dict(names))
        # An annotation says what each state is.
        emissions = (before.emission, tuned.parameters.emission)
        renamed = rename_moved(names, base.channels, *emissions) if annotated is None else {}
        return Tuning(
            **_describe(base, content, tuned, moved, renamed, settings),
            chromosomes=learned,
            held_out=held_out,
            arrays=state_arrays(base, tuned.parameters),
            config=_config(base, renamed),
            metrics=_metrics(base, content, moved, held_out),
        )

    return Prepared(content, path, run)


def read_marks(base: ChromatinStateEntry, data: StateData) -> Chromosomes:
    """Marks of all chromosomes in the model's order.

    Raises:
        InputError: a mark is missing and that is not allowed, or one is unknown to the model and not to be ignored.
    """
    if data.binarized is None:
        files = MarkFiles(
            data.marks,
            signal_kind=data.signal_kind,
            read_length_bp=data.read_length_bp,
            threshold=data.threshold,
        )
        return binarize_files(base.channels, base.window.bin_bp, files, data.allow_missing).chromosomes
    for file in find_one_cell(data.binarized, data.cell):
        unknown = [mark for mark in file.marks if mark not in (*base.channels, *data.ignore_marks)]
        if unknown:
            raise InputError(
                f"{file.path}: {base.name} has no mark {', '.join(unknown)}; its marks are {', '.join(base.channels)}: "
                "name what to leave out under ignore_marks"
            )
    return read_folder(base.channels, base.window.bin_bp, data.binarized, data.cell, data.allow_missing).chromosomes


def split_chromosomes(
    base: ChromatinStateEntry, data: StateData, found: list[str], name: str
) -> tuple[list[str], list[str]]:
    """Chromosomes to learn on, and those that are held out.

    Raises:
        InputError: a chromosome is not in the marks, or none is left to learn on.
    """
    for chrom in (*data.chromosomes, *(data.held_out_chromosomes or ())):
        if chrom not in found:
            raise InputError(f"{name}: chromosome {chrom} is not in the marks; they hold {', '.join(found)}")
    held_out = data.held_out_chromosomes
    if held_out is None:
        before = base.zoo.trained_on.held_out_chromosomes
        held_out = [chrom for chrom in before if chrom in found and chrom not in data.chromosomes]
        # Marks of these chromosomes alone are meant to be learned on.
        held_out = held_out if data.chromosomes or set(found) - set(held_out) else []
    learned = data.chromosomes or [chrom for chrom in found if chrom not in held_out]
    if not learned:
        raise InputError(
            f"{name}: nothing is left to learn on, since {', '.join(held_out)} is held out; name other chromosomes"
        )
    return learned, held_out


def state_arrays(base: ChromatinStateEntry, parameters: Float64Parameters) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The weights of an entry with these parameters, in the precision of the base's."""
    in_double = any(array.dtype == np.float64 for array in base.weights().values())
    with jax.enable_x64(in_double):
        model = ChromatinStateAnnotator.from_parameters(base.config.model, HMMParameters(*parameters))
        return flatten_parameters(model)


def _config(base: ChromatinStateEntry, renamed: Mapping[int, Renamed]) -> dict[str, Any]:
    """The base's config with new names, and without what was measured on the base."""
    config = uncalibrated(base.zoo.config)
    states = [
        describe_state(renamed[number].state) if number in renamed else state
        for number, state in enumerate(config["states"])
    ]
    return {**config, "states": states}


def _renamed_limits(base: ChromatinStateEntry, renamed: Mapping[int, Renamed]) -> list[str]:
    names = [state.name for state in base.config.states]
    return [
        f"State {number + 1} is named {one.state.name} anew, {names[number]} in {base.name}: its emission of "
        f"{one.mark} went from {one.before:.2f} to {one.after:.2f} (bound: {MOVED:g}). {one.state.description}."
        for number, one in renamed.items()
    ]


def _metrics(base: ChromatinStateEntry, data: StateData, moved: Movement, held_out: list[str]) -> list[dict[str, Any]]:
    where = f"{', '.join(held_out)} (not learned on)" if held_out else "all chromosomes (learned on)"
    on = f"{data.cell_type}, {where}"
    compared = {f"{base.name} {base.version}": round(moved.log_likelihood_before, 6)}
    value = round(moved.log_likelihood_after, 6)
    farthest = int(np.argmax(moved.emission_kl))
    return [
        {"name": "log-likelihood per bin (nats)", "value": value, "on": on, "compared_with": compared},
        {"name": "share of bins whose state changed", "value": round(moved.changed, 4), "on": on},
        {
            "name": "largest divergence of a state's emissions from the pretrained ones (nats)",
            "value": round(float(moved.emission_kl[farthest]), 4),
            "on": base.config.states[farthest].name,
        },
    ]


def _describe(
    base: ChromatinStateEntry,
    data: StateData,
    tuned: TunedStates,
    moved: Movement,
    renamed: Mapping[int, Renamed],
    settings: StateSettings,
) -> dict[str, Any]:
    train = settings.train or ("transitions" if data.annotation is None else "emissions")
    how = "counts of an annotation" if data.annotation is not None else "EM from its parameters"
    kept = "Emissions are the pretrained ones." if train == "transitions" else "Emissions were trained too."
    return {
        "doc": f"{base.name} {base.version}, adapted to {data.cell_type}. {base.kipoi['info']['doc']}",
        "procedure": f"{base.name} {base.version} adapted to {tuned.n_bins:,} bins of {data.cell_type} by {how}, with "
        f"a prior centred on it that counts for {settings.strength:g} bins of each state. {kept}",
        "limits": [
            *_renamed_limits(base, renamed),
            f"{moved.changed:.1%} of the bins of {data.cell_type} have another state than under {base.name}.",
            *limits_of(base),
        ],
        "details": {
            "settings": asdict(settings) | {"train": train},
            "n_bins": tuned.n_bins,
            "n_iterations": tuned.n_iterations,
            "converged": tuned.converged,
            "log_likelihood": tuned.log_likelihood,
        },
    }

"""Contents of an entry of learned chromatin states: names of its states, metrics, card, training record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from typing import Any

import numpy as np

from epizoo.calling.state_colors import default_colors
from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.jobs.state_learning_data import LearningMarks
from epizoo.models.hmm.decoding import decode_all
from epizoo.models.hmm.run_lengths import Float64Parameters
from epizoo.states.chromhmm_models import similarity_order
from epizoo.states.em import Learned
from epizoo.states.known_states import UNKNOWN
from epizoo.states.learning_plan import LearningPlan, LearningSequence, log_likelihood_per_bin
from epizoo.states.state_names import NamedState, ReferenceStates, name_states
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load

REFERENCE_ENTRY = "chromatin_states/roadmap-15"
# Of the trajectory of a batch's likelihood, means of so many stretches are kept.
_POINTS = 50


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

    Named by the rule of `epizoo.states.state_names` after Roadmap's states; where marks do not allow it, E1, E2, …
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


def measured_metrics(
    parameters: Float64Parameters,
    order: np.ndarray,
    training: list[LearningSequence],
    left_out: list[LearningSequence],
) -> list[dict[str, Any]]:
    """The rows of ``metrics.json``: the fit of each cell type, and how many known states are found from marks alone.

    Args:
        parameters: the model.
        order: of its states, the number that each has among the known ones.
        training: what was learned from.
        left_out: what was held out.
    """
    rows: list[dict[str, Any]] = []
    for sequences, what in ((left_out, "never seen"), (training, "learned from")):
        for cell in dict.fromkeys(one.cell for one in sequences):
            chosen = [one for one in sequences if one.cell == cell]
            value = round(log_likelihood_per_bin(parameters, chosen), 6)
            others = "all other chromosomes" if left_out else "all chromosomes"
            where = ", ".join(one.chrom for one in chosen) if what == "never seen" else others
            on = f"{cell}, {where} ({what})"
            rows.append({"name": "log-likelihood per bin (nats)", "value": value, "on": on})
            told = [one for one in chosen if one.known is not None and (one.known != UNKNOWN).any()]
            if told:
                share = round(_share_found(parameters, order, told), 4)
                rows.append({"name": "share of bins with their known state", "value": share, "on": on})
    return rows


def _share_found(parameters: Float64Parameters, order: np.ndarray, sequences: list[LearningSequence]) -> float:
    decoded = decode_all(parameters, [one.marks for one in sequences])
    right = n_bins = 0
    for one, decoding in zip(sequences, decoded, strict=True):
        known = np.asarray(one.known)
        right += int((order[decoding.states] == known).sum())
        n_bins += int((known != UNKNOWN).sum())
    return right / n_bins


def about_entry(data: LearningMarks, known: Mapping[int, str], plan: LearningPlan, license_name: str) -> dict[str, Any]:
    """The content of ``about.yaml``; ``known`` are the names of the known states."""
    names = "State names follow a rule from emissions, their likeness to Roadmap's 15 states: they are no annotation."
    told = f"{', '.join(known.values())} were known in some bins. Other s{names[1:]}" if known else names
    return {
        "doc": f"A hidden Markov model of {plan.n_states} chromatin states over {', '.join(data.marks)}, "
        f"as ChromHMM's, learned from {', '.join(data.cells)}. It takes binarised marks, any of "
        "which may be missing, and gives the posterior probability of each state in each bin.",
        "license": license_name,
        "weights_license": f"The weights have the licence of the data that they were learned from: {license_name}.",
        "limits": [
            f"Learned from {', '.join(data.cells)} alone; other cell types are described less well.",
            told,
        ],
        "authors": ["The user of epizoo learn-states"],
        "tags": ["chromatin-states", "hmm", "chromhmm"],
    }


def describe_training(
    data: LearningMarks,
    training: list[LearningSequence],
    known: Mapping[int, str],
    plan: LearningPlan,
    learned: Learned,
    held_out: Collection[str],
    provenance: dict[str, str],
) -> dict[str, Any]:
    """The content of ``training.json``.

    Args:
        data: all marks.
        training: what was learned from.
        known: names of the known states by their numbers.
        plan: settings of learning.
        learned: what was learned.
        held_out: chromosomes.
        provenance: assembly, source and license of the data, and the command.
    """
    chroms = list(dict.fromkeys(one.chrom for one in data.sequences))
    start = plan.start if isinstance(plan.start, str) else "given parameters"
    by_gradient = plan.algorithm == "gradient"
    learning = _adam(plan, learned, start, _known_bins(training, known)) if by_gradient else _em(plan, learned, start)
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
        **learning,
        "command": provenance["command"],
        "seed": plan.seed,
        "log_likelihood": round(learned.log_likelihood, 3),
        "data_sha256": {path.name: sha256(path) for path in data.sources},
    }


def _em(plan: LearningPlan, learned: Learned, start: str) -> dict[str, Any]:
    return {
        "procedure": f"EM ({plan.algorithm}) from {start} and {plan.restarts} restarts; the best likelihood was kept.",
        "learning": asdict(plan.config),
        "trajectory": [round(float(value), 3) for value in learned.trajectory],
        "converged": learned.converged,
    }


def _adam(plan: LearningPlan, learned: Learned, start: str, known: Mapping[str, int]) -> dict[str, Any]:
    pseudo = {name: value for name, value in asdict(plan.config).items() if name.endswith("pseudocount")}
    states = f", with {sum(known.values()):,} bins of {len(known)} known states" if known else ""
    batches = f"{plan.adam.n_steps:,} steps of Adam in batches of about {plan.adam.batch_bins:,} bins"
    parts = np.array_split(learned.trajectory, min(_POINTS, len(learned.trajectory)))
    return {
        "procedure": f"{batches}, from {start}{states}.",
        "learning": {**asdict(plan.adam), **pseudo},
        "known_states": dict(known),
        "trajectory": [round(float(part.mean()), 3) for part in parts],
    }


def _known_bins(training: list[LearningSequence], known: Mapping[int, str]) -> dict[str, int]:
    told = [one.known for one in training if one.known is not None]
    return {name: sum(int((states == number).sum()) for states in told) for number, name in known.items()}


def _reference() -> ReferenceStates:
    if REFERENCE_ENTRY not in list_entries():
        raise InputError(f"{REFERENCE_ENTRY}: not in the zoo; install epizoo again")
    entry = load(REFERENCE_ENTRY)
    assert isinstance(entry, ChromatinStateEntry)
    columns = ([getattr(state, key) for state in entry.config.states] for key in ("name", "description", "color"))
    return ReferenceStates(entry.channels, np.asarray(entry.parameters().emission), *map(tuple, columns))

"""Adapting the states of a pretrained model to a new cell type: EM from its parameters, with a prior centred on them.

Without labels it is EM of the transitions: emissions stay as they are, so that states mean the same in every cell type,
unless they are asked to be trained too. With an annotation of states their counts are those of the annotation, which
says what each state is, and the answer is closed. States stay in their order.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from jaxtyping import Int16

from epizoo.errors import InputError
from epizoo.models.hmm.expected_counts import ExpectedCounts, RunCounter
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters, Parameters, in_float64
from epizoo.states.em import Learned, LearningConfig, expectation_maximization, log_prior, maximize
from epizoo.states.initialization import perturbed_parameters
from epizoo.states.priors import Prior, centred_prior

LEARNING = LearningConfig(max_iterations=200, tolerance=0.01, accelerate=True)
SPREAD = 0.5
"""Standard deviation by which random starts move the log-odds of emissions."""
_ALWAYS = 1e9

StateTrain = Literal["transitions", "emissions"]
STATE_TRAIN: tuple[str, ...] = get_args(StateTrain)
"""transitions: these and the initial distribution; emissions: all parameters."""


@dataclass(frozen=True)
class StateSettings:
    """Settings of the adaptation of states.

    Attributes:
        train: which parameters; where None, transitions, and emissions too on an annotation.
        strength: how many bins of each state the pretrained model counts for; 0 is plain EM from its parameters.
        fraction: about which share of the bins to learn on, in blocks; all of them with 1.
        block_bins: length of a block.
        restarts: random moves of the pretrained parameters to start from besides themselves.
        max_iterations, tolerance: of EM; see `epizoo.states.em`.
        seed: of the blocks and the moves.
    """

    train: StateTrain | None = None
    strength: float = 100.0
    fraction: float = 1.0
    block_bins: int = 5_000
    restarts: int = 0
    max_iterations: int = LEARNING.max_iterations
    tolerance: float = LEARNING.tolerance
    seed: int = 0

    def __post_init__(self) -> None:
        if self.train not in (None, *STATE_TRAIN):
            raise InputError(f"train: {self.train!r} found, expected {' or '.join(STATE_TRAIN)}")
        if not 0 < self.fraction <= 1:
            raise InputError(f"fraction: {self.fraction} found, expected a share above 0 and up to 1")
        if not 0 <= self.strength < np.inf:
            raise InputError(f"strength: {self.strength} found, expected a number of bins, 0 or more")
        if self.restarts < 0 or self.block_bins < 1:
            raise InputError(f"restarts: {self.restarts} found, expected 0 or more (and blocks of at least one bin)")


class TunedStates(NamedTuple):
    """Adapted parameters, and what they were learned on."""

    parameters: Float64Parameters
    log_likelihood: float
    """Of the bins that were learned on, in nats."""
    n_bins: int
    n_iterations: int
    converged: bool


def tune_states(
    pretrained: Parameters,
    sequences: Sequence[CodedMarks],
    settings: StateSettings | None = None,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
) -> TunedStates:
    """Parameters of highest posterior probability, given the sequences and a prior centred on the pretrained model.

    The initial distribution is the pretrained one where only blocks are learned on, which start anywhere.

    Raises:
        InputError: the marks do not fit the model, or there is none.
    """
    settings = settings or StateSettings()
    start = in_float64(pretrained)
    chosen = take_blocks(sequences, settings.fraction, settings.block_bins, settings.seed)
    counter = RunCounter(chosen)
    initial = settings.strength if settings.fraction == 1 else _ALWAYS
    prior = centred_prior(start, settings.strength, initial_strength=initial)
    config = replace(
        LEARNING,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
        keep_emissions=settings.train != "emissions",
    )
    random = np.random.default_rng([settings.seed, 1])
    moved = [_keep_zeros(perturbed_parameters(start, SPREAD, random), start) for _ in range(settings.restarts)]
    if config.keep_emissions:
        moved = [one._replace(emission=start.emission) for one in moved]
    results = [expectation_maximization(counter, start, config, prior=prior, checkpoint=checkpoint)]
    results += [expectation_maximization(counter, other, config, prior=prior) for other in moved]
    best = max(results, key=lambda learned: _posterior(learned, config, prior))
    return TunedStates(best.parameters, best.log_likelihood, counter.n_bins, len(best.trajectory), bool(best.converged))


def tune_states_on_annotation(
    pretrained: Parameters,
    sequences: Mapping[str, CodedMarks],
    states: Mapping[str, Int16[np.ndarray, " bin"]],
    settings: StateSettings | None = None,
) -> TunedStates:
    """Parameters of highest posterior probability where the states of some bins are known.

    Args:
        pretrained: the model.
        sequences: marks of each chromosome.
        states: state of each bin from 0, -1 where it is not known; for some of the chromosomes.
        settings: train and strength are used.

    Raises:
        InputError: no bin has a known state.
    """
    settings = settings or StateSettings()
    start = in_float64(pretrained)
    n_states = len(start.initial)
    transition = np.zeros((n_states, n_states))
    tables, occupancies, n_bins = [], [], 0
    for chrom, known in states.items():
        marks = sequences[chrom]
        inside = known >= 0
        pairs = inside[1:] & inside[:-1]
        np.add.at(transition, (known[:-1][pairs], known[1:][pairs]), 1)
        occupancy = np.zeros((len(marks.marks), n_states))
        np.add.at(occupancy, (marks.codes[inside], known[inside]), 1)
        tables.append(marks.marks)
        occupancies.append(occupancy)
        n_bins += int(inside.sum())
    if not n_bins:
        raise InputError("annotation: no bin of the marks has a state; give an annotation of the same chromosomes")
    counts = ExpectedCounts(np.zeros(n_states), transition, np.concatenate(occupancies), np.nan)
    prior = centred_prior(start, settings.strength, initial_strength=_ALWAYS)
    config = LearningConfig(keep_emissions=settings.train == "transitions")
    parameters = maximize(counts, np.concatenate(tables), start, config, prior)
    total = RunCounter([sequences[chrom] for chrom in states]).count(parameters).log_likelihood
    return TunedStates(parameters, total, n_bins, 1, True)


def annotation_states(
    segments: pd.DataFrame, names: Sequence[str], n_bins: Mapping[str, int], bin_bp: int, source: str
) -> dict[str, Int16[np.ndarray, " bin"]]:
    """The state of each bin that lies in a segment as a whole, -1 elsewhere.

    Args:
        segments: interval table with names, which are states of the model.
        names: of the model's states, in its order.
        n_bins: of each chromosome.
        bin_bp: width of a bin.
        source: what to call the segments in messages.

    Raises:
        InputError: a state is unknown to the model, segments have no names, none is on these chromosomes, or a bin has
            two states.
    """
    if "name" not in segments:
        raise InputError(f"{source}: has no names of states in its fourth column; add them")
    number = {name: index for index, name in enumerate(names)}
    unknown = sorted(set(segments["name"]) - set(number))
    if unknown:
        raise InputError(f"{source}: state {unknown[0]!r} is unknown to the model; its states are {', '.join(names)}")
    found = {}
    for chrom, rows in segments[segments["chrom"].isin(list(n_bins))].groupby("chrom"):
        states = np.full(n_bins[str(chrom)], -1, np.int16)
        for start, end, name in zip(rows["start"], rows["end"], rows["name"], strict=True):
            bins = states[-(-start // bin_bp) : end // bin_bp]
            if ((bins != -1) & (bins != number[name])).any():
                raise InputError(
                    f"{source}: {chrom}:{start}-{end} is {name}, but another interval there has another state; keep one"
                )
            bins[:] = number[name]
        found[str(chrom)] = states
    if not found:
        chroms = ", ".join(dict.fromkeys(segments["chrom"].astype(str)))
        raise InputError(
            f"{source}: none of its chromosomes ({chroms}) has marks that are learned on, which are of "
            f"{', '.join(n_bins)}; give others"
        )
    return found


def take_blocks(sequences: Sequence[CodedMarks], fraction: float, block_bins: int, seed: int) -> list[CodedMarks]:
    """About a share of the bins, in blocks that are spread at random over all sequences; neighbours are joined.

    >>> marks = CodedMarks(np.arange(10), np.zeros((10, 1), np.uint8))
    >>> [block.codes.tolist() for block in take_blocks([marks], 0.4, 2, 0)]
    [[6, 7, 8, 9]]
    """
    if fraction >= 1:
        return list(sequences)
    blocks = [(number, start) for number, one in enumerate(sequences) for start in range(0, len(one.codes), block_bins)]
    n_kept = max(round(fraction * len(blocks)), 1)
    kept = sorted(np.random.default_rng(seed).choice(len(blocks), n_kept, replace=False).tolist())
    taken: list[CodedMarks] = []
    previous = (-1, -1)
    for number, start in (blocks[index] for index in kept):
        codes = sequences[number].codes[start : start + block_bins]
        if previous == (number, start - block_bins):
            codes = np.concatenate([taken.pop().codes, codes])
        taken.append(CodedMarks(codes, sequences[number].marks))
        previous = (number, start)
    return taken


def _keep_zeros(moved: Float64Parameters, start: Float64Parameters) -> Float64Parameters:
    """The moved parameters with the zeros of the pretrained model."""
    transition = np.where(start.transition > 0, moved.transition, 0)
    fixed = (start.emission == 0) | (start.emission == 1)
    return Float64Parameters(
        start.initial,
        transition / transition.sum(axis=1, keepdims=True),
        np.where(fixed, start.emission, moved.emission),
    )


def _posterior(learned: Learned, config: LearningConfig, prior: Prior) -> float:
    return learned.log_likelihood + log_prior(learned.parameters, config, prior)

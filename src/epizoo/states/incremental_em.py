"""ChromHMM's incremental EM, the default of its LearnModel: an M step after every sequence.

The first iteration is one of batch EM. From then on the expected counts of one sequence at a time are replaced by those
under the current parameters, and an M step over the counts of all follows (Neal and Hinton, 1998). An iteration passes
all sequences once, in ChromHMM's random order; the likelihood that it reports adds up sequences under parameters that
changed in between, so it is not that of any one model.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

from epizoo.checkpoints import fingerprint
from epizoo.errors import InputError
from epizoo.models.hmm.expected_counts import ExpectedCounts, RunCounter
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters, Parameters, in_float64
from epizoo.states.em import CHROMHMM, Learned, LearningConfig, maximize
from epizoo.states.iterations import Report, iterate

CHROMHMM_SEED = 999


def learn_incrementally(
    sequences: Sequence[CodedMarks],
    start: Parameters,
    config: LearningConfig = CHROMHMM,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Learned:
    """Learn from one start, one sequence after the other in the order given; see `chromhmm_order`.

    Args:
        sequences: such as each chromosome of each cell type.
        start: the first parameters.
        config: settings, without acceleration.
        checkpoint: a file that keeps the state of learning after each iteration; where it exists, learning continues
            from it, with the same final result.
        report: called after each iteration with their number and the log-likelihood that ChromHMM reports.

    Returns:
        What was learned; ``trajectory`` holds what ChromHMM reports of each iteration.

    Raises:
        InputError: the config asks for acceleration, the start does not fit the sequences, or the checkpoint belongs to
            others.
    """
    if config.accelerate:
        raise InputError("incremental EM cannot be accelerated; leave one of the two out")
    counters = [RunCounter([sequence]) for sequence in sequences if len(sequence.codes)]
    if not counters:
        raise InputError(f"{len(sequences)} sequences without a bin found, expected some to learn from")
    marks, first = np.concatenate([counter.marks for counter in counters]), in_float64(start)
    n_states = len(first.initial)
    none = (np.zeros(n_states), np.zeros((n_states, n_states)))
    counts = tuple(ExpectedCounts(*none, np.zeros((len(one.marks), n_states)), 0.0) for one in counters)
    state = iterate(
        _State(first, np.zeros(0), counts, False),
        lambda state: _pass_over(counters, marks, state, config),
        config.max_iterations,
        checkpoint=checkpoint,
        fingerprint=lambda: fingerprint({"config": asdict(config), "data": [one.digest() for one in counters]}, first),
        report=report,
    )
    exact = sum(counter.count(state.parameters).log_likelihood for counter in counters)
    return Learned(state.parameters, exact, state.trajectory, state.converged)


def chromhmm_order(names: Sequence[str], seed: int = CHROMHMM_SEED) -> list[int]:
    """The order in which ChromHMM passes its input files: sorted by name, then by Java's random numbers of the seed.

    >>> chromhmm_order(["GM12878_chr11_binary.txt.gz", "K562_chr11_binary.txt.gz"])
    [0, 1]
    """
    by_name = sorted(range(len(names)), key=lambda index: names[index])
    draws = [draw for draw, _ in zip(java_random(seed), by_name, strict=False)]
    return [by_name[index] for index in np.argsort(draws, kind="stable")]


def java_random(seed: int) -> Iterator[float]:
    """The numbers that ``java.util.Random(seed).nextDouble()`` gives.

    >>> next(java_random(42))
    0.7275636800328681
    """
    multiplier, mask = 0x5DEECE66D, (1 << 48) - 1
    state = (seed ^ multiplier) & mask
    while True:
        high_bits = (state * multiplier + 0xB) & mask
        state = (high_bits * multiplier + 0xB) & mask
        yield ((high_bits >> 22 << 27) + (state >> 21)) * 2.0**-53


class _State(NamedTuple):
    """State of learning; ``counts`` are the latest of each sequence."""

    parameters: Float64Parameters
    trajectory: Float64[np.ndarray, " iteration"]
    counts: tuple[ExpectedCounts, ...]
    converged: bool


def _pass_over(
    counters: Sequence[RunCounter], marks: UInt8[np.ndarray, "symbol mark"], state: _State, config: LearningConfig
) -> _State:
    """Count each sequence once, with an M step after each; in the first iteration with one after all of them."""
    parameters, counts, reported = state.parameters, list(state.counts), 0.0
    first = not len(state.trajectory)
    for index, counter in enumerate(counters):
        counts[index] = counter.count(parameters)
        reported += counts[index].log_likelihood
        if not first:
            parameters = maximize(_joined(counts), marks, parameters, config)
    if first:
        parameters = maximize(_joined(counts), marks, parameters, config)
    converged = not first and reported - state.trajectory[-1] < config.tolerance
    return _State(parameters, np.append(state.trajectory, reported), tuple(counts), bool(converged))


def _joined(counts: Sequence[ExpectedCounts]) -> ExpectedCounts:
    """The counts of all sequences, each with symbols of its own."""
    return ExpectedCounts(
        np.sum([one.initial for one in counts], axis=0),
        np.sum([one.transition for one in counts], axis=0),
        np.concatenate([one.occupancy for one in counts]),
        sum(one.log_likelihood for one in counts),
    )

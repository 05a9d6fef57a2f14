"""First parameters for learning chromatin states: ChromHMM's `information` initialisation, and random ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

from epizoo.errors import InputError
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters

SMOOTHING = 0.02
"""ChromHMM's weight of the uniform distribution in its `information` initialisation."""
# A pair's marks are the bits of one number.
_MOST_MARKS = 64


def information_parameters(
    sequences: Sequence[CodedMarks], n_states: int, smoothing: float = SMOOTHING
) -> Float64Parameters:
    """ChromHMM's `information` initialisation, computed as its version 1.27 does.

    Two neighbouring bins make a pair, which has the marks that both have (missing counts as absent). All pairs start
    in one class; ``n_states - 1`` times the class and mark whose split gains the most entropy are split, the pairs with
    the mark making a new class, whose parent is the class split. Emissions of a state are the frequencies of the marks
    in its class and all classes split off from it, those of the first state zero; initial and transition probabilities
    are frequencies of the classes of pairs. All are mixed with `smoothing` parts of the uniform distribution.

    Args:
        sequences: the marks.
        n_states: number of states.
        smoothing: share of the uniform distribution.

    Raises:
        InputError: the data allow fewer splits, there are more than 64 marks, or no sequence has two bins.
    """
    pairs, marks = _pairs([sequence for sequence in sequences if len(sequence.codes) > 1])
    tallies = np.sum([np.bincount(sequence, minlength=len(marks)) for sequence in pairs], axis=0)
    classes, parents = _split(marks, tallies, n_states)
    emission = np.full((n_states, marks.shape[1]), smoothing / 2)
    for state in range(1, n_states):
        family = _descends_from(parents, state)[classes]
        shares = (tallies[family] @ marks[family]) / tallies[family].sum()
        emission[state] += (1 - smoothing) * shares
    starts = np.bincount([classes[sequence[0]] for sequence in pairs], minlength=n_states)
    steps = np.zeros((n_states, n_states), np.int64)
    for sequence in pairs:
        states = classes[sequence]
        steps += np.bincount(states[:-1] * n_states + states[1:], minlength=n_states**2).reshape(n_states, n_states)
    uniform = smoothing / n_states
    # A class that only ends sequences has no step to learn from: it keeps the uniform distribution alone.
    totals = steps.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, steps / np.maximum(totals, 1), 1 / n_states)
    return Float64Parameters(
        uniform + (1 - smoothing) * starts / len(pairs), uniform + (1 - smoothing) * shares, emission
    )


def random_parameters(n_states: int, n_marks: int, rng: np.random.Generator) -> Float64Parameters:
    """Random parameters: uniform emissions, and initial and transition probabilities uniform up to their sum.

    >>> random_parameters(2, 3, np.random.default_rng(0)).emission.shape
    (2, 3)
    """
    initial, transition = rng.random(n_states), rng.random((n_states, n_states))
    return Float64Parameters(
        initial / initial.sum(), transition / transition.sum(axis=1, keepdims=True), rng.random((n_states, n_marks))
    )


def perturbed_parameters(parameters: Float64Parameters, spread: float, rng: np.random.Generator) -> Float64Parameters:
    """Parameters moved at random: log-odds of the emissions by a normal step, the distributions mixed with random ones.

    Args:
        parameters: the parameters to move.
        spread: standard deviation of the step of log-odds, and the share of the random distributions (at most 1/2).
        rng: the source of randomness.
    """
    n_states, n_marks = parameters.emission.shape
    other = random_parameters(n_states, n_marks, rng)
    share = min(spread / 10, 0.5)
    clipped = np.clip(parameters.emission, 1e-4, 1 - 1e-4)
    log_odds = np.log(clipped / (1 - clipped)) + rng.normal(0, spread, clipped.shape)
    return Float64Parameters(
        (1 - share) * parameters.initial + share * other.initial,
        (1 - share) * parameters.transition + share * other.transition,
        1 / (1 + np.exp(-log_odds)),
    )


def _pairs(sequences: Sequence[CodedMarks]) -> tuple[list[Int64[np.ndarray, " pair"]], Bool[np.ndarray, "kind mark"]]:
    """For each sequence the kind of each pair of neighbouring bins, and the marks of each kind."""
    if not sequences:
        raise InputError("no sequence has two bins; give longer ones, or start from random parameters")
    keys = []
    for sequence in sequences:
        present = sequence.marks == 1
        if present.shape[1] > _MOST_MARKS:
            raise InputError(
                f"{present.shape[1]} marks found, but the information initialisation takes at most {_MOST_MARKS}; "
                "start from random parameters"
            )
        bits = (present.astype(object) @ [1 << mark for mark in range(present.shape[1])]).astype(np.uint64)
        codes = bits[sequence.codes]
        keys.append(codes[1:] & codes[:-1])
    kinds = np.unique(np.concatenate([np.unique(sequence) for sequence in keys]))
    marks = (kinds[:, None] >> np.arange(sequences[0].marks.shape[1], dtype=np.uint64)) & np.uint64(1)
    return [np.searchsorted(kinds, sequence) for sequence in keys], marks.astype(bool)


def _split(
    marks: Bool[np.ndarray, "kind mark"], tallies: Int64[np.ndarray, " kind"], n_states: int
) -> tuple[Int64[np.ndarray, " kind"], Int64[np.ndarray, " state"]]:
    """Class of each kind of pair, and the class that each class was split off from."""
    classes = np.zeros(len(marks), np.int64)
    parents = np.zeros(n_states, np.int64)
    total = tallies.sum()
    for state in range(1, n_states):
        members = np.eye(state, dtype=np.int64)[classes] * tallies[:, None]
        whole = members.sum(axis=0)[:, None]
        leaving = members.T @ marks
        gains = _negative_entropy(whole / total) - _negative_entropy((whole - leaving) / total)
        gains -= _negative_entropy(leaving / total)
        if not gains.max() > 0:
            raise InputError(
                f"the information initialisation allows only {state} states on these data, not {n_states}; ask for "
                "fewer or start from random parameters"
            )
        split, mark = np.unravel_index(np.argmax(gains), gains.shape)
        parents[state] = split
        classes[(classes == split) & marks[:, mark]] = state
    return classes, parents


def _negative_entropy(shares):
    return shares * np.log(np.where(shares > 0, shares, 1))


def _descends_from(parents: Int64[np.ndarray, " state"], ancestor: int) -> Bool[np.ndarray, " state"]:
    """True for the given class and all classes split off from it, however indirectly; never for the first class."""
    belongs = np.zeros(len(parents), bool)
    belongs[ancestor] = True
    for state in range(ancestor + 1, len(parents)):
        belongs[state] = belongs[parents[state]]
    return belongs

"""Chromatin states that are known in some bins, to learn from beside the marks: -1 stands where they are not known."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int16

from epizoo.errors import InputError
from epizoo.mark_values import MISSING
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters
from epizoo.states.initialization import SMOOTHING

UNKNOWN = -1
"""The label of a bin whose state is not known."""

Known = Int16[np.ndarray, " bin"]


def known_as_marks(marks: CodedMarks, known: Known | None, n_states: int) -> CodedMarks:
    """Marks with a further one for each state: present where the state is known, and missing elsewhere.

    Under emissions that are one for that state and zero for all others, the likelihood of these marks is that of the
    paths that agree with the known states.

    Raises:
        InputError: there is not one known state, or -1, for each bin.
    """
    if known is None:
        unknown = np.full((len(marks.marks), n_states), MISSING, np.uint8)
        return CodedMarks(marks.codes, np.hstack([marks.marks, unknown]))
    if known.shape != marks.codes.shape or (known.size and not UNKNOWN <= known.min() <= known.max() < n_states):
        raise InputError(
            f"known states: {known.size} from {known.min(initial=0)} to {known.max(initial=0)} found, expected one of "
            f"{n_states} states, or -1, for each of {marks.codes.size} bins"
        )
    keys = marks.codes.astype(np.int64) * (n_states + 1) + (known.astype(np.int64) + 1)
    kinds, codes = np.unique(keys, return_inverse=True)
    code, state = np.divmod(kinds, n_states + 1)
    shown = np.where(np.arange(n_states) == state[:, None] - 1, 1, MISSING).astype(np.uint8)
    return CodedMarks(codes.reshape(-1).astype(np.uint32), np.hstack([marks.marks[code], shown]))


def seat_known_states(
    start: Float64Parameters, sequences: Sequence[CodedMarks], known: Sequence[Known | None]
) -> Float64Parameters:
    """First parameters whose first states are the known ones.

    Each known state takes the place of the state of the start whose emissions are most like the frequencies of the
    marks in its bins (the closest pair first), with these frequencies as its emissions, smoothed as in the
    `information` initialisation. The other states follow in their order.

    Args:
        start: first parameters, of at least as many states as are known.
        sequences: the marks.
        known: the known states of each sequence, numbered from 0.

    Raises:
        InputError: more states are known than the start has, or one is known in no bin.
    """
    n_states = len(start.initial)
    bins, frequency = mark_frequencies(sequences, known, start.emission)
    if len(bins) > n_states or not bins.all():
        found = f"{len(bins)} states, with {', '.join(map(str, bins))} bins that are learned from"
        raise InputError(f"known states: {found} found, expected at most {n_states}, and each in some bin")
    distance = ((frequency[:, None] - start.emission) ** 2).sum(axis=-1)
    seats = np.zeros(len(bins), np.int64)
    for _ in bins:
        state, seat = np.unravel_index(np.argmin(distance), distance.shape)
        seats[state], distance[state], distance[:, seat] = seat, np.inf, np.inf
    order = np.concatenate([seats, np.setdiff1d(np.arange(n_states), seats)])
    emission = start.emission[order]
    emission[: len(seats)] = SMOOTHING / 2 + (1 - SMOOTHING) * frequency
    return Float64Parameters(start.initial[order], start.transition[np.ix_(order, order)], emission)


def require_possible(marks: CodedMarks, known: Known | None, start: Float64Parameters, name: str) -> None:
    """Refuse known states that exact zeros of the start rule out: no step of learning could undo these.

    Raises:
        InputError: a known state cannot show the marks of its bin, or cannot follow the one before it.
    """
    if known is None:
        return
    advice = "start from parameters without zeros, or correct the known states"
    shown, absent = marks.marks == 1, marks.marks == 0
    impossible = (shown[:, None] & (start.emission == 0)) | (absent[:, None] & (start.emission == 1))
    wrong = (known >= 0) & impossible.any(axis=2)[marks.codes, known]
    if wrong.any():
        index = int(np.argmax(wrong))
        raise InputError(
            f"{name}: bin {index} is known to be state {known[index] + 1}, whose first parameters rule out the marks "
            f"there; {advice}"
        )
    wrong = (known[:-1] >= 0) & (known[1:] >= 0) & (start.transition[known[:-1], known[1:]] == 0)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise InputError(
            f"{name}: bins {index} and {index + 1} are known to be states {known[index] + 1} and "
            f"{known[index + 1] + 1}, but the first parameters rule that step out; {advice}"
        )


def mark_frequencies(
    sequences: Sequence[CodedMarks], known: Sequence[Known | None], default: Float64[np.ndarray, "state mark"]
) -> tuple[np.ndarray, Float64[np.ndarray, "known mark"]]:
    """Number of bins of each known state, and frequencies of the marks in them (unmeasured: the default's mean).

    >>> marks = CodedMarks(np.array([0, 1, 1]), np.array([[0], [1]], np.uint8))
    >>> mark_frequencies([marks], [np.array([0, 1, -1], np.int16)], np.full((2, 1), 0.5))[1].tolist()
    [[0.0], [1.0]]
    """
    pairs = [(marks, states) for marks, states in zip(sequences, known, strict=True) if states is not None]
    n_known = max((int(states.max(initial=-1)) + 1 for _, states in pairs), default=0)
    bins, present = np.zeros(n_known, np.int64), np.zeros((n_known, default.shape[1]))
    measured = np.zeros_like(present)
    for marks, states in pairs:
        counts = np.zeros((n_known, len(marks.marks)), np.int64)
        np.add.at(counts, (states[states >= 0], marks.codes[states >= 0]), 1)
        bins += counts.sum(axis=1)
        present += counts @ (marks.marks == 1)
        measured += counts @ (marks.marks != MISSING)
    return bins, np.where(measured > 0, present / np.where(measured > 0, measured, 1), default.mean(axis=0))

"""Change of a chromatin-state model: emissions, transitions, and the bins whose state changed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Integer

from epizoo.models.hmm.decoding import decode_all
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters, Parameters, in_float64
from epizoo.states.state_names import NamedState, base_name, name_states

MOVED = 0.25
"""A state of which an emission changed by more than this is named anew."""


class Movement(NamedTuple):
    """Changes of a model; divergences of the new model from the old one are in nats.

    Attributes:
        emission_kl: of each state, over its marks.
        transition_kl: of each state's row of transitions.
        share_before, share_after: of the bins in each state.
        changed: share of all bins whose most probable state is another one.
        moves: bins by state before and after.
        log_likelihood_before, log_likelihood_after: per bin.
    """

    emission_kl: Float64[np.ndarray, " state"]
    transition_kl: Float64[np.ndarray, " state"]
    share_before: Float64[np.ndarray, " state"]
    share_after: Float64[np.ndarray, " state"]
    changed: float
    moves: Integer[np.ndarray, "state state"]
    log_likelihood_before: float
    log_likelihood_after: float

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """Plain values by state, for JSON; the largest moves first."""
        off = np.where(np.eye(len(names), dtype=bool), 0, self.moves)
        order = np.argsort(off, axis=None)[::-1][:20]
        pairs = [np.unravel_index(index, off.shape) for index in order if off.ravel()[index]]
        return {
            "changed_bins": self.changed,
            "log_likelihood_per_bin": {"before": self.log_likelihood_before, "after": self.log_likelihood_after},
            "states": [
                {
                    "name": name,
                    "emission_kl": float(self.emission_kl[state]),
                    "transition_kl": float(self.transition_kl[state]),
                    "share_before": float(self.share_before[state]),
                    "share_after": float(self.share_after[state]),
                }
                for state, name in enumerate(names)
            ],
            "largest_moves": [
                {"from": names[before], "to": names[after], "bins": int(off[before, after])} for before, after in pairs
            ],
        }


def movement(before: Parameters, after: Parameters, sequences: Sequence[CodedMarks]) -> Movement:
    """Compare two models of the same states on some sequences."""
    old, new = in_float64(before), in_float64(after)
    n_states = len(old.initial)
    moves = np.zeros((n_states, n_states), np.int64)
    totals = np.zeros(2)
    for sequence in sequences:
        first, second = (decode_all(model, [_observed(sequence)])[0] for model in (old, new))
        pairs = first.states.astype(np.int64) * n_states + second.states
        moves += np.bincount(pairs, minlength=n_states**2).reshape(n_states, n_states)
        totals += first.log_likelihood, second.log_likelihood
    n_bins = max(moves.sum(), 1)
    emission, transition = divergences(old, new)
    return Movement(
        emission,
        transition,
        moves.sum(axis=1) / n_bins,
        moves.sum(axis=0) / n_bins,
        float(1 - np.trace(moves) / n_bins),
        moves,
        *(totals / n_bins).tolist(),
    )


class Renamed(NamedTuple):
    """A state that was named anew, and the mark whose emission changed the most, by how much."""

    state: NamedState
    mark: str
    before: float
    after: float


def rename_moved(
    names: Sequence[str],
    marks: Sequence[str],
    before: Float64[np.ndarray, "state mark"],
    after: Float64[np.ndarray, "state mark"],
) -> dict[int, Renamed]:
    """New names of the states whose emissions moved by more than `MOVED`, by their numbers from 0.

    Names follow `epizoo.states.state_names`; states to which it gives the name that they have keep it, and so do all
    other states.

    Args:
        names: of the states.
        marks: of the model.
        before: emissions under which the names were given.
        after: emissions now.
    """
    change = np.abs(after - before)
    moved = np.flatnonzero(change.max(axis=1) > MOVED).tolist()
    alone = {state: name_states(after[[state]], marks)[0][0] for state in moved}
    anew = [state for state, one in alone.items() if base_name(one.name) != base_name(names[state])]
    taken = [name for state, name in enumerate(names) if state not in anew]
    named, _ = name_states(after[anew], marks, numbers=[state + 1 for state in anew], taken=taken)
    farthest = change.argmax(axis=1).tolist()
    return {
        state: Renamed(
            one,
            marks[farthest[state]],
            float(before[state, farthest[state]]),
            float(after[state, farthest[state]]),
        )
        for state, one in zip(anew, named, strict=True)
    }


def divergences(
    old: Float64Parameters, new: Float64Parameters
) -> tuple[Float64[np.ndarray, " state"], Float64[np.ndarray, " state"]]:
    """Kullback-Leibler divergence of the new model from the old one, of emissions and of transitions, by state.

    >>> half = Float64Parameters(np.ones(1), np.ones((1, 1)), np.full((1, 1), 0.5))
    >>> sure = Float64Parameters(np.ones(1), np.ones((1, 1)), np.ones((1, 1)))
    >>> [round(float(part[0]), 3) for part in divergences(half, sure)]
    [0.693, 0.0]
    """
    emission = _terms(new.emission, old.emission) + _terms(1 - new.emission, 1 - old.emission)
    return emission.sum(axis=1), _terms(new.transition, old.transition).sum(axis=1)


def _observed(sequence: CodedMarks) -> Integer[np.ndarray, "..."]:
    """Codes where they are bits of marks that are all there, which spares the work of finding codes; else values."""
    table, n_marks = sequence.marks, sequence.marks.shape[1]
    bits = (np.arange(len(table))[:, None] >> np.arange(n_marks - 1, -1, -1)) & 1
    plain = len(table) == 1 << n_marks and np.array_equal(table, bits)
    return sequence.codes if plain else table[sequence.codes]


def _terms(new: Float64[np.ndarray, "..."], old: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """The terms new * log(new / old), 0 where new is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(new > 0, new * (np.log(new) - np.log(old)), 0.0)

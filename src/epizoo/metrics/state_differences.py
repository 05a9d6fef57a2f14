"""Bins that differ in state between two groups of samples, how surely, and how often that would be false."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float32, Float64, Int64

Posteriors = Float32[np.ndarray, "bin state"]

_LOWEST, _HIGHEST, _STEPS = -2.0, 4.0, 1000
LEVELS = int((_HIGHEST - _LOWEST) * _STEPS) + 1
"""Levels of certainty that are told apart: thousandths of -log10 of the ratio in `certainty_level`."""
_ROUNDS = 200


class Certainty(NamedTuple):
    """Number of bins at each level of certainty, between the groups and between replicates of one group.

    Attributes:
        prior: share of the genome in each state.
        between: bins of the comparison of the groups.
        within: bins of all comparisons of two samples of one group; none without replicates.
    """

    prior: Float64[np.ndarray, " state"]
    between: Int64[np.ndarray, " level"]
    within: Int64[np.ndarray, " level"]

    @classmethod
    def nothing(cls, prior: Float64[np.ndarray, " state"]) -> Self:
        """No bin yet."""
        return cls(prior, np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64))

    def add(self, first: Sequence[Posteriors], second: Sequence[Posteriors]) -> Int64[np.ndarray, " bin"]:
        """Count the bins of a chromosome, and return their levels between the groups."""
        levels = certainty_level(mean(first), mean(second), self.prior)
        self.between[:] += np.bincount(levels, minlength=LEVELS)
        for one, other in _pairs(first, second):
            self.within[:] += np.bincount(certainty_level(one, other, self.prior), minlength=LEVELS)
        return levels

    def unchanged(self) -> Float64[np.ndarray, " level"]:
        """The probability, at each level, that a bin has the same state in both groups.

        A share of the bins is changed, and has two states that say nothing of each other; the others have one. The
        share is found by EM: each round takes it to be the mean probability of being changed.
        """
        ratio = 10.0 ** -(_LOWEST + np.arange(LEVELS) / _STEPS)
        changed = 0.1
        for _ in range(_ROUNDS):
            is_changed = changed / ((1 - changed) * ratio + changed)
            changed = float((self.between * is_changed).sum() / max(self.between.sum(), 1))
        return 1 - changed / np.maximum((1 - changed) * ratio + changed, np.finfo(float).tiny)

    def q_values(self) -> Float64[np.ndarray, " level"]:
        """The share of false ones among the bins that reach each level; at most that of any lower level.

        With replicates, it is how often two samples of one group reach the level. Groups, which are means over samples,
        are less noisy than two single samples, so that this errs on the safe side. Without, it is the mean of
        `unchanged`.
        """
        n_between = np.cumsum(self.between[::-1])[::-1]
        if self.within.any():
            n_false = np.cumsum(self.within[::-1])[::-1] * (self.between.sum() / self.within.sum())
        else:
            n_false = np.cumsum((self.between * self.unchanged())[::-1])[::-1]
        share = np.divide(n_false, n_between, out=np.ones(LEVELS), where=n_between > 0)
        return np.minimum.accumulate(np.minimum(share, 1.0))


def mean(posteriors: Sequence[Posteriors]) -> Posteriors:
    """The mean posteriors of a group."""
    return np.asarray(sum(posteriors[1:], posteriors[0]) / np.float32(len(posteriors)), np.float32)


def certainty_level(
    first: Posteriors, second: Posteriors, prior: Float64[np.ndarray, " state"]
) -> Int64[np.ndarray, " bin"]:
    """Certainty that each bin differs in state, in thousandths of -log10 of a ratio, from the lowest level on.

    The ratio is that of the probability of both samples' marks where they have the same state, to that where their
    states are independent: the sum over states of first * second / prior. It is cut at 0.0001 and at 100.

    >>> same = np.array([[1, 0]], np.float32)
    >>> certainty_level(same, np.array([[0.02, 0.98]], np.float32), np.array([0.02, 0.98])).tolist()
    [2000]
    """
    ratio = (first * second) @ (1 / np.maximum(prior, 1e-12))
    with np.errstate(divide="ignore"):
        levels = np.rint(_STEPS * (-np.log10(ratio) - _LOWEST))
    return np.clip(levels, 0, LEVELS - 1).astype(np.int64)


def log_odds_gain(first: Posteriors, second: Posteriors, states: Sequence[int]) -> Float64[np.ndarray, " bin"]:
    """Natural log odds of being in one of the states, of the second less of the first; odds are cut at 1 to 10,000."""

    def log_odds(posteriors: Posteriors) -> Float64[np.ndarray, " bin"]:
        share = posteriors[:, list(states)].sum(axis=1, dtype=np.float64).clip(1e-4, 1 - 1e-4)
        return np.log(share) - np.log1p(-share)

    return log_odds(second) - log_odds(first)


def stationary(transition: Float64[np.ndarray, "state state"]) -> Float64[np.ndarray, " state"]:
    """The share of a long genome in each state.

    >>> stationary(np.array([[0.9, 0.1], [0.3, 0.7]])).round(6).tolist()
    [0.75, 0.25]
    """
    n_states = len(transition)
    balance = np.vstack([transition.T - np.eye(n_states), np.ones(n_states)])
    found = np.linalg.lstsq(balance, np.append(np.zeros(n_states), 1.0), rcond=None)[0]
    return np.maximum(found, 0) / np.maximum(found, 0).sum()


def _pairs(*groups: Sequence[Posteriors]) -> Iterator[tuple[Posteriors, Posteriors]]:
    """Every two samples of one group."""
    for group in groups:
        yield from itertools.combinations(group, 2)

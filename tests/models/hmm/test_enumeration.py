"""The HMM against an oracle that shares nothing with it: every one of K^T paths, enumerated in float64 NumPy."""

from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.reference import HMMParameters

N_STATES, N_MARKS, N_BINS = 3, 2, 6
smooth, viterbi, log_likelihood, backward = map(
    jax.jit, (hmm.posteriors, hmm.viterbi, hmm.log_likelihood, hmm.backward)
)


class Truth(NamedTuple):
    posteriors: np.ndarray
    filtered: np.ndarray
    log_likelihood_per_bin: np.ndarray
    best_paths: np.ndarray


def bernoulli(emission, marks):
    """p(marks | state) of one bin, mark by mark; 0 ** 0 is 1, as it must be."""
    result = np.ones(len(emission))
    for probability, mark in zip(emission.T, marks, strict=True):
        if mark >= 0:
            result = result * probability**mark * (1 - probability) ** (1 - mark)
    return result


def joint_probabilities(parameters, marks, start):
    """p(path, marks) of every path over the bins, in lexicographic order; bins outside hold state 0 alone."""
    inside = marks[:, 0] != -1
    emissions = [bernoulli(parameters.emission, bin_) for bin_ in marks]
    paths = list(product(*(range(N_STATES) if is_inside else (0,) for is_inside in inside)))
    joint = np.ones(len(paths))
    for index, path in enumerate(paths):
        for t, state in enumerate(path):
            if inside[t]:
                before = (
                    start if t == 0 else parameters.transition[path[t - 1]] if inside[t - 1] else parameters.initial
                )
                joint[index] *= before[state] * emissions[t][state]
    return np.array(paths), joint


def enumerate_all(parameters, marks, start) -> Truth:
    inside = marks[:, 0] != -1
    likelihoods, filtered = [1.0], np.zeros((len(marks), N_STATES))
    for t in range(len(marks)):
        paths, joint = joint_probabilities(parameters, marks[: t + 1], start)
        likelihoods.append(joint.sum())
        if inside[t]:
            filtered[t] = [joint[paths[:, t] == state].sum() / joint.sum() for state in range(N_STATES)]
    posteriors = np.zeros_like(filtered)
    for t in np.flatnonzero(inside):
        posteriors[t] = [joint[paths[:, t] == state].sum() / joint.sum() for state in range(N_STATES)]
    # Where marks recur, orders of the same steps are equally probable up to rounding: any of the best will do.
    best = np.where(inside, paths[joint > joint.max() * (1 - 1e-12)], -1)
    return Truth(posteriors, filtered, np.diff(np.log(likelihoods)), best)


def random_parameters(rng, zeros):
    initial = rng.dirichlet(np.ones(N_STATES))
    transition = rng.dirichlet(np.ones(N_STATES), size=N_STATES)
    emission = rng.uniform(size=(N_STATES, N_MARKS))
    if zeros:
        # State 0 cannot start, 0 -> 2 and 2 -> 1 cannot happen, state 1 always shows mark 0, state 2 never mark 1.
        initial = np.array([0, initial[1], 1 - initial[1]])
        transition[0] = [transition[0, 0], 1 - transition[0, 0], 0]
        transition[2] = [transition[2, 0], 0, 1 - transition[2, 0]]
        emission[1, 0], emission[2, 1] = 1, 0
    return HMMParameters(initial, transition, emission)


def some_marks(rng, kind):
    marks = rng.integers(0, 2, size=(N_BINS, N_MARKS)).astype(float)
    if kind == "missing":
        marks[1, 0] = marks[4] = np.nan
    elif kind == "soft":
        marks[1:4] = rng.uniform(size=(3, N_MARKS))
    elif kind == "outside at the start":
        marks[:2] = -1
    elif kind == "outside at the end":
        marks[-1:] = -1
    elif kind == "outside between":
        marks[2] = -1
        marks[4, 1] = np.nan
    return marks


KINDS = ["binary", "missing", "soft", "outside at the start", "outside at the end", "outside between"]


@pytest.mark.parametrize("zeros", [False, True], ids=["positive", "exact zeros"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_everything_matches_enumeration(seed, kind, zeros):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng, zeros)
    marks = some_marks(rng, kind)
    start = parameters.initial if seed % 2 else rng.dirichlet(np.ones(N_STATES))
    while joint_probabilities(parameters, marks, start)[1].sum() == 0:
        marks = some_marks(rng, kind)
    truth = enumerate_all(parameters, marks, start)
    with jax.enable_x64(True):
        posteriors, filtered = smooth(parameters, marks, start)
        path = viterbi(parameters, marks, start)
        total = log_likelihood(parameters, marks, start)
        _, messages = backward(parameters, filtered, hmm.inside_chromosome(marks))
    np.testing.assert_allclose(posteriors, truth.posteriors, atol=1e-13)
    np.testing.assert_allclose(filtered.probabilities, truth.filtered, atol=1e-13)
    np.testing.assert_allclose(filtered.log_likelihood_per_bin, truth.log_likelihood_per_bin, atol=1e-12)
    np.testing.assert_allclose(total, truth.log_likelihood_per_bin.sum(), atol=1e-12)
    np.testing.assert_allclose(filtered.probabilities * messages, truth.posteriors, atol=1e-12)
    assert (truth.best_paths == path).all(axis=-1).any()


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_close_to_enumeration(kind):
    rng = np.random.default_rng(11)
    parameters = random_parameters(rng, zeros=False)
    marks = some_marks(rng, kind)
    truth = enumerate_all(parameters, marks, parameters.initial)
    posteriors, filtered = smooth(parameters, marks)
    assert posteriors.dtype == jnp.float32
    np.testing.assert_allclose(posteriors, truth.posteriors, atol=2e-6)
    np.testing.assert_allclose(filtered.log_likelihood_per_bin, truth.log_likelihood_per_bin, atol=2e-6)
    assert (truth.best_paths == viterbi(parameters, marks)).all(axis=-1).any()


def test_ties_of_viterbi_go_to_the_lowest_state():
    """All paths are equally probable, and so the first in lexicographic order is the best."""
    parameters = HMMParameters(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), np.full((3, 2), 0.5))
    marks = some_marks(np.random.default_rng(0), "outside between")
    expected = np.where(marks[:, 0] == -1, -1, 0)
    np.testing.assert_array_equal(viterbi(parameters, marks), expected)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_soft_viterbi_is_diffbios_recursion(temperature):
    """Sums over all paths that end in a state, of (p(path, marks so far)) ** (1 / temperature)."""
    rng = np.random.default_rng(3)
    parameters = random_parameters(rng, zeros=True)
    marks = some_marks(rng, "soft")
    marks[0] = np.nan
    expected = np.zeros((N_BINS, N_STATES))
    for t in range(N_BINS):
        paths, joint = joint_probabilities(parameters, marks[: t + 1], parameters.initial)
        powers = joint ** (1 / temperature)
        sums = np.array([powers[paths[:, t] == state].sum() for state in range(N_STATES)])
        expected[t] = sums / sums.sum()
    with jax.enable_x64(True):
        soft = hmm.soft_viterbi(parameters, marks, temperature)
    np.testing.assert_allclose(soft.weights, expected, atol=1e-12)
    np.testing.assert_allclose(soft.expected_state, expected @ np.arange(N_STATES), atol=1e-12)


def test_soft_viterbi_at_temperature_one_is_the_filter():
    rng = np.random.default_rng(4)
    parameters = random_parameters(rng, zeros=False)
    marks = some_marks(rng, "outside between")
    truth = enumerate_all(parameters, marks, parameters.initial)
    with jax.enable_x64(True):
        soft = hmm.soft_viterbi(parameters, marks, 1.0)
    np.testing.assert_allclose(soft.weights, truth.filtered, atol=1e-12)

"""Independent answers about hidden Markov models: plain NumPy, bin by bin, every path enumerated, in float64."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Model(NamedTuple):
    initial: np.ndarray
    transition: np.ndarray
    emission: np.ndarray


class Smoothed(NamedTuple):
    posteriors: np.ndarray
    log_likelihood: float
    transitions: np.ndarray


def random_model(rng, n_states, n_marks, zeros=0.0):
    """A random model; a share of its transitions is exactly zero."""
    transition = rng.dirichlet(np.full(n_states, 0.5), n_states) + 5 * np.eye(n_states)
    transition *= (rng.random((n_states, n_states)) >= zeros) | np.eye(n_states, dtype=bool)
    emission = rng.beta(0.3, 0.5, (n_states, n_marks))
    return Model(rng.dirichlet(np.ones(n_states)), transition / transition.sum(1, keepdims=True), emission)


def read_chromhmm_model(path: Path) -> tuple[Model, list[str]]:
    """A model in ChromHMM's text format and the names of its marks."""
    header, *lines = [line.split("\t") for line in path.read_text().splitlines() if line]
    n_states, n_marks = int(header[0]), int(header[1])
    model = Model(np.zeros(n_states), np.zeros((n_states, n_states)), np.zeros((n_states, n_marks)))
    names = [""] * n_marks
    for fields in lines:
        row = int(fields[1]) - 1
        if fields[0] == "probinit":
            model.initial[row] = float(fields[2])
        elif fields[0] == "transitionprobs":
            model.transition[row, int(fields[2]) - 1] = float(fields[3])
        elif fields[4] == "1":
            names[int(fields[2])] = fields[3]
            model.emission[row, int(fields[2])] = float(fields[5])
    return model, names


def emission_rows(model, values):
    """p(marks | state) of each bin; values 0, 1, soft, or NaN where missing."""
    rows = np.ones((len(values), len(model.initial)))
    for bin_, marks in enumerate(values):
        for state, probabilities in enumerate(model.emission):
            for mark, p in zip(marks, probabilities, strict=True):
                if not np.isnan(mark):
                    rows[bin_, state] *= p**mark * (1 - p) ** (1 - mark)
    rows[(rows < 1e-300).all(1)] = 1e-300
    return rows


def smooth(model, rows):
    """Forward-backward bin by bin, each message scaled to sum to one."""
    n_bins, n_states = rows.shape
    forward, scales = np.empty((n_bins, n_states)), np.empty(n_bins)
    message = model.initial
    for bin_ in range(n_bins):
        message = (message @ model.transition if bin_ else message) * rows[bin_]
        scales[bin_] = message.sum()
        message = forward[bin_] = message / scales[bin_]
    backward = np.ones((n_bins, n_states))
    transitions = np.zeros((n_states, n_states))
    for bin_ in range(n_bins - 1, 0, -1):
        ahead = rows[bin_] * backward[bin_] / scales[bin_]
        backward[bin_ - 1] = model.transition @ ahead
        transitions += forward[bin_ - 1][:, None] * model.transition * ahead
    posteriors = forward * backward
    return Smoothed(posteriors / posteriors.sum(1, keepdims=True), np.log(scales).sum(), transitions)


def enumerate_paths(model, rows):
    """Every path of states and its probability together with the observations."""
    n_bins, n_states = rows.shape
    paths = np.array(list(itertools.product(range(n_states), repeat=n_bins)))
    weights = model.initial[paths[:, 0]] * rows[0, paths[:, 0]]
    for bin_ in range(1, n_bins):
        weights = weights * model.transition[paths[:, bin_ - 1], paths[:, bin_]] * rows[bin_, paths[:, bin_]]
    return paths, weights


def viterbi(model, rows):
    """The most probable path in log space, ties to the lowest state."""
    with np.errstate(divide="ignore"):
        initial, transition, logs = np.log(model.initial), np.log(model.transition), np.log(rows)
    scores, pointers = initial + logs[0], []
    for row in logs[1:]:
        joined = scores[:, None] + transition
        pointers.append(joined.argmax(0))
        scores = joined.max(0) + row
    path = [int(scores.argmax())]
    for pointer in reversed(pointers):
        path.append(int(pointer[path[-1]]))
    return np.array(path[::-1])

"""Paths of states are judged by their probability, since ties have several most probable paths."""

import numpy as np
from jaxtyping import Bool, Float, Int

from epizoo.models.hmm.floors import LOG_ZERO
from epizoo.zoo.entry import ChromatinStateEntry

FREE = -2
"""Stands for any state in a path."""
_IMPOSSIBLE = LOG_ZERO / 2


def path_scores(
    entry: ChromatinStateEntry, logs: Float[np.ndarray, "batch bin state"], paths: Int[np.ndarray, "batch bin"]
) -> Float[np.ndarray, " batch"]:
    """Log-probability, in float64, of the marks and of the most probable path that agrees with each path.

    Args:
        entry: the model.
        logs: log-emissions of each state. A bin that no state in reach can emit counts as nothing.
        paths: states, -1 outside the chromosome, which starts the chain anew, or `FREE`.
    """
    weights = {name: np.asarray(array, np.float64) for name, array in entry.weights().items()}
    steps, initial = (_log_softmax(weights[f"{name}_logits"]) for name in ("transition", "initial"))
    states = np.arange(len(initial))
    predicted = np.broadcast_to(_log_start(entry, np.exp(initial), np.exp(steps)), (len(paths), len(initial)))
    total = np.zeros(len(paths))
    for path, emission in zip(paths.T[..., None], logs.astype(np.float64).swapaxes(0, 1), strict=True):
        reached = np.where((path == states) | (path == FREE), predicted, -np.inf)
        scores = reached + emission
        scores = np.where(scores.max(axis=1, keepdims=True) > _IMPOSSIBLE, scores, reached)
        inside = path[:, 0] != -1
        best = np.where(inside, scores.max(axis=1), 0)
        total += best
        following = (scores - best[:, None])[:, :, None] + steps
        predicted = np.where(inside[:, None], following.max(axis=1), initial)
    return total


def path_deficit(
    entry: ChromatinStateEntry,
    logs: Float[np.ndarray, "batch bin state"],
    found: Int[np.ndarray, "batch window"],
    wanted: Int[np.ndarray, "batch window"],
    inside: Bool[np.ndarray, "batch bin"],
) -> float:
    """Nats by which the found paths are less probable than the wanted ones, at most: next to nothing at ties.

    Each is completed in the flanks by what is most probable beside it: the flanks of one path may not fit another.
    """
    flank = (logs.shape[1] - found.shape[1]) // 2
    scores = []
    for path in (wanted, found):
        whole = np.where(inside, FREE, -1)
        whole[:, flank : flank + path.shape[1]] = path
        scores.append(path_scores(entry, logs, whole))
    return float((scores[0] - scores[1]).max())


def _log_start(
    entry: ChromatinStateEntry, initial: Float[np.ndarray, " state"], transition: Float[np.ndarray, "state state"]
) -> Float[np.ndarray, " state"]:
    """Logarithm of the distribution of a sequence's first bin."""
    if entry.config.model.start == "stationary":
        # The left eigenvector of eigenvalue one.
        values, vectors = np.linalg.eig(transition.T)
        initial = np.abs(vectors[:, np.argmin(np.abs(values - 1))].real)
    with np.errstate(divide="ignore"):
        return np.log(initial / initial.sum())


def _log_softmax(logits: Float[np.ndarray, "*axes state"]) -> Float[np.ndarray, "*axes state"]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

"""Iterations of learning that report progress and keep their state in a checkpoint."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from epizoo.checkpoints import Snapshot, load_snapshot, save_snapshot

Report = Callable[[int, float], None]
"""Called after iterations with their number (E steps of EM, steps of gradients) and the latest log-likelihood."""


class LearningState(Protocol):
    """State of learning: a named tuple of arrays, numbers and named tuples."""

    @property
    def trajectory(self) -> Float64[np.ndarray, " iteration"]:
        """Log-likelihood of each iteration."""

    @property
    def converged(self) -> bool:
        """No further iteration is needed."""


State = TypeVar("State", bound=LearningState)


def iterate(
    start: State,
    step: Callable[[State], State],
    max_iterations: int,
    *,
    checkpoint: str | os.PathLike[str] | None,
    fingerprint: Callable[[], str],
    report: Report | None,
    every: int = 1,
    window: int = 1,
) -> State:
    """Iterate until the state has converged or its trajectory has `max_iterations` values.

    Args:
        start: the state to start from.
        step: one iteration, which extends the trajectory.
        max_iterations: maximum length of the trajectory.
        checkpoint: a file that keeps the state; where it exists, learning continues from it with the same final result.
        fingerprint: hash of everything that the result depends on; called only where there is a checkpoint.
        report: see `Report`; gets the mean of the last values of the trajectory.
        every: number of iterations between two checkpoints and reports.
        window: number of values in that mean.

    Raises:
        InputError: the checkpoint cannot be read or is of another learning.
    """
    of = "" if checkpoint is None else fingerprint()
    state = start if checkpoint is None else _load(checkpoint, start, of)
    while len(state.trajectory) < max_iterations and not state.converged:
        state = step(state)
        done = len(state.trajectory)
        if done % every and done < max_iterations and not state.converged:
            continue
        if checkpoint is not None:
            arrays = {name: np.asarray(leaf) for name, leaf in _leaves(state).items()}
            save_snapshot(checkpoint, Snapshot(arrays, {}), of)
        if report is not None:
            report(done, float(state.trajectory[-window:].mean()))
    return state


@contextmanager
def progress_bar(max_iterations: int) -> Iterator[Report]:
    """A bar of iterations with the latest log-likelihood on stderr, where that is a terminal."""
    columns = (*Progress.get_default_columns(), TimeElapsedColumn(), TextColumn("log-likelihood {task.fields[value]}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Learning", total=max_iterations, value="")
        yield lambda done, value: bar.update(task, completed=done, value=f"{value:,.3f}")


def _leaves(state: LearningState) -> dict[str, Any]:
    """The arrays and numbers of a state by dotted name, such as ``parameters.initial``."""
    leaves, _ = jax.tree.flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _load(path: str | os.PathLike[str], start: State, of: str) -> State:
    snapshot = load_snapshot(path, of)
    if snapshot is None:
        return start
    leaves = [_alike(leaf, snapshot.arrays[name]) for name, leaf in _leaves(start).items()]
    return jax.tree.unflatten(jax.tree.structure(start), leaves)


def _alike(leaf: Any, found: np.ndarray) -> Any:
    """A value that was read, with the type of the leaf: an array of JAX or NumPy, or a number."""
    if isinstance(leaf, jax.Array):
        return jnp.asarray(found)
    return found if isinstance(leaf, np.ndarray) else type(leaf)(found)

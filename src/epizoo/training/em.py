"""Learning chromatin states by expectation-maximisation (Baum-Welch), as ChromHMM does, and faster."""

import hashlib
import itertools
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.models.expected_counts import ExpectedCounts, RunCounter
from epizoo.models.runs import MISSING, Float64Parameters, Parameters, in_float64
from epizoo.training.priors import Prior, add_priors, log_density, uniform_prior

Report = Callable[[int, float], None]
"""Called after each iteration with the number of E steps and the latest log-likelihood."""
# Beyond these, probabilities are left to plain EM: their logarithms jump, and extrapolating them gains nothing.
_SMALLEST_EXTRAPOLATED = 1e-10
_FIRST_LONGEST_STEP = 4.0
# E steps of a cycle of SQUAREM, at most.
_CYCLE = 3


@dataclass(frozen=True)
class LearningConfig:
    """How to learn; the defaults are ChromHMM's stopping rule and no prior.

    Attributes:
        max_iterations: E steps at most.
        tolerance: stop when an iteration gains less than this, in nats.
        zero_transitions_below: transitions to other states that fall below this become zero for good (1e-8 in
            ChromHMM).
        initial_pseudocount: added to the expected count of each state in first bins.
        transition_pseudocount: added to the expected count of each transition.
        emission_pseudocount: added to the expected counts of each mark being present and absent in each state.
        accelerate: extrapolate every two steps (SQUAREM, Varadhan and Roland 2008); a step that would lose likelihood
            is not taken.
    """

    max_iterations: int = 200
    tolerance: float = 1e-3
    zero_transitions_below: float = 0.0
    initial_pseudocount: float = 0.0
    transition_pseudocount: float = 0.0
    emission_pseudocount: float = 0.0
    accelerate: bool = False

    def __post_init__(self) -> None:
        for name in ("max_iterations", "tolerance", "zero_transitions_below"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}, expected 0 or more")
        for name in ("initial_pseudocount", "transition_pseudocount", "emission_pseudocount"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if self.zero_transitions_below and self.transition_pseudocount:
            raise InputError(
                "zero_transitions_below and transition_pseudocount exclude each other: one removes transitions, the "
                "other keeps them; set one to 0"
            )


CHROMHMM = LearningConfig(zero_transitions_below=1e-8)
"""ChromHMM's batch EM (its option -p)."""


class Learned(NamedTuple):
    """What was learned.

    ``log_likelihood`` is that of ``parameters``, in nats. ``trajectory`` is the log-likelihood at each E step (with
    acceleration, also of steps that were not taken).
    """

    parameters: Float64Parameters
    log_likelihood: float
    trajectory: Float64[np.ndarray, " iteration"]
    converged: bool


def maximize(
    counts: ExpectedCounts,
    marks: UInt8[np.ndarray, "symbol mark"],
    previous: Parameters,
    config: LearningConfig,
    prior: Prior | None = None,
) -> Float64Parameters:
    """The M step: the parameters under which the expected counts are most probable, given the prior.

    States and marks without any expected count keep their previous values.

    Args:
        counts: of `RunCounter.count`.
        marks: `RunCounter.marks`.
        previous: the parameters that the counts were made with.
        config: pseudo-counts and the threshold of transitions.
        prior: further pseudo-counts.
    """
    previous = in_float64(previous)
    pseudo = _pseudocounts(previous, config, prior)
    initial = _normalize(counts.initial + pseudo.initial, previous.initial)
    transition = _normalize(counts.transition + pseudo.transition, previous.transition)
    small = (transition < config.zero_transitions_below) & ~np.eye(len(transition), dtype=bool)
    transition = _normalize(np.where(small, 0, transition), previous.transition)
    present = counts.occupancy.T @ (marks == 1) + pseudo.present
    measured = counts.occupancy.T @ (marks != MISSING) + pseudo.present + pseudo.absent
    emission = np.where(measured > 0, present / np.where(measured > 0, measured, 1), previous.emission)
    return Float64Parameters(initial, transition, np.clip(emission, 0, 1))


def expectation_maximization(
    counter: RunCounter,
    start: Parameters,
    config: LearningConfig | None = None,
    *,
    prior: Prior | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Learned:
    """Learn from one start.

    To adapt a pretrained model to other data, start from it with a prior centred on it: ``prior=centred_prior(model,
    strength)`` of `epizoo.training.priors`, the strength being the bins that the model counts for in each state. What
    is maximised then is the log-likelihood plus `log_prior`, and never falls (MAP).

    Args:
        counter: the sequences.
        start: the first parameters.
        config: how to learn.
        prior: pseudo-counts of each parameter, added to those of the config.
        checkpoint: a file that keeps the state of learning after each iteration; where it exists, learning goes on from
            it, with the same final result. It stays there when learning is done.
        report: see `Report`; `progress_bar` draws them.

    Raises:
        InputError: the start does not fit the sequences, the checkpoint belongs to another start, config or data, or
            the config removes transitions that the prior expects.
    """
    config = config or LearningConfig()
    if config.zero_transitions_below and prior is not None and prior.transition.any():
        raise InputError(
            "zero_transitions_below and a prior on transitions exclude each other: one removes transitions, the other "
            "keeps them; set one to 0"
        )
    objective = _Objective(counter, config, prior)
    state = _State(in_float64(start), np.zeros(0), np.zeros(0), _FIRST_LONGEST_STEP, False)
    fingerprint = "" if checkpoint is None else _fingerprint(objective, state.parameters)
    if checkpoint is not None and Path(checkpoint).exists():
        state = _load(Path(checkpoint), fingerprint)
    while len(state.trajectory) < config.max_iterations and not state.converged:
        left = config.max_iterations - len(state.trajectory)
        step = _squarem_cycle if config.accelerate and left >= _CYCLE else _em_step
        state = step(objective, state)
        if checkpoint is not None:
            _save(Path(checkpoint), state, fingerprint)
        if report is not None:
            report(len(state.trajectory), float(state.trajectory[-1]))
    log_likelihood = counter.count(state.parameters).log_likelihood
    return Learned(state.parameters, log_likelihood, state.trajectory, state.converged)


def learn_best(
    counter: RunCounter,
    starts: Iterable[Parameters],
    config: LearningConfig | None = None,
    *,
    trial_iterations: int = 0,
    finalists: int = 1,
    keep_first: bool = False,
    checkpoints: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> tuple[Learned, list[Learned]]:
    """Learn from several starts: the one of highest likelihood and prior (the first of equals), and all results.

    Args:
        counter: the sequences.
        starts: first parameters.
        config: how to learn.
        trial_iterations: where not 0, learn for so many iterations from every start, and only then to the end, from
            what the best of them gave.
        finalists: how many of the trials to learn from to the end.
        keep_first: whether the first start is learned from to the end in any case, so that more starts cannot do worse.
        checkpoints: a folder that keeps the state of learning from each start; see `expectation_maximization`.
        report: see `Report`.

    Returns:
        The best result, and all of them: of the trials, in the order of the starts, then of the finalists.

    Raises:
        InputError: there is no start, or one does not fit the sequences.
    """
    config = config or LearningConfig()
    starts = list(starts)
    if not starts:
        raise InputError("no first parameters were given to learn from; give at least one start")

    def learn_all(kind: str, starts: Iterable[Parameters], config: LearningConfig) -> list[Learned]:
        paths = (None if checkpoints is None else Path(checkpoints) / f"{kind}-{i}.npz" for i in itertools.count(1))
        return [
            expectation_maximization(counter, start, config, checkpoint=path, report=report)
            for start, path in zip(starts, paths, strict=False)
        ]

    def worse(learned: Learned) -> float:
        return -(learned.log_likelihood + log_prior(learned.parameters, config))

    results: list[Learned] = []
    if trial_iterations:
        trial = replace(config, max_iterations=min(trial_iterations, config.max_iterations))
        results = learn_all("trial", starts, trial)
        chosen = sorted(results, key=worse)[:finalists]
        if keep_first and all(learned is not results[0] for learned in chosen):
            chosen.append(results[0])
        starts = [learned.parameters for learned in chosen]
    results += learn_all("start", starts, config)
    return min(results, key=worse), results


@contextmanager
def progress_bar(max_iterations: int) -> Iterator[Report]:
    """A bar of iterations with the latest log-likelihood on stderr, where that is a terminal."""
    columns = (*Progress.get_default_columns(), TimeElapsedColumn(), TextColumn("log-likelihood {task.fields[value]}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Learning", total=max_iterations, value="")
        yield lambda done, value: bar.update(task, completed=done, value=f"{value:,.3f}")


def log_prior(parameters: Parameters, config: LearningConfig, prior: Prior | None = None) -> float:
    """What the pseudo-counts add to the log-likelihood: EM never lowers the sum of both. Constants are left out."""
    model = in_float64(parameters)
    return log_density(_pseudocounts(model, config, prior), model)


def _pseudocounts(model: Float64Parameters, config: LearningConfig, prior: Prior | None) -> Prior:
    n_states, n_marks = model.emission.shape
    uniform = uniform_prior(
        n_states, n_marks, config.initial_pseudocount, config.transition_pseudocount, config.emission_pseudocount
    )
    return uniform if prior is None else add_priors(uniform, prior)


class _Objective(NamedTuple):
    """What learning maximises: the likelihood of some sequences, and priors."""

    counter: RunCounter
    config: LearningConfig
    prior: Prior | None


class _State(NamedTuple):
    """Where learning stands; ``objectives`` are log-likelihood plus log-prior of the steps that were taken."""

    parameters: Float64Parameters
    trajectory: Float64[np.ndarray, " iteration"]
    objectives: Float64[np.ndarray, " step"]
    longest_step: float
    converged: bool


def _em_step(objective: _Objective, state: _State) -> _State:
    counter, config, prior = objective
    counts = counter.count(state.parameters)
    value = counts.log_likelihood + log_prior(state.parameters, config, prior)
    converged = len(state.objectives) > 0 and value - state.objectives[-1] < config.tolerance
    return state._replace(
        parameters=maximize(counts, counter.marks, state.parameters, config, prior),
        trajectory=np.append(state.trajectory, counts.log_likelihood),
        objectives=np.append(state.objectives, value),
        converged=bool(converged),
    )


def _squarem_cycle(objective: _Objective, state: _State) -> _State:
    """Two EM steps, and a third from where they point to, unless that is worse than the first."""
    first = _em_step(objective, state)
    if first.converged:
        return first
    second = _em_step(objective, first)
    if second.converged:
        return second
    step = _step_length(state.parameters, first.parameters, second.parameters)
    length = min(step, state.longest_step)
    target = _extrapolate(state.parameters, first.parameters, second.parameters, length)
    try:
        third = _em_step(objective, second._replace(parameters=target))
    except InputError:  # Impossible there: too far.
        return second._replace(longest_step=max(state.longest_step / 4, 1.0))
    if third.objectives[-1] < second.objectives[-1]:
        return second._replace(trajectory=third.trajectory, longest_step=max(state.longest_step / 4, 1.0))
    grown = state.longest_step * (4 if length == state.longest_step else 1)
    return third._replace(longest_step=grown, converged=False)


def _coordinates(model: Float64Parameters) -> Float64[np.ndarray, " coordinate"]:
    """Logarithms of transitions and log-odds of emissions, where extrapolation goes; NaN where it does not."""
    safe = _SMALLEST_EXTRAPOLATED
    with np.errstate(divide="ignore", invalid="ignore"):
        transition = np.where(model.transition > safe, np.log(model.transition), np.nan)
        inside = (model.emission > safe) & (model.emission < 1 - safe)
        emission = np.where(inside, np.log(model.emission) - np.log1p(-model.emission), np.nan)
    return np.concatenate([transition.ravel(), emission.ravel()])


def _step_length(zeroth: Float64Parameters, first: Float64Parameters, second: Float64Parameters) -> float:
    x0, x1, x2 = (_coordinates(model) for model in (zeroth, first, second))
    bend = np.nansum((x2 - 2 * x1 + x0) ** 2)
    return max(float(np.sqrt(np.nansum((x1 - x0) ** 2) / bend)), 1.0) if bend > 0 else 1.0


def _extrapolate(
    zeroth: Float64Parameters, first: Float64Parameters, second: Float64Parameters, length: float
) -> Float64Parameters:
    """SQUAREM's point at some step length (1 gives ``second``); initial probabilities are those of ``second``."""
    x0, x1, x2 = (_coordinates(model) for model in (zeroth, first, second))
    target = x0 + 2 * length * (x1 - x0) + length**2 * (x2 - 2 * x1 + x0)
    n_transitions = second.transition.size
    frozen = np.isnan(target)
    target = np.where(frozen, 0, np.clip(target, -700, 700))
    transition = np.where(
        frozen[:n_transitions], second.transition.ravel(), np.exp(np.minimum(target[:n_transitions], 1))
    )
    emission = np.where(frozen[n_transitions:], second.emission.ravel(), 1 / (1 + np.exp(-target[n_transitions:])))
    return Float64Parameters(
        second.initial,
        _normalize(transition.reshape(second.transition.shape), second.transition),
        emission.reshape(second.emission.shape),
    )


def _normalize(counts: Float64[np.ndarray, "... state"], previous: Float64[np.ndarray, "... state"]) -> np.ndarray:
    """Rows that sum to one; rows without counts keep their previous values."""
    totals = counts.sum(axis=-1, keepdims=True)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1), previous)


def _fingerprint(objective: _Objective, start: Float64Parameters) -> str:
    counter, config, prior = objective
    digest = hashlib.sha256(repr((astuple(config), counter.digest())).encode())
    for array in (*start, *(prior or ())):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _save(path: Path, state: _State, fingerprint: str) -> None:
    arrays: dict[str, Any] = {**state.parameters._asdict(), **state._asdict(), "fingerprint": fingerprint}
    del arrays["parameters"]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def _load(path: Path, fingerprint: str) -> _State:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        found = str(arrays["fingerprint"])
        parameters = Float64Parameters(*(arrays[name] for name in Float64Parameters._fields))
        state = _State(
            parameters,
            arrays["trajectory"],
            arrays["objectives"],
            float(arrays["longest_step"]),
            bool(arrays["converged"]),
        )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no checkpoint of learning ({error}); remove it or name another file") from None
    if found != fingerprint:
        raise InputError(
            f"{path}: was written with other data, config or first parameters; remove it or name another file"
        )
    return state

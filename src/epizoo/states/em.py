"""Learning chromatin states by expectation-maximisation (Baum-Welch), as ChromHMM does, and faster."""

import math
import os
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

from epizoo.checkpoints import fingerprint
from epizoo.errors import InputError
from epizoo.mark_values import MISSING
from epizoo.models.hmm.expected_counts import ExpectedCounts, RunCounter
from epizoo.models.hmm.run_lengths import Float64Parameters, Parameters, in_float64
from epizoo.states.iterations import Report, iterate
from epizoo.states.priors import Prior, add_priors, log_density, uniform_prior
from epizoo.states.squarem import extrapolate, step_length

_FIRST_LONGEST_STEP = 4.0
# E steps of a cycle of SQUAREM, at most.
_CYCLE = 3


@dataclass(frozen=True)
class LearningConfig:
    """Settings of EM; the defaults are ChromHMM's stopping rule and no prior.

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
        keep_emissions: leave the emissions of the start as they are.
    """

    max_iterations: int = 200
    tolerance: float = 1e-3
    zero_transitions_below: float = 0.0
    initial_pseudocount: float = 0.0
    transition_pseudocount: float = 0.0
    emission_pseudocount: float = 0.0
    accelerate: bool = False
    keep_emissions: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{field.name} is {value}, expected 0 or more, and finite")
        if self.zero_transitions_below and self.transition_pseudocount:
            raise InputError(
                "zero_transitions_below and transition_pseudocount exclude each other: one removes transitions, the "
                "other keeps them; set one to 0"
            )


CHROMHMM = LearningConfig(zero_transitions_below=1e-8)
"""ChromHMM's batch EM (its option -p)."""


class Learned(NamedTuple):
    """Result of learning.

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
        counts: result of `RunCounter.count`.
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
    if config.keep_emissions:
        return Float64Parameters(initial, transition, previous.emission)
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
    strength)`` of `epizoo.states.priors`, the strength being the bins that the model counts for in each state. What
    is maximised then is the log-likelihood plus `log_prior`, and never falls (MAP).

    Args:
        counter: the sequences.
        start: the first parameters.
        config: settings.
        prior: pseudo-counts of each parameter, added to those of the config.
        checkpoint: a file that keeps the state of learning after each iteration; where it exists, learning continues
            from it, with the same final result. It stays there when learning is done.
        report: see `epizoo.states.iterations.Report`.

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
    first = in_float64(start)

    def step(state: _State) -> _State:
        left = config.max_iterations - len(state.trajectory)
        return (_squarem_cycle if config.accelerate and left >= _CYCLE else _em_step)(objective, state)

    state = iterate(
        _State(first, np.zeros(0), np.zeros(0), _FIRST_LONGEST_STEP, False),
        step,
        config.max_iterations,
        checkpoint=checkpoint,
        fingerprint=lambda: fingerprint({"config": asdict(config), "data": counter.digest()}, [*first, *(prior or ())]),
        report=report,
    )
    log_likelihood = counter.count(state.parameters).log_likelihood
    return Learned(state.parameters, log_likelihood, state.trajectory, state.converged)


def log_prior(parameters: Parameters, config: LearningConfig, prior: Prior | None = None) -> float:
    """Log-density of the pseudo-counts, without constants; EM never lowers its sum with the log-likelihood."""
    model = in_float64(parameters)
    return log_density(_pseudocounts(model, config, prior), model)


def _pseudocounts(model: Float64Parameters, config: LearningConfig, prior: Prior | None) -> Prior:
    n_states, n_marks = model.emission.shape
    uniform = uniform_prior(
        n_states, n_marks, config.initial_pseudocount, config.transition_pseudocount, config.emission_pseudocount
    )
    return uniform if prior is None else add_priors(uniform, prior)


class _Objective(NamedTuple):
    """The objective of learning: the likelihood of some sequences, and priors."""

    counter: RunCounter
    config: LearningConfig
    prior: Prior | None


class _State(NamedTuple):
    """State of learning; ``objectives`` are log-likelihood plus log-prior of the steps that were taken."""

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
    step = step_length(state.parameters, first.parameters, second.parameters)
    length = min(step, state.longest_step)
    target = extrapolate(state.parameters, first.parameters, second.parameters, length)
    if objective.config.keep_emissions:
        target = target._replace(emission=state.parameters.emission)
    try:
        third = _em_step(objective, second._replace(parameters=target))
    except InputError:  # Impossible there: too far.
        return second._replace(longest_step=max(state.longest_step / 4, 1.0))
    if third.objectives[-1] < second.objectives[-1]:
        return second._replace(trajectory=third.trajectory, longest_step=max(state.longest_step / 4, 1.0))
    grown = state.longest_step * (4 if length == state.longest_step else 1)
    return third._replace(longest_step=grown, converged=False)


def _normalize(counts: Float64[np.ndarray, "... state"], previous: Float64[np.ndarray, "... state"]) -> np.ndarray:
    """Rows that sum to one; rows without counts keep their previous values."""
    totals = counts.sum(axis=-1, keepdims=True)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1), previous)

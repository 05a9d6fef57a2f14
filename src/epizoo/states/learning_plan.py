"""Learning chromatin states from anybody's marks: which sequences, which first parameters, which algorithm."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Int16

from epizoo.errors import InputError
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters, Parameters, in_float64
from epizoo.states.count_gradients import AdamConfig, learn_by_gradient
from epizoo.states.em import Learned, LearningConfig
from epizoo.states.incremental_em import chromhmm_order, learn_incrementally
from epizoo.states.initialization import information_parameters, perturbed_parameters, random_parameters
from epizoo.states.iterations import Report
from epizoo.states.known_states import seat_known_states
from epizoo.states.priors import uniform_prior
from epizoo.states.restarts import learn_best

Algorithm = Literal["em", "squarem", "incremental", "gradient"]
SPREAD = 1.0
"""Standard deviation of the random moves of restarts, in log-odds of emissions."""
TRIAL_ITERATIONS, FINALISTS = 30, 2


class LearningSequence(NamedTuple):
    """Marks of one chromosome of one cell type, and the name of the file that they come from.

    ``known`` is the state of each bin from 0, -1 where it is not known; None where none is.
    """

    cell: str
    chrom: str
    name: str
    marks: CodedMarks
    known: Int16[np.ndarray, " bin"] | None = None


@dataclass(frozen=True)
class LearningPlan:
    """Settings of learning: number of states, algorithm, starts.

    Attributes:
        n_states: number of states.
        algorithm: ``em`` (ChromHMM's ``-p``, the same result), ``squarem`` (accelerated: it may end in a
            better or a worse optimum), ``incremental`` (ChromHMM's default), ``gradient`` (mini-batches, which alone
            uses known states).
        start: ``information`` (ChromHMM's), ``random``, or parameters. The first two are moved to known states; in
            parameters a known state is the one of its number.
        restarts: further starts: random moves of the first, or more random ones. Each is tried for 30 iterations, and
            the two best, and the first start, are learned from to the end.
        seed: seed of all random numbers.
        config: stopping rule, pseudo-counts, transitions that become zero. Its ``accelerate`` follows `algorithm`; for
            gradients only pseudo-counts hold.
        adam: settings of ``gradient``. Its ``seed`` follows `seed`.
    """

    n_states: int
    algorithm: Algorithm = "em"
    start: Literal["information", "random"] | Float64Parameters = "information"
    restarts: int = 0
    seed: int = 0
    config: LearningConfig = field(default_factory=lambda: LearningConfig(zero_transitions_below=1e-8))
    adam: AdamConfig = field(default_factory=AdamConfig)

    def __post_init__(self) -> None:
        if self.n_states < 1:
            raise InputError(f"states: {self.n_states} found, expected 1 or more")
        if isinstance(self.start, str) and self.start not in ("information", "random"):
            raise InputError(f"start: {self.start!r} is unknown; choose information or random, or give parameters")
        if self.restarts < 0:
            raise InputError(f"restarts: {self.restarts} found, expected 0 or more")
        if self.algorithm not in get_args(Algorithm):
            raise InputError(f"algorithm: {self.algorithm!r} found, expected {', '.join(get_args(Algorithm))}")
        if self.config.accelerate != (self.algorithm == "squarem"):
            object.__setattr__(self, "config", replace(self.config, accelerate=self.algorithm == "squarem"))
        if self.adam.seed != self.seed:
            object.__setattr__(self, "adam", replace(self.adam, seed=self.seed))
        if self.algorithm in ("incremental", "gradient") and self.restarts:
            raise InputError(
                f"restarts: {self.restarts} found, but algorithm {self.algorithm} learns from one start; choose em or "
                "squarem, or leave them out"
            )


def make_plan(
    n_states: int,
    algorithm: str = "em",
    start: str | Float64Parameters = "information",
    *,
    restarts: int = 0,
    seed: int = 0,
    pseudo_count: float = 0.0,
    max_iterations: int | None = None,
    tolerance: float | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_bins: int | None = None,
) -> LearningPlan:
    """A plan from the options of a job, where None stands for the default.

    Args:
        n_states: number of states.
        algorithm: as in `LearningPlan`.
        start: as in `LearningPlan`.
        restarts: as in `LearningPlan`.
        seed: as in `LearningPlan`.
        pseudo_count: added to every expected count. With 0, transitions below 1e-8 become zero, as in ChromHMM.
        max_iterations: maximum number of E steps (EM only).
        tolerance: EM stops when an iteration gains less than this, in nats.
        steps: number of steps of Adam (gradient only).
        learning_rate: initial learning rate (gradient only).
        batch_bins: approximate number of bins in a step (gradient only).

    Raises:
        InputError: a value cannot be used, or an option belongs to another algorithm.
    """
    em = {"max_iterations": max_iterations, "tolerance": tolerance}
    adam = {"steps": steps, "learning_rate": learning_rate, "batch_bins": batch_bins}
    by_gradient = algorithm == "gradient"
    for name, value in (em if by_gradient else adam).items():
        if value is not None:
            others = "em, squarem and incremental" if by_gradient else "gradient"
            raise InputError(f"{name}: given with algorithm {algorithm}, but it belongs to {others}; leave it out")
    given: dict[str, Any] = {name: value for name, value in em.items() if value is not None}
    given |= {f"{kind}_pseudocount": pseudo_count for kind in ("initial", "transition", "emission")}
    config = LearningConfig(zero_transitions_below=0.0 if pseudo_count else 1e-8, **given)
    given = {"n_steps" if name == "steps" else name: value for name, value in adam.items() if value is not None}
    # The plan itself refuses an algorithm or a start that does not exist.
    return LearningPlan(n_states, algorithm, start, restarts, seed, config, AdamConfig(**given))  # type: ignore[arg-type]


def first_parameters(sequences: Sequence[LearningSequence], plan: LearningPlan) -> list[Float64Parameters]:
    """First parameters of each start: the plan's, and its restarts.

    Raises:
        InputError: the information initialisation allows fewer states, or given parameters do not fit.
    """
    rng = np.random.default_rng(plan.seed)
    n_marks = sequences[0].marks.marks.shape[1]
    if isinstance(plan.start, str) and plan.start == "random":
        return [random_parameters(plan.n_states, n_marks, rng) for _ in range(plan.restarts + 1)]
    if isinstance(plan.start, str):
        first = information_parameters([one.marks for one in sequences], plan.n_states)
    else:
        first = in_float64(plan.start)
        if first.emission.shape != (plan.n_states, n_marks):
            found = "{} states and {} marks".format(*first.emission.shape)
            raise InputError(f"init: a model of {found} found, expected {plan.n_states} and {n_marks}")
    return [first, *(perturbed_parameters(first, SPREAD, rng) for _ in range(plan.restarts))]


def learn(
    sequences: Sequence[LearningSequence],
    plan: LearningPlan,
    *,
    checkpoints: Path | None = None,
    report: Report | None = None,
) -> Learned:
    """The model with the highest likelihood (and prior, with pseudo-counts) of all starts.

    Args:
        sequences: sequences of all cell types; each starts anew.
        plan: how.
        checkpoints: a folder that keeps the state of learning, from which it continues with the same final result.
        report: see `epizoo.states.iterations.Report`.

    Raises:
        InputError: the start cannot be made, the algorithm does not use known states, or the checkpoints are of other
            data or another plan.
    """
    if plan.algorithm != "gradient" and any(one.known is not None for one in sequences):
        raise InputError(f"known states: algorithm {plan.algorithm} does not use them; choose gradient")
    starts = first_parameters(sequences, plan)
    if plan.algorithm == "gradient":
        checkpoint = None if checkpoints is None else checkpoints / "gradient.checkpoint"
        return _learn_by_gradient(sequences, starts[0], plan, checkpoint, report)
    if plan.algorithm == "incremental":
        order = chromhmm_order([one.name for one in sequences])
        checkpoint = None if checkpoints is None else checkpoints / "incremental.checkpoint"
        marks = [sequences[index].marks for index in order]
        return learn_incrementally(marks, starts[0], plan.config, checkpoint=checkpoint, report=report)
    best, _ = learn_best(
        RunCounter([one.marks for one in sequences]),
        starts,
        plan.config,
        trial_iterations=TRIAL_ITERATIONS if plan.restarts else 0,
        finalists=FINALISTS,
        keep_first=True,
        checkpoints=checkpoints,
        report=report,
    )
    return best


def _learn_by_gradient(
    sequences: Sequence[LearningSequence],
    start: Float64Parameters,
    plan: LearningPlan,
    checkpoint: Path | None,
    report: Report | None,
) -> Learned:
    marks, known = [one.marks for one in sequences], [one.known for one in sequences]
    if isinstance(plan.start, str):
        start = seat_known_states(start, marks, known)
    config = plan.config
    n_states, n_marks = start.emission.shape
    prior = uniform_prior(
        n_states,
        n_marks,
        config.initial_pseudocount,
        config.transition_pseudocount,
        config.emission_pseudocount,
    )
    names = [one.name for one in sequences]
    return learn_by_gradient(
        marks, start, plan.adam, known=known, names=names, prior=prior, checkpoint=checkpoint, report=report
    )


def log_likelihood_per_bin(parameters: Parameters, sequences: Sequence[LearningSequence]) -> float:
    """Nats per bin."""
    counter = RunCounter([one.marks for one in sequences])
    return counter.count(parameters).log_likelihood / counter.n_bins

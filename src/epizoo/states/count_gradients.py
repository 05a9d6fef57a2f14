"""Learning chromatin states by gradients from runs of equal bins: Adam, in mini-batches of chunks.

The gradient of an HMM's log-likelihood is that of the expected complete-data log-likelihood (Fisher's identity), so the
exact counts of the E step (`epizoo.models.hmm.expected_counts`) give it, without a recursion to differentiate.
`epizoo.states.recursion_gradients` differentiates the recursion itself, which soft marks need.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float64

from epizoo.checkpoints import fingerprint
from epizoo.errors import InputError
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters, Parameters, in_float64
from epizoo.states.em import Learned
from epizoo.states.iterations import Report, iterate
from epizoo.states.known_states import known_as_marks, require_possible
from epizoo.states.priors import Prior, add_priors, uniform_prior
from epizoo.states.recursion_gradients import log_density, times_log

_ADAM = optax.scale_by_adam()
_stationary = jax.jit(hmm.stationary)
_LARGEST_FALL = 0.1
KEPT_STEPS = 10
"""A checkpoint is written, and progress reported, after so many steps."""


@dataclass(frozen=True)
class AdamConfig:
    """Settings of learning by gradients of expected counts.

    Attributes:
        n_steps: steps of Adam.
        learning_rate: initial learning rate of the logits, which falls to zero along a cosine.
        batch_bins: about how many bins a step sees. If all bins fit into one batch, sequences stay whole and the
            gradient is exact.
        chunk_bins: otherwise sequences are cut into chunks of so many bins, of which batches are drawn at random.
        seed: seed of the batches and their order.
    """

    n_steps: int = 1000
    learning_rate: float = 0.1
    batch_bins: int = 65_536
    chunk_bins: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_steps", "learning_rate", "batch_bins", "chunk_bins"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise InputError(f"{name} is {value}, expected a finite number above 0")


def learn_by_gradient(
    sequences: Sequence[CodedMarks],
    start: Parameters,
    config: AdamConfig | None = None,
    *,
    known: Sequence[np.ndarray | None] | None = None,
    names: Sequence[str] | None = None,
    prior: Prior | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Learned:
    """Learn from one start: log p(marks, known states) plus the prior's log-density is climbed.

    A chunk that does not begin its sequence starts from the stationary distribution. Probabilities of exactly 0 or 1
    stay as they are, so that they must not rule out what is known.

    Args:
        sequences: the marks.
        start: the first parameters.
        config: settings.
        known: for each sequence the state of each bin from 0, -1 where it is not known; None where nothing is.
        names: what errors call the sequences.
        prior: pseudo-counts.
        checkpoint: a file that keeps the state of learning; where it exists, learning continues from it, with the same
            final result.
        report: called every few steps with their number and the latest log-likelihood, the mean of a pass over the
            data, as of all of them.

    Returns:
        What was learned; its log-likelihood is that of the marks alone, its trajectory log p(marks, known states) of
        each step's batch, as of all bins.

    Raises:
        InputError: marks, known states and parameters do not fit each other, exact zeros of the start rule out known
            states, the checkpoint belongs to others, or steps were so long that the likelihood fell by a tenth.
    """
    config, model = config or AdamConfig(), in_float64(start)
    n_states, n_marks = model.emission.shape
    prior = prior or uniform_prior(n_states, n_marks, 0.0, 0.0, 0.0)
    known = known or [None] * len(sequences)
    observed = [known_as_marks(*pair, n_states) for pair in zip(sequences, known, strict=True)]
    for index, (marks, states) in enumerate(zip(sequences, known, strict=True)):
        require_possible(marks, states, model, f"sequence {index}" if names is None else names[index])
    batches = make_batches(observed, config)
    n_bins = sum(batch.n_bins for batch in batches)
    with jax.enable_x64(True):
        shape = ChromatinStateConfig(tuple(f"mark {i}" for i in range(n_marks)), n_states, start="initial")
        annotator = ChromatinStateAnnotator.from_parameters(shape, HMMParameters(*model))
        graph, logits = nnx.split(annotator)

        def step(state: _State) -> _State:
            batch = batches[_turn(len(state.trajectory), len(batches), config.seed)]
            return _step(graph, state, batch, prior, config, n_bins)

        state = iterate(
            _State(logits, _ADAM.init(logits), np.zeros(0)),
            step,
            config.n_steps,
            checkpoint=checkpoint,
            fingerprint=lambda: fingerprint({"config": asdict(config), "data": _digests(batches)}, [*model, *prior]),
            report=report,
            every=KEPT_STEPS,
            window=len(batches),
        )
        learned = _parameters(graph, state)
    _require_climbed(state.trajectory, len(batches), config)
    return Learned(learned, RunCounter(sequences).count(learned).log_likelihood, state.trajectory, False)


class Batch(NamedTuple):
    """Chunks that begin their sequence, and those that do not; None where there are none."""

    first: RunCounter | None
    inner: RunCounter | None

    @property
    def n_bins(self) -> int:
        """Of all chunks."""
        return sum(counter.n_bins for counter in self if counter is not None)


def _require_climbed(trajectory: Float64[np.ndarray, " step"], n_batches: int, config: AdamConfig) -> None:
    first, last = trajectory[:n_batches].mean(), trajectory[-n_batches:].mean()
    if not last > first - _LARGEST_FALL * abs(first):
        raise InputError(
            f"learning by gradient fell from a log-likelihood of {first:,.0f} to {last:,.0f}; take a learning rate "
            f"below {config.learning_rate:g}"
        )


def make_batches(sequences: Sequence[CodedMarks], config: AdamConfig) -> list[Batch]:
    """Sequences as batches of about equally many chunks, drawn at random.

    Raises:
        InputError: there is no bin.
    """
    n_bins = sum(len(one.codes) for one in sequences)
    n_batches = max(round(n_bins / config.batch_bins), 1)
    width = config.chunk_bins if n_batches > 1 else max(n_bins, 1)
    chunks = [
        (begin == 0, CodedMarks(one.codes[begin : begin + width], one.marks))
        for one in sequences
        for begin in range(0, len(one.codes), width)
    ]
    if not chunks:
        raise InputError(f"{len(sequences)} sequences without a bin found, expected some to learn from")
    shuffled = np.random.default_rng(config.seed).permutation(len(chunks))
    batches = []
    for drawn in np.array_split(shuffled, min(n_batches, len(chunks))):
        chosen = [chunks[index] for index in sorted(drawn)]
        kinds = ([chunk for begins, chunk in chosen if begins is kind] for kind in (True, False))
        batches.append(Batch(*(RunCounter(kind) if kind else None for kind in kinds)))
    return batches


class _State(NamedTuple):
    """State of learning: logits, Adam's moments, and the log-likelihood of each step's batch."""

    logits: Any
    moments: Any
    trajectory: Float64[np.ndarray, " step"]
    converged: bool = False


def _step(graph: Any, state: _State, batch: Batch, prior: Prior, config: AdamConfig, n_bins: int) -> _State:
    counts, inner, log_likelihood = expected(batch, _parameters(graph, state), prior.present.shape[1])
    scale = n_bins / batch.n_bins
    total = add_priors(prior, Prior(*(scale * array for array in counts)))
    step = len(state.trajectory)
    rate = config.learning_rate * (1 + np.cos(np.pi * step / config.n_steps)) / 2
    logits, moments = _climb(graph, state.logits, state.moments, total, scale * inner, rate)
    return _State(logits, moments, np.append(state.trajectory, scale * log_likelihood))


def _parameters(graph: Any, state: _State) -> Float64Parameters:
    return in_float64(_probabilities(graph, state.logits))


@partial(jax.jit, static_argnums=0)
def _probabilities(graph: Any, logits: Any) -> HMMParameters:
    return nnx.merge(graph, logits).parameters()


@partial(jax.jit, static_argnums=0)
def _climb(graph: Any, logits: Any, moments: Any, counts: Prior, inner: Any, rate: Any) -> tuple[Any, Any]:
    def loss(logits: Any) -> Any:
        parameters = nnx.merge(graph, logits).parameters()
        stationary = hmm.stationary(jnp.asarray(parameters.transition))
        # Adam's steps do not depend on the scale, but what it adds to divisors does.
        n_steps = jnp.maximum(jnp.sum(counts.transition), 1)
        return -(log_density(counts, parameters) + times_log(inner, stationary)) / n_steps

    direction, moments = _ADAM.update(jax.grad(loss)(logits), moments)
    return jax.tree.map(lambda logit, slope: logit - rate * slope, logits, direction), moments


def expected(
    batch: Batch, parameters: Float64Parameters, n_marks: int
) -> tuple[Prior, Float64[np.ndarray, " state"], float]:
    """Expected counts of a batch, in the form of a prior's pseudo-counts, whose log-density is what to differentiate.

    Args:
        batch: the chunks.
        parameters: probabilities of the model.
        n_marks: number of marks of the model; further columns of the batch are known states.

    Returns:
        The counts, those of the first bins of inner chunks by state, and the log-likelihood.
    """
    n_states = len(parameters.initial)
    emission = np.hstack([parameters.emission, np.eye(n_states)])
    stationary = np.asarray(_stationary(parameters.transition))
    total, inner, log_likelihood = uniform_prior(n_states, n_marks, 0.0, 0.0, 0.0), np.zeros(n_states), 0.0
    for counter, initial in ((batch.first, parameters.initial), (batch.inner, stationary)):
        if counter is None:
            continue
        counts = counter.count(Float64Parameters(initial, parameters.transition, emission[:, : counter.marks.shape[1]]))
        present, absent = (counts.occupancy.T @ (counter.marks[:, :n_marks] == value) for value in (1, 0))
        begins = counts.initial if counter is batch.first else np.zeros(n_states)
        inner = inner + (counts.initial - begins)
        total = add_priors(total, Prior(begins, counts.transition, present, absent))
        log_likelihood += counts.log_likelihood
    return total, inner, log_likelihood


def _turn(step: int, n_batches: int, seed: int) -> int:
    """The batch of a step: each batch once in every pass, in an order drawn for that pass."""
    turn, place = divmod(step, n_batches)
    return int(np.random.default_rng([seed, turn]).permutation(n_batches)[place])


def _digests(batches: Sequence[Batch]) -> list[str | None]:
    return [None if counter is None else counter.digest() for batch in batches for counter in batch]

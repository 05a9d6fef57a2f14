"""Learning chromatin states by gradients: with known states in some bins, with priors, in mini-batches of chunks.

Gradients of the recursion itself are for soft marks and for objectives of which this model is a part. Where marks are
0, 1 or missing, `epizoo.states.count_gradients` climbs the same objective, known states included, from counts; EM
(`epizoo.states.em`) has no known states.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int

from epizoo.errors import InputError
from epizoo.mark_values import OUTSIDE
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.annotator import ChromatinStateAnnotator
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.known_states import UNKNOWN
from epizoo.states.priors import Prior, density_terms

# Rules a state out as an impossible mark does; `epizoo.models.hmm.reference` keeps it finite.
_RULED_OUT = -1e30


@dataclass(frozen=True)
class GradientConfig:
    """Settings of learning by gradients of the recursion.

    Attributes:
        n_steps: steps of Adam.
        learning_rate: initial learning rate of the logits, which falls to zero along a cosine.
        chunk_bins: sequences are cut into chunks of so many bins.
        batch_chunks: chunks of a step; all of them where there are fewer.
        seed: seed of the order of the chunks.
    """

    n_steps: int = 300
    learning_rate: float = 0.05
    chunk_bins: int = 1024
    batch_chunks: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_steps", "learning_rate", "chunk_bins", "batch_chunks"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}, expected a number above 0")


class Chunks(NamedTuple):
    """Sequences cut into chunks of one length, filled up with bins outside the chromosome (-1).

    ``labels`` are states, or -1 where not known; ``begins`` says which chunks begin their sequence.
    """

    marks: Float[np.ndarray, "chunk bin mark"]
    labels: Int[np.ndarray, "chunk bin"]
    begins: Float[np.ndarray, " chunk"]


def fit_states(
    model: ChromatinStateAnnotator,
    sequences: Sequence[Float[np.ndarray, "bin mark"]],
    labels: Sequence[Int[np.ndarray, " bin"]] | None = None,
    *,
    config: GradientConfig | None = None,
    prior: Prior | None = None,
    report: Callable[[int, float], None] | None = None,
) -> tuple[ChromatinStateAnnotator, Float[np.ndarray, " step"]]:
    """A fitted copy of a model, and the objective of each step, in nats per bin.

    What is maximised is log p(marks, known states) plus the prior's log-density: paths that contradict a known state do
    not count, and unlabelled bins are summed over all states. A chunk that does not begin its sequence starts from the
    stationary distribution, which loses what its first bins owe to the chunk before. Probabilities of exactly 0 or 1
    stay as they are.

    Args:
        model: the model to start from; it is not changed, and its dtype is used.
        sequences: marks of each sequence: 0, 1, soft values between, NaN where missing.
        labels: the state of each bin from 0, `UNKNOWN` where it is not known; None where nothing is.
        config: settings.
        prior: see `epizoo.states.priors`, such as ``centred_prior(model.parameters(), 1000.0)``.
        report: called with each step and its objective.

    Raises:
        InputError: marks or labels do not fit the model or each other.
    """
    config = config or GradientConfig()
    chunks = cut_chunks(model, sequences, labels, config.chunk_bins)
    n_chunks, n_bins = len(chunks.marks), sum(map(len, sequences))
    n_batch = min(config.batch_chunks, n_chunks)
    graph, logits = nnx.split(model)
    optimiser = optax.adam(optax.cosine_decay_schedule(config.learning_rate, config.n_steps))

    def loss(logits, batch):
        parameters = nnx.merge(graph, logits).parameters()
        total = n_chunks / n_batch * jnp.sum(chunk_log_likelihoods(parameters, batch))
        return -(total + (0.0 if prior is None else log_density(prior, parameters))) / n_bins

    @jax.jit
    def step(logits, state, batch):
        value, gradient = jax.value_and_grad(loss)(logits, batch)
        updates, state = optimiser.update(gradient, state, logits)
        return optax.apply_updates(logits, updates), state, -value

    state = optimiser.init(logits)
    rng, order, objectives = np.random.default_rng(config.seed), np.zeros(0, np.int64), []
    for number in range(config.n_steps):
        if len(order) < n_batch:
            order = np.concatenate([order, rng.permutation(n_chunks)])
        chosen, order = order[:n_batch], order[n_batch:]
        logits, state, value = step(logits, state, Chunks(*(array[chosen] for array in chunks)))
        objectives.append(float(value))
        if report is not None:
            report(number, objectives[-1])
    return nnx.merge(graph, logits), np.array(objectives)


def cut_chunks(
    model: ChromatinStateAnnotator,
    sequences: Sequence[Float[np.ndarray, "bin mark"]],
    labels: Sequence[Int[np.ndarray, " bin"]] | None,
    chunk_bins: int,
) -> Chunks:
    """Cut sequences and their labels into chunks of one length; arguments and errors as in `fit_states`."""
    n_states, n_marks = model.config.n_states, len(model.config.marks)
    labels = [np.full(len(marks), UNKNOWN) for marks in sequences] if labels is None else labels
    if len(labels) != len(sequences):
        raise InputError(f"labels: {len(labels)} sequences found, expected {len(sequences)}, as of marks")
    parts = []
    for number, (marks, known) in enumerate(zip(sequences, labels, strict=True)):
        values, states = np.asarray(marks, np.float32), np.asarray(known)
        if values.ndim != 2 or values.shape[1] != n_marks or states.shape != values.shape[:1]:
            raise InputError(
                f"sequence {number}: marks of shape {values.shape} and labels of shape {states.shape} found, expected "
                f"(bin, {n_marks}) and one label for each bin"
            )
        if not (np.isnan(values) | ((values >= 0) & (values <= 1))).all():
            raise InputError(f"sequence {number}: holds marks that are not between 0 and 1, or NaN where missing")
        if states.size and (states.min() < UNKNOWN or states.max() >= n_states):
            raise InputError(
                f"sequence {number}: holds labels from {states.min()} to {states.max()}, expected states 0 to "
                f"{n_states - 1}, or {UNKNOWN} where unknown"
            )
        parts += [
            (values[begin : begin + chunk_bins], states[begin : begin + chunk_bins], begin == 0)
            for begin in range(0, len(values), chunk_bins)
        ]
    if not parts:
        raise InputError("sequences: hold no bin; give marks to learn from")
    n_bins = max(len(part[0]) for part in parts)
    filled = np.full((len(parts), n_bins, n_marks), OUTSIDE, np.float32)
    of_bins = np.full((len(parts), n_bins), UNKNOWN, np.int32)
    for row, (values, states, _) in enumerate(parts):
        filled[row, : len(values)], of_bins[row, : len(states)] = values, states
    return Chunks(filled, of_bins, np.array([begins for *_, begins in parts], np.float32))


def chunk_log_likelihoods(parameters: HMMParameters, chunks: Chunks) -> Float[Array, " chunk"]:
    """Log p(marks, known states) of each chunk, in nats."""
    stationary = hmm.stationary(jnp.asarray(parameters.transition))

    def one(marks, labels, begins):
        inside = hmm.inside_chromosome(marks)
        states = jnp.arange(parameters.transition.shape[0])
        contradicts = (labels[:, None] != UNKNOWN) & (states != labels[:, None])
        logs = jnp.where(contradicts, _RULED_OUT, hmm.log_emissions(parameters.emission, marks))
        start = jnp.where(begins > 0, parameters.initial, stationary)
        return jnp.sum(hmm.forward(parameters, logs, inside, start).log_likelihood_per_bin)

    return jax.vmap(one)(*(jnp.asarray(array) for array in chunks))


def log_density(prior: Prior, parameters: HMMParameters) -> Float[Array, ""]:
    """`epizoo.states.priors.log_density`, differentiable; what is impossible stays so, and its terms are left out."""
    return sum((times_log(*term) for term in density_terms(prior, parameters)), jnp.zeros(()))


@partial(jax.jit, inline=True)
def times_log(counts: Float[Array, "*axes"], probabilities: Float[Array, "*axes"]) -> Float[Array, ""]:
    """The sum of counts times logarithms of probabilities, over those that are both above zero."""
    counted = (counts > 0) & (probabilities > 0)
    return jnp.sum(jnp.where(counted, counts * jnp.log(jnp.where(counted, probabilities, 1)), 0))

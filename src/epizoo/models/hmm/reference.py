"""A hidden Markov model over binarised marks, as pure functions of its parameters.

All functions take one sequence; `jax.vmap` makes them take batches. They compute in the dtype of their arguments, are
differentiable (the paths of `viterbi` excepted) and give no NaN, whatever the zeros in the parameters.

Two kinds of bins are special. Where a mark is NaN it is *missing* and contributes nothing. Where it is -1 the bin lies
*outside* the chromosome: it contributes nothing, and the chain starts anew from the initial distribution at the first
bin inside after it, so that sequences with an outside bin between them are independent.

A bin whose observation no state that can be reached allows is treated as unobserved, at the price of `LOG_FLOOR`. This
is ChromHMM's rule, which sets all emissions of a bin to 1e-300 where all are below it; there the rule overlooks states
that are possible but out of reach (and such bins become NaN, read as state 1), here it does not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from epizoo.mark_values import OUTSIDE
from epizoo.models.hmm.floors import LOG_FLOOR, LOG_ZERO

AnyArray = Array | np.ndarray
"""Arguments may be NumPy's arrays; results are JAX's."""

# Below it a value holds some share of LOG_ZERO (soft marks scale it) and is impossible.
_LOG_IMPOSSIBLE = -1e9


class HMMParameters(NamedTuple):
    """Probabilities of a hidden Markov model with independent Bernoulli marks.

    ``initial`` and the rows of ``transition`` (from, to) sum to one; ``emission`` is the probability that a state shows
    a mark.
    """

    initial: Float[AnyArray, " state"]
    transition: Float[AnyArray, "state state"]
    emission: Float[AnyArray, "state mark"]


class Filtered(NamedTuple):
    """State of each bin given the bins up to it.

    ``probabilities`` are p(state | bins up to this one), zero outside the chromosome; ``predicted`` are p(state | bins
    before this one); ``log_likelihood_per_bin`` is log p(bin | bins before it), 0 outside.
    """

    probabilities: Float[Array, "bin state"]
    predicted: Float[Array, "bin state"]
    log_likelihood_per_bin: Float[Array, " bin"]


class SoftPath(NamedTuple):
    """DiffBio's soft Viterbi: weights of the states of each bin, and their mean as a fractional state index."""

    weights: Float[Array, "bin state"]
    expected_state: Float[Array, " bin"]


def inside_chromosome(marks: Float[AnyArray, "bin mark"]) -> Bool[Array, " bin"]:
    """Bins inside the chromosome: those without a mark of -1.

    >>> inside_chromosome(jnp.array([[1.0, 0.0], [-1.0, -1.0]])).tolist()
    [True, False]
    """
    return jnp.all(marks != OUTSIDE, axis=-1)


def log_emissions(
    emission: Float[AnyArray, "state mark"], marks: Float[AnyArray, "bin mark"]
) -> Float[Array, "bin state"]:
    """The logarithm of p(marks | state) for each bin: x log p + (1 - x) log(1 - p), summed over the marks.

    A mark x is 0, 1, between them (soft), NaN (missing) or -1 (outside). Impossible observations get a value near
    -1e30, and where all states are below 1e-300 all get log(1e-300), ChromHMM's rule.
    """
    emission = jnp.asarray(emission)
    marks = jnp.asarray(marks, emission.dtype)
    seen = marks >= 0
    present = jnp.where(seen, marks, 0)
    absent = jnp.where(seen, 1 - marks, 0)
    logs = _matmul(present, _log(emission).T) + _matmul(absent, _log(1 - emission).T)
    possible = jnp.max(logs, axis=-1, keepdims=True) >= LOG_FLOOR
    return jnp.where(possible, logs, LOG_FLOOR)


def forward(
    parameters: HMMParameters,
    log_emissions: Float[Array, "bin state"],
    inside: Bool[Array, " bin"],
    start: Float[AnyArray, " state"] | None = None,
) -> Filtered:
    """Filter: the state of each bin given it and all bins before it.

    Args:
        parameters: the model.
        log_emissions: log p(bin | state), of `log_emissions`.
        inside: the bins inside the chromosome, of `inside_chromosome`.
        start: distribution of the first bin; the initial one where it is None. Windows of a longer chromosome start
            from `stationary`.
    """
    start = jnp.asarray(parameters.initial if start is None else start)

    def step(predicted, bin_):
        log_emission, is_inside = bin_
        # Scaled by the best state within reach: a product then never underflows in all states at once.
        top = jax.lax.stop_gradient(jnp.max(jnp.where(predicted > 0, log_emission, LOG_ZERO)))
        possible = top > _LOG_IMPOSSIBLE
        scale = jnp.where(possible, top, LOG_FLOOR)
        # States out of reach weigh nothing, but their emission must not overflow.
        weights = predicted * jnp.exp(jnp.where(possible, jnp.minimum(log_emission - top, 40), 0))
        total = jnp.sum(weights)
        filtered = weights / total
        following = jnp.where(is_inside, _matmul(filtered, parameters.transition), parameters.initial)
        outputs = (jnp.where(is_inside, filtered, 0), predicted, jnp.where(is_inside, scale + jnp.log(total), 0))
        return following, outputs

    return Filtered(*jax.lax.scan(step, start, (log_emissions, inside))[1])


def backward(
    parameters: HMMParameters, filtered: Filtered, inside: Bool[Array, " bin"]
) -> tuple[Float[Array, "bin state"], Float[Array, "bin state"]]:
    """Smooth: (posteriors, scaled backward messages) from what `forward` gives.

    The posteriors are p(state | all bins), zero outside the chromosome. The message of a bin is p(bins after | state) /
    p(bins after | bins up to it), so that posterior = filtered x message.
    """

    def step(gain, bin_):
        probabilities, predicted, is_inside = bin_
        message = _matmul(parameters.transition, gain)
        posterior = probabilities * message
        total = jnp.sum(posterior)
        posterior = posterior / jnp.where(total > 0, total, 1)
        # The derivative by a divisor holds one over its square, which overflows where states are almost out of reach.
        divisor = jnp.where(predicted > smallest, predicted, jax.lax.stop_gradient(predicted))
        gain = jnp.where(predicted > 0, posterior / jnp.where(predicted > 0, divisor, 1), 0)
        return jnp.where(is_inside, gain, 1), (posterior, message)

    smallest = jnp.sqrt(jnp.finfo(filtered.predicted.dtype).tiny)

    # Flipped by hand, since a reversed scan cannot be exported to ONNX.
    sequence = (filtered.probabilities[::-1], filtered.predicted[::-1], inside[::-1])
    posteriors, messages = jax.lax.scan(step, jnp.ones_like(filtered.predicted[0]), sequence)[1]
    return posteriors[::-1], messages[::-1]


def posteriors(
    parameters: HMMParameters, marks: Float[AnyArray, "bin mark"], start: Float[AnyArray, " state"] | None = None
) -> tuple[Float[Array, "bin state"], Filtered]:
    """Posterior probabilities of the states of each bin, and what the filter gives on the way.

    Args:
        parameters: the model.
        marks: 0, 1, soft values between, NaN where missing, -1 outside the chromosome.
        start: as in `forward`.
    """
    inside = inside_chromosome(marks)
    filtered = forward(parameters, log_emissions(parameters.emission, marks), inside, start)
    return backward(parameters, filtered, inside)[0], filtered


def log_likelihood(
    parameters: HMMParameters, marks: Float[AnyArray, "bin mark"], start: Float[AnyArray, " state"] | None = None
) -> Float[Array, ""]:
    """The logarithm of p(marks), in nats; arguments as in `posteriors`."""
    inside = inside_chromosome(marks)
    filtered = forward(parameters, log_emissions(parameters.emission, marks), inside, start)
    return jnp.sum(filtered.log_likelihood_per_bin)


def viterbi(
    parameters: HMMParameters, marks: Float[AnyArray, "bin mark"], start: Float[AnyArray, " state"] | None = None
) -> Int[Array, " bin"]:
    """The most probable path of states, -1 outside the chromosome.

    Of equally probable states the lowest is taken, from the last bin to the first. Arguments as in `posteriors`.
    """
    inside = inside_chromosome(marks)
    logs = log_emissions(parameters.emission, marks)
    log_transition, log_initial = _log(parameters.transition), _log(parameters.initial)
    next_inside = jnp.append(inside[1:], False)

    def step(predicted, bin_):
        log_emission, is_inside, next_is_inside = bin_
        scores = predicted + log_emission
        scores = jnp.where(jnp.max(scores) > _LOG_IMPOSSIBLE, scores, predicted)
        # Scores relative to the best: their size, and float32's error with it, does not grow along the sequence.
        scores = jnp.maximum(scores - jnp.max(scores), LOG_ZERO)
        joined = scores[:, None] + log_transition
        pointers = jnp.where(next_is_inside, jnp.argmax(joined, axis=0), jnp.argmax(scores))
        following = jnp.where(is_inside, jnp.max(joined, axis=0), log_initial)
        return following, pointers.astype(jnp.int32)

    first = log_initial if start is None else _log(start)
    pointers = jax.lax.scan(step, first, (logs, inside, next_inside))[1]

    def trace(state, pointer):
        state = pointer[state]
        return state, state

    path = jax.lax.scan(trace, jnp.zeros((), jnp.int32), pointers[::-1])[1][::-1]
    return jnp.where(inside, path, -1)


def soft_viterbi(
    parameters: HMMParameters,
    marks: Float[AnyArray, "bin mark"],
    temperature: float | Float[Array, ""],
    start: Float[AnyArray, " state"] | None = None,
) -> SoftPath:
    """Viterbi's recursion with a soft maximum, differentiable, as DiffBio's operator has it.

    There is no traceback: a bin's weights are the soft maximum over the paths that end in it, so bins after it tell
    nothing. At temperature 1 the weights are the filtered probabilities; towards 0 they turn into the ends of the best
    paths.

    Args:
        parameters: the model.
        marks: as in `posteriors`.
        temperature: above 0.
        start: as in `forward`.
    """
    inside = inside_chromosome(marks)
    logs = log_emissions(parameters.emission, marks)
    log_transition, log_initial = _log(parameters.transition), _log(parameters.initial)

    def step(predicted, bin_):
        log_emission, is_inside = bin_
        scores = predicted + log_emission
        scores = jnp.where(jnp.max(scores) > _LOG_IMPOSSIBLE, scores, predicted)
        scores = jnp.maximum(scores - jax.lax.stop_gradient(jnp.max(scores)), LOG_ZERO)
        following = jnp.where(is_inside, _soft_maximum(scores[:, None] + log_transition, temperature), log_initial)
        return following, jnp.where(is_inside, jax.nn.softmax(scores / temperature), 0)

    first = log_initial if start is None else _log(start)
    weights = jax.lax.scan(step, first, (logs, inside))[1]
    return SoftPath(weights, _matmul(weights, jnp.arange(weights.shape[-1], dtype=weights.dtype)))


def stationary(transition: Float[AnyArray, "state state"]) -> Float[Array, " state"]:
    """The distribution that a chain of this transition matrix ends in, started from all states alike.

    Computed by squaring the lazy chain (which has the same limit and no period) 40 times: products of positive numbers
    alone, so that small probabilities keep their relative precision.

    >>> stationary(jnp.array([[0.9, 0.1], [0.3, 0.7]])).round(4).tolist()
    [0.75, 0.25]
    """
    lazy = (transition + jnp.eye(transition.shape[0], dtype=transition.dtype)) / 2
    for _ in range(40):
        lazy = _matmul(lazy, lazy)
        lazy = lazy / jnp.sum(lazy, axis=-1, keepdims=True)
    return jnp.mean(lazy, axis=0)


def _log(probabilities: Float[AnyArray, "*axes"]) -> Float[Array, "*axes"]:
    """The logarithm, with a finite stand-in and no gradient at zero."""
    positive = probabilities > 0
    return jnp.where(positive, jnp.log(jnp.where(positive, probabilities, 1)), LOG_ZERO)


def _soft_maximum(scores: Float[Array, "from to"], temperature: float | Float[Array, ""]) -> Float[Array, " to"]:
    """The soft maximum over the first axis.

    Impossible scores are masked and not left to vanish: compilers round a difference of two of their size to anything.
    """
    possible = scores > _LOG_IMPOSSIBLE
    top = jax.lax.stop_gradient(jnp.max(scores, axis=0))
    shifted = jnp.where(possible, scores - top, 0)
    total = jnp.sum(jnp.where(possible, jnp.exp(shifted / temperature), 0), axis=0)
    reached = total > 0
    return jnp.where(reached, top + temperature * jnp.log(jnp.where(reached, total, 1)), LOG_ZERO)


def _matmul(left: Float[AnyArray, "..."], right: Float[AnyArray, "..."]) -> Float[Array, "..."]:
    """A product in full precision: accelerators default to less, which posteriors do not bear."""
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)

"""The hidden Markov model of `epizoo.models.hmm.reference` in torch, batched, as functions of its parameters.

Missing marks are NaN, bins outside the chromosome -1; see there for what they mean, and for bins that are impossible.
The recursions run in chunks (`epizoo.conversion.torch.scan`). Everything but the path is differentiable.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from epizoo.conversion.torch.scan import Maps, Step, join_sums, scan
from epizoo.mark_values import OUTSIDE
from epizoo.models.hmm.floors import LOG_FLOOR, LOG_ZERO


class HMMParameters(NamedTuple):
    """Probabilities: of the first state, of the next (from, to), and that a state shows a mark."""

    initial: Float[Tensor, " state"]
    transition: Float[Tensor, "state state"]
    emission: Float[Tensor, "state mark"]


class Chunks(NamedTuple):
    """Chunks of a recursion: see `epizoo.conversion.torch.scan.scan`."""

    chunk_bins: int
    max_chunks: int | None = None


class Filtered(NamedTuple):
    """Filtered states of each bin; see `epizoo.models.hmm.reference.Filtered`.

    ``emissions`` are the emission probabilities of the states within reach, relative to the best of them.
    """

    probabilities: Float[Tensor, "batch bin state"]
    log_likelihood_per_bin: Float[Tensor, "batch bin"]
    emissions: Float[Tensor, "batch bin state"]


def inside_chromosome(marks: Float[Tensor, "batch bin mark"]) -> Bool[Tensor, "batch bin"]:
    """Bins inside the chromosome: those without a mark of -1."""
    return (marks != OUTSIDE).all(-1)


def log_emissions(
    emission: Float[Tensor, "state mark"], marks: Float[Tensor, "batch bin mark"]
) -> Float[Tensor, "batch bin state"]:
    """The logarithm of p(marks | state), see `epizoo.models.hmm.reference.log_emissions`."""
    seen = marks >= 0
    present = torch.where(seen, marks, 0)
    absent = torch.where(seen, 1 - marks, 0)
    logs = present @ log(emission).T + absent @ log(1 - emission).T
    possible = logs.amax(-1, keepdim=True) >= LOG_FLOOR
    return torch.where(possible, logs, LOG_FLOOR)


def forward(
    parameters: HMMParameters, marks: Float[Tensor, "batch bin mark"], start: Float[Tensor, " state"], chunks: Chunks
) -> Filtered:
    """Filter: the state of each bin given it and all bins before it; `start` is the distribution of the first bin."""
    transition, initial = parameters.transition, parameters.initial

    def step(predicted: Tensor, log_emission: Tensor, inside: Tensor) -> Step:
        reached = predicted > 0
        top = torch.where(reached, log_emission, LOG_ZERO).amax(-1, keepdim=True).detach()
        possible = top > LOG_ZERO / 2
        scaled = torch.exp(torch.where(possible, (log_emission - top).clamp(max=40), 0))
        weights = predicted * scaled
        total = weights.sum(-1, keepdim=True)
        filtered = weights / total
        log_total = torch.where(possible, top, LOG_FLOOR) + torch.log(total)
        return Step(
            torch.where(inside, filtered @ transition, initial),
            torch.where(inside, log_total, 0),
            (~possible).to(predicted.dtype),
            (torch.where(inside, filtered, 0), torch.where(inside, log_total, 0), torch.where(reached, scaled, 0)),
        )

    units = torch.eye(len(initial), dtype=initial.dtype, device=initial.device)
    logs = log_emissions(parameters.emission, marks)
    n_bins, sequences = marks.shape[1], _padded((logs, inside_chromosome(marks)[..., None]), chunks)
    probabilities, likelihood, emissions = scan(step, join_sums, units, start, sequences, *chunks)
    return Filtered(probabilities[:, :n_bins], likelihood[:, :n_bins, 0], emissions[:, :n_bins])


def posteriors(
    parameters: HMMParameters, marks: Float[Tensor, "batch bin mark"], start: Float[Tensor, " state"], chunks: Chunks
) -> tuple[Float[Tensor, "batch bin state"], Filtered]:
    """Posterior probabilities of the states of each bin, and what the filter gives on the way."""
    filtered = forward(parameters, marks, start, chunks)
    transition = parameters.transition.T
    ones = torch.full_like(parameters.initial, 1 / len(parameters.initial))

    def step(message: Tensor, emissions: Tensor, inside: Tensor) -> Step:
        earlier = (message * emissions) @ transition
        total = earlier.sum(-1, keepdim=True)
        alive = total > 0
        earlier = earlier / torch.where(alive, total, 1)
        log_weight = torch.log(torch.where(alive, total, 1))
        return Step(
            torch.where(inside, earlier, ones),
            torch.where(inside, log_weight, 0),
            (~alive).to(message.dtype),
            (message,),
        )

    units = torch.eye(len(ones), dtype=ones.dtype, device=ones.device)
    inside = inside_chromosome(marks)[..., None]
    sequences = _padded((filtered.emissions.flip(1), inside.flip(1)), chunks)
    (messages,) = scan(step, join_sums, units, ones, sequences, *chunks)
    joint = filtered.probabilities * messages[:, : marks.shape[1]].flip(1)
    total = joint.sum(-1, keepdim=True)
    return joint / torch.where(total > 0, total, 1), filtered


def viterbi(
    parameters: HMMParameters, marks: Float[Tensor, "batch bin mark"], start: Float[Tensor, " state"], chunks: Chunks
) -> Int[Tensor, "batch bin"]:
    """The most probable path of states, -1 outside the chromosome; ties go to the lowest state."""
    log_transition, log_initial = log(parameters.transition), log(parameters.initial)

    def step(predicted: Tensor, log_emission: Tensor, inside: Tensor, next_inside: Tensor) -> Step:
        scores = predicted + log_emission
        possible = scores.amax(-1, keepdim=True) > LOG_ZERO / 2
        scores = torch.where(possible, scores, predicted)
        top = scores.amax(-1, keepdim=True)
        scores = (scores - top).clamp(min=LOG_ZERO)
        best, pointers = (scores[..., None] + log_transition).max(-2)
        pointers = torch.where(next_inside, pointers, scores.argmax(-1, keepdim=True))
        return Step(torch.where(inside, best, log_initial), top, (~possible).to(scores.dtype), (pointers,))

    inside = inside_chromosome(marks)[..., None]
    next_inside = functional.pad(inside[:, 1:], (0, 0, 0, 1))
    sequences = _padded((log_emissions(parameters.emission, marks), inside, next_inside), chunks)
    units = log(torch.eye(len(log_initial), dtype=log_initial.dtype, device=log_initial.device))
    (pointers,) = scan(step, _join_maxima, units, log(start), sequences, *chunks)
    path = _trace(pointers.flip(1), chunks).flip(1)[:, : marks.shape[1]]
    return torch.where(inside[..., 0], path, -1).to(torch.int32)


def stationary(transition: Float[Tensor, "state state"]) -> Float[Tensor, " state"]:
    """The distribution that the chain ends in, see `epizoo.models.hmm.reference.stationary`."""
    lazy = (transition + torch.eye(len(transition), dtype=transition.dtype, device=transition.device)) / 2
    for _ in range(40):
        lazy = lazy @ lazy
        lazy = lazy / lazy.sum(-1, keepdim=True)
    return lazy.mean(0)


def log(probabilities: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """The logarithm, with a finite stand-in and no gradient at zero."""
    positive = probabilities > 0
    return torch.where(positive, torch.log(torch.where(positive, probabilities, 1)), LOG_ZERO)


def _trace(pointers: Int[Tensor, "batch bin state"], chunks: Chunks) -> Int[Tensor, "batch bin"]:
    """Follow pointers from the first bin of a flipped sequence, which any state may enter, to the last."""

    def step(state: Tensor, pointer: Tensor) -> Step:
        state = pointer.expand(*state.shape[:-1], -1).gather(-1, state)
        return Step(state, state[..., :1], state[..., :1], (state,))

    units = torch.arange(pointers.shape[-1], device=pointers.device)[:, None]
    (path,) = scan(step, _join_pointers, units, units[0], (pointers,), *chunks)
    return path[..., 0]


def _join_pointers(first: Maps, second: Maps) -> Maps:
    states = second.carry[..., 0].expand(*first.carry.shape[:1], *second.carry.shape[1:3])
    n_rows = first.carry.shape[2]
    carry = states.gather(-1, first.carry[..., 0].expand(*states.shape[:2], n_rows))[..., None]
    return Maps(carry, carry, carry)


def _join_maxima(first: Maps, second: Maps) -> Maps:
    """Join maps of log-scores: maxima over the states between."""
    penalty = torch.where(first.carry > LOG_ZERO / 2, second.penalty.mT, torch.inf).amin(-1, keepdim=True)
    alive = (first.carry > LOG_ZERO / 2) & (second.penalty.mT <= penalty)
    scores = torch.where(alive, first.carry + second.log_weight.mT, LOG_ZERO)
    top = scores.amax(-1, keepdim=True)
    joined = ((scores - top)[..., None] + second.carry[..., None, :, :]).amax(-2).clamp(min=LOG_ZERO)
    return Maps(joined, first.log_weight + top, first.penalty + torch.where(penalty < torch.inf, penalty, 0))


def _padded(sequences: tuple[Tensor, ...], chunks: Chunks) -> tuple[Tensor, ...]:
    """Sequences with bins outside the chromosome appended, so that their length is a multiple of the chunk's."""
    n_bins, chunk_bins = sequences[0].shape[1], chunks.chunk_bins
    missing = (n_bins + chunk_bins - 1) // chunk_bins * chunk_bins - n_bins
    return tuple(functional.pad(sequence, (0, 0, 0, missing)) for sequence in sequences)

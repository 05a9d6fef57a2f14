"""Recursions along a sequence in torch, without a Python loop over its bins.

A recursion step maps the distribution before a bin to the one after it. Such maps can be composed, so a sequence is cut
into chunks of `chunk_bins` bins that run side by side: first every chunk from every state, which gives each chunk's map
as a matrix; then the maps are joined in log2(chunks) doublings, which gives the distribution at each chunk's start;
then every chunk again, from there. Two loops of `chunk_bins` steps and one of log2(chunks) replace one of all bins, and
the result is that of the plain recursion but for rounding (Blelloch, Prefix sums and their applications, 1990).

One thing is a matter of order: where sequences are impossible, states that reach a chunk's end with the fewest
impossible bins win, while the plain recursion drops a state at the first bin that only others allow.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


class Step(NamedTuple):
    """Result of a step: the next carry, the weight of the bin, and the values kept of it.

    Attributes:
        carry: (..., state), normalised.
        log_weight: (..., 1), the logarithm of what normalising took away.
        penalty: (..., 1), 1 where the bin was impossible from here, else 0.
        outputs: kept of every bin in the last pass.
    """

    carry: Tensor
    log_weight: Tensor
    penalty: Tensor
    outputs: tuple[Tensor, ...]


class Maps(NamedTuple):
    """The map of each stretch: from each state (first of the last two axes), the carry after it and its weight."""

    carry: Float[Tensor, "batch chunk state state"]
    log_weight: Float[Tensor, "batch chunk state 1"]
    penalty: Float[Tensor, "batch chunk state 1"]


StepFunction = Callable[..., Step]
Join = Callable[[Maps, Maps], Maps]


def scan(
    step: StepFunction,
    join: Join,
    units: Float[Tensor, "state state"],
    start: Float[Tensor, " state"],
    sequences: tuple[Shaped[Tensor, "batch bin ..."], ...],
    chunk_bins: int,
    max_chunks: int | None = None,
) -> tuple[Shaped[Tensor, "batch bin ..."], ...]:
    """Run a recursion over sequences; the outputs of every bin.

    Args:
        step: ``step(carry, *bins)`` with carry (..., state) and one (..., value) for each of `sequences`.
        join: the map of two stretches, one after the other, of the maps of each.
        units: rows are the carries that stand for each single state.
        start: the first carry.
        sequences: what the steps read, (batch, bin, value) each. The number of bins is a multiple of `chunk_bins`.
        chunk_bins: bins of a chunk.
        max_chunks: how many chunks there can be, where their number is not known while the program is traced.
    """
    batch, n_bins = sequences[0].shape[:2]
    n_chunks = n_bins // chunk_bins
    chunked = [sequence.unflatten(1, (n_chunks, chunk_bins)) for sequence in sequences]
    carry = start.expand(batch, 1, -1)
    if max_chunks is not None or n_chunks > 1:
        maps = _chunk_maps(step, units, chunked, batch, n_chunks, chunk_bins)
        prefixes = _prefixes(join, maps, units, max_chunks or n_chunks)
        first = Maps(
            carry[..., None, :], torch.zeros_like(carry[..., :1, None]), torch.zeros_like(carry[..., :1, None])
        )
        reached = join(first, prefixes).carry[:, :-1, 0]
        carry = torch.cat([carry, reached], dim=1)
    kept = []
    for i in range(chunk_bins):
        carry, _, _, outputs = step(carry, *(sequence[:, :, i] for sequence in chunked))
        kept.append(outputs)
    return tuple(torch.stack(parts, dim=2).flatten(1, 2) for parts in zip(*kept, strict=True))


def join_sums(first: Maps, second: Maps) -> Maps:
    """Join maps of probabilities: sums over the states between."""
    reached = first.carry > 0
    penalty = torch.where(reached, second.penalty.mT, torch.inf).amin(-1, keepdim=True)
    alive = reached & (second.penalty.mT <= penalty)
    log_weight = torch.where(alive, second.log_weight.mT, -torch.inf)
    top = log_weight.amax(-1, keepdim=True).detach()
    top = torch.where(top > -torch.inf, top, 0)
    weights = first.carry * torch.where(alive, torch.exp(log_weight - top), 0)
    total = weights.sum(-1, keepdim=True)
    total = torch.where(total > 0, total, 1)
    return Maps(
        weights / total @ second.carry,
        first.log_weight + top + torch.log(total),
        first.penalty + torch.where(penalty < torch.inf, penalty, 0),
    )


def _chunk_maps(
    step: StepFunction,
    units: Float[Tensor, "state state"],
    chunked: list[Shaped[Tensor, "batch chunk bin value"]],
    batch: int,
    n_chunks: int,
    chunk_bins: int,
) -> Maps:
    """The map of every chunk."""
    carry = units.expand(batch, n_chunks, -1, -1)
    log_weight = penalty = torch.zeros_like(carry[..., :1])
    for i in range(chunk_bins):
        taken = step(carry, *(sequence[:, :, i, None] for sequence in chunked))
        carry, log_weight, penalty = taken.carry, log_weight + taken.log_weight, penalty + taken.penalty
    return Maps(carry, log_weight, penalty)


def _prefixes(join: Join, maps: Maps, units: Float[Tensor, "state state"], n_chunks: int) -> Maps:
    """The maps from the first chunk's start to each chunk's end, by doubling (Hillis and Steele, 1986)."""
    distance = 1
    while distance < n_chunks:
        blank = torch.zeros_like(maps.log_weight[:, :1]).expand(-1, distance, -1, -1)
        identity = Maps(units.expand(blank.shape[0], distance, -1, -1), blank, blank)
        # A shift by more chunks than there are leaves the identity alone, so a program of fixed length fits any length.
        length = maps.carry.shape[1]
        shifted = Maps(*(torch.cat([one, part], dim=1)[:, :length] for one, part in zip(identity, maps, strict=True)))
        maps = join(shifted, maps)
        distance *= 2
    return maps

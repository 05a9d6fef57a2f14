"""Pairs of conditions and sets of cell types whose differences are known, and training on them with truth in every bin.

The labels of real data hold no region whose answer differs between cell types, so that differential peaks and heads of
their own can only be measured where the truth is simulated.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from epizoo.finetuning.trainable import Arrays, Trainables, model_arrays, with_arrays
from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.simulation.coverage import SimulationConfig, simulate, thin

_OWN_LEVEL = 1e-3
"""Background of what one condition has more than the other, over the scale: next to nothing."""


class SimulatedPairs(NamedTuple):
    """Windows of two conditions: what they share, sequenced twice, and peaks of one of them alone."""

    first: Float[np.ndarray, "window bin"]
    second: Float[np.ndarray, "window bin"]
    """Mean pile-up over each bin's bp."""
    scales: Float[np.ndarray, "window condition"]
    """Estimates of the scales of both."""
    gained: Bool[np.ndarray, "window bin"]
    """In a peak of the first alone."""
    lost: Bool[np.ndarray, "window bin"]
    """In a peak of the second alone."""
    is_clear: Bool[np.ndarray, "window bin"]


class DenseBatch(NamedTuple):
    """Transformed coverage with truth in every bin, for one head."""

    coverage: Float[np.ndarray, "window bin track"]
    is_peak: Bool[np.ndarray, "window bin"]
    weight: Float[np.ndarray, "window bin"]


def simulate_pairs(
    random: np.random.Generator,
    n_windows: int,
    n_bins: int,
    bin_bp: int,
    *,
    scale: float = 10.0,
    background_level: float = 0.4,
    second_depth: float = 0.5,
    own_peaks_per_10kb: tuple[float, float] = (0.3, 1.0),
) -> SimulatedPairs:
    """Pairs of windows; the second condition is sequenced to a share of the depth of the first.

    Args:
        random: of all draws.
        n_windows: number of pairs.
        n_bins: of each.
        bin_bp: width of a bin.
        scale: of the first, in fragments.
        background_level: over the scale.
        second_depth: depth of the second over that of the first.
        own_peaks_per_10kb: how many peaks each condition has alone.
    """
    depth = 2 * scale * background_level
    shared = simulate(random, n_windows, n_bins, bin_bp, _fixed(depth, background_level, (0.3, 2.0)))
    own = [
        simulate(random, n_windows, n_bins, bin_bp, _fixed(scale * _OWN_LEVEL, _OWN_LEVEL, own_peaks_per_10kb))
        for _ in range(2)
    ]
    # Half of the shared fragments go to each condition, so that their noise is their own.
    half = np.stack([thin(random, row, 0.5, bin_bp) for row in shared.coverage])
    first = half + own[0].coverage
    both = shared.coverage - half + own[1].coverage
    second = np.stack([thin(random, row, second_depth, bin_bp) for row in both]) if second_depth < 1 else both
    error = np.exp(0.1 * random.normal(size=(n_windows, 2)))
    gained = own[0].is_peak & ~shared.is_peak & ~own[1].is_peak
    lost = own[1].is_peak & ~shared.is_peak & ~own[0].is_peak
    clear = shared.is_clear & own[0].is_clear & own[1].is_clear
    # What is a weak peak by itself may be one together with the background: nobody could tell.
    clear &= ~((own[0].is_peak | own[1].is_peak) & shared.is_peak)
    scales = np.array([scale, scale * second_depth]) * error
    return SimulatedPairs(first.astype(np.float32), second.astype(np.float32), scales, gained, lost, clear)


def pair_batch(pairs: SimulatedPairs, chosen: np.ndarray, flank_bins: int, swapped: bool = False) -> DenseBatch:
    """Some pairs as input and truth of a paired model, the conditions swapped or not; flanks weigh nothing."""
    tracks = [
        scaled_arcsinh(values[chosen], pairs.scales[chosen, number][:, None])
        for number, values in enumerate((pairs.first, pairs.second))
    ]
    truth = pairs.lost if swapped else pairs.gained
    weight = pairs.is_clear[chosen].astype(np.float32)
    weight[:, :flank_bins] = 0
    weight[:, -flank_bins:] = 0
    coverage = np.stack(tracks[::-1] if swapped else tracks, axis=-1).astype(np.float32)
    return DenseBatch(coverage, truth[chosen], weight)


def train_on_truth(
    model: PeakCaller,
    next_batches: Callable[[], list[DenseBatch]],
    n_steps: int,
    *,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> PeakCaller:
    """A copy of a model trained on truth in every bin, all parameters, the first layers slowest.

    Args:
        model: where to start.
        next_batches: gives one batch for each head (one for a model without heads), always in the same shapes.
        n_steps: steps.
        learning_rate: of the last layer.
        seed: of whatever a start needs.
    """
    graph, paths, base = model_arrays(model)
    trainables = Trainables("all", learning_rate=learning_rate)
    optimiser = trainables.optimiser()

    def objective(changes: Arrays, batches: list[DenseBatch]) -> Float[Array, ""]:
        student = with_arrays(graph, paths, trainables.apply(base, changes))
        losses = []
        for head, batch in enumerate(batches):
            logits = student.logits(jnp.asarray(batch.coverage), head)
            bins = optax.sigmoid_binary_cross_entropy(logits, jnp.asarray(batch.is_peak, logits.dtype))
            losses.append(jnp.sum(bins * batch.weight) / jnp.maximum(jnp.sum(batch.weight), 1.0))
        return sum(losses, jnp.zeros(())) / len(losses)

    @jax.jit
    def step(changes: Arrays, state: Any, batches: list[DenseBatch]) -> tuple[Arrays, Any]:
        gradient = jax.grad(objective)(changes, batches)
        updates, state = optimiser.update(gradient, state, changes)
        return optax.apply_updates(changes, updates), state

    changes = trainables.start(base, seed)
    state = optimiser.init(changes)
    for _ in range(n_steps):
        changes, state = step(changes, state, next_batches())
    return with_arrays(graph, paths, trainables.apply(base, changes))


def average_precision(
    scores: Float[np.ndarray, "..."], truth: Bool[np.ndarray, "..."], weight: Float[np.ndarray, "..."]
) -> float:
    """Mean precision over all true bins in the order of their scores, of the bins that count.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]), np.ones(3))
    0.8333333333333333
    """
    counts = weight.ravel() > 0
    values, is_true = scores.ravel()[counts], truth.ravel()[counts]
    if not is_true.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(is_true[order])
    return float(np.mean((hits / np.arange(1, len(hits) + 1))[is_true[order]]))


def _fixed(depth: float, level: float, peaks_per_10kb: tuple[float, float]) -> SimulationConfig:
    """One depth and background for all windows."""
    return SimulationConfig(depth=(depth, depth), background_level=(level, level), peaks_per_10kb=peaks_per_10kb)

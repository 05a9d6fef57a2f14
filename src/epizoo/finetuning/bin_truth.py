"""Training a peak caller on a truth in every bin, for models of many cell types or of pairs of conditions.

`epizoo.models.peak_caller.heads` makes such models from a pretrained one. Simulations have a truth in every bin; pairs
of conditions are drawn by `epizoo.simulation.condition_pairs`.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from epizoo.finetuning.trainable import Arrays, Trainables, model_arrays, with_arrays
from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.network_fit import compiled_step
from epizoo.peaks.training_batches import Windows
from epizoo.simulation.condition_pairs import SimulatedPairs


def pair_batch(pairs: SimulatedPairs, chosen: np.ndarray, flank_bins: int, swapped: bool = False) -> Windows:
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
    return Windows(coverage, truth[chosen], weight)


def train_on_truth(
    model: PeakCaller,
    next_batches: Callable[[], list[Windows]],
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

    def objective(changes: Arrays, batches: list[Windows]) -> Float[Array, ""]:
        student = with_arrays(graph, paths, trainables.apply(base, changes))
        losses = []
        for head, batch in enumerate(batches):
            logits = student.logits(jnp.asarray(batch.coverage), head)
            bins = optax.sigmoid_binary_cross_entropy(logits, jnp.asarray(batch.is_peak, logits.dtype))
            losses.append(jnp.sum(bins * batch.weight) / jnp.maximum(jnp.sum(batch.weight), 1.0))
        return sum(losses, jnp.zeros(())) / len(losses)

    step = compiled_step(objective, optimiser)
    changes = trainables.start(base, seed)
    state = optimiser.init(changes)
    for _ in range(n_steps):
        changes, state, _ = step(changes, state, next_batches())
    return with_arrays(graph, paths, trainables.apply(base, changes))

"""One step of fine-tuning, compiled once for all stages and folds, and the loss of labels."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int

from epizoo.finetuning.label_crops import NO_PEAKS
from epizoo.finetuning.trainable import FROZEN_TRUNK, Arrays, Trainables, with_arrays
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.models.peak_caller.network import TEMPERATURE_FLOOR
from epizoo.peaks.network_fit import compiled_step
from epizoo.peaks.region_label_likelihood import LabelBatch, label_loss


class Stage(NamedTuple):
    """One training under way."""

    changes: Arrays
    optimiser: Any
    random: np.random.Generator


class Steps(NamedTuple):
    """Compiled functions of the base model's arrays and the changes made to them."""

    step: Callable[..., tuple[Arrays, Any, Float[Array, ""]]]
    """(changes, optimiser state, base, inputs, labels): the new changes and state, and the loss before them."""
    measure: Callable[..., Float[Array, " label"]]
    """(arrays, inputs, labels): the loss of each label."""
    inputs: Callable[..., Float[Array, "crop bin *feature"]]
    """(arrays, coverage): what both take: the input of the last layer where that alone is trained, else coverage."""
    optimiser: optax.GradientTransformation


def balanced_mean(
    losses: Float[Array, " label"], annotation: Int[Array, " label"], weight: Float[Array, " label"]
) -> Float[Array, ""]:
    """The mean of the mean loss of labels without peaks and of that of labels with peaks; of one, where one is there.

    >>> float(balanced_mean(jnp.array([1.0, 2.0, 4.0]), jnp.array([0, 1, 1]), jnp.ones(3)))
    2.0
    """
    clear = (annotation == NO_PEAKS).astype(losses.dtype) * weight
    kinds = jnp.stack([clear, weight - clear])
    totals = kinds.sum(axis=1)
    means = kinds @ losses / jnp.maximum(totals, 1e-9)
    present = (totals > 0).astype(losses.dtype)
    return jnp.sum(means * present) / jnp.maximum(present.sum(), 1.0)


class Names:
    """Paths of parameters by name, hashed by their names, so that compiled steps are kept."""

    def __init__(self, paths: Mapping[str, Any]) -> None:
        self.paths = paths

    def __hash__(self) -> int:
        return hash(tuple(self.paths))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and tuple(self.paths) == tuple(other.paths)


def compile_steps(graph: nnx.GraphDef, names: Names, settings: TuningSettings) -> Steps:
    """One step of training, the losses of fixed crops, and the optimiser; kept for equal settings."""
    return _compile(graph, names, settings.trainables(), settings.pull, settings.switch_cost, settings.doubt)


@functools.lru_cache(maxsize=8)
def _compile(
    graph: nnx.GraphDef, names: Names, trainables: Trainables, pull: float, switch_cost: float, doubt: float
) -> Steps:
    optimiser = trainables.optimiser()
    frozen = trainables.train in FROZEN_TRUNK

    def logits(arrays: Arrays, inputs: Array) -> Float[Array, "crop bin"]:
        model = with_arrays(graph, names.paths, arrays)
        if not frozen:
            return model.logits(inputs[..., None])
        temperature = jnp.abs(model.temperature[...]) + TEMPERATURE_FLOOR
        return (model.output_conv(inputs)[..., 0] - model.threshold[...]) / temperature

    def objective(changes: Arrays, base: Arrays, inputs: Array, labels: LabelBatch) -> Float[Array, ""]:
        losses = label_loss(logits(trainables.apply(base, changes), inputs), labels, switch_cost, doubt)
        loss = balanced_mean(losses, jnp.asarray(labels.annotation), jnp.asarray(labels.weight))
        return loss + pull * trainables.moved(base, changes)

    @jax.jit
    def measure(arrays: Arrays, inputs: Array, labels: LabelBatch) -> Float[Array, " label"]:
        return label_loss(logits(arrays, inputs), labels, switch_cost, doubt)

    @jax.jit
    def last_inputs(arrays: Arrays, coverage: Array) -> Float[Array, "crop bin feature"]:
        return with_arrays(graph, names.paths, arrays).features(coverage[..., None])

    inputs = last_inputs if frozen else lambda arrays, coverage: jnp.asarray(coverage)
    return Steps(compiled_step(objective, optimiser), measure, inputs, optimiser)

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

from epizoo.models.peak_caller import PeakCaller
from epizoo.training.finetuning.crops import NO_PEAKS, FixedCrops
from epizoo.training.finetuning.settings import TuningSettings
from epizoo.training.finetuning.trainable import Arrays, Trainables, with_arrays
from epizoo.training.region_label_likelihood import LabelBatch, gather_labels, region_log_likelihood


class Stage(NamedTuple):
    """One training under way."""

    changes: Arrays
    optimiser: Any
    random: np.random.Generator


class Steps(NamedTuple):
    """Compiled functions of the base model's arrays and the changes made to them."""

    step: Callable[..., tuple[Arrays, Any, Float[Array, ""]]]
    """(base, changes, optimiser state, coverage, labels): the new changes and state, and the loss before them."""
    measure: Callable[..., Float[Array, " crop"]]
    """(arrays, fixed crops): the loss of each crop."""
    optimiser: optax.GradientTransformation


def label_loss(
    model: PeakCaller,
    coverage: Float[Array | np.ndarray, "crop bin"],
    labels: LabelBatch,
    switch_cost: float,
    doubt: float,
) -> Float[Array, " label"]:
    """What each label costs: minus the log-probability that it is right, or that it is wrong by itself."""
    logits = gather_labels(model.logits(jnp.asarray(coverage)[..., None]), labels)
    right = region_log_likelihood(logits, labels.inside, labels.annotation, switch_cost)
    return -jnp.logaddexp(right + jnp.log1p(-doubt), jnp.log(doubt))


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

    def objective(changes: Arrays, base: Arrays, coverage: Array, labels: LabelBatch) -> Float[Array, ""]:
        model = with_arrays(graph, names.paths, trainables.apply(base, changes))
        losses = label_loss(model, coverage, labels, switch_cost, doubt)
        loss = balanced_mean(losses, jnp.asarray(labels.annotation), jnp.asarray(labels.weight))
        return loss + pull * trainables.moved(base, changes)

    @jax.jit
    def step(
        base: Arrays, changes: Arrays, state: Any, coverage: Array, labels: LabelBatch
    ) -> tuple[Arrays, Any, Float[Array, ""]]:
        loss, gradient = jax.value_and_grad(objective)(changes, base, coverage, labels)
        updates, state = optimiser.update(gradient, state, changes)
        return optax.apply_updates(changes, updates), state, loss

    @jax.jit
    def measure(arrays: Arrays, crops: FixedCrops) -> Float[Array, " crop"]:
        return label_loss(with_arrays(graph, names.paths, arrays), crops.coverage, crops.labels, switch_cost, doubt)

    return Steps(step, measure, optimiser)

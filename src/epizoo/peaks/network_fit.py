"""Fitting a peak caller to simulated truth and to region labels at once."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float

from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.region_label_likelihood import LabelBatch, label_loss


class TrainingBatch(NamedTuple):
    """One step's data; either half may have weight 0."""

    simulated: Float[np.ndarray, "window bin track"]
    is_peak: Bool[np.ndarray, "window bin"] | Float[np.ndarray, "window bin"]
    """Or the probability of it, between 0 and 1."""
    weight: Float[np.ndarray, "window bin"]
    real: Float[np.ndarray, "crop bin track"]
    labels: LabelBatch


class FitSettings(NamedTuple):
    """Settings of a fit."""

    n_steps: int
    learning_rate: float
    label_weight: float
    """Of the mean label loss, beside 1 for the mean loss of a simulated bin."""
    weight_decay: float = 1e-3
    switch_cost: float = 1.0
    doubt: float = 0.02
    """Prior probability that a label is wrong, which bounds the loss of a label that cannot be met."""


def fit(
    model: PeakCaller,
    next_batch: Callable[[], TrainingBatch],
    settings: FitSettings,
    report: Callable[[int, float], None] | None = None,
) -> PeakCaller:
    """A fitted copy of the model: AdamW with a short warm-up and a cosine to zero, gradients clipped to norm 1.

    Args:
        model: where to start; it is not changed.
        next_batch: gives the data of a step, always in the same shapes.
        settings: see there.
        report: called with the step and its loss, every 50 steps.
    """
    graph, parameters = nnx.split(model)
    step, optimiser = _make_step(graph, settings)
    state = optimiser.init(parameters)
    for number in range(settings.n_steps):
        parameters, state, value = step(parameters, state, next_batch())
        if report is not None and number % 50 == 0:
            report(number, float(value))
    return nnx.merge(graph, parameters)


@functools.lru_cache(maxsize=4)
def _make_step(graph: nnx.GraphDef, settings: FitSettings) -> tuple[Any, optax.GradientTransformation]:
    """One compiled step, and its optimiser; kept, because a recipe fits the same model to many splits of its data."""
    warm_up = min(50, settings.n_steps // 10)
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warm_up, settings.n_steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=settings.weight_decay))

    return compiled_step(
        lambda parameters, batch: _loss(nnx.merge(graph, parameters), batch, settings), optimiser
    ), optimiser


def compiled_step(objective: Callable[..., Float[Array, ""]], optimiser: optax.GradientTransformation) -> Any:
    """One compiled step of gradient descent.

    Returns:
        A function of parameters, optimiser state and batch to the new parameters and state, and the loss before them.
    """

    @jax.jit
    def step(parameters: Any, state: optax.OptState, *batch: Any) -> tuple[Any, optax.OptState, Float[Array, ""]]:
        value, gradient = jax.value_and_grad(objective)(parameters, *batch)
        updates, state = optimiser.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    return step


def _loss(model: PeakCaller, batch: TrainingBatch, settings: FitSettings) -> Float[Array, ""]:
    logits = model.logits(jnp.concatenate([batch.simulated, batch.real]))
    simulated, real = logits[: len(batch.simulated)], logits[len(batch.simulated) :]
    bins = optax.sigmoid_binary_cross_entropy(simulated, batch.is_peak.astype(logits.dtype))
    loss = jnp.sum(bins * batch.weight) / jnp.maximum(jnp.sum(batch.weight), 1.0)
    if not settings.label_weight:
        return loss
    losses = label_loss(real, batch.labels, settings.switch_cost, settings.doubt)
    weight = batch.labels.weight
    return loss + settings.label_weight * jnp.sum(losses * weight) / jnp.maximum(jnp.sum(weight), 1.0)

"""The one training that benchmarks/diffbio/operators.py gives all networks, and the choice of its learning rate."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from benchmarks.diffbio.contenders import Contender
from flax import nnx

RATES = (1e-3, 3e-3, 1e-2)


class Batch(NamedTuple):
    """What a step learns from; all of (window, position)."""

    coverage: np.ndarray
    truth: np.ndarray
    weight: np.ndarray


class Settings(NamedTuple):
    """Of one run, the same for all its networks."""

    n_steps: int
    n_trial_steps: int
    seed: int
    weight_decay: float
    networks: tuple[str, ...]


class Trained(NamedTuple):
    """A network after training."""

    logits: Callable[[np.ndarray], jax.Array]
    n_parameters: int
    cpu_seconds_per_step: float
    """Without compilation and without the making of data."""


def train(
    contender: Contender, next_batch: Callable[[], Batch], n_steps: int, rate: float, settings: Settings
) -> Trained:
    """Fit to a new batch in each step: AdamW, a short warm-up and a cosine to zero."""
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, max(n_steps // 20, 1), n_steps)
    graph, parameters, rest, step, optimiser = compiled(contender, settings.weight_decay, settings.seed)
    state = optimiser.init(parameters)
    times = []
    for number in range(n_steps):
        batch = next_batch()
        began = time.process_time()
        moved = step(parameters, state, rest, batch, schedule(number + 1))
        parameters, state, rest = jax.block_until_ready(moved)
        times.append(time.process_time() - began)
    predict = jax.jit(lambda coverage: contender.logits(nnx.merge(graph, parameters, rest), coverage)[0])
    n_parameters = sum(array.size for array in jax.tree.leaves(parameters))
    return Trained(predict, n_parameters, float(np.median(times)))


@functools.cache
def compiled(contender: Contender, weight_decay: float, seed: int) -> tuple:
    """A new network and its compiled step, which takes the learning rate so that all rates share it."""
    graph, parameters, rest = nnx.split(contender.build(nnx.Rngs(seed)), nnx.Param, ...)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1.0, weight_decay=weight_decay))

    @jax.jit
    def step(parameters, state, rest, batch, rate):
        def loss(parameters):
            model = nnx.merge(graph, parameters, rest)
            logits, penalty = contender.logits(model, batch.coverage)
            return weighted_loss(logits, batch) + penalty, nnx.state(model, nnx.Not(nnx.Param))

        gradient, new_rest = jax.grad(loss, has_aux=True)(parameters)
        updates, state = optimiser.update(gradient, state, parameters)
        updates = jax.tree.map(lambda update: rate * update, updates)
        return optax.apply_updates(parameters, updates), state, new_rest

    return graph, parameters, rest, step, optimiser


def weighted_loss(logits: Any, batch: Batch) -> jax.Array:
    """Mean cross-entropy of the positions that count."""
    losses = optax.sigmoid_binary_cross_entropy(logits, batch.truth)
    return jnp.sum(losses * batch.weight) / jnp.sum(batch.weight)


def mean_loss(trained: Trained, batches: list[Batch]) -> float:
    """Over batches that were not learned from."""
    return float(np.mean([weighted_loss(trained.logits(batch.coverage), batch) for batch in batches]))


def choose(
    variants: tuple[Contender, ...],
    make_batches: Callable[[Contender], tuple[Callable[[], Batch], list[Batch]]],
    settings: Settings,
) -> tuple[Contender, float, list[dict]]:
    """The variant and learning rate with the lowest loss on validation batches, and all that were tried."""
    tried = []
    for variant in variants:
        for rate in RATES:
            next_batch, validation = make_batches(variant)
            loss = mean_loss(train(variant, next_batch, settings.n_trial_steps, rate, settings), validation)
            tried.append((loss if np.isfinite(loss) else np.inf, variant, rate))
            print(f"  {variant.name}, rate {rate:g}: validation loss {loss:.4f}", flush=True)
    best = min(tried, key=lambda row: row[0])
    table = [{"setting": row[1].name, "rate": row[2], "validation_loss": round(row[0], 4)} for row in tried]
    return best[1], best[2], table


def describe(contender: Contender, rate: float, trained: Trained, validation: list[Batch], trials: list[dict]) -> dict:
    """What a network is and costs."""
    return {
        "setting": contender.name,
        "n_parameters": trained.n_parameters,
        "cpu_seconds_per_step": round(trained.cpu_seconds_per_step, 4),
        "rate": rate,
        "validation_loss": round(mean_loss(trained, validation), 4),
        "trials": trials,
    }

"""The parameters of a peak caller that are trained, their learning rates, and their updates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from epizoo.errors import InputError
from epizoo.models.peak_caller.network import PeakCaller

Train = Literal["threshold", "head", "adapters", "all"]
TRAIN: tuple[str, ...] = get_args(Train)
"""threshold: the learned threshold and temperature alone; head: these and the last linear step; adapters: these and a
low-rank change of every convolution; all: every parameter, the first layers slowest. A denoiser stays as it is."""

Arrays = dict[str, Float[Array, "..."]]
LEARNING_RATES = {"threshold": 0.1, "head": 0.02, "adapters": 5e-3, "all": 2e-3}
FROZEN_TRUNK = ("threshold", "head")
"""With these nothing before the last layer is trained, so that its input need be computed only once."""
_THRESHOLD = ("threshold", "temperature")
# How fast each part learns, as a share of the learning rate: what lies nearer to the input changes less.
_SPEEDS = (("scale_convs", 0.1), ("combine_conv", 0.3), ("context", 0.3), ("output_conv", 1.0))
_THRESHOLD_SPEED = 1.0
_MOST_SHARPER = 4.0


@dataclass(frozen=True)
class Trainables:
    """The changes that training makes to a model's flat arrays, and how to apply them.

    Attributes:
        train: which parameters.
        rank: of the adapters.
        learning_rate: of the last layer; that of `train` where None.
    """

    train: Train
    rank: int = 4
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if self.train not in TRAIN:
            raise InputError(f"train: {self.train!r} is unknown; expected one of {', '.join(TRAIN)}")
        if self.rank < 1:
            raise InputError(f"rank: {self.rank} found, expected at least 1")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise InputError(f"learning_rate: {self.learning_rate} found, expected more than 0")

    def start(self, base: Mapping[str, np.ndarray], seed: int) -> Arrays:
        """Changes that leave the model as it is: zeros, and for adapters random down-projections."""
        changes: Arrays = {name: jnp.zeros_like(base[name]) for name in base if self._is_direct(name)}
        if self.train == "adapters":
            random = np.random.default_rng(seed)
            for name in (name for name in base if _is_kernel(name)):
                n_in, n_out = int(np.prod(base[name].shape[:-1])), base[name].shape[-1]
                down = random.normal(0, n_in**-0.5, (n_in, self.rank)).astype(np.float32)
                changes[f"{name}.down"] = jnp.asarray(down)
                changes[f"{name}.up"] = jnp.zeros((self.rank, n_out), jnp.float32)
        return changes

    def apply(self, base: Mapping[str, Array | np.ndarray], changes: Arrays) -> Arrays:
        """The model's arrays with the changes made."""
        arrays = {name: jnp.asarray(value) for name, value in base.items()}
        for name, change in changes.items():
            if name.endswith(".up"):
                kernel = name.removesuffix(".up")
                delta = changes[f"{kernel}.down"] @ change
                arrays[kernel] = arrays[kernel] + delta.reshape(arrays[kernel].shape)
            elif name == "temperature":
                arrays[name] = _within_bounds(arrays[name], change)
            elif not name.endswith(".down"):
                arrays[name] = arrays[name] + change
        return arrays

    def moved(self, base: Mapping[str, Array | np.ndarray], changes: Arrays) -> Float[Array, ""]:
        """Mean squared change of the trained arrays: what a pull back to the pretrained weights penalises."""
        arrays = self.apply(base, changes)
        trained = [name for name in base if self._is_direct(name) or (self.train == "adapters" and _is_kernel(name))]
        squares = [jnp.sum((arrays[name] - base[name]) ** 2) for name in trained]
        return sum(squares, jnp.zeros(()))

    def optimiser(self) -> optax.GradientTransformation:
        """Adam with a short warm-up, gradients clipped to norm 1, and a speed of its own for each part."""
        rate = self.learning_rate or LEARNING_RATES[self.train]
        speeds = sorted({speed for _, speed in _SPEEDS} | {_THRESHOLD_SPEED})
        parts = {
            str(speed): optax.chain(optax.scale_by_adam(), optax.scale_by_learning_rate(_warm_up(rate * speed)))
            for speed in speeds
        }
        per_part = optax.multi_transform(parts, lambda changes: {name: str(_speed(name)) for name in changes})
        return optax.chain(optax.clip_by_global_norm(1.0), per_part)

    def _is_direct(self, name: str) -> bool:
        if self.train == "all":
            return not _is_frozen(name)
        head = self.train in ("head", "adapters") and name.startswith("output_conv")
        return name in _THRESHOLD or (head and not (self.train == "adapters" and _is_kernel(name)))


def model_arrays(model: PeakCaller) -> tuple[nnx.GraphDef, Any, dict[str, np.ndarray]]:
    """The model's graph, the paths of its parameters, and their values by dotted name."""
    graph, state = nnx.split(model)
    flat = dict(nnx.to_flat_state(state))
    names = {".".join(map(str, path)): path for path in flat}
    return graph, names, {name: np.asarray(flat[path].get_value()) for name, path in names.items()}


def with_arrays(graph: nnx.GraphDef, paths: Mapping[str, Any], arrays: Mapping[str, Any]) -> PeakCaller:
    """The model of these arrays; works under jit."""
    state = nnx.from_flat_state([(paths[name], nnx.Param(value)) for name, value in arrays.items()])
    return nnx.merge(graph, state)


def _within_bounds(temperature: Float[Array, ""], change: Float[Array, ""]) -> Float[Array, ""]:
    """The temperature and a change of it, at most `_MOST_SHARPER` times sharper or softer.

    A few labels that one threshold parts are likeliest at a temperature of 0, at which a probability means nothing.
    """
    reach = np.log(_MOST_SHARPER)
    return temperature * jnp.exp(reach * jnp.tanh(change / (reach * temperature)))


def _warm_up(rate: float, n_steps: int = 10) -> optax.Schedule:
    # Constant after the warm-up, so that a run that stops early is the beginning of a longer one.
    return optax.linear_schedule(0.0, rate, n_steps)


def _speed(name: str) -> float:
    return next((speed for part, speed in _SPEEDS if name.startswith(part)), _THRESHOLD_SPEED)


def _is_kernel(name: str) -> bool:
    return name.endswith(".kernel") and not _is_frozen(name)


def _is_frozen(name: str) -> bool:
    """True if labels of peaks carry no information on a parameter."""
    return name.startswith("denoiser.")

"""Gradients of the torch twins beside JAX's: of the outputs, with respect to the input and to every parameter."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import torch
from flax import nnx
from jaxtyping import Float

from epizoo.conversion.metadata import require_twin
from epizoo.conversion.parity import TOLERANCES, Check, cases
from epizoo.conversion.torch.programs import Twin
from epizoo.conversion.torch.to_jax import arrays_from_state
from epizoo.models.parameters import flatten_parameters
from epizoo.zoo.description import DENOISED
from epizoo.zoo.entry import Entry
from epizoo.zoo.jax_engine import jax_engine

# Outputs whose gradients are compared: what people train on.
_DIFFERENTIATED = {
    "peak_caller": ("peak_scores", "peak_probabilities", "peak_summits", "peak_starts", DENOISED),
    "chromatin_states": ("state_posteriors", "state_probabilities", "log_likelihood_per_bin"),
}
_CASES = ("golden", "gaps and missing marks", "random, longer")


def check_gradients(entry: Entry, twin: Twin) -> Iterator[Check]:
    """One check for each input and each parameter: gradients of a random mixture of outputs.

    Those of chromatin states are compared in float64, in which the entry computes.
    """
    in_float64 = entry.family == "chromatin_states"
    twin = twin.to(torch.float64 if in_float64 else torch.float32)
    for case, inputs in cases(entry):
        if case not in _CASES:
            continue
        mixture = _mixture(entry.family, inputs.shape[:2], np.random.default_rng(1))
        found = _torch_gradients(entry, twin, inputs, mixture)
        with jax.enable_x64(in_float64):
            expected = _jax_gradients(entry, inputs, mixture)
        for name, wanted in expected.items():
            tolerance = TOLERANCES["gradients"]
            allowed = tolerance.absolute + tolerance.relative * float(np.abs(wanted).max(initial=0))
            gap = float(np.abs(found[name] - wanted).max(initial=0))
            yield Check(case, f"gradient of {name}", gap, allowed)


Mixture = Callable[[Any, Any], Any]


def _mixture(family: str, shape: tuple[int, ...], random: np.random.Generator) -> Mixture:
    """A number made of a model's outputs for an input; the same for JAX and for torch."""
    weights = {name: random.normal(size=shape) for name in _DIFFERENTIATED[family]}

    def mix(model: Any, inputs: Any) -> Any:
        outputs = model(inputs)._asdict()
        if getattr(model, "denoiser", None) is not None:
            outputs[DENOISED] = model.denoised(inputs)
        total = 0.0
        for name, weight in weights.items():
            if name not in outputs:
                continue
            value = outputs[name]
            # Powers of states tell them apart; probabilities that sum to one would else have no gradient.
            value = (value**2).sum(-1) if value.ndim == 3 else value
            like = torch.as_tensor(weight, dtype=value.dtype) if isinstance(value, torch.Tensor) else weight
            total = total + (value * like).sum()
        return total

    return mix


def _torch_gradients(
    entry: Entry, twin: Twin, inputs: Float[np.ndarray, "batch bin channel"], mixture: Mixture
) -> dict[str, np.ndarray]:
    dtype = next(twin.parameters()).dtype
    tensor = torch.tensor(inputs, dtype=dtype, requires_grad=True)
    twin.zero_grad()
    mixture(twin, tensor).backward()
    assert tensor.grad is not None
    gradients = {name: value.grad for name, value in twin.named_parameters() if value.grad is not None}
    arrays = arrays_from_state(require_twin(entry), gradients)
    return arrays | {"the input": tensor.grad.numpy()}


def _jax_gradients(
    entry: Entry, inputs: Float[np.ndarray, "batch bin channel"], mixture: Mixture
) -> dict[str, np.ndarray]:
    dtype = np.float64 if entry.family == "chromatin_states" else np.float32
    graph, state = nnx.split(jax_engine(entry.config.model, entry.weights(), 0).module)
    state = jax.tree.map(lambda value: value.astype(dtype), state)

    def loss(state: Any, values: Any) -> Any:
        return mixture(nnx.merge(graph, state), values)

    gradients, of_input = jax.jit(jax.grad(loss, argnums=(0, 1)))(state, inputs.astype(dtype))
    return flatten_parameters(nnx.merge(graph, gradients)) | {"the input": np.asarray(of_input)}

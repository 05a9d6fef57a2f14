"""The models of entries in JAX, ready to run on batches of windows. The one module of the zoo that imports JAX."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Shaped

from epizoo.errors import InputError
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.annotator import ChromatinStateAnnotator
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.parameters import build_model
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.models.peak_scorer.config import PeakScorerConfig
from epizoo.models.peak_scorer.network import PeakScorer
from epizoo.zoo.description import DENOISED

if TYPE_CHECKING:
    from epizoo.zoo.entry import Entry

Named = dict[str, Shaped[Array, "batch ..."]]
Reduction = Literal["sum", "max", "min", "absmax"]
# One index of an axis: a position, several, or (start, stop, step) of a slice; tuples, so that jit can hash them.
AxisIndex = int | tuple[int, ...] | tuple[Literal["slice"], int | None, int | None, int | None]


class Scalar(NamedTuple):
    """A number per row made of a layer, to take gradients of.

    Attributes:
        layer: name of the layer or output.
        part: which part of it, axis by axis after the batch; all of it where empty.
        reduction: how the part becomes one number per row.
    """

    layer: str
    part: tuple[AxisIndex, ...] = ()
    reduction: Reduction = "sum"


class JaxEngine:
    """A model that runs batches of windows and crops their flanks.

    Batches are padded to the largest batch seen, so that a stream of batches compiles once, its last one included.
    Products are taken in full precision: on a GPU JAX's default of 10 bits moves probabilities by 0.002.

    Args:
        build: makes the model and fills it; called once more, for float64, where ``in_float64`` asks for it.
        forward: all layers and outputs of a model, for every input bin.
        flank_bins: how many bins are cropped from both sides.
        in_float64: whether to compute in float64. Outputs are float32 all the same, except for ``log_likelihood``.
    """

    def __init__(
        self,
        build: Callable[[], nnx.Module],
        forward: Callable[[Any, Array], Named],
        flank_bins: int,
        in_float64: bool = False,
    ) -> None:
        self.module = build()
        self._forward = forward
        self._flank_bins = flank_bins
        self._in_float64 = in_float64
        with jax.enable_x64(in_float64):
            self._graph, self._state = nnx.split(build() if in_float64 else self.module)
        self._most_rows = 0
        self._run = jax.jit(self._activations, static_argnames="names")
        self._grad = jax.jit(jax.grad(self._reduced, argnums=1), static_argnames="scalar")

    def run(
        self, inputs: Float[np.ndarray, "batch bin channel"], names: tuple[str, ...]
    ) -> dict[str, Shaped[np.ndarray, "batch ..."]]:
        """The named layers and outputs of a batch, their flanks cropped."""
        with jax.enable_x64(self._in_float64), jax.default_matmul_precision("highest"):
            arrays = self._run(self._state, self._padded(inputs), names=names)
            return {name: np.asarray(arrays[name])[: len(inputs)] for name in names}

    def gradient(
        self, inputs: Float[np.ndarray, "batch bin channel"], scalar: Scalar
    ) -> Float[np.ndarray, "batch bin channel"]:
        """Gradient of each row's scalar with respect to that row's input, flanks included."""
        with jax.enable_x64(self._in_float64), jax.default_matmul_precision("highest"):
            return np.asarray(self._grad(self._state, self._padded(inputs), scalar=scalar))[: len(inputs)]

    def _padded(self, inputs: Float[np.ndarray, "batch bin channel"]) -> Float[np.ndarray, "row bin channel"]:
        self._most_rows = max(self._most_rows, len(inputs))
        return np.pad(inputs, ((0, self._most_rows - len(inputs)), (0, 0), (0, 0)))

    def _activations(self, state: Any, inputs: Float[Array, "batch bin channel"], names: tuple[str, ...]) -> Named:
        flank, end = self._flank_bins, inputs.shape[1] - self._flank_bins
        arrays = self._forward(nnx.merge(self._graph, state), inputs)
        cropped = {name: array[:, flank:end] if flank else array for name, array in arrays.items()}
        outputs = {name: _single(array) for name, array in cropped.items()}
        if "log_likelihood_per_bin" in cropped:
            outputs["log_likelihood"] = cropped["log_likelihood_per_bin"].sum(axis=1)
        return {name: outputs[name] for name in names}

    def _reduced(self, state: Any, inputs: Float[Array, "batch bin channel"], scalar: Scalar) -> Float[Array, ""]:
        layer = self._activations(state, inputs, (scalar.layer,))[scalar.layer]
        index = (slice(None), *map(_as_index, scalar.part))
        try:
            # JAX clamps an index that is out of range; NumPy refuses it.
            np.broadcast_to(0, layer.shape)[index]
        except IndexError as error:
            raise InputError(f"filter_idx: {scalar.layer} is of shape {layer.shape[1:]} per row; {error}") from error
        part = layer[index].reshape(len(inputs), -1)
        reductions: dict[str, Callable[..., Float[Array, " batch"]]] = {
            "sum": part.sum,
            "max": part.max,
            "min": part.min,
            "absmax": jnp.abs(part).max,
        }
        return reductions[scalar.reduction](axis=1).sum()


def of_entry(entry: "Entry") -> JaxEngine:
    """The engine of an entry, its weights' hash checked."""
    source = entry.folder / entry.zoo.weights
    return jax_engine(entry.config.model, entry.weights(), entry.window.flank_bins, source)


def jax_engine(
    config: PeakCallerConfig | PeakScorerConfig | ChromatinStateConfig,
    arrays: Mapping[str, np.ndarray],
    flank_bins: int,
    source: object = None,
) -> JaxEngine:
    """The engine of a model.

    Args:
        config: of the model.
        arrays: its parameters by name.
        flank_bins: bins beside a window that the model sees.
        source: the file of the arrays, for errors.

    Raises:
        EntryError: the arrays do not fit the model.
    """
    if isinstance(config, PeakCallerConfig):
        return JaxEngine(
            lambda: build_model(lambda: PeakCaller(config, rngs=nnx.Rngs(0)), arrays, source),
            _peak_caller_activations,
            flank_bins,
        )
    if isinstance(config, PeakScorerConfig):
        return JaxEngine(
            lambda: build_model(lambda: PeakScorer(config, rngs=nnx.Rngs(0)), arrays, source),
            _peak_scorer_activations,
            flank_bins,
        )
    # In float32 the log-likelihood of a thousand bins is off by more than the five decimals that `kipoi test` compares.
    return JaxEngine(
        lambda: build_model(lambda: ChromatinStateAnnotator(config, rngs=nnx.Rngs(0)), arrays, source),
        _chromatin_state_activations,
        flank_bins,
        in_float64=True,
    )


def _peak_caller_activations(module: PeakCaller, coverage: Float[Array, "batch bin track"]) -> Named:
    named = module(coverage)._asdict()
    if module.denoiser is not None:
        named[DENOISED] = module.denoised(coverage)
    return named | {"features": module.features(coverage), "logits": module.logits(coverage)}


def _peak_scorer_activations(module: PeakScorer, candidates: Float[Array, "batch input 1"]) -> Named:
    layers = {"features": module.features(candidates), "logits": module.logits(candidates)}
    return module(candidates)._asdict() | layers


def _chromatin_state_activations(module: ChromatinStateAnnotator, marks: Float[Array, "batch bin mark"]) -> Named:
    emission = module.parameters().emission
    log_emissions = jax.vmap(functools.partial(hmm.log_emissions, emission))(marks)
    return module(marks)._asdict() | {"log_emissions": log_emissions}


def _single(array: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    return array.astype(jnp.float32) if array.dtype == jnp.float64 else array


def _as_index(index: AxisIndex) -> Any:
    if isinstance(index, tuple):
        return slice(*index[1:]) if index[:1] == ("slice",) else np.asarray(index)
    return index

"""Models from the parameters of DiffBio's operators, which ours are descended from (diffbio 0.1.0).

Give an operator itself, where DiffBio is installed beside epizoo, or its parameters by flat dotted names as NumPy
arrays, which this makes in DiffBio's own environment::

    flat = nnx.to_flat_state(nnx.state(operator, nnx.Param))
    numpy.savez("operator.npz", **{".".join(map(str, path)): value[...] for path, value in flat})
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Shaped

from epizoo.errors import InputError
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.parameters import fill_parameters
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

Operator = nnx.Module | Mapping[str, Shaped[np.ndarray, "..."]]

_KERNELS = "peak_cnn.conv_layers.{}.kernel"


def annotator_from_diffbio(
    operator: Operator, marks: Sequence[str], *, bin_bp: int = 200, temperature: float | None = None
) -> ChromatinStateAnnotator:
    """The annotator with the parameters of DiffBio's ``ChromatinStateAnnotator``.

    DiffBio's operator takes a sigmoid of what it is given, as if it were a logit: to it an absent mark (0) is present
    by half, and a present one (1) by 0.73. Ours takes probabilities as they are, so that its outputs for
    `marks_of_diffbio` of observations are those of DiffBio's operator for the observations: its ``state_posteriors``,
    ``state_probabilities`` and ``log_likelihood``, and its ``viterbi_path``, a mean state without a traceback, is
    ``soft_viterbi(…).expected_state``. Parameters learned there belong to such soft marks, not to binary ones.

    Args:
        operator: the operator, or its parameters.
        marks: names of the marks, in the order of the columns.
        bin_bp: width of a bin, which DiffBio does not know.
        temperature: of the soft Viterbi; the operator's own, or 1, where None.

    Raises:
        InputError: a parameter is missing or of another shape, or the operator has Gaussian emissions for cell types.
    """
    arrays = _arrays(operator)
    _refuse(arrays, "emission_means", "emissions for cell types, Gaussians that the HMM of binary marks does not have")
    names = ("initial_logits", "transition_logits", "emission_logits")
    _require(arrays, names)
    n_states, n_marks = arrays["emission_logits"].shape
    if n_marks != len(marks):
        raise InputError(f"marks: {len(marks)} names given, but the operator has {n_marks} marks; name each of them")
    config = ChromatinStateConfig(
        marks=tuple(marks),
        n_states=n_states,
        bin_bp=bin_bp,
        # Without windows in mind, DiffBio starts every sequence from its initial distribution.
        start="initial",
        temperature=_temperature(operator, arrays, temperature),
    )
    model = ChromatinStateAnnotator(config, rngs=nnx.Rngs(0))
    return fill_parameters(model, {name: arrays[name] for name in names})


def marks_of_diffbio(observations: Float[Array | np.ndarray, "*axes"]) -> Float[Array, "*axes"]:
    """The soft marks that DiffBio's annotator makes of observations: their sigmoid.

    >>> marks_of_diffbio(np.array([0.0, 1.0])).round(3).tolist()
    [0.5, 0.7310000061988831]
    """
    return jax.nn.sigmoid(jnp.asarray(observations))


def peak_caller_from_diffbio(
    operator: Operator, *, bin_bp: int = 1, min_peak_width: int | None = None, temperature: float | None = None
) -> PeakCaller:
    """The peak caller with the parameters of DiffBio's ``DifferentiablePeakCaller``; outputs are the same, by name.

    Args:
        operator: the operator, or its parameters.
        bin_bp: width of a bin, which DiffBio calls a position.
        min_peak_width: of the operator's config, in bins; the operator's own, or its default of 50, where None.
        temperature: where it was not learned; the operator's own, or 1, where None.

    Raises:
        InputError: a parameter is missing or of another shape, or the operator denoises with its VAE.
    """
    arrays = _arrays(operator)
    _refuse(arrays, "vae_encoder", "a VAE that denoises its input, which the peak caller does not have")
    n_scales = sum(_KERNELS.format(number) in arrays for number in range(len(arrays)))
    scales = [_KERNELS.format(number) for number in range(max(n_scales, 1))]
    _require(arrays, (*scales, "threshold"))
    width = getattr(getattr(operator, "config", None), "min_peak_width", 50)
    config = PeakCallerConfig(
        bin_bp=bin_bp,
        n_filters=arrays[scales[0]].shape[-1],
        kernel_sizes=tuple(len(arrays[name]) for name in scales),
        summit_window_bins=width if min_peak_width is None else min_peak_width,
    )
    model = PeakCaller(config, rngs=nnx.Rngs(0))
    temperature_array = np.float32(_temperature(operator, arrays, temperature))
    renamed = {
        name.removeprefix("peak_cnn.").replace("conv_layers", "scale_convs"): array for name, array in arrays.items()
    }
    return fill_parameters(model, renamed | {"temperature": np.asarray(temperature_array)})


def _arrays(operator: Operator) -> dict[str, Shaped[np.ndarray, "..."]]:
    if isinstance(operator, Mapping):
        return {name: np.asarray(array) for name, array in operator.items()}
    flat = nnx.to_flat_state(nnx.state(operator, nnx.Param))
    return {".".join(map(str, path)): np.asarray(variable[...]) for path, variable in flat}


def _temperature(operator: Operator, arrays: Mapping[str, Any], given: float | None) -> float:
    if given is not None:
        return given
    if "temperature" in arrays:
        return float(arrays["temperature"])
    return float(getattr(getattr(operator, "config", None), "temperature", 1.0))


def _require(arrays: Mapping[str, Any], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(
            f"parameters: {', '.join(missing)} missing among {', '.join(sorted(arrays)) or 'none'}; give all of "
            "DiffBio's operator by their flat dotted names"
        )


def _refuse(arrays: Mapping[str, Any], prefix: str, what: str) -> None:
    if any(name.startswith(prefix) for name in arrays):
        raise InputError(f"{prefix}: the operator has {what}; give an operator without")

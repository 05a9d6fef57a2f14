"""Peak callers of many cell types and of pairs of conditions, made from a pretrained one, and one head out of many."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from flax import nnx

from epizoo.errors import InputError
from epizoo.models.parameters import build_model, flatten_parameters
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

_PER_HEAD = ("output_conv.bias", "output_conv.kernel", "threshold", "temperature")


def with_heads(model: PeakCaller, names: Sequence[str]) -> PeakCaller:
    """A peak caller with a head for each cell type, all of which begin as the model's own.

    Raises:
        InputError: no name or one twice, or the model has heads already.
    """
    if model.config.heads or not names:
        raise InputError(f"heads: {', '.join(names) or 'none'} given; expected names, and a model without heads")
    arrays = flatten_parameters(model)
    for name in _PER_HEAD:
        own = arrays[name]
        arrays[name] = np.concatenate([np.atleast_1d(own)] * len(names), axis=-1)
    return _build(replace(model.config, heads=tuple(names)), arrays)


def one_head(model: PeakCaller, head: str | int) -> PeakCaller:
    """The plain peak caller of one head: what can be an entry of the zoo, and be exported.

    Raises:
        InputError: the model has no such head.
    """
    names = model.config.heads
    number = names.index(head) if head in names else head
    if isinstance(number, str) or not 0 <= number < len(names):
        raise InputError(f"head: {head!r} found, the model has {', '.join(names) or 'no named heads'}")
    arrays = flatten_parameters(model)
    for name in _PER_HEAD:
        part = arrays[name][..., number : number + 1]
        arrays[name] = part if name.startswith("output_conv") else part.reshape(())
    return _build(replace(model.config, heads=()), arrays)


def as_pair(model: PeakCaller) -> PeakCaller:
    """A peak caller of pairs that begins with the difference of the model's scores of both conditions.

    A denoiser, which knows one condition, is left behind.

    Raises:
        InputError: the model is one of pairs already.
    """
    if model.config.paired:
        raise InputError("paired: the model takes two conditions already; give one that takes a single one")
    arrays = flatten_parameters(model)
    kernel = arrays["output_conv.kernel"]
    arrays["output_conv.kernel"] = np.concatenate([kernel, -kernel], axis=1)
    arrays["output_conv.bias"] = np.zeros_like(arrays["output_conv.bias"])
    arrays = {name: array for name, array in arrays.items() if not name.startswith("denoiser.")}
    return _build(replace(model.config, paired=True, denoise=None), arrays)


def _build(config: PeakCallerConfig, arrays: dict[str, np.ndarray]) -> PeakCaller:
    return build_model(lambda: PeakCaller(config, rngs=nnx.Rngs(0)), arrays)

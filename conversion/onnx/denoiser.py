"""`epizoo.models.peak_caller.denoiser` as an ONNX graph; see there for what each line means."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Shaped

from epizoo.conversion.onnx.graph import Graph
from epizoo.models.peak_caller.denoising_windows import (
    GRAIN_FLOOR,
    RATIO_FLOOR,
    TINY,
    DenoiserConfig,
    grain_kernels,
    window_kernels,
)

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]


def denoised(graph: Graph, coverage: str, config: DenoiserConfig, arrays: Arrays) -> str:
    """Add the denoised coverage (batch, bin) of ``coverage`` (batch, bin, track), as the transform gives both."""
    treatment = _slice(graph, coverage, 0, 1, 2)
    # Convolutions are two-dimensional ones of height 1, for which ONNX Runtime has the faster kernels.
    signal = graph.op("Unsqueeze", graph.op("Transpose", graph.op("Sinh", treatment), perm=[0, 2, 1]), _ints(graph, 2))
    kernels = window_kernels(config.widths)
    means = _convolved(graph, signal, kernels)
    tiny = graph.constant(np.float32(TINY))
    widest = _slice(graph, means, len(config.widths) - 1, len(config.widths), 1)
    grain = _convolved(graph, _steps(graph, signal, tiny), grain_kernels(config.widths))
    below = graph.op("Add", widest, tiny)
    seen = [(graph.op("Div", means, below), RATIO_FLOOR), (graph.op("Div", grain, below), GRAIN_FLOOR)]
    seen.append((widest, RATIO_FLOOR))
    parts = [graph.op("Add", part, graph.constant(np.float32(floor))) for part, floor in seen]
    hidden = graph.op("Log", graph.op("Concat", *parts, axis=1))
    for layer in ("ratio_conv", "mix_conv"):
        hidden = graph.op("Relu", _dense(graph, hidden, arrays, layer))
    weights = graph.op("Softmax", _dense(graph, hidden, arrays, "weight_conv"), axis=1)
    n_windows, n_parts = kernels.shape[-1], kernels.shape[-1] + len(config.levels)
    levels = graph.constant(np.asarray(config.levels, np.float32)[None, :, None, None])
    shares = [
        graph.op("ReduceSum", graph.op("Mul", part, values), _ints(graph, 1, 2), keepdims=0)
        for part, values in (
            (_slice(graph, weights, 0, n_windows, 1), means),
            (_slice(graph, weights, n_windows, n_parts, 1), levels),
        )
    ]
    return graph.op("Asinh", graph.op("Add", *shares))


def _steps(graph: Graph, signal: str, tiny: str) -> str:
    """Difference of each bin from the next one, of (batch, 1, 1, bin); 0 for the last."""
    end = np.iinfo(np.int64).max
    after, before = _slice(graph, signal, 1, int(end), 3), _slice(graph, signal, 0, -1, 3)
    gap = graph.op("Sub", after, before)
    steps = graph.op("Div", graph.op("Mul", gap, gap), graph.op("Add", graph.op("Add", after, before), tiny))
    return graph.op("Pad", steps, _ints(graph, 0, 0, 0, 0, 0, 0, 0, 1), graph.constant(np.float32(0)))


def _convolved(graph: Graph, value: str, kernels: Float[np.ndarray, "offset window"]) -> str:
    reach = len(kernels) // 2
    return graph.op("Conv", value, graph.constant(kernels.T[:, None, None]), pads=[0, reach, 0, reach])


def _dense(graph: Graph, value: str, arrays: Arrays, name: str) -> str:
    """A convolution of one bin."""
    kernel = np.asarray(arrays[f"denoiser.{name}.kernel"], np.float32)[0].T
    bias = np.asarray(arrays[f"denoiser.{name}.bias"], np.float32)
    return graph.op("Conv", value, graph.constant(kernel[:, :, None, None]), graph.constant(bias))


def _slice(graph: Graph, value: str, start: int, end: int, axis: int) -> str:
    return graph.op("Slice", value, _ints(graph, start), _ints(graph, end), _ints(graph, axis))


def _ints(graph: Graph, *values: int) -> str:
    return graph.constant(list(values))

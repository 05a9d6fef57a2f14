"""The models of `epizoo.models` as ONNX graphs; see there for what each line means."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped
from onnx import TensorProto

from epizoo.conversion.onnx.denoiser import denoised
from epizoo.conversion.onnx.graph import Graph
from epizoo.conversion.onnx.hmm import HMMGraph
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.models.peak_scorer.config import PeakScorerConfig
from epizoo.zoo.description import DENOISED

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]

_EDGE_SOFTNESS = 0.1
_TEMPERATURE_FLOOR = 1e-6


class Output(NamedTuple):
    """A value of the graph.

    Attributes:
        value: its name.
        channels: its axes after batch and bin.
        per_bin: whether it has an axis of bins.
    """

    value: str
    channels: tuple[int, ...] = ()
    per_bin: bool = True


def peak_caller(
    graph: Graph,
    coverage: str,
    config: PeakCallerConfig,
    arrays: Arrays,
    flank_bins: int,
    names: tuple[str, ...],
    float16: bool = False,
) -> dict[str, Output]:
    """Add a peak caller over ``coverage`` (batch, bin, track); its outputs and layers by name, flanks cropped.

    With ``float16`` the dilated convolutions, most of the work, are of that precision. In the first ones and the last,
    where few numbers tell peaks from background, it would cost more than 0.002 of a probability.
    """
    hidden, scores = _network(graph, coverage, config, arrays, float16)
    threshold = graph.constant(np.float32(arrays["threshold"]))
    temperature = graph.constant(np.float32(np.abs(np.float32(arrays["temperature"])) + np.float32(_TEMPERATURE_FLOOR)))
    logits = graph.op("Div", graph.op("Sub", scores, threshold), temperature)
    probabilities = graph.op("Sigmoid", logits)
    weighted = graph.op("Div", graph.op("Mul", scores, probabilities), temperature)
    before = graph.op("Concat", _bins(graph, probabilities, 0, 1), _bins(graph, probabilities, 0, -1), axis=1)
    rise = graph.op("Div", graph.op("Sub", probabilities, before), graph.constant(np.float32(_EDGE_SOFTNESS)))
    values = {
        "peak_scores": scores,
        "peak_probabilities": probabilities,
        "peak_summits": _soft_local_maximum(graph, weighted, config.summit_window_bins),
        "peak_starts": graph.op("Sigmoid", rise),
        "peak_ends": graph.op("Sigmoid", graph.op("Neg", rise)),
        "logits": logits,
    }
    if config.denoise is not None and DENOISED in names:
        values[DENOISED] = denoised(graph, coverage, config.denoise, arrays)
    outputs = {name: Output(_cropped(graph, values[name], flank_bins)) for name in names if name in values}
    if "features" in names:
        features = graph.op("Transpose", graph.op("Squeeze", hidden, graph.constant([2])), perm=[0, 2, 1])
        outputs["features"] = Output(_cropped(graph, features, flank_bins), (len(arrays["combine_conv.bias"]),))
    return outputs


def peak_scorer(graph: Graph, candidates: str, config: PeakScorerConfig, arrays: Arrays) -> dict[str, Output]:
    """Add a peak scorer over ``candidates`` (batch, input, 1); its outputs and layers by name."""
    location, scale = (graph.constant(np.asarray(arrays[name], np.float32)) for name in ("location", "scale"))
    values = graph.op("Div", graph.op("Sub", graph.op("Squeeze", candidates, graph.constant([2])), location), scale)
    coverage, enrichment = graph.ops(
        "Split", values, graph.constant([config.window_bins, config.n_features]), n_outputs=2, axis=1
    )
    hidden = graph.op("Unsqueeze", coverage, graph.constant([1, 2]))
    for number in range(len(config.n_filters)):
        hidden = graph.op("LeakyRelu", _conv(graph, hidden, arrays, f"convs.{number}"), alpha=config.leak)
        if number:
            hidden = graph.op("MaxPool", hidden, kernel_shape=[1, 2], strides=[1, 2])
    by_position = graph.op("Transpose", graph.op("Squeeze", hidden, graph.constant([2])), perm=[0, 2, 1])
    shape = graph.op("LeakyRelu", _dense(graph, by_position, arrays, "position_dense"), alpha=config.leak)
    shape = graph.op("Flatten", shape)
    by_enrichment = _dense(graph, enrichment, arrays, "enrichment_dense")
    hidden = graph.op("Concat", enrichment, shape, graph.op("Softmax", by_enrichment, axis=1), axis=1)
    for number in range(len(config.n_hidden)):
        hidden = graph.op("LeakyRelu", _dense(graph, hidden, arrays, f"hidden.{number}"), alpha=config.leak)
    logits = _log_odds(graph, _dense(graph, hidden, arrays, "overall_dense"))
    by_shape = _log_odds(graph, _dense(graph, shape, arrays, "shape_dense"))
    return {
        "overall_scores": Output(graph.op("Sigmoid", logits), per_bin=False),
        "shape_scores": Output(graph.op("Sigmoid", by_shape), per_bin=False),
        "enrichment_scores": Output(graph.op("Sigmoid", _log_odds(graph, by_enrichment)), per_bin=False),
        "features": Output(hidden, (config.n_hidden[-1],), per_bin=False),
        "logits": Output(logits, per_bin=False),
    }


def chromatin_states(
    graph: Graph, marks: str, config: ChromatinStateConfig, arrays: Arrays, flank_bins: int, names: tuple[str, ...]
) -> dict[str, Output]:
    """Add a chromatin-state model over ``marks`` (batch, bin, mark), computed in float64 as the entry does."""
    hmm = HMMGraph(graph, marks, arrays, config.start)
    values = {"log_emissions": hmm.log_emissions, "log_likelihood_per_bin": hmm.log_likelihood_per_bin}
    values |= {"state_posteriors": hmm.posteriors(), "state_probabilities": hmm.filtered}
    states = {"log_emissions", "state_posteriors", "state_probabilities"}
    outputs = {}
    for name in names:
        if name in values:
            value = graph.op("Cast", _cropped(graph, values[name], flank_bins), to=TensorProto.FLOAT)
            outputs[name] = Output(value, (config.n_states,) if name in states else ())
    outputs["viterbi_path"] = Output(_cropped(graph, hmm.viterbi_path(), flank_bins))
    likelihoods = _cropped(graph, hmm.log_likelihood_per_bin, flank_bins)
    total = graph.op("ReduceSum", likelihoods, graph.constant([1]), keepdims=0)
    outputs["log_likelihood"] = Output(total, per_bin=False)
    return outputs


def _network(graph: Graph, coverage: str, config: PeakCallerConfig, arrays: Arrays, float16: bool) -> tuple[str, str]:
    """The last hidden layer (batch, feature, 1, bin) and the scores (batch, bin).

    Convolutions are written as two-dimensional ones of height 1, for which ONNX Runtime has the faster kernels.
    """
    signal = graph.op("Transpose", coverage, perm=[0, 2, 1])
    signal = graph.op("Unsqueeze", signal, graph.constant([2]))
    n_scales = sum(name.startswith("scale_convs.") and name.endswith(".kernel") for name in arrays)
    scales = [graph.op("Relu", _conv(graph, signal, arrays, f"scale_convs.{i}")) for i in range(n_scales)]
    combined = graph.op("Concat", *scales, axis=1) if n_scales > 1 else scales[0]
    hidden = graph.op("Relu", _conv(graph, combined, arrays, "combine_conv"))
    if float16:
        hidden = graph.op("Cast", hidden, to=TensorProto.FLOAT16)
    dtype = np.float16 if float16 else np.float32
    for i, dilation in enumerate(config.dilations):
        inner = graph.op("Relu", _conv(graph, hidden, arrays, f"context.{i}.dilated_conv", dilation, dtype))
        hidden = graph.op("Add", hidden, _conv(graph, inner, arrays, f"context.{i}.mix_conv", dtype=dtype))
    if float16:
        hidden = graph.op("Cast", hidden, to=TensorProto.FLOAT)
    scores = graph.op("Squeeze", _conv(graph, hidden, arrays, "output_conv"), graph.constant([1, 2]))
    return hidden, scores


def _conv(
    graph: Graph,
    value: str,
    arrays: Arrays,
    name: str,
    dilation: int = 1,
    dtype: type[np.floating[Any]] = np.float32,
) -> str:
    """A SAME convolution of (batch, feature, 1, bin)."""
    kernel = np.asarray(arrays[f"{name}.kernel"], dtype).transpose(2, 1, 0)[:, :, None]
    reach = (kernel.shape[-1] - 1) * dilation
    return graph.op(
        "Conv",
        value,
        graph.constant(kernel),
        graph.constant(np.asarray(arrays[f"{name}.bias"], dtype)),
        pads=[0, reach // 2, 0, reach - reach // 2],
        dilations=[1, dilation],
    )


def _dense(graph: Graph, value: str, arrays: Arrays, name: str) -> str:
    kernel, bias = (graph.constant(np.asarray(arrays[f"{name}.{part}"], np.float32)) for part in ("kernel", "bias"))
    return graph.op("Add", graph.op("MatMul", value, kernel), bias)


def _log_odds(graph: Graph, pair: str) -> str:
    """Log-odds of the first of two classes (batch,)."""
    first, second = graph.ops("Split", pair, graph.constant([1, 1]), n_outputs=2, axis=1)
    return graph.op("Squeeze", graph.op("Sub", first, second), graph.constant([1]))


def _soft_local_maximum(graph: Graph, values: str, window_bins: int) -> str:
    """Softmax share of each bin among the bins around it, by doubling as in JAX."""
    before = window_bins // 2
    outside = graph.constant(np.finfo(np.float32).min / np.float32(4))
    runs = graph.op("Pad", values, graph.constant([0, before, 0, window_bins - 1 - before]), outside)
    total, offset, width = None, 0, 1
    while True:
        # `runs` is longer than the input by what is still missing of the window.
        surplus = window_bins - width
        if window_bins & width:
            part = _bins(graph, runs, offset, offset - surplus)
            total = part if total is None else _logaddexp(graph, total, part)
            offset += width
        if 2 * width > window_bins:
            assert total is not None
            return graph.op("Exp", graph.op("Sub", values, total))
        runs = _logaddexp(graph, _bins(graph, runs, 0, -width), _bins(graph, runs, width, 0))
        width *= 2


def _logaddexp(graph: Graph, left: str, right: str) -> str:
    gap = graph.op("Neg", graph.op("Abs", graph.op("Sub", left, right)))
    more = graph.op("Log", graph.op("Add", graph.op("Exp", gap), graph.constant(np.float32(1))))
    return graph.op("Add", graph.op("Max", left, right), more)


def _cropped(graph: Graph, value: str, flank_bins: int) -> str:
    return _bins(graph, value, flank_bins, -flank_bins) if flank_bins else value


def _bins(graph: Graph, value: str, start: int, end: int) -> str:
    """Bins from start to end, where an end of 0 or less counts from the last."""
    stop = end if end else np.iinfo(np.int64).max
    return graph.op("Slice", value, graph.constant([start]), graph.constant([int(stop)]), graph.constant([1]))

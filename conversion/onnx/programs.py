"""From JAX to ONNX: an entry as one graph for ONNX Runtime, with any batch and any number of bins.

The graphs are built operator by operator. jax2onnx 0.17 would trace them from JAX, but where the number of bins is
left open its convolutions lose their padding, and where it is fixed the graph is no faster than JAX.
"""

import os

import onnx
from onnx import TensorProto, helper

from epizoo.conversion.metadata import metadata, require_plain
from epizoo.conversion.onnx.graph import Graph
from epizoo.conversion.onnx.models import chromatin_states, peak_caller, peak_scorer
from epizoo.errors import InputError
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.models.peak_scorer.config import PeakScorerConfig
from epizoo.zoo.entry import Entry

OPSET = 18
"""The oldest opset that has all operators used here, and the default: runtimes since ONNX Runtime 1.14 know it."""
NEWEST_OPSET = 26
"""The newest opset that ONNX Runtime 1.31 supports."""
# ONNX Runtime 1.14 reads this version of the format, and newer runtimes do.
_IR_VERSION = 8
_INTEGERS = {"viterbi_path": TensorProto.INT32, "log_likelihood": TensorProto.DOUBLE}


def build_onnx(
    entry: Entry,
    *,
    opset: int = OPSET,
    layers: bool = False,
    crop: bool = True,
    raw_coverage: bool = False,
    float16: bool = False,
) -> onnx.ModelProto:
    """An entry's model in ONNX, checked by `onnx.checker` and by strict shape inference.

    The input and the outputs have the names, shapes and dtypes of the entry's schema, with any batch and any number of
    bins (of peak scorers the number that they take); the metadata are those of `epizoo.conversion.metadata.metadata`.

    Args:
        entry: the entry.
        opset: of the operators.
        layers: whether the entry's layers (``features`` and ``logits``, say) are outputs too.
        crop: whether flanks are cropped, as the entry does; else outputs have as many bins as the input.
        raw_coverage: for peak callers, whether the graph normalises: ``coverage`` is then the mean signal of each bin
            as the bigWig has it (not for -log10 p), and a second input ``scale`` (track,) is what each file's signal
            is divided by (`epizoo.genome.coverage_transform.FittedTransform`, of ``CoverageTransform.fit``).
        float16: for peak callers, whether the dilated convolutions are of half precision; outputs are float32.

    Raises:
        InputError: the opset is too old or too new, raw coverage or half precision is asked of another entry, or the
            peak caller has heads or is paired.
        EntryError: the weights are missing or do not match their hash.
    """
    if not OPSET <= opset <= NEWEST_OPSET:
        raise InputError(
            f"opset: {opset} given, the models need at least {OPSET} and ONNX Runtime knows {NEWEST_OPSET} and older; "
            "choose one of these"
        )
    if raw_coverage and entry.family != "peak_caller":
        raise InputError(f"raw coverage: {entry.name} takes {entry.input_name}, not coverage; leave the option out")
    if float16 and entry.family != "peak_caller":
        raise InputError(f"float16: {entry.name} has no dilated convolutions, which it is about; leave the option out")
    require_plain(entry)
    graph = Graph()
    flank = entry.window.flank_bins if crop else 0
    is_scorer = isinstance(entry.config.model, PeakScorerConfig)
    bins: list[str | int] = ["batch", entry.input_length if is_scorer else "bins", len(entry.channels)]
    value = graph.input(entry.input_name, TensorProto.FLOAT, bins)
    if raw_coverage:
        scale = graph.input("scale", TensorProto.FLOAT, [len(entry.channels)])
        value = graph.op("Asinh", graph.op("Div", value, scale))
    names = entry.output_names + (entry.layer_names if layers else ())
    config, arrays = entry.config.model, entry.weights()
    if isinstance(config, PeakCallerConfig):
        outputs = peak_caller(graph, value, config, arrays, flank, names, float16)
    elif isinstance(config, PeakScorerConfig):
        outputs = peak_scorer(graph, value, config, arrays)
    else:
        outputs = chromatin_states(graph, value, config, arrays, flank, names)
    window = "window" if flank else "bins"
    for name in names:
        shape: list[str | int] = ["batch", *([window] if outputs[name].per_bin else []), *outputs[name].channels]
        graph.output(outputs[name].value, name, _INTEGERS.get(name, TensorProto.FLOAT), shape)
    model = helper.make_model(
        graph.build(entry.name.replace("/", ".")),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=max(_IR_VERSION, helper.find_min_ir_version_for([helper.make_opsetid("", opset)])),
        producer_name="epizoo",
    )
    about = metadata(entry) | {"raw_coverage": str(raw_coverage).lower(), "cropped_bins": str(flank)}
    if float16:
        about["precision"] = "float16"
    helper.set_model_props(model, about)
    onnx.checker.check_model(model, full_check=True)
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def write_onnx(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write a model to a file."""
    onnx.save(model, os.fspath(path))

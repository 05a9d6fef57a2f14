"""An entry computed by ONNX Runtime, which needs no JAX."""

import copy
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from jaxtyping import Float

from epizoo.errors import EntryError, InputError
from epizoo.optional import require
from epizoo.zoo.engines import Arrays
from epizoo.zoo.entry import Entry
from epizoo.zoo.weights import check_sha256


def onnxruntime() -> ModuleType:
    """ONNX Runtime, which sends nothing about its use anywhere.

    Raises:
        MissingDependencyError: it is not installed.
    """
    # Read once, when the module is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return require("onnxruntime", "onnx")


class OnnxEngine:
    """ONNX Runtime over the entry's ``model.onnx``, or over a graph made of its weights where it has none.

    Only what is asked for is computed: each choice of outputs has a session of its own, over the part of the graph that
    it needs.
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._runtime = onnxruntime()
        if entry.zoo.onnx is not None and entry.zoo.onnx_sha256 is not None:
            path = entry.folder / entry.zoo.onnx
            check_sha256(path, entry.zoo.onnx_sha256)
            try:
                self._model = onnx.load(path)
            except DecodeError as error:
                raise EntryError(f"{path}: is no ONNX graph ({error}); restore the file") from None
        else:
            from epizoo.conversion.onnx.programs import build_onnx

            self._model = build_onnx(entry, layers=True)
        self._sessions: dict[tuple[str, ...], Any] = {}

    def run(self, inputs: Float[np.ndarray, "batch bin channel"], names: tuple[str, ...]) -> Arrays:
        """The named layers and outputs of a batch, their flanks cropped."""
        # ONNX Runtime's convolutions refuse an empty batch.
        rows = inputs if len(inputs) else np.zeros((1, *inputs.shape[1:]), inputs.dtype)
        values = self._session(names).run(list(names), {self._entry.input_name: rows})
        return {name: value[: len(inputs)] for name, value in zip(names, values, strict=True)}

    def save(self, names: tuple[str, ...], path: str | os.PathLike[str]) -> None:
        """Write the graph with the named outputs alone.

        Raises:
            InputError: the graph has no output of a name.
        """
        onnx.save(self._with_outputs(names), path)

    def _session(self, names: tuple[str, ...]) -> Any:
        if names not in self._sessions:
            model = self._with_outputs(names)
            options = self._runtime.SessionOptions()
            # Threads that wait for each other in a loop take the other threads' and processes' time.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            if self._entry.family == "chromatin_states":
                # A bin's work is too small to be shared: threads that wait for each other take twice the time.
                options.intra_op_num_threads = 1
            try:
                self._sessions[names] = self._runtime.InferenceSession(
                    model.SerializeToString(), options, providers=["CPUExecutionProvider"]
                )
            # Each kind of wrong graph has an exception of its own.
            except Exception as error:
                if self._entry.zoo.onnx is None or isinstance(error, MemoryError):
                    raise
                raise EntryError(
                    f"{self._entry.name}: ONNX Runtime does not take its model.onnx ({error}); restore the file"
                ) from error
        return self._sessions[names]

    def _with_outputs(self, names: tuple[str, ...]) -> onnx.ModelProto:
        """The graph with some of its outputs and what they need; ONNX Runtime would compute all that it is given."""
        kept = [output for output in self._model.graph.output if output.name in names]
        if len(kept) < len(set(names)):
            known = ", ".join(output.name for output in self._model.graph.output)
            raise InputError(f"{', '.join(names)}: not all in {self._entry.name}'s model.onnx, which has {known}")
        needed = set(names)
        nodes: list[onnx.NodeProto] = []
        # A node stands behind those that it needs.
        for node in reversed(self._model.graph.node):
            if needed.intersection(node.output):
                nodes.append(node)
                needed.update(_inputs(node))
        model = copy.deepcopy(self._model)
        del model.graph.output[:], model.graph.node[:], model.graph.initializer[:]
        model.graph.output.extend(kept)
        model.graph.node.extend(nodes[::-1])
        model.graph.initializer.extend(one for one in self._model.graph.initializer if one.name in needed)
        return model


def _inputs(node: onnx.NodeProto) -> Iterator[str]:
    """Names of the values that a node reads, those of the graphs inside it included."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _inputs(inner)

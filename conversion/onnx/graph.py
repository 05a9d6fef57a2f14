"""A small builder of ONNX graphs: values are names, operators are method calls."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from jaxtyping import Shaped
from onnx import helper, numpy_helper

Shape = Sequence[int | str | None]


class Graph:
    """A graph that grows operator by operator; every method returns the names of what it made.

    Args:
        prefix: of all names, so that those of a nested graph do not hide the outer ones.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._n_values = 0

    def input(self, name: str, dtype: int, shape: Shape | None) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, value: str, name: str, dtype: int, shape: Shape | None) -> None:
        """Declare a value to be an output of this name."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"{self._prefix}node_of_{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def constant(self, array: Shaped[np.ndarray, "..."] | np.generic | list[int]) -> str:
        """A constant; lists become int64."""
        name = self._new("constant")
        values = np.asarray(array, np.int64) if isinstance(array, list) else np.ascontiguousarray(array)
        self._constants.append(numpy_helper.from_array(values.reshape(np.shape(array)), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Apply an operator with one output."""
        return self.ops(kind, *inputs, n_outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, n_outputs: int, **attributes: Any) -> list[str]:
        """Apply an operator with several outputs."""
        outputs = [self._new(kind.lower()) for _ in range(n_outputs)]
        name = f"{self._prefix}node_of_{outputs[0]}"
        self._nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, **attributes))
        return outputs

    def scan(
        self,
        step: Callable[["Graph", list[str], list[str]], tuple[list[str], list[str]]],
        carries: Sequence[tuple[str, int]],
        sequences: Sequence[tuple[str, int]],
        output_dtypes: Sequence[int],
        reverse: bool = False,
    ) -> list[str]:
        """Run a recursion along the second axis of sequences (batch, bin, …); what it gives of every bin.

        Args:
            step: ``step(graph, carries, bins) -> (next carries, outputs)``, on values without the axis of bins; values
                of the outer graph may be used as they are.
            carries: the first carries, each with its dtype.
            sequences: what each step reads, each with its dtype.
            output_dtypes: of the outputs.
            reverse: whether to go from the last bin to the first; outputs stay in the order of the bins.
        """
        body = Graph(self._new("body") + "_")
        states = [body.input(body._new("carry"), dtype, None) for _, dtype in carries]
        bins = [body.input(body._new("bin"), dtype, None) for _, dtype in sequences]
        following, outputs = step(body, states, bins)
        for value, (_, dtype) in zip(following, carries, strict=True):
            body.output(value, body._new("next"), dtype, None)
        for value, dtype in zip(outputs, output_dtypes, strict=True):
            body.output(value, body._new("out"), dtype, None)
        direction = int(reverse)
        results = self.ops(
            "Scan",
            *(name for name, _ in carries),
            *(name for name, _ in sequences),
            n_outputs=len(carries) + len(outputs),
            body=body.build("body"),
            num_scan_inputs=len(sequences),
            scan_input_axes=[1] * len(sequences),
            scan_input_directions=[direction] * len(sequences),
            scan_output_axes=[1] * len(outputs),
            scan_output_directions=[direction] * len(outputs),
        )
        return results[len(carries) :]

    def build(self, name: str) -> onnx.GraphProto:
        """The finished graph."""
        return helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)

    def _new(self, kind: str) -> str:
        self._n_values += 1
        return f"{self._prefix}{kind}_{self._n_values}"

"""What computes an entry's predictions: JAX, ONNX Runtime or torch, behind one call.

`with_backend` gives the same entry with another engine inside: `predict`, `activations` and `call_peaks` work as ever.
JAX is the reference, to which `epizoo.conversion.parity` holds the others. ONNX Runtime needs no JAX.
"""

import copy
import importlib.util
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from epizoo.conversion import require
from epizoo.errors import InputError
from epizoo.zoo.entry import Entry
from epizoo.zoo.weights import check_sha256

BACKENDS = ("jax", "onnx", "torch")
_NEEDS = {"jax": ("jax",), "onnx": ("onnx", "onnxruntime"), "torch": ("torch",)}
# By family, the fastest first, as benchmarks/conversion/backends.py measures on two cores.
_PREFERENCE = {"peak_caller": ("onnx", "jax"), "chromatin_states": ("jax", "onnx")}

Batch = Float[np.ndarray, "batch bin channel"]
Arrays = dict[str, Shaped[np.ndarray, "batch ..."]]
AnyEntry = TypeVar("AnyEntry", bound=Entry)


def default_backend(family: str) -> str:
    """The fastest backend for a family of entries that is installed.

    Only where the entry is computed window by window: whole genomes of chromatin states have kernels of their own.
    """
    installed = (name for name in _PREFERENCE[family] if all(importlib.util.find_spec(part) for part in _NEEDS[name]))
    return next(installed, "jax")


def with_backend(entry: AnyEntry, backend: str | None = None) -> AnyEntry:
    """A copy of an entry that computes with another backend; the fastest that is installed where None.

    Raises:
        InputError: there is no such backend.
        EntryError: a file of the entry does not match its hash.
        MissingDependencyError: the backend is not installed.
    """
    backend = backend or default_backend(entry.family)
    if backend not in BACKENDS:
        raise InputError(f"backend: {backend!r} is unknown; choose one of {', '.join(BACKENDS)}")
    changed = copy.copy(entry)
    # A property that the entry caches; forgetting it brings JAX back.
    changed.__dict__.pop("predictor", None)
    if backend == "onnx":
        changed.__dict__["predictor"] = OnnxPredictor(entry)
    elif backend == "torch":
        require("torch", "torch")
        changed.__dict__["predictor"] = TorchPredictor(entry)
    return changed


class _Predictor:
    """What an entry asks of a predictor, as `epizoo.zoo.jax_engine.Predictor` has it."""

    backend: str

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def module(self) -> Any:
        """The JAX model, for those who ask for it."""
        return self._entry.model()

    def of_module(self, function: Callable[[Any], Any]) -> Any:
        """As JAX's predictor has it."""
        return self._entry.predictor.of_module(function)

    def gradient(self, inputs: Batch, scalar: Any) -> NoReturn:
        """Gradients are JAX's."""
        raise InputError(f"backend: {self.backend} computes no gradients of {self._entry.name}; choose the backend jax")


class OnnxPredictor(_Predictor):
    """ONNX Runtime over the entry's ``model.onnx``, or over a graph made of its weights where it has none.

    Only what is asked for is computed: each choice of outputs has a session of its own.
    """

    backend = "onnx"

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry)
        onnx = require("onnx", "onnx")
        require("onnxruntime", "onnx")
        if entry.zoo.onnx is not None and entry.zoo.onnx_sha256 is not None:
            path = entry.folder / entry.zoo.onnx
            check_sha256(path, entry.zoo.onnx_sha256)
            self._model = onnx.load(path)
        else:
            from epizoo.conversion.onnx.programs import build_onnx

            self._model = build_onnx(entry, layers=True)
        self._sessions: dict[tuple[str, ...], Any] = {}

    def run(self, inputs: Batch, names: tuple[str, ...]) -> Arrays:
        """The named layers and outputs of a batch, their flanks cropped."""
        values = self._session(names).run(list(names), {self._entry.input_name: inputs})
        return dict(zip(names, values, strict=True))

    def _session(self, names: tuple[str, ...]) -> Any:
        if names not in self._sessions:
            import onnxruntime

            model = copy.deepcopy(self._model)
            kept = [output for output in model.graph.output if output.name in names]
            if len(kept) < len(set(names)):
                known = ", ".join(output.name for output in model.graph.output)
                raise InputError(f"{', '.join(names)}: not all in {self._entry.name}'s model.onnx, which has {known}")
            # ONNX Runtime drops what no output needs.
            del model.graph.output[:]
            model.graph.output.extend(kept)
            options = onnxruntime.SessionOptions()
            if self._entry.family == "chromatin_states":
                # A bin's work is too small to be shared: threads that wait for each other take twice the time.
                options.intra_op_num_threads = 1
            self._sessions[names] = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[names]


class TorchPredictor(_Predictor):
    """The entry's torch twin, run eagerly."""

    backend = "torch"

    def __init__(self, entry: Entry) -> None:
        from epizoo.conversion.torch.programs import Program

        super().__init__(entry)
        self._program = Program(entry, layers=True).eval()

    def run(self, inputs: Batch, names: tuple[str, ...]) -> Arrays:
        """The named layers and outputs of a batch, their flanks cropped."""
        import torch

        with torch.inference_mode():
            arrays = self._program(torch.tensor(inputs), names)
        return {name: arrays[name].numpy() for name in names}

"""Engines of an entry's predictions: JAX, ONNX Runtime or torch, behind one interface, chosen here alone.

JAX is the reference, to which `epizoo.conversion.parity` holds the others; the model itself and gradients are always
JAX's. ONNX Runtime needs no JAX.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, get_args

import numpy as np
from jaxtyping import Float, Shaped

from epizoo.errors import InputError
from epizoo.optional import is_installed, require
from epizoo.zoo.description import Backend, Family
from epizoo.zoo.upward import imported

if TYPE_CHECKING:
    from epizoo.zoo.entry import Entry

BACKENDS: tuple[Backend, ...] = get_args(Backend)
Arrays = dict[str, Shaped[np.ndarray, "batch ..."]]


class Engine(Protocol):
    """An entry's model, ready to run."""

    def run(self, inputs: Float[np.ndarray, "batch bin channel"], names: tuple[str, ...]) -> Arrays:
        """The named layers and outputs of a batch, their flanks cropped."""
        ...


class _Maker(NamedTuple):
    """Makes an engine of an entry; needs modules, which an extra installs."""

    reference: str
    needs: tuple[str, ...]
    extra: str = ""


_MAKERS: Mapping[Backend, _Maker] = {
    "jax": _Maker("epizoo.zoo.jax_engine:of_entry", ("jax",)),
    "onnx": _Maker("epizoo.conversion.onnx.engine:OnnxEngine", ("onnx", "onnxruntime"), "onnx"),
    "torch": _Maker("epizoo.conversion.torch.engine:TorchEngine", ("torch",), "torch"),
}
# The fastest first, as benchmarks/conversion/backends.py measures for single windows on two cores. Whole genomes of
# chromatin states are decoded by kernels of their own.
_FASTEST: Mapping[Family, tuple[Backend, ...]] = {
    "peak_caller": ("onnx", "jax"),
    "peak_scorer": ("onnx", "jax"),
    "chromatin_states": ("jax", "onnx"),
}


def default_backend(family: Family, proven: Collection[Backend]) -> Backend:
    """The fastest backend for entries of a family that is installed, among those that were proven to be the entry."""
    return next((name for name in _FASTEST[family] if name in proven and is_installed(*_MAKERS[name].needs)), "jax")


def check_backend(name: str) -> Backend:
    """The backend of this name.

    Raises:
        InputError: there is no such backend.
        MissingDependencyError: it is not installed.
    """
    for backend in BACKENDS:
        if backend == name:
            for module in _MAKERS[backend].needs:
                if not is_installed(module):
                    require(module, _MAKERS[backend].extra)
            return backend
    raise InputError(f"backend: {name!r} is unknown; choose one of {', '.join(BACKENDS)}")


def make_engine(backend: Backend, entry: "Entry") -> Engine:
    """The engine that computes an entry with a backend.

    Raises:
        EntryError: a file of the entry is missing or does not match its hash, or the weights do not fit the model.
    """
    engine: Engine = imported(_MAKERS[backend].reference)(entry)
    return engine

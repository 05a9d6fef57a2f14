"""Conversions of the zoo's models between JAX, torch and ONNX, with proof that each is still the same model.

JAX is the reference. Nothing here is imported until it is asked for: torch comes with the extra ``torch``, onnx and
onnxruntime with the extra ``onnx``.
"""

import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from epizoo.zoo.engines import BACKENDS

if TYPE_CHECKING:
    from epizoo.conversion.exporting import export
    from epizoo.conversion.parity import check_parity
    from epizoo.zoo.entry import Entry

__all__ = ["BACKENDS", "check_parity", "export", "with_backend"]

AnyEntry = TypeVar("AnyEntry", bound="Entry")


def with_backend(entry: AnyEntry, backend: str | None = None) -> AnyEntry:
    """The entry computed by another backend; see `epizoo.zoo.entry.Entry.with_backend`."""
    return entry.with_backend(backend)


def __getattr__(name: str) -> Any:
    module = {"check_parity": "parity", "export": "exporting"}.get(name)
    if module is not None:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Conversions of the zoo's models between JAX, torch and ONNX, with proof that each is still the same model.

JAX is the reference. Nothing here is imported until it is asked for: torch comes with the extra ``torch``, onnx and
onnxruntime with the extra ``onnx``.
"""

import importlib
from types import ModuleType
from typing import Any

from epizoo.errors import MissingDependencyError

_PUBLIC = {
    "BACKENDS": "backends",
    "check_parity": "parity",
    "export": "exporting",
    "with_backend": "backends",
}

__all__ = list(_PUBLIC)


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Raises:
        MissingDependencyError: it is not installed; the message names the extra that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        raise MissingDependencyError(
            f"{module}: not installed, and this needs it; install it with: pip install 'epizoo[{extra}]'"
        ) from error


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

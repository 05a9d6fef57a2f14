"""Adapters to the tools that genomics people already use.

Modules are imported when they are first touched: Kipoi resolves ``epizoo.plugins.kipoi_model.X`` by walking attributes.
"""

import importlib
from typing import Any

_MODULES = ("grelu", "kipoi_dataloader", "kipoi_model", "kipoi_patches", "kipoi_source")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

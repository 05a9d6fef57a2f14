"""Adapters to the tools that genomics people already use.

Modules are imported when they are first touched: Kipoi resolves ``epizoo.plugins.kipoi.model.X`` by walking attributes.
"""

import importlib
from typing import Any

_MODULES = {
    "grelu": "grelu",
    "kipoi": "kipoi",
    # The names in the model.yaml and dataloader.py of entries that epizoo 0.1 wrote.
    "kipoi_dataloader": "kipoi.dataloader",
    "kipoi_model": "kipoi.model",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The Kipoi adapter: models, dataloaders, the installed zoo as a source, and work-arounds for Kipoi's bugs."""

import importlib
from typing import Any

_MODULES = ("dataloader", "model", "patches", "source")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

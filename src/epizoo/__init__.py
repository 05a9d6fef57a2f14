"""epizoo: a model zoo of differentiable epigenome models.

The subpackages are imported when they are first touched, so that ``import epizoo`` is fast and needs neither JAX nor
Kipoi. Kipoi itself relies on this: it resolves ``epizoo.plugins.X`` by importing ``epizoo`` and walking attributes.
"""

import importlib
from typing import Any

from epizoo.version import __version__

_SUBPACKAGES = (
    "calling",
    "conversion",
    "errors",
    "figures",
    "files",
    "finetuning",
    "genome",
    "jobs",
    "metrics",
    "model_zoo",
    "models",
    "peaks",
    "plugins",
    "recipes",
    "simulation",
    "states",
    "zoo",
)

__all__ = ["__version__", "finetune", "list_entries", "load"]


def load(entry: str) -> Any:
    """Load a zoo entry by name or by folder; see `epizoo.zoo.load`."""
    from epizoo.zoo import load as load_entry

    return load_entry(entry)


def list_entries() -> list[str]:
    """Names of all entries in the installed zoo, such as ``peak_caller/h3k4me3``, sorted."""
    from epizoo.zoo import list_entries as list_zoo_entries

    return list_zoo_entries()


def finetune(entry: str, data: str, name: str, output: str, **options: Any) -> Any:
    """Fine-tune an entry on a new cell type, and build an entry of the result; see `epizoo.jobs.finetune.finetune`."""
    from epizoo.jobs.finetune import finetune as finetune_entry

    return finetune_entry(entry, data, name, output, **options)


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

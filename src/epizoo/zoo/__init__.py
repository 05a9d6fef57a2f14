"""The zoo: entries of metadata, weights and dataloaders, and what loads and builds them.

Listing entries reads folder names alone; an entry's ``model.yaml`` is read when it is loaded, and JAX is imported when
its weights are asked for.
"""

import os
from typing import TYPE_CHECKING, Any

from epizoo.zoo.catalogue import ZOO_FOLDER, find_entry, list_entries

if TYPE_CHECKING:
    from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry

__all__ = ["ZOO_FOLDER", "ChromatinStateEntry", "Entry", "PeakCallerEntry", "find_entry", "list_entries", "load"]

_ENTRY_CLASSES = ("ChromatinStateEntry", "Entry", "PeakCallerEntry")


def load(entry: str | os.PathLike[str]) -> "PeakCallerEntry | ChromatinStateEntry":
    """Load a zoo entry by its name, such as ``peak_caller/h3k4me3``, or by its folder; the weights wait until used.

    Raises:
        EntryError: there is no such entry, or its ``model.yaml`` is not what an entry's must be.
    """
    from epizoo.zoo.entry import load as load_entry

    return load_entry(entry)


def __getattr__(name: str) -> Any:
    if name in _ENTRY_CLASSES:
        from epizoo.zoo import entry

        return getattr(entry, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The zoo: entries of metadata, weights and dataloaders, and what loads and builds them.

Listing entries reads folder names alone; an entry's ``model.yaml`` is read when it is loaded, and JAX is imported when
its weights are asked for.
"""

from typing import TYPE_CHECKING, Any

from epizoo.zoo.catalogue import ZOO_FOLDER, find_entry, list_entries

if TYPE_CHECKING:
    from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry
    from epizoo.zoo.loading import load, load_annotator, load_peak_caller

__all__ = [
    "ZOO_FOLDER",
    "ChromatinStateEntry",
    "Entry",
    "PeakCallerEntry",
    "PeakScorerEntry",
    "find_entry",
    "list_entries",
    "load",
    "load_annotator",
    "load_peak_caller",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from epizoo.zoo import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

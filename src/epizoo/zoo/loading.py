"""Loading of entries by their name, folder or reference."""

import logging
import os
from pathlib import Path
from typing import Any, overload

from epizoo.errors import EntryError, InputError
from epizoo.validation import parse, read_yaml
from epizoo.zoo.catalogue import ChromatinStateName, PeakCallerName, PeakScorerName, find_entry, list_entries
from epizoo.zoo.description import KipoiPart, ZooBlock
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry
from epizoo.zoo.remote import is_remote

AnyEntry = PeakCallerEntry | PeakScorerEntry | ChromatinStateEntry
_CLASSES: dict[str, type[PeakCallerEntry] | type[PeakScorerEntry] | type[ChromatinStateEntry]] = {
    "peak_caller": PeakCallerEntry,
    "peak_scorer": PeakScorerEntry,
    "chromatin_states": ChromatinStateEntry,
}
_LOGGER = logging.getLogger("epizoo")
_Path = str | os.PathLike[str]


@overload
def load(entry: PeakCallerName) -> PeakCallerEntry: ...
@overload
def load(entry: PeakScorerName) -> PeakScorerEntry: ...
@overload
def load(entry: ChromatinStateName) -> ChromatinStateEntry: ...
@overload
def load(entry: _Path) -> AnyEntry: ...
def load(entry: _Path) -> AnyEntry:
    """Load a zoo entry by its name, such as ``peak_caller/h3k4me3``, by its folder, or from the hub (``hf://ORG/NAME``).

    The weights are read when they are first used.

    Raises:
        EntryError: there is no such entry, or its ``model.yaml`` is not what an entry's must be.
    """
    folder = find_entry(entry)
    kipoi, zoo = read_model_yaml(folder / "model.yaml")
    loaded = _CLASSES[zoo.family](folder, kipoi, zoo)
    if is_remote(entry):
        loaded.check_files()
    _LOGGER.debug("Entry %s %s: %s, weights sha256 %s", loaded.name, loaded.version, folder, loaded.sha256)
    return loaded


def load_peak_caller(entry: Entry | _Path, backend: str | None = None) -> PeakCallerEntry:
    """The peak caller of this name, folder or reference, or the entry itself, with another backend if one is named.

    Raises:
        InputError: it is of another family, or there is no such backend.
        EntryError: see `load`.
        MissingDependencyError: the backend is not installed.
    """
    loaded = load_any_caller(entry, backend)
    if isinstance(loaded, PeakScorerEntry):
        raise InputError(
            f"{loaded.name}: scores candidate peaks and gives no probability of each bin, which this takes; it works "
            f"with call-peaks and bench. Here {_others('peak_caller')}"
        )
    return loaded


def load_any_caller(entry: Entry | _Path, backend: str | None = None) -> PeakCallerEntry | PeakScorerEntry:
    """The peak caller or peak scorer; see `load_peak_caller`."""
    loaded = entry if isinstance(entry, Entry) else load(entry)
    if not isinstance(loaded, PeakCallerEntry | PeakScorerEntry):
        raise InputError(f"{loaded.name}: this entry does not call peaks; {_others('peak_caller', 'peak_scorer')}")
    return loaded if backend is None else loaded.with_backend(backend)


def load_annotator(entry: Entry | _Path, backend: str | None = None) -> ChromatinStateEntry:
    """The chromatin-state annotator of this name, folder or reference, or the entry itself; see `load_peak_caller`."""
    loaded = entry if isinstance(entry, Entry) else load(entry)
    if not isinstance(loaded, ChromatinStateEntry):
        raise InputError(f"{loaded.name}: this entry does not annotate states; {_others('chromatin_states')}")
    return loaded if backend is None else loaded.with_backend(backend)


def _others(*families: str) -> str:
    names = [name for name in list_entries() if load(name).family in families]
    return f"use {', '.join(names) or 'an entry that does'}"


def read_model_yaml(path: Path) -> tuple[dict[str, Any], ZooBlock]:
    """Kipoi's part and the ``zoo`` block of a ``model.yaml``.

    Raises:
        EntryError: it is not YAML, or a key that epizoo reads is missing, unknown or of another type.
    """
    content = read_yaml(path, EntryError)
    if not isinstance(content, dict) or not isinstance(content.get("zoo"), dict):
        raise EntryError(f"{path}: the zoo block is missing; an entry's model.yaml describes itself under the key zoo")
    block = content.pop("zoo")
    parse(KipoiPart, content, str(path), EntryError)
    return content, parse(ZooBlock, block, f"{path}: zoo", EntryError)

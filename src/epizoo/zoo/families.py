"""Entries of the kind that a job needs."""

from typing import Any

from epizoo.errors import InputError
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import load

_JOBS = {"peak_caller": "does not call peaks", "chromatin_states": "does not annotate states"}


def load_of_family(family: str, name: str) -> Any:
    """The entry `name`.

    Raises:
        EntryError: there is no such entry.
        InputError: it is of another family than `family`.
    """
    loaded = load(name)
    if loaded.family != family:
        others = ", ".join(entry for entry in list_entries() if entry.startswith(f"{family}/"))
        raise InputError(f"{loaded.name}: this entry {_JOBS[family]}; use {others or 'an entry that does'}")
    return loaded

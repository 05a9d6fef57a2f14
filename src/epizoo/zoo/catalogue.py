"""Entries of the zoo, read from its folders alone, so that listing them is quick."""

import difflib
import os
from pathlib import Path
from typing import Literal

import epizoo.model_zoo
from epizoo.errors import EntryError
from epizoo.zoo.remote import download_entry, is_remote

ZOO_FOLDER = Path(epizoo.model_zoo.__file__).parent
PeakCallerName = Literal[
    "peak_caller/atac",
    "peak_caller/cutrun",
    "peak_caller/h3k36me3",
    "peak_caller/h3k4me3",
    "peak_caller/tf",
    "peak_caller/universal",
]
PeakScorerName = Literal["peak_caller/lanceotron"]
ChromatinStateName = Literal[
    "chromatin_states/encode-10",
    "chromatin_states/encode-15",
    "chromatin_states/roadmap-15",
    "chromatin_states/roadmap-18",
]
"""The entries of this version, by which `load` tells type checkers what it returns."""


def list_entries(zoo_folder: str | os.PathLike[str] = ZOO_FOLDER) -> list[str]:
    """Names of all entries of a zoo, such as ``peak_caller/h3k4me3``, sorted."""
    zoo = Path(zoo_folder)
    return sorted(path.parent.relative_to(zoo).as_posix() for path in zoo.glob("*/*/model.yaml"))


def find_entry(entry: str | os.PathLike[str], zoo_folder: str | os.PathLike[str] = ZOO_FOLDER) -> Path:
    """The folder of an entry, given its name in the zoo, a folder that holds a ``model.yaml``, or ``hf://ORG/NAME``.

    Raises:
        EntryError: there is no such entry; the message lists those that exist and suggests the nearest.
    """
    if not isinstance(entry, str | os.PathLike) or not os.fspath(entry) or "\0" in os.fspath(entry):
        raise EntryError(f"{entry!r}: not an entry; give its name, its folder or hf://ORG/NAME")
    if is_remote(entry):
        return download_entry(os.fspath(entry))
    for folder in (Path(zoo_folder) / entry, Path(entry)):
        if (folder / "model.yaml").is_file():
            return folder.resolve()
    if Path(entry).is_dir():
        raise EntryError(f"{entry}: not a zoo entry, this folder has no model.yaml; give the folder of an entry")
    if Path(entry).is_file():
        raise EntryError(
            f"{entry}: a file, but an entry is a folder; `epizoo import-chromhmm` makes one of a model of ChromHMM, "
            "`epizoo import-grelu` and `epizoo import-torch` of others"
        )
    names = list_entries(zoo_folder)
    parts = Path(entry).parts
    if Path(entry).is_absolute() or len(parts) > 2 or (len(parts) == 2 and Path(parts[0]).is_dir()):
        raise EntryError(f"{entry}: no such folder; give the folder of an entry, or a name that `epizoo list` shows")
    nearest = _nearest(os.fspath(entry), names)
    hint = f"; did you mean {nearest}?" if nearest else ""
    raise EntryError(f"{entry}: unknown entry, the zoo has {', '.join(names) or 'none'}{hint}")


def _nearest(wanted: str, names: list[str]) -> str | None:
    """The entry whose full or last name is most like ``wanted``, or None when nothing is."""
    by_spelling = {name.lower(): name for name in names} | {name.split("/")[-1].lower(): name for name in names}
    matches = difflib.get_close_matches(wanted.lower(), by_spelling, n=1, cutoff=0.5)
    return by_spelling[matches[0]] if matches else None

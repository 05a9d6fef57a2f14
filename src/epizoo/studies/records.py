"""A piece of a study's work, and the record that it leaves when it is finished.

The record holds the hash of everything that decides the result, and the files that were made; with the same hash the
piece is not done again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from epizoo.files import write_json

RECORDS = "records"
_NOT_DONE = "not done"


@dataclass(frozen=True)
class Piece:
    """A piece of a study's work.

    Attributes:
        name: unique in the study, such as ``peaks/t1``.
        kind: what is done: a key of `epizoo.studies.pieces.KINDS`.
        settings: plain values that the work depends on; paths are absolute.
        folder: where the study's results are.
        outputs: the files that it makes, relative to the folder.
        key: hash of all that decides its result.
        needs: names of the pieces before it.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    folder: str
    outputs: tuple[str, ...]
    key: str
    needs: tuple[str, ...] = ()

    @property
    def record(self) -> Path:
        """File that says that the piece is finished."""
        return Path(self.folder) / RECORDS / f"{self.name.replace('/', '.')}.json"

    def is_finished(self) -> bool:
        """True if it was done with the same inputs and settings, and its files are as they were then."""
        record = _content(self.record)
        return bool(record.get("key") == self.key and record.get("files") == self._stamps())

    def finish(self) -> None:
        """Record that it is done."""
        write_json(self.record, {"piece": self.name, "key": self.key, "files": self._stamps()})

    def path(self, number: int) -> Path:
        """One of its outputs."""
        return Path(self.folder) / self.outputs[number]

    def _stamps(self) -> dict[str, list[int]]:
        files = {name: Path(self.folder) / name for name in self.outputs}
        return {name: [file.stat().st_size, file.stat().st_mtime_ns] for name, file in files.items() if file.is_file()}


@dataclass(frozen=True)
class Outcome:
    """End of a piece: how it ended, and the sentence of its error, if there was one."""

    name: str
    error: str | None = None
    notes: tuple[str, ...] = field(default=())
    is_new: bool = True
    """False for a piece that was finished before."""

    @classmethod
    def not_done(cls, name: str, needed: str) -> Self:
        """The outcome of a piece that needs one that failed."""
        return cls(name, f"{_NOT_DONE}, since {needed} failed")

    @property
    def has_failed(self) -> bool:
        """True if its own work ended in an error."""
        return self.error is not None and not self.error.startswith(_NOT_DONE)


def remove_stale(folder: Path, pieces: Sequence[Piece]) -> list[str]:
    """Remove records of pieces that are no longer in the study, and the files of all that are not up to date.

    A piece that is done again and fails then leaves no results of earlier inputs.

    Args:
        folder: where the study's results are.
        pieces: all pieces of the study as it is now.

    Returns:
        The files that were removed and will not be made again, relative to the folder; those that no record names as
        made here are left.
    """
    records = {piece.record for piece in pieces}
    outputs = {name for piece in pieces for name in piece.outputs}
    up_to_date = {name for piece in pieces if piece.is_finished() for name in piece.outputs}
    removed = []
    for record in sorted((folder / RECORDS).glob("*.json")):
        for name in sorted(_made(record) - up_to_date):
            path = folder / name
            if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
                path.unlink()
                if name not in outputs:
                    removed.append(name)
                    _remove_empty(path.parent, folder)
        if record not in records and "piece" in _content(record):
            record.unlink()
    return removed


def _remove_empty(folder: Path, above: Path) -> None:
    """Remove a folder and those that hold it alone, as far as a folder above, which stays."""
    while folder != above and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _content(record: Path) -> dict[str, Any]:
    """The content of a file of records, empty if it is damaged."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _made(record: Path) -> set[str]:
    """The files that a record says its piece has made."""
    content = _content(record)
    files = content.get("files") if "piece" in content else None
    return set(files) if isinstance(files, dict) else set()

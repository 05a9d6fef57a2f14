"""The files that make up an entry, and the one hash of them all."""

import hashlib
from pathlib import Path

from epizoo.errors import EntryError
from epizoo.files import sha256

# What is made of an entry, or beside it: no part of what is reviewed.
_NOT_OF_ENTRY = ("README.md", "*.ckpt", "*.ckpt.parity.json")


def entry_files(folder: Path) -> list[Path]:
    """All files of an entry's folder, sorted by path, without compiled Python.

    Raises:
        EntryError: one is a link that leads out of the folder; to follow it would copy or publish a file that is no
            part of the entry. The hub's cache, which holds nothing but links to its own downloads, is no such case.
    """
    allowed = [folder.resolve(), *_downloads_of(folder)]
    found = []
    for path in sorted(folder.rglob("*")):
        if "__pycache__" in path.parts:
            continue
        if path.is_symlink() and not any(path.resolve().is_relative_to(root) for root in allowed):
            raise EntryError(
                f"{path}: a link that leads out of the entry, to {path.resolve()}; put the file in its place"
            )
        if path.is_file():
            found.append(path)
    return found


def entry_sha256(folder: Path) -> str:
    """One hash of all that an entry is, to say which one was reviewed.

    It is the SHA-256 of a line for each file, sorted by path: the file's own SHA-256, two spaces and the path, as
    ``sha256sum`` prints them. The card and gReLU's checkpoint, which are made of the entry, are left out.

    Raises:
        EntryError: see `entry_files`.
    """
    paths = [path for path in entry_files(folder) if not any(path.match(pattern) for pattern in _NOT_OF_ENTRY)]
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _downloads_of(folder: Path) -> list[Path]:
    """The hub's downloads, where this is a folder of its cache: ``…/snapshots/COMMIT``, links to ``blobs``."""
    return [parent.parent.resolve() / "blobs" for parent in folder.parents if parent.name == "snapshots"]

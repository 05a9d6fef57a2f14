"""Rows of large text files, plain or gzipped, without the comments and other lines that stand between them."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from epizoo.genome.inflated import open_inflated
from epizoo.genome.intervals import SKIPPED_LINES, read_lines, skip_mark

UNPLACED = (".\t", ". ")
"""Beginnings of rows of reads that lie on no chromosome."""
NO_ROWS = (*SKIPPED_LINES, *UNPLACED)

_BLOCK_BYTES = 1 << 20
_BEGINNINGS = tuple(b"\n" + text.encode() for text in NO_ROWS)
_NO_ROW = re.compile(b"\n(?:" + b"|".join(re.escape(text[1:]) for text in _BEGINNINGS) + b")[^\n]*")


@contextmanager
def open_rows(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """The bytes of a text file less comments, track and browser lines and unplaced reads, wherever they stand."""
    with open_inflated(path) as file:
        yield io.BufferedReader(_RowsAlone(skip_mark(file)), _BLOCK_BYTES)


def numbered_rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """The same rows as text, with the number of their line in the file; blank lines are none.

    Raises:
        InputError: the file is missing or no text.
    """
    return ((number, line) for number, line in read_lines(path) if line.strip() and not line.startswith(NO_ROWS))


def is_gzip(path: str | os.PathLike[str]) -> bool:
    """True if a file is gzipped, by its content."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


class _RowsAlone(io.RawIOBase):
    """The rows of a file, read in blocks of whole lines."""

    def __init__(self, file: Any) -> None:
        self._blocks = _blocks(file)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        n = min(len(buffer), len(self._left))
        buffer[:n], self._left = self._left[:n], self._left[n:]
        return n


def _blocks(file: Any) -> Iterator[bytes]:
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        whole, newline, rest = (rest + block).rpartition(b"\n")
        yield _rows(whole + newline)
    yield _rows(rest)


def _rows(lines: bytes) -> bytes:
    found = b"\n" + lines
    # Searching for a few texts is much faster than looking for the pattern at every place.
    if any(text in found for text in _BEGINNINGS):
        found = _NO_ROW.sub(b"", found)
    return found[1:]

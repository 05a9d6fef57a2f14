"""Text files, plain or gzipped, opened with bounds: three megabytes of gzip may hold three gigabytes of text."""

import gzip
import io
import os
from typing import Any, BinaryIO

from epizoo.errors import InputError

LONGEST_LINE_BYTES = 1 << 24
MOST_TABLE_BYTES = 1 << 30
"""The most text that is held in memory as it is."""
MOST_ROWS_BYTES = 1 << 28
"""The most text of which every row is kept, which takes some ten times its memory."""
_BLOCK_BYTES = 1 << 20


def open_inflated(path: str | os.PathLike[str], most_bytes: int | None = None) -> BinaryIO:
    """Open a text file, plain or gzipped, to be read as plain bytes.

    Args:
        path: the file.
        most_bytes: where what is read is kept, the most of it.

    Raises:
        OSError: the file is missing, a folder or unreadable.
        InputError: while reading, a line has more than 16 MiB, or the text more than ``most_bytes``.
    """
    with open(path, "rb") as beginning:
        gzipped = beginning.read(2) == b"\x1f\x8b"
    file = gzip.open(path, "rb") if gzipped else open(path, "rb", buffering=0)  # noqa: SIM115
    return io.BufferedReader(_Bounded(path, file, most_bytes), _BLOCK_BYTES)


def read_inflated(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a text file, plain or gzipped; see `open_inflated`.

    Raises:
        InputError: it has more than 1 GiB, or a line of more than 16 MiB.
    """
    with open_inflated(path, MOST_TABLE_BYTES) as file:
        return file.read()


class _Bounded(io.RawIOBase):
    """Bytes of a file, which end in an error where there are too many."""

    def __init__(self, path: str | os.PathLike[str], file: Any, most_bytes: int | None) -> None:
        self._path, self._file, self._most_bytes = path, file, most_bytes
        self._n_bytes = self._line_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n: int = self._file.readinto(buffer)
        end = bytes(buffer[:n]).rfind(b"\n")
        self._line_bytes = n - end - 1 if end >= 0 else self._line_bytes + n
        self._n_bytes += n
        if self._line_bytes > LONGEST_LINE_BYTES:
            raise InputError(
                f"{self._path}: a line of more than {LONGEST_LINE_BYTES >> 20} MiB found, expected rows of text; is it "
                "a text file?"
            )
        if self._most_bytes is not None and self._n_bytes > self._most_bytes:
            raise InputError(
                f"{self._path}: more than {self._most_bytes >> 20:,} MiB of text found, which is too much for a table "
                "in memory; give fewer rows"
            )
        return n

    def close(self) -> None:
        self._file.close()
        super().close()

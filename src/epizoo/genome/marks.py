"""Binarised marks in ChromHMM's text format.

Values are uint8: 0 absent, 1 present, 2 missing (not measured).
"""

import gzip
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt16

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.inflated import read_inflated
from epizoo.genome.intervals import DAMAGED_GZIP, without_mark
from epizoo.mark_values import MISSING

_HEADER_BYTES = 1 << 16
_FILES_AT_ONCE = 2
"""Number of files of marks that are read side by side; their text is in memory."""


class BinarizedChromosome(NamedTuple):
    """The marks of one chromosome of one cell type."""

    cell: str
    chrom: str
    marks: tuple[str, ...]
    values: UInt8[np.ndarray, "bin mark"]


class BinarizedFile(NamedTuple):
    """A file of binarised marks and what its two header lines say."""

    path: Path
    cell: str
    chrom: str
    marks: tuple[str, ...]


def read_binarized(path: str | os.PathLike[str]) -> BinarizedChromosome:
    """Read one file of ChromHMM's binarised text (plain or gzipped).

    Line 1 is ``cell<TAB>chrom``, line 2 the marks, then one line of 0, 1 or 2 (missing) per bin. The last newline may
    be absent, as in ChromHMM's own sample.

    Raises:
        InputError: the file is missing, or a line is not in this format (it is named).
    """
    content = _read_bytes(Path(path))
    cell, chrom, marks, body_start = _parse_header(content[:_HEADER_BYTES], path)
    return BinarizedChromosome(cell, chrom, marks, _parse_body(content, body_start, len(marks), path))


def read_binarized_header(path: str | os.PathLike[str]) -> BinarizedFile:
    """Read the two header lines of a file of binarised marks.

    Raises:
        InputError: the file is missing or does not begin with the two lines.
    """
    cell, chrom, marks, _ = _parse_header(_read_bytes(Path(path), _HEADER_BYTES), path)
    return BinarizedFile(Path(path), cell, chrom, marks)


def write_binarized(path: str | os.PathLike[str], chromosome: BinarizedChromosome) -> None:
    """Write one chromosome as ChromHMM's binarised text, gzipped where the name ends in .gz; atomic.

    Raises:
        InputError: the values are not 0, 1 or 2 with one column per mark, or the path cannot be written.
    """
    values = np.asarray(chromosome.values)
    if values.ndim != 2 or values.shape[1] != len(chromosome.marks) or (values.size and values.max() > MISSING):
        raise InputError(f"{path}: expected values 0, 1 or 2 in {len(chromosome.marks)} columns, found {values.shape}")
    values = np.ascontiguousarray(values, np.uint8)
    # A digit and what follows it are one number of two bytes.
    text = values + np.array(ord("0") + (ord("\t") << 8), "<u2")
    text[:, -1] += (ord("\n") - ord("\t")) << 8
    header = f"{chromosome.cell}\t{chromosome.chrom}\n" + "\t".join(chromosome.marks) + "\n"
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        if str(path).endswith(".gz"):
            # No time stamp, so that equal marks make equal files.
            file.write(gzip.compress(header.encode() + text.tobytes(), 6, mtime=0))
        else:
            file.write(header.encode())
            file.write(text.data)


def find_binarized(folder: str | os.PathLike[str], cell: str | None = None) -> list[BinarizedFile]:
    """Files of binarised marks in a folder (names that hold ``_binary``, as in ChromHMM), by cell and chromosome.

    Args:
        folder: the folder.
        cell: keep this cell type alone; needed for a single sequence of chromosomes when the folder holds several.

    Raises:
        InputError: the folder does not exist, holds no such file, not this cell, or two files of one chromosome.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of the binarised files")
    paths = sorted(path for path in Path(folder).iterdir() if is_binarized(path))
    if not paths:
        raise InputError(f"{folder}: holds no binarised marks; expected names such as CELL_chr1_binary.txt.gz")
    files = [read_binarized_header(path) for path in paths]
    if cell is not None and all(file.cell != cell for file in files):
        cells = ", ".join(sorted({file.cell for file in files}))
        raise InputError(f"{folder}: holds no cell type {cell}; it holds {cells}: name one of them")
    files = [file for file in files if cell is None or file.cell == cell]
    seen: dict[tuple[str, str], Path] = {}
    for file in files:
        first = seen.setdefault((file.cell, file.chrom), file.path)
        if first != file.path:
            raise InputError(
                f"{file.path}: holds {file.chrom} of {file.cell}, as does {first.name}; remove one of them"
            )
    return sorted(files, key=lambda file: (file.cell, file.chrom))


def is_binarized(path: Path) -> bool:
    """True for a file whose name is that of binarised marks, as ChromHMM knows them."""
    return "_binary" in path.name and path.is_file()


def find_one_cell(folder: str | os.PathLike[str], cell: str | None = None) -> list[BinarizedFile]:
    """As `find_binarized`, and refuse a folder of several cell types where none is named.

    Raises:
        InputError: as `find_binarized`, or the cell type is ambiguous.
    """
    files = find_binarized(folder, cell)
    cells = sorted({file.cell for file in files})
    if len(cells) > 1:
        raise InputError(f"{folder}: holds several cell types ({', '.join(cells)}); name the one to read")
    return files


def read_chromosomes(
    files: Sequence[BinarizedFile], marks: Sequence[str], allow_missing: bool = False
) -> dict[str, UInt8[np.ndarray, "bin mark"]]:
    """Marks of each file's chromosome in a model's order; all headers are checked before the first long read.

    Args:
        files: one for each chromosome.
        marks: the model's marks, in its order.
        allow_missing: accept that a mark of the model is absent; it becomes missing (2).

    Raises:
        InputError: a file cannot be read, or a mark is absent and that is not allowed.
    """
    for file in files:
        arrange_marks(np.zeros((0, len(file.marks)), np.uint8), file.marks, marks, str(file.path), allow_missing)

    def read(file: BinarizedFile) -> UInt8[np.ndarray, "bin mark"]:
        found = read_binarized(file.path)
        return arrange_marks(found.values, found.marks, marks, str(file.path), allow_missing)

    # Reading, inflating and parsing all release the interpreter's lock.
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return dict(zip((file.chrom for file in files), pool.map(read, files), strict=True))


def arrange_marks(
    values: UInt8[np.ndarray, "bin mark"],
    found: Sequence[str],
    expected: Sequence[str],
    name: str,
    allow_missing: bool = False,
) -> UInt8[np.ndarray, "bin expected"]:
    """Put mark columns into a model's order; marks that are not there become missing (2) where that is allowed.

    Columns that are in this order already are returned as they are, not copied.

    Args:
        values: the marks as found.
        found: names of the columns.
        expected: the model's marks, in its order.
        name: what the marks come from, for messages.
        allow_missing: accept that a mark of the model is absent. Marks that the model lacks are left out.

    Raises:
        InputError: a mark is absent and that is not allowed, or none of the model's marks is there.
    """
    if tuple(found) == tuple(expected):
        return values
    absent = [mark for mark in expected if mark not in found]
    if absent and (not allow_missing or len(absent) == len(expected)):
        raise InputError(
            f"{name}: has no mark {', '.join(absent)}; found {', '.join(found)}, the model expects "
            f"{', '.join(expected)}: add it{'' if allow_missing else ' or allow missing marks (--allow-missing)'}"
        )
    arranged = np.full((len(values), len(expected)), MISSING, np.uint8)
    for column, mark in enumerate(expected):
        if mark in found:
            arranged[:, column] = values[:, list(found).index(mark)]
    return arranged


def decode(codes: UInt16[np.ndarray, " bin"], n_marks: int) -> UInt8[np.ndarray, "bin mark"]:
    """Unpack codes of up to 16 marks, the first mark as the highest bit.

    >>> decode(np.array([5, 1], np.uint16), 3).tolist()
    [[1, 0, 1], [0, 0, 1]]
    """
    shifts = np.arange(n_marks - 1, -1, -1, dtype=np.uint16)
    return ((np.asarray(codes, np.uint16)[:, None] >> shifts) & 1).astype(np.uint8)


def count_missing(values: UInt8[np.ndarray, "bin mark"]) -> Int64[np.ndarray, " mark"]:
    """Number of bins in which each mark is missing.

    >>> count_missing(np.array([[1, 2], [0, 2]], np.uint8)).tolist()
    [0, 2]
    """
    # Most often nothing is missing, which one pass in memory order tells much faster than one along each column.
    if values.max(initial=0) < MISSING:
        return np.zeros(values.shape[1], np.int64)
    return np.count_nonzero(values == MISSING, axis=0)


def _read_bytes(path: Path, limit: int = -1) -> bytes:
    try:
        # Few long calls, each of which releases the interpreter's lock: other threads may hold it for milliseconds.
        with open(path, "rb", buffering=0) as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not gzipped:
                return without_mark(file.read(limit))
            if limit < 0:
                return without_mark(read_inflated(path))
            with gzip.open(file) as inflated:
                return without_mark(inflated.read(limit))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a file of binarised marks") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, expected one file of binarised marks; name the file") from None
    except DAMAGED_GZIP as error:
        raise InputError(f"{path}: the gzipped file is damaged ({error}); copy or write it again") from None


def _parse_header(content: bytes, path: str | os.PathLike[str]) -> tuple[str, str, tuple[str, ...], int]:
    lines = content.split(b"\n", 2)
    try:
        header = [line.decode().rstrip("\r").split("\t") for line in lines[:2]]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: its first two lines are no text in UTF-8 ({error}); write them again") from None
    if len(lines) < 3 or len(header[0]) != 2:
        raise InputError(
            f"{path}: line 1 must be cell and chromosome and line 2 the marks, separated by tabs, "
            f"found {header[0][0][:60]!r}; is this ChromHMM's binarised text?"
        )
    marks = tuple(header[1])
    if len(set(marks)) < len(marks) or "" in marks:
        raise InputError(f"{path}: line 2 must name each mark once, found {', '.join(marks)}; correct it")
    for name in (*header[0], *marks):
        if not name.isprintable():
            raise InputError(f"{path}: the name {name[:60]!r} holds a character that cannot be printed; correct it")
    return header[0][0], header[0][1], marks, len(lines[0]) + len(lines[1]) + 2


def _parse_body(
    content: bytes, body_start: int, n_marks: int, path: str | os.PathLike[str]
) -> UInt8[np.ndarray, "bin mark"]:
    """Read lines of equal width as one block; another body is repaired, or its first bad line reported."""
    values = _parse_rows(content, body_start, n_marks)
    if values is None:
        body = content[body_start:].replace(b"\r\n", b"\n")
        if body and not body.endswith(b"\n"):
            body += b"\n"
        if not body:
            raise InputError(f"{path}: holds no bin after its two header lines; was it written to its end?")
        values = _parse_rows(body, 0, n_marks)
        if values is None:
            raise InputError(f"{path}: {_describe_bad_line(body, n_marks)}")
    return values


def _parse_rows(content: bytes, start: int, n_marks: int) -> UInt8[np.ndarray, "bin mark"] | None:
    """Values from ``start`` on, or None where these are not whole lines of single digits from 0 to 2."""
    n_bytes = len(content) - start
    if not n_bytes or n_bytes % (2 * n_marks):
        return None
    # A digit and what separates it from the next are one number, so that one comparison checks both.
    pairs = np.frombuffer(content, "<u2", offset=start) - np.uint16(ord("0") + (ord("\t") << 8))
    rows = pairs.reshape(-1, n_marks)
    rows[:, -1] -= np.uint16((ord("\n") - ord("\t")) << 8)
    return rows.astype(np.uint8) if pairs.max() <= MISSING else None


def _describe_bad_line(body: bytes, n_marks: int) -> str:
    for number, line in enumerate(body.decode("utf-8", "replace").splitlines(), start=3):
        fields = line.split("\t")
        if len(fields) != n_marks:
            return f"line {number} has {len(fields)} columns, expected {n_marks} as in line 2; was the file cut short?"
        bad = [field for field in fields if field not in ("0", "1", "2")]
        if bad:
            return f"line {number} holds {bad[0]!r}, expected 0, 1 or 2 (missing); correct it"
    return "the lines after the header are not bins of 0, 1 or 2; write the file again"

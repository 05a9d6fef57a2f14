"""Rows of reads in BED and tagAlign text, parsed by a compiled loop over their bytes."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from epizoo.compilation import compiled_late
from epizoo.errors import InputError
from epizoo.genome.inflated import open_inflated
from epizoo.genome.intervals import DAMAGED_GZIP, LONGEST_BP, skip_mark, whole_number
from epizoo.genome.reads.text_rows import NO_ROWS, numbered_rows

_BLOCK_BYTES = 1 << 22
_SHORTEST_ROW = len("1\t0\t1\t+\n")
_MOST_NAMES = 1 << 19
_NO_STRAND = 1 << 20
# As rows of bytes, ended by 0, for compiled code.
_SKIPPED = np.array([list(text.encode().ljust(max(map(len, NO_ROWS)) + 1, b"\0")) for text in NO_ROWS], np.uint8)
_SKIPPED_BYTES = tuple(sorted({ord(text[0]) for text in NO_ROWS}))


class ReadRows(NamedTuple):
    """A block of rows.

    Attributes:
        chrom: number of the chromosome's name, by first appearance in the file.
        start, end: 0-based and half-open, in bp.
        is_reverse: True for - strands; False throughout where strands are not read.
        names: names of the chromosomes that were seen so far.
    """

    chrom: Int32[np.ndarray, " row"]
    start: Int64[np.ndarray, " row"]
    end: Int64[np.ndarray, " row"]
    is_reverse: Bool[np.ndarray, " row"]
    names: list[str]


class _Names(NamedTuple):
    """Numbers of the chromosomes' names by their hashes, in a table that the loop fills."""

    hashes: np.ndarray
    numbers: np.ndarray


def read_rows(path: str | os.PathLike[str], *, with_strand: bool = True) -> Iterator[ReadRows]:
    """Blocks of rows of reads, or of intervals of any strand; comments and reads without a place are skipped.

    The strand stands in the sixth column, or in the last one of rows that have four or five, as ChromHMM reads it.

    Raises:
        InputError: a row is no stranded read (or no interval), or the file is missing, empty or damaged.
    """
    strand_column, tabs_alone = _layout(path, with_strand)
    table = _Names(np.zeros(2 * _MOST_NAMES, np.uint64), np.zeros(2 * _MOST_NAMES, np.int32))
    names: list[str] = []
    try:
        with open_inflated(path) as file:
            for block in _whole_lines(skip_mark(file)):
                yield _parse(block, strand_column, tabs_alone, table, names)
    except (ValueError, *DAMAGED_GZIP) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {_describe_bad_row(path, strand_column)}") from None


def _whole_lines(file: Any) -> Iterator[memoryview]:
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        text = rest + block
        end = text.rfind(b"\n") + 1
        rest = text[end:]
        if end:
            yield memoryview(text)[:end]
    if rest.strip():
        yield memoryview(rest + b"\n")


def _parse(block: memoryview, strand_column: int, tabs_alone: bool, table: _Names, names: list[str]) -> ReadRows:
    text = np.frombuffer(block, np.uint8)
    most = len(text) // _SHORTEST_ROW + 1
    chrom, is_reverse = np.empty(most, np.int32), np.empty(most, np.bool_)
    start, end = np.empty(most, np.int64), np.empty(most, np.int64)
    new_names = np.empty((most, 2), np.int64)
    n_rows, n_names = parse_rows(
        text,
        strand_column,
        tabs_alone,
        table.hashes,
        table.numbers,
        len(names),
        new_names,
        chrom,
        start,
        end,
        is_reverse,
    )
    if n_rows < 0:
        raise ValueError
    places = new_names[: n_names - len(names)]
    names += [bytes(block[first:after]).decode("utf-8", "replace") for first, after in places]
    return ReadRows(chrom[:n_rows], start[:n_rows], end[:n_rows], is_reverse[:n_rows], names)


@compiled_late
def parse_rows(
    text: UInt8[np.ndarray, " byte"],
    strand_column: int,
    tabs_alone: bool,
    hashes: np.ndarray,
    numbers: np.ndarray,
    n_names: int,
    new_names: Int64[np.ndarray, "name 2"],
    chrom: Int32[np.ndarray, " row"],
    start: Int64[np.ndarray, " row"],
    end: Int64[np.ndarray, " row"],
    is_reverse: Bool[np.ndarray, " row"],
) -> tuple[int, int]:
    """Parse whole lines into the arrays: the number of rows (-1 where one is no read) and of names."""

    def byte(place: int) -> int:
        # An index without a sign is not tested for counting from the end, which takes a fifth of the time.
        return text[np.uintp(place)]

    def is_skipped(at: int) -> bool:
        for row in range(len(_SKIPPED)):
            n = 0
            while n < len(_SKIPPED[row]) and _SKIPPED[row][n] == byte(at + n):
                n += 1
            if n == len(_SKIPPED[row]) or _SKIPPED[row][n] == 0:
                return True
        return False

    def is_in_field(letter: int) -> bool:
        return letter > 32 or (letter != 9 and letter != 10 and letter != 13 and (tabs_alone or letter != 32))

    at, n_rows, before = 0, 0, n_names
    # Most rows lie on the chromosome of the row before, whose name need not be looked up again.
    known_first, known_bytes, known_number = 0, 0, np.int32(-1)
    positions = np.zeros(2, np.int64)
    while at < len(text):
        if byte(at) in (10, 13) or (byte(at) in (9, 32) and not tabs_alone):
            at += 1
            continue
        if byte(at) in _SKIPPED_BYTES and is_skipped(at):
            while byte(at) != 10:
                at += 1
            continue
        column, n_positions, strand = 0, 0, 0
        first, number = at, np.int32(-1)
        while byte(at) != 10:
            field = at
            if column == 1 or column == 2:
                value = np.int64(0)
                while 48 <= byte(at) <= 57 and value <= LONGEST_BP:
                    value = value * 10 + byte(at) - 48
                    at += 1
                if is_in_field(byte(at)):
                    return -1, n_names
                positions[n_positions] = value
                n_positions += at > field
            else:
                while is_in_field(byte(at)):
                    at += 1
            if column == 0:
                n_same = 0
                while n_same < known_bytes and byte(known_first + n_same) == byte(field + n_same):
                    n_same += 1
                if n_same == at - field == known_bytes:
                    number = known_number
            if column == 0 and number < 0:
                key = np.uint64(14695981039346656037)
                for place in range(field, at):
                    key = (key ^ np.uint64(byte(place))) * np.uint64(1099511628211)
                slot = np.int64(key & np.uint64(len(hashes) - 1))
                while hashes[slot] != 0 and hashes[slot] != key:
                    slot = (slot + 1) & (len(hashes) - 1)
                if hashes[slot] == 0:
                    if 2 * n_names >= len(hashes):
                        return -1, n_names
                    hashes[slot], numbers[slot] = key, n_names
                    new_names[n_names - before, 0], new_names[n_names - before, 1] = first, at
                    n_names += 1
                number = numbers[slot]
                known_first, known_bytes, known_number = field, at - field, number
            elif column == strand_column and at == field + 1:
                strand = 1 if byte(field) == 43 else 2 if byte(field) == 45 else 0
            column += 1
            while byte(at) == 13 or byte(at) == 9 or (byte(at) == 32 and not tabs_alone):
                at += 1
                if tabs_alone and byte(at - 1) == 9:
                    break
        is_stranded = strand > 0 or strand_column > 100
        if n_positions < 2 or positions[0] >= positions[1] or positions[1] > LONGEST_BP or not is_stranded:
            return -1, n_names
        chrom[n_rows], start[n_rows], end[n_rows] = number, positions[0], positions[1]
        is_reverse[n_rows] = strand == 2
        n_rows += 1
    return n_rows, n_names


def _layout(path: str | os.PathLike[str], with_strand: bool) -> tuple[int, bool]:
    """Column of the strand from 0, and if tabs alone separate columns."""
    try:
        for _, line in numbered_rows(path):
            columns = len(_fields(line))
            return (min(max(columns, 4), 6) - 1 if with_strand else _NO_STRAND), "\t" in line
    except (EOFError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read ({error}); it is damaged or cut short, copy it again") from None
    kind = "reads; expected BED rows of six columns, the last the strand" if with_strand else "interval; expected BED"
    raise InputError(f"{path}: holds no {kind}")


def _fields(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


def _describe_bad_row(path: str | os.PathLike[str], strand_column: int) -> str:
    for number, line in numbered_rows(path):
        fields = [field.rstrip("\r") for field in _fields(line)]
        if strand_column < _NO_STRAND and (len(fields) <= strand_column or fields[strand_column] not in ("+", "-")):
            columns = strand_column + 1
            return f"line {number} is no stranded read ({line[:60]!r}); expected {columns} columns, the last + or -"
        if len(fields) < 3:
            return f"line {number} has {len(fields)} columns, expected three or more: chrom, start and end"
        if fields[2].isdecimal() and whole_number(fields[2]) > LONGEST_BP:
            return f"line {number} ends at {fields[2][:30]}, past the end of any chromosome; correct it"
        if not (fields[1].isdecimal() and fields[2].isdecimal() and whole_number(fields[1]) < whole_number(fields[2])):
            return f"line {number} has no whole numbers as start and end, the start first ({line[:60]!r}); correct it"
    return "cannot be read as BED rows of reads; was it written to its end?"

"""Interval tables: BED files, chromosome sizes, blacklists and the tiling into windows.

An interval table is a pandas DataFrame with the columns chrom (str), start and end (int64, bp, 0-based half-open), and
name, score and strand where the BED file has them.
"""

import csv
import gzip
import io
import os
import re
import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.inflated import MOST_ROWS_BYTES, open_inflated, read_inflated
from epizoo.genome.table_files import is_parquet, read_parquet

_BED_COLUMNS = ("chrom", "start", "end", "name", "score", "strand")
# Positions that are no whole numbers, and texts, that pandas would read otherwise: such files are read row by row.
_NOT_WHOLE = re.compile(rb"\n[^\t\n]*\t(?:\d+\t)?\d*[^\d\t\r\n]")
# A lone return ends a line, too, but `_NOT_WHOLE` and `_UNUSUAL` would not see it.
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_CONTROL = (*range(9), 11, 12, *range(14, 32), 127)
_UNUSUAL = (b"\n ", b"\n#", b"\ntrack ", b"\nbrowser ", b" \t", *(bytes([letter]) for letter in _CONTROL))
SKIPPED_LINES = ("#", "track ", "browser ")
"""Beginnings of comments and of a browser's lines; a chromosome may be called track, or tracker_1."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_BP = 2**32 - 1
"""The last position that a bigWig, and what is kept of reads, can hold."""
_MOST_DIGITS = 18
DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)
"""Exceptions from a damaged gzipped file: its end is missing, its header, checksum or content is wrong."""


def read_bed(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a BED file (BED3 or more, plain or gzipped), or Parquet of peaks or states, into an interval table.

    Comments, blank lines and the genome browser's ``track`` and ``browser`` lines are skipped. Of the columns after the
    third, name, score and strand are kept, as text and only where every row has them.

    Raises:
        InputError: the file is missing, has no rows, or a row is not an interval; the message names the line.
    """
    if is_parquet(path):
        found = read_parquet_intervals(path)
        if found.empty:
            raise InputError(f"{path}: holds no interval; at least one row is needed")
        texts = [name for name in _BED_COLUMNS[3:] if name in found]
        return found[[*_BED_COLUMNS[:3], *texts]].astype(dict.fromkeys(texts, "str"))
    plain = _read_plain_bed(path)
    if plain is not None:
        return plain
    rows = []
    for number, line in read_lines(path, MOST_ROWS_BYTES):
        if not line.strip() or line.startswith(SKIPPED_LINES):
            continue
        rows.append(_parse_bed_row(line, f"{path}: line {number}"))
    if not rows:
        raise InputError(f"{path}: holds no interval; a BED file needs at least one row of chrom, start and end")
    n_columns = min(len(row) for row in rows)
    table = pd.DataFrame([row[:n_columns] for row in rows], columns=list(_BED_COLUMNS[:n_columns]))
    return table.astype({"start": "int64", "end": "int64"})


def read_parquet_intervals(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A Parquet table of intervals, such as peaks, states or a consensus as epizoo writes them, with all its columns.

    Raises:
        InputError: the file is missing or damaged, has no chrom, start and end, or a row is not an interval.
        MissingDependencyError: pyarrow is not installed.
    """
    table = read_parquet(path).reset_index(drop=True)
    if not set(_BED_COLUMNS[:3]) <= set(table):
        found = ", ".join(map(str, table.columns[:8]))
        raise InputError(f"{path}: has the columns {found}, expected chrom, start and end among them; give intervals")
    chrom, start, end = (table[name] for name in _BED_COLUMNS[:3])
    if table.empty:
        return table.astype({"chrom": "str", "start": "int64", "end": "int64"})
    is_bad = ~chrom.map(lambda name: isinstance(name, str) and name.isprintable() and name != "").to_numpy(bool)
    first, after = (pd.to_numeric(one, errors="coerce").to_numpy(np.float64, na_value=np.nan) for one in (start, end))
    is_bad |= ~((first >= 0) & (first < after) & (after <= LONGEST_BP) & (first % 1 == 0) & (after % 1 == 0))
    if is_bad.any():
        row = int(is_bad.argmax())
        shown = "\t".join(map(str, table.loc[row, list(_BED_COLUMNS[:3])]))
        raise InputError(f"{path}: row {row + 1} is {shown!r}, expected an interval: chrom, start and end, start < end")
    return table.astype({"chrom": "str", "start": "int64", "end": "int64"})


def read_chrom_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Read chromosome lengths in bp from a two-column text file (UCSC's chrom.sizes; a .fai index works too).

    Raises:
        InputError: the file is missing or empty, a line has no positive length, or a chromosome stands there twice.
    """
    sizes: dict[str, int] = {}
    for number, line in read_lines(path):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        where = f"{path}: line {number}"
        if len(fields) < 2 or not fields[1].isdecimal() or whole_number(fields[1]) == 0:
            raise InputError(f"{where}: expected a chromosome and its length in bp, found {line.strip()!r}; correct it")
        if whole_number(fields[1]) > LONGEST_BP:
            raise InputError(f"{where}: {fields[0]} is {fields[1][:30]} bp long, expected {LONGEST_BP:,} bp at most")
        if not fields[0].isprintable():
            raise InputError(f"{where}: the name {fields[0]!r} holds a character that cannot be printed; correct it")
        if fields[0] in sizes:
            raise InputError(f"{where}: chromosome {fields[0]} stands here a second time; keep one of the two lines")
        sizes[fields[0]] = int(fields[1])
    if not sizes:
        raise InputError(f"{path}: holds no chromosome; expected lines of a chromosome's name and its length in bp")
    return sizes


def whole_number(text: str) -> int:
    """The number that digits (and a minus sign) stand for; 2**63 for any of more than 18 characters.

    Python refuses to read numbers of some thousands of digits.

    >>> whole_number("12"), whole_number("9" * 5000) == 2**63
    (12, True)
    """
    text = text.strip()
    return int(text) if len(text) <= _MOST_DIGITS else 2**63


def whole_genome(chrom_sizes: Mapping[str, int]) -> pd.DataFrame:
    """One interval for each whole chromosome, in the order of ``chrom_sizes``.

    >>> whole_genome({"chr2": 300, "chr1": 500}).values.tolist()
    [['chr2', 0, 300], ['chr1', 0, 500]]
    """
    ends = np.fromiter(chrom_sizes.values(), np.int64, len(chrom_sizes))
    return pd.DataFrame({"chrom": list(chrom_sizes), "start": np.zeros_like(ends), "end": ends})


def check_intervals(
    intervals: pd.DataFrame, chrom_sizes: Mapping[str, int], intervals_name: str, chrom_sizes_name: str
) -> None:
    """Check that every interval lies within a known chromosome.

    Args:
        intervals: the interval table.
        chrom_sizes: lengths in bp.
        intervals_name: what the table is called in messages, usually its file.
        chrom_sizes_name: what the lengths come from, usually a file.

    Raises:
        InputError: no rows, an unknown chromosome (names that differ by the ``chr`` prefix are recognised), start below
            0 or not below end, or an end past the chromosome's end.
    """
    if intervals.empty:
        raise InputError(f"{intervals_name}: holds no interval; give at least one")
    unknown = [chrom for chrom in intervals["chrom"].unique() if chrom not in chrom_sizes]
    if unknown:
        raise InputError(f"{intervals_name}: {_unknown_chromosome(unknown[0], chrom_sizes, chrom_sizes_name)}")
    starts, ends = intervals["start"].to_numpy(), intervals["end"].to_numpy()
    sizes = intervals["chrom"].map(dict(chrom_sizes)).to_numpy(np.int64)
    past = "lies past the end of its chromosome in {name}, which is {size:,} bp long; is it of the same assembly?"
    for bad, problem in (
        (starts < 0, "starts before 0, and positions are 0-based; correct it"),
        (starts >= ends, "has a start that is not below its end; correct it"),
        (ends > sizes, past),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            locus = f"{intervals['chrom'].iloc[row]}:{starts[row]}-{ends[row]}"
            found = problem.format(name=chrom_sizes_name, size=sizes[row])
            raise InputError(f"{intervals_name}: interval {locus} {found}")


def check_blacklist(blacklist: pd.DataFrame, chroms: Collection[str], blacklist_name: str, chroms_name: str) -> None:
    """Check that a blacklist belongs to the assembly.

    That some of its chromosomes are not known is usual, that all are not is a mistake.

    Raises:
        InputError: none of its chromosomes is known.
    """
    if not blacklist["chrom"].isin(list(chroms)).any():
        raise InputError(
            f"{blacklist_name}: none of its chromosomes ({_some(blacklist['chrom'].unique())}) is in "
            f"{chroms_name}, which has {_some(chroms)}; give a blacklist with these names, of the same assembly"
        )


def subtract_blacklist(intervals: pd.DataFrame, blacklist: pd.DataFrame) -> pd.DataFrame:
    """Cut the blacklisted stretches out of the intervals, in the order of ``intervals``; the pieces keep its columns.

    Raises:
        InputError: nothing is left.
    """
    # bioframe takes most of a second to import, and few runs have a blacklist.
    import bioframe

    keyed = intervals.assign(row=np.arange(len(intervals)))
    with warnings.catch_warnings():
        # bioframe 0.8 uses keywords that pandas 3.1 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        pieces = bioframe.subtract(keyed, blacklist[["chrom", "start", "end"]])
    if pieces.empty:
        raise InputError("the blacklist covers every interval; give a smaller blacklist or other intervals")
    pieces = pieces.sort_values(["row", "start"], ignore_index=True)
    return pieces[list(intervals.columns)].astype({"start": "int64", "end": "int64"})


def tile(intervals: pd.DataFrame, width_bp: int, bin_bp: int) -> pd.DataFrame:
    """Tile intervals of any width into windows of ``width_bp`` on the grid of bins.

    Each interval is first snapped outwards to whole bins. Its last window may reach past it (and past the chromosome):
    ``valid_bins`` counts the bins of a window that belong to the interval, the rest is padding.

    Returns:
        A table of chrom, start, end (of the whole window), interval (row number in ``intervals``) and valid_bins.

    >>> table = pd.DataFrame({"chrom": ["chr1"], "start": [15], "end": [61]})
    >>> tile(table, width_bp=40, bin_bp=10).values.tolist()
    [['chr1', 10, 50, 0, 4], ['chr1', 50, 90, 0, 2]]
    """
    if bin_bp < 1 or width_bp < 1 or width_bp % bin_bp:
        raise InputError(f"windows of {width_bp} bp cannot be made of bins of {bin_bp} bp; give a multiple of it")
    window_bins = width_bp // bin_bp
    first_bin = intervals["start"].to_numpy() // bin_bp
    n_bins = -(-intervals["end"].to_numpy() // bin_bp) - first_bin
    n_windows = -(-n_bins // window_bins)
    row = np.repeat(np.arange(len(intervals)), n_windows)
    # The number of a window within its interval: a running count that restarts with every interval.
    number = np.arange(n_windows.sum()) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    start = (first_bin[row] + number * window_bins) * bin_bp
    valid = np.minimum(n_bins[row] - number * window_bins, window_bins)
    chroms = intervals["chrom"].to_numpy()[row]
    return pd.DataFrame(
        {"chrom": chroms, "start": start, "end": start + width_bp, "interval": row, "valid_bins": valid}
    )


def read_lines(path: str | os.PathLike[str], most_bytes: int | None = None) -> Iterator[tuple[int, str]]:
    """Numbered lines (from 1) of a plain or gzipped text file.

    Args:
        path: the file.
        most_bytes: where all rows are kept, the most text; see `epizoo.genome.inflated.open_inflated`.

    Raises:
        InputError: the file is missing, a folder, no text, or too large.
    """
    if Path(path).suffix.lower() == ".parquet" and os.path.isfile(path):
        raise InputError(f"{path}: is Parquet by its name, expected text, plain or gzipped; give the table as text")
    try:
        # Windows programs begin files with a byte order mark, which is no part of the first name.
        with io.TextIOWrapper(open_inflated(path, most_bytes), encoding="utf-8-sig") as text:
            for number, line in enumerate(text, start=1):
                yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, expected a text file; name the file itself") from None
    except (UnicodeDecodeError, *DAMAGED_GZIP) as error:
        raise InputError(f"{path}: cannot be read as text ({error}); expected plain or gzipped text") from None


def without_mark(content: bytes) -> bytes:
    """The content of a text file without the byte order mark that Windows programs begin it with."""
    return content.removeprefix(_BYTE_ORDER_MARK)


def skip_mark(file: Any) -> Any:
    """The same open file, behind its byte order mark if it has one."""
    if file.peek(len(_BYTE_ORDER_MARK)).startswith(_BYTE_ORDER_MARK):
        file.read(len(_BYTE_ORDER_MARK))
    return file


def _read_plain_bed(path: str | os.PathLike[str]) -> pd.DataFrame | None:
    """A BED file whose rows are all alike, between tabs, after its comments, if any: ten times faster than row by row.

    None where it is anything else, valid or not.
    """
    n_skipped = n_columns = 0
    try:
        for number, line in read_lines(path):
            if line.strip() and not line.startswith(SKIPPED_LINES):
                n_skipped, n_columns = number - 1, min(line.count("\t") + 1, len(_BED_COLUMNS))
                break
        content = without_mark(read_inflated(path))
        rows = b"\n" + content.split(b"\n", n_skipped)[-1]
        is_odd = any(text in rows for text in _UNUSUAL) or _NOT_WHOLE.search(rows) or _LONE_RETURN.search(rows)
        if n_columns < 3 or is_odd:
            return None
        names = list(_BED_COLUMNS[:n_columns])
        table = pd.read_csv(
            io.BytesIO(rows),
            sep="\t",
            header=None,
            names=names,
            usecols=range(n_columns),
            dtype={name: "int64" if name in ("start", "end") else "str" for name in names},
            na_filter=False,
            quoting=csv.QUOTE_NONE,
        )
    except InputError:
        raise
    except (OSError, ValueError, OverflowError, *DAMAGED_GZIP):
        return None
    is_usual = ((table["start"] >= 0) & (table["start"] < table["end"]) & (table["end"] <= LONGEST_BP)).all() and not (
        table == ""
    ).any(axis=None)
    return table if is_usual else None


def _parse_bed_row(line: str, where: str) -> list[str | int]:
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) < 3:
        raise InputError(f"{where}: expected chrom, start and end, found {line.strip()!r}; add what is missing")
    # int() takes 1_000 and signs too, which are no positions in a BED file; a minus sign has a message of its own.
    if not all(field.strip().removeprefix("-").isdecimal() for field in fields[1:3]):
        raise InputError(
            f"{where}: start and end must be whole numbers, found {fields[1]!r} and {fields[2]!r}; correct them"
        )
    if not fields[0].isprintable():
        raise InputError(f"{where}: the chromosome's name {fields[0]!r} holds a character that cannot be printed")
    start, end = whole_number(fields[1]), whole_number(fields[2])
    if start < 0:
        raise InputError(f"{where}: start {start} is negative; BED positions are 0-based, correct it")
    if end > LONGEST_BP:
        raise InputError(f"{where}: end {fields[2].strip()[:30]} is past the end of any chromosome; correct it")
    if start >= end:
        raise InputError(
            f"{where}: start {start} is not below end {end}; a BED row is 0-based and half-open, correct it"
        )
    return [fields[0].strip(), start, end, *fields[3:6]]


def _unknown_chromosome(chrom: str, chrom_sizes: Mapping[str, int], chrom_sizes_name: str) -> str:
    other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
    if other in chrom_sizes:
        return (
            f"chromosome {chrom} is called {other} in {chrom_sizes_name}; "
            "give both files the same names, with or without 'chr'"
        )
    some = _some(chrom_sizes)
    return f"chromosome {chrom} is not in {chrom_sizes_name}, which has {some}; are they of the same assembly?"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")

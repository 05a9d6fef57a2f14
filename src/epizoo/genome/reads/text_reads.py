"""Reads and fragments of text files: BED, tagAlign, BEDPE, and fragments of single cells."""

import csv
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.intervals import DAMAGED_GZIP, LONGEST_BP, whole_number
from epizoo.genome.reads.read_positions import Genome, ReadFile, ReadPositions, joined, pairs, singles
from epizoo.genome.reads.read_rows import read_rows
from epizoo.genome.reads.text_rows import numbered_rows, open_rows

SINGLE_CELL_SUFFIXES = ("fragments.tsv", "fragments.tsv.gz", "fragments.tsv.bgz")
FRAGMENT_SUFFIXES = (".bedpe", ".bedpe.gz", ".bedpe.bgz", *SINGLE_CELL_SUFFIXES)
_BARCODE = re.compile(r"[ACGTN]{8}")
_ROWS_PER_CHUNK = 1_000_000
_ROWS_LOOKED_AT = 1_000


def read_text(path: Path) -> ReadFile:
    """Positions of the reads of a text file; see `epizoo.genome.reads.read_files.read_positions`.

    Raises:
        InputError: a row is no read, or the file is damaged.
    """
    parts: dict[str, list[ReadPositions]] = {}
    left_out: Counter[str] = Counter()
    for chunk in _fragment_chunks(path, left_out) if _holds_fragments(path) else _single_read_chunks(path):
        for chrom, rows in _by_chromosome(chunk):
            starts, ends = rows["start"], rows["end"]
            if "is_reverse" in rows:
                is_reverse = rows["is_reverse"]
                found = singles(starts[~is_reverse], ends[is_reverse])
            else:
                found = pairs(starts, ends)
            parts.setdefault(chrom, []).append(found)
    genome: Genome = {chrom: joined(found) for chrom, found in parts.items()}
    return ReadFile(genome, None, +left_out)


class CellFragments(NamedTuple):
    """Fragments of single cells by the cluster of their cell.

    Attributes:
        clusters: for each cluster and chromosome, starts and ends.
        n_unknown: how many fragments are of cells without a cluster.
        missing: cells of a cluster without a fragment.
    """

    clusters: dict[str, dict[str, ReadPositions]]
    n_unknown: int
    missing: list[str]


def read_cell_fragments(path: Path, cluster_of: Mapping[str, str]) -> CellFragments:
    """Fragments of single cells by cluster, in one pass over the file.

    Args:
        path: rows of chrom, start, end, barcode and, if wanted, more.
        cluster_of: the cluster of each barcode.

    Raises:
        InputError: a row is no fragment, or the file is damaged.
    """
    names = list(dict.fromkeys(cluster_of.values()))
    number = {name: i for i, name in enumerate(names)}
    parts: dict[tuple[int, str], list[ReadPositions]] = {}
    n_unknown, seen = 0, set[str]()
    for chunk in _fragment_chunks(path, Counter(), with_barcodes=True):
        # Looked up once for each barcode of a chunk, not for each row.
        cells = [str(cell) for cell in chunk["barcode"].cat.categories]
        seen.update(cells)
        known = np.array([number.get(cluster_of.get(cell, ""), -1) for cell in cells])
        cluster = np.append(known, -1)[chunk["barcode"].cat.codes]
        n_unknown += int((cluster < 0).sum())
        kept = chunk.drop(columns="barcode").assign(cluster=cluster)[cluster >= 0]
        for chrom, rows in _by_chromosome(kept):
            order = np.argsort(rows["cluster"], kind="stable")
            edges = np.flatnonzero(np.diff(rows["cluster"][order], prepend=-1, append=-1))
            for first, after in itertools.pairwise(edges.tolist()):
                here = order[first:after]
                found = pairs(rows["start"][here], rows["end"][here])
                parts.setdefault((int(rows["cluster"][here[0]]), chrom), []).append(found)
    clusters: dict[str, dict[str, ReadPositions]] = {name: {} for name in names}
    for (code, chrom), pieces in parts.items():
        clusters[names[code]][chrom] = joined(pieces)
    return CellFragments(clusters, n_unknown, [cell for cell in cluster_of if cell not in seen])


def _by_chromosome(chunk: pd.DataFrame) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Columns of each chromosome's rows; a hundred times faster than groupby where there are thousands."""
    code = chunk["chrom"].cat.codes.to_numpy()
    order = np.argsort(code, kind="stable")
    columns = {name: np.asarray(chunk[name])[order] for name in chunk.columns if name != "chrom"}
    names = list(map(str, chunk["chrom"].cat.categories))
    edges = np.flatnonzero(np.diff(code[order], prepend=-1, append=-1))
    for first, after in itertools.pairwise(edges.tolist()):
        yield names[code[order[first]]], {column: values[first:after] for column, values in columns.items()}


def is_single_cell(path: str | os.PathLike[str]) -> bool:
    """True if a file holds fragments of single cells: rows of chrom, start, end, barcode and number of reads.

    Known by a first row of five columns with a barcode (eight bases or more) and a count, by first rows with counts and
    names of cells, which recur, or by the name ``fragments.tsv``. Their ends are cut sites already, moved by +4 and -5
    bp, and duplicates of a cell are one row.
    """
    return _is_named(path, SINGLE_CELL_SUFFIXES) or _has_barcode(_first_row(path)[1]) or _has_cells(path)


def _holds_fragments(path: Path) -> bool:
    return _is_named(path, FRAGMENT_SUFFIXES) or is_single_cell(path)


def _is_named(path: str | os.PathLike[str], suffixes: tuple[str, ...]) -> bool:
    return os.fspath(path).lower().endswith(suffixes)


def _has_barcode(fields: list[str]) -> bool:
    return len(fields) == 5 and bool(_BARCODE.search(fields[3])) and fields[4].strip().isdecimal()


def _has_cells(path: str | os.PathLike[str]) -> bool:
    """True if the first rows have counts and names of cells, which recur as names of peaks or reads do not."""
    names = []
    for _, line in itertools.islice(numbered_rows(path), _ROWS_LOOKED_AT):
        fields = line.split("\t")
        if len(fields) != 5 or not fields[4].strip().isdecimal() or int(fields[4]) < 1 or fields[3] in ("", "."):
            return False
        names.append(fields[3])
    return 2 * len(set(names)) <= len(names)


def _first_row(path: str | os.PathLike[str]) -> tuple[int, list[str], bool]:
    """Number and tab-separated fields of the first row, and whether a header stands before it."""
    has_header = False
    for number, line in numbered_rows(path):
        fields = line.split("\t")
        if [field.strip().lower() for field in fields[1:3]] == ["start", "end"] and not has_header:
            has_header = True
            continue
        return number, fields, has_header
    return 0, [], has_header


def _single_read_chunks(path: Path) -> Iterator[pd.DataFrame]:
    number, fields, _ = _first_row(path)
    if fields and len("\t".join(fields).split()) < 6:
        raise InputError(
            f"{path}: line {number} has no strand in its sixth column, as BED of single reads has; if the rows "
            "are fragments (both ends of pairs), name the file .bedpe"
        )
    for rows in read_rows(path):
        chroms = pd.Categorical.from_codes(rows.chrom, pd.Index(rows.names))
        yield pd.DataFrame({"chrom": chroms, "start": rows.start, "end": rows.end, "is_reverse": rows.is_reverse})


def _fragment_chunks(path: Path, left_out: Counter[str], *, with_barcodes: bool = False) -> Iterator[pd.DataFrame]:
    """Columns chrom, start and end of fragments, from three columns or from bedtools' ten, and barcode if wanted.

    Pairs that are no fragment are counted in `left_out`.
    """
    number, fields, has_header = _first_row(path)
    if not fields:
        raise InputError(f"{path}: holds no fragment; expected rows of chrom, start and end")
    if len(fields) < 3:
        raise InputError(f"{path}: line {number} has {len(fields)} tab-separated columns, expected 3 or more")
    # Five columns: chrom, start, end, barcode and reads of single cells.
    names = ["chrom", "start", "end", "chrom2", "start2", "end2"][: 3 if len(fields) < 6 else 6]
    if with_barcodes:
        if len(fields) < 4:
            raise InputError(
                f"{path}: line {number} has no barcode in a fourth column, as fragments of single cells have"
            )
        names = ["chrom", "start", "end", "barcode"]
    kinds: Any = {name: "int64" if name.startswith(("start", "end")) else "category" for name in names}
    try:
        with (
            open_rows(path) as rows,
            pd.read_csv(
                rows,
                sep="\t",
                header=None,
                skiprows=int(has_header),
                usecols=range(len(names)),
                names=names,
                dtype=kinds,
                chunksize=_ROWS_PER_CHUNK,
                # A quotation mark is a character like any other: pandas would read on to the next one.
                quoting=csv.QUOTE_NONE,
            ) as chunks,
        ):
            for chunk in chunks:
                whole = _between_mates(chunk, left_out) if "chrom2" in chunk else chunk
                bad = (whole["start"] < 0) | (whole["start"] >= whole["end"]) | (whole["end"] > LONGEST_BP)
                if bad.any():
                    raise _bad_fragment(path, "a row is no fragment")
                kept = whole[["chrom", "start", "end", *(["barcode"] if with_barcodes else [])]]
                # Columns with numbers beyond int64 elsewhere in the file can come as another type.
                yield kept.astype({"start": "int64", "end": "int64"})
    except (ValueError, OverflowError, *DAMAGED_GZIP) as error:
        if isinstance(error, InputError):
            raise
        raise _bad_fragment(path, " ".join(str(error).split())) from None


def _between_mates(chunk: pd.DataFrame, left_out: Counter[str]) -> pd.DataFrame:
    """Fragments between the outer ends of mates; mates without a place (-1) or on two chromosomes are no fragment."""
    same = chunk["chrom"].astype(str) == chunk["chrom2"].astype(str)
    has_place = (chunk["start"] != -1) & (chunk["start2"] != -1)
    left_out["of pairs of which a mate has no place"] += int((~has_place).sum())
    left_out["of pairs on two chromosomes"] += int((has_place & ~same).sum())
    found = chunk[same & has_place]
    ends = found[["end", "end2"]].max(axis=1)
    return found.assign(start=found[["start", "start2"]].min(axis=1), end=ends)


def _bad_fragment(path: Path, reason: str) -> InputError:
    """The error that names the first row that is no fragment, or else gives the reason."""
    _, _, has_header = _first_row(path)
    for number, line in itertools.islice(numbered_rows(path), int(has_header), None):
        fields = line.split("\t")
        numbers = [field.strip().removeprefix("-") for field in fields[1:3]]
        is_whole = len(numbers) == 2 and all(map(str.isdecimal, numbers))
        if len(fields) < 6 and not (is_whole and 0 <= whole_number(fields[1]) < whole_number(fields[2]) <= LONGEST_BP):
            return InputError(
                f"{path}: line {number} is no fragment ({line[:60]!r}); expected tab-separated chrom, start and end, "
                "whole numbers from 0, the start below the end"
            )
    return InputError(
        f"{path}: cannot be read as fragments ({reason}); expected tab-separated chrom, start and end, or ten columns"
    )

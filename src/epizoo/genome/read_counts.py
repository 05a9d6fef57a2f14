"""Reads in BED files, counted per bin as ChromHMM counts them."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int32

from epizoo.errors import InputError
from epizoo.genome.intervals import DAMAGED_GZIP, LONGEST_BP, whole_number
from epizoo.genome.text_rows import numbered_rows, open_rows

READ_SHIFT_BP = 100
_READS_PER_CHUNK = 1_000_000

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One file of reads, or several that are pooled."""
Counts = dict[str, Int32[np.ndarray, " bin"]]
"""Reads per bin, of the chromosomes on which a file has reads."""


def count_reads(paths: Paths, chrom_sizes: Mapping[str, int], bin_bp: int = 200) -> Counts:
    """Count reads by the bin of their 5' end shifted 100 bp downstream, for the chromosomes that the files name.

    Raises:
        InputError: a file cannot be read, has a row that is not a stranded read, or has none on a known
            chromosome.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    n_bins = np.array([size // bin_bp for size in chrom_sizes.values()])
    offsets = np.concatenate([[0], np.cumsum(n_bins)])
    number = {chrom: i for i, chrom in enumerate(chrom_sizes)}
    counts = np.zeros(offsets[-1], np.int32)
    named = np.zeros(len(n_bins), bool)
    for path in files:
        n_kept = 0
        for chunk in read_chunks(path):
            chrom = chunk["chrom"].map(number).to_numpy(np.float64, na_value=-1).astype(np.int64)
            shifted = np.where(chunk["strand"] == "+", chunk["start"] + READ_SHIFT_BP, chunk["end"] - 1 - READ_SHIFT_BP)
            # Java divides towards zero, so that a read shifted to just before the chromosome counts in its first bin.
            bins = np.where((shifted < 0) & (shifted > -bin_bp), 0, shifted // bin_bp)
            kept = (chrom >= 0) & (bins >= 0) & (bins < n_bins[chrom])
            n_kept += int(kept.sum())
            named[np.unique(chrom[kept])] = True
            counts += np.bincount(offsets[chrom[kept]] + bins[kept], minlength=len(counts)).astype(np.int32)
        if not n_kept:
            some = ", ".join(list(chrom_sizes)[:5])
            raise InputError(f"{path}: has no read on a known chromosome ({some}, …); are the names of one assembly?")
    return {chrom: counts[offsets[i] : offsets[i + 1]] for chrom, i in number.items() if named[i]}


def read_chunks(path: str | os.PathLike[str]) -> Iterator[pd.DataFrame]:
    """Chunks of the columns chrom, start, end and strand (of six columns the last, of four the last).

    Comments and rows of reads without a place are skipped.

    Raises:
        InputError: a row is no stranded read, or the file is damaged.
    """
    columns, separator = _layout(path)
    names = {0: "chrom", 1: "start", 2: "end", columns - 1: "strand"}
    try:
        with open_rows(path) as rows:
            chunks = pd.read_csv(
                rows,
                sep=separator,
                header=None,
                usecols=list(names),
                chunksize=_READS_PER_CHUNK,
                dtype={0: "category", 1: "int64", 2: "int64", columns - 1: "category"},
                # A quotation mark in a read's name is a character like any other.
                quoting=csv.QUOTE_NONE,
            )
            for chunk in chunks:
                renamed = chunk.rename(columns=names)
                whole = (renamed["start"] >= 0) & (renamed["start"] < renamed["end"]) & (renamed["end"] <= LONGEST_BP)
                if not (renamed["strand"].isin(["+", "-"]) & whole).all():
                    raise InputError(f"{path}: {_describe_bad_read(path, columns)}")
                yield renamed
    except (ValueError, OverflowError, *DAMAGED_GZIP) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {_describe_bad_read(path, columns)}") from None


def _layout(path: str | os.PathLike[str]) -> tuple[int, str]:
    """Number of columns that count (6 or 4), and their separator."""
    for _, line in numbered_rows(path):
        return 4 if len(_fields(line)) == 4 else 6, "\t" if "\t" in line else r"\s+"
    raise InputError(f"{path}: holds no reads; expected BED rows of six columns, the last the strand")


def _fields(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


def _describe_bad_read(path: str | os.PathLike[str], columns: int) -> str:
    for number, line in numbered_rows(path):
        fields = _fields(line)
        if len(fields) < columns or fields[columns - 1] not in ("+", "-"):
            return f"line {number} is no stranded read ({line[:60]!r}); expected {columns} columns, the last + or -"
        if fields[2].isdecimal() and whole_number(fields[2]) > LONGEST_BP:
            return f"line {number} ends at {fields[2][:30]}, past the end of any chromosome; correct it"
        if not (fields[1].isdecimal() and fields[2].isdecimal() and whole_number(fields[1]) < whole_number(fields[2])):
            return f"line {number} has no whole numbers as start and end, the start first ({line[:60]!r}); correct it"
    return "cannot be read as BED rows of reads; was it written to its end?"

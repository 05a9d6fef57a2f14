"""Reads and fragments from BAM, BED, tagAlign, BEDPE and fragment files, as the positions that a pile-up needs.

Of a single read only its 5' end and strand are kept, of a pair its outermost positions: 4 or 8 bytes each, so that the
reads of a genome fit in memory.
"""

import csv
import gzip
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int64

from epizoo.errors import InputError
from epizoo.genome.intervals import DAMAGED_GZIP, SKIPPED_LINES, read_lines
from epizoo.genome.read_counts import read_chunks

Progress = Callable[[int, int], None]

SINGLE_CELL_SUFFIXES = ("fragments.tsv", "fragments.tsv.gz")
FRAGMENT_SUFFIXES = (".bedpe", ".bedpe.gz", *SINGLE_CELL_SUFFIXES)
_READS_PER_CHUNK = 1_000_000
# Unmapped, not the primary alignment, failed quality checks, supplementary alignment.
_NEVER_USED = 0x4 | 0x100 | 0x200 | 0x800
_PAIRED, _PROPER_PAIR, _MATE_UNMAPPED, _REVERSE, _DUPLICATE = 0x1, 0x2, 0x8, 0x10, 0x400
_BAM_MAGIC, _CRAM_MAGIC = b"BAM\x01", b"CRAM"
_BIGWIG_MAGIC = (bytes.fromhex("26fc8f88"), bytes.fromhex("888ffc26"))


class ReadPositions(NamedTuple):
    """Where the reads of one chromosome lie, unsorted; positions are edges between bases, 0-based.

    Attributes:
        forward: 5' ends of single reads on the forward strand (their start).
        reverse: 5' ends of single reads on the reverse strand (their end).
        pair_start, pair_end: outermost positions of paired reads, or of fragments.
    """

    forward: Int64[np.ndarray, " read"]
    reverse: Int64[np.ndarray, " read"]
    pair_start: Int64[np.ndarray, " pair"]
    pair_end: Int64[np.ndarray, " pair"]


Genome = dict[str, ReadPositions]


def read_positions(
    path: str | os.PathLike[str],
    *,
    min_mapping_quality: int = 0,
    keep_duplicates: bool = False,
    progress: Progress | None = None,
) -> tuple[Genome, dict[str, int] | None]:
    """Positions of the reads of a file by chromosome, and chromosome lengths where the file states them.

    The format is told by the content and the name: BAM (and SAM); BED of six columns or tagAlign, plain or gzipped:
    single reads; BEDPE of three columns (as MACS writes it) or ten (as bedtools does) and ``fragments.tsv`` of
    single cells, by their suffix: fragments. Of a BAM's paired reads, properly paired ones count, once a pair. Rows of
    ``fragments.tsv`` are distinct already, one for each cell, and all of them are kept.

    Args:
        path: the file.
        min_mapping_quality: reads of a lower one are left out; BAM alone states it.
        keep_duplicates: whether to keep all of the reads with the same 5' end and strand, or the same ends of a pair,
            and reads that are marked as duplicates.
        progress: called now and then with the bytes that are read and those there are, where that is known.

    Raises:
        InputError: the file is missing, damaged, of another format, or holds no read to use.
    """
    source = Path(path)
    if source.is_dir():
        raise InputError(f"{source}: is a folder, expected a file of reads; name the file itself")
    if is_alignment_file(source):
        genome, sizes = _read_alignments(source, min_mapping_quality, keep_duplicates, progress)
    else:
        if min_mapping_quality > 0:
            raise InputError(f"{source}: states no mapping qualities, as BAM does; leave the least mapping quality out")
        genome, sizes = _read_text(source), None
    if not genome:
        raise InputError(
            f"{source}: holds no read that can be used (mapped, primary, properly paired if paired, of enough mapping "
            "quality); check the file and the options"
        )
    if keep_duplicates or is_single_cell(source):
        return genome, sizes
    return {chrom: _distinct(found) for chrom, found in genome.items()}, sizes


def is_single_cell(path: str | os.PathLike[str]) -> bool:
    """Whether a file is called ``fragments.tsv``, as Cell Ranger and its like call fragments of single cells.

    Their ends are cut sites already, moved by +4 and -5 bp, and duplicates of a cell are one row.
    """
    return os.fspath(path).lower().endswith(SINGLE_CELL_SUFFIXES)


def is_alignment_file(path: Path) -> bool:
    """Whether a file is BAM or SAM, by its content and name.

    Raises:
        InputError: it is missing, empty or CRAM.
    """
    try:
        with gzip.open(path, "rb") if _is_gzip(path) else open(path, "rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a BAM, BED, tagAlign or BEDPE file of reads") from None
    except DAMAGED_GZIP as error:
        raise InputError(f"{path}: cannot be read ({error}); it is damaged or cut short, copy it again") from None
    if not head:
        raise InputError(f"{path}: the file is empty, expected reads; was it written to its end?")
    if head in _BIGWIG_MAGIC:
        raise InputError(f"{path}: is a bigWig, not reads; give it with --bigwig")
    if head == _CRAM_MAGIC:
        raise InputError(f"{path}: is CRAM, which needs its reference genome; convert it with `samtools view -b`")
    return head == _BAM_MAGIC or path.suffix.lower() in (".bam", ".sam")


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _read_alignments(
    path: Path, min_mapping_quality: int, keep_duplicates: bool, progress: Progress | None
) -> tuple[Genome, dict[str, int]]:
    import pysam

    unused = _NEVER_USED | (0 if keep_duplicates else _DUPLICATE)
    # htslib writes warnings to stderr itself, such as that there is no index, which is not needed.
    verbosity = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(str(path), threads=2) as file:
            sizes = dict(zip(file.references, file.lengths, strict=True))
            total = path.stat().st_size
            found: list[tuple[list, list, list, list]] = [([], [], [], []) for _ in sizes]
            packed: dict[str, list[ReadPositions]] = {chrom: [] for chrom in sizes}
            for number, read in enumerate(file.fetch(until_eof=True), start=1):
                if number % _READS_PER_CHUNK == 0:
                    _pack(sizes, found, packed)
                    if progress is not None:
                        # The upper 48 bits of BGZF's virtual offset are bytes of the file.
                        progress(min(file.tell() >> 16, total), total)
                flag = read.flag
                if flag & unused or read.mapping_quality < min_mapping_quality:
                    continue
                forward, reverse, starts, ends = found[read.reference_id]
                if flag & _PAIRED:
                    length = read.template_length
                    # The mate that lies left counts for both.
                    if flag & _PROPER_PAIR and not flag & _MATE_UNMAPPED and length > 0:
                        starts.append(read.reference_start)
                        ends.append(read.reference_start + length)
                elif flag & _REVERSE:
                    # Without an alignment, where a read ends is unknown.
                    if read.reference_end is not None:
                        reverse.append(read.reference_end)
                else:
                    forward.append(read.reference_start)
            _pack(sizes, found, packed)
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{path}: cannot be read as alignments ({reason}); is it damaged or cut short?") from None
    finally:
        pysam.set_verbosity(verbosity)
    return {chrom: _joined(parts) for chrom, parts in packed.items() if parts}, sizes


def _pack(sizes: Mapping[str, int], found: list[tuple[list, list, list, list]], packed: dict[str, list]) -> None:
    """Move what was found into arrays, which take a tenth of the memory."""
    for chrom, lists in zip(sizes, found, strict=True):
        if any(lists):
            packed[chrom].append(ReadPositions(*(np.array(values, np.int64) for values in lists)))
            for values in lists:
                values.clear()


def _read_text(path: Path) -> Genome:
    parts: dict[str, list[ReadPositions]] = {}
    chunks = _fragment_chunks(path) if path.name.lower().endswith(FRAGMENT_SUFFIXES) else _single_read_chunks(path)
    for chunk in chunks:
        for chrom, rows in chunk.groupby("chrom", observed=True, sort=False):
            starts, ends = rows["start"].to_numpy(np.int64), rows["end"].to_numpy(np.int64)
            nothing = np.zeros(0, np.int64)
            if "strand" in rows:
                is_forward = (rows["strand"] == "+").to_numpy()
                found = ReadPositions(starts[is_forward], ends[~is_forward], nothing, nothing)
            else:
                found = ReadPositions(nothing, nothing, starts, ends)
            parts.setdefault(str(chrom), []).append(found)
    return {chrom: _joined(found) for chrom, found in parts.items()}


def _single_read_chunks(path: Path) -> Iterator[pd.DataFrame]:
    for number, line in read_lines(path):
        if line.strip() and not line.startswith(SKIPPED_LINES):
            if len(line.split()) < 6:
                raise InputError(
                    f"{path}: line {number} has no strand in its sixth column, as BED of single reads has; if the rows "
                    "are fragments (both ends of pairs), name the file .bedpe"
                )
            break
    yield from read_chunks(path)


def _fragment_chunks(path: Path) -> Iterator[pd.DataFrame]:
    """Columns chrom, start and end of fragments, from three columns or from bedtools' ten."""
    skipped, n_columns = _fragment_layout(path)
    columns = [0, 1, 2] if n_columns < 6 else [0, 1, 2, 3, 4, 5]
    names = ["chrom", "start", "end", "chrom2", "start2", "end2"][: len(columns)]
    texts = ("chrom", "chrom2")
    kinds: Any = {name: "category" if name in texts else "int64" for name in names}
    try:
        with pd.read_csv(
            path,
            sep="\t",
            header=None,
            skiprows=skipped,
            usecols=columns,
            names=names,
            dtype=kinds,
            chunksize=_READS_PER_CHUNK,
            compression="gzip" if _is_gzip(path) else None,
            # A quotation mark is a character like any other: pandas would read on to the next one.
            quoting=csv.QUOTE_NONE,
        ) as chunks:
            for chunk in chunks:
                whole = _between_mates(chunk) if "chrom2" in chunk else chunk
                bad = (whole["start"] < 0) | (whole["start"] >= whole["end"])
                if bad.any():
                    row = whole[bad].iloc[0]
                    locus = f"{row['chrom']}:{row['start']}-{row['end']}"
                    raise InputError(f"{path}: {locus} is no fragment, its start must be at least 0 and below its end")
                yield whole[["chrom", "start", "end"]]
    except (ValueError, *DAMAGED_GZIP) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path}: cannot be read as fragments ({' '.join(str(error).split())}); expected tab-separated chrom, "
            "start and end, or bedtools' BEDPE"
        ) from None


def _between_mates(chunk: pd.DataFrame) -> pd.DataFrame:
    """What lies between the outer ends of mates; mates without a place or on two chromosomes are no fragment."""
    same = chunk["chrom"].astype(str) == chunk["chrom2"].astype(str)
    found = chunk[same & (chunk["start"] >= 0) & (chunk["start2"] >= 0)]
    ends = found[["end", "end2"]].max(axis=1)
    return found.assign(start=found[["start", "start2"]].min(axis=1), end=ends)


def _fragment_layout(path: Path) -> tuple[int, int]:
    """Lines before the first row, and the columns of that row."""
    for number, line in read_lines(path):
        if line.strip() and not line.startswith(SKIPPED_LINES):
            n_columns = len(line.split("\t"))
            # Five columns: chrom, start, end, barcode and reads of single cells.
            if n_columns not in (3, 4, 5) and n_columns < 6:
                raise InputError(f"{path}: line {number} has {n_columns} tab-separated columns, expected 3 or more")
            return number - 1, n_columns
    raise InputError(f"{path}: holds no fragment; expected rows of chrom, start and end")


def _joined(parts: list[ReadPositions]) -> ReadPositions:
    return ReadPositions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _distinct(found: ReadPositions) -> ReadPositions:
    """One read of those with the same 5' end and strand, one pair of those with the same ends."""
    # Positions are below 2^31, so that both ends of a pair fit into one number.
    pairs = np.unique(found.pair_start << 32 | found.pair_end)
    return ReadPositions(np.unique(found.forward), np.unique(found.reverse), pairs >> 32, pairs & 0xFFFFFFFF)

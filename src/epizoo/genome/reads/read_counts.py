"""Reads, pairs and peaks of BAM and BED files, counted per bin as ChromHMM's BinarizeBam and BinarizeBed count them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from epizoo.compilation import compiled_late
from epizoo.errors import InputError
from epizoo.genome.reads.bam_records import (
    FIRST_OF_PAIR,
    PAIRED,
    PROPER_PAIR,
    REVERSE,
    UNMAPPED,
    BamRecords,
    bam_chrom_sizes,
    read_bam,
)
from epizoo.genome.reads.read_rows import ReadRows, read_rows

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One file of reads, or several that are pooled."""
Pairs = Literal["single", "paired", "mixed"]
Counts = dict[str, Int32[np.ndarray, " bin"]]
"""Reads per bin, of the chromosomes on which a file has reads."""

_OTHER_ALIGNMENTS = (".sam", ".cram")


@dataclass(frozen=True)
class ReadCounting:
    """The bin that a read counts in; ChromHMM's option in brackets.

    Attributes:
        bin_bp: width of a bin (-b).
        shift_bp: bp from the 5' end of a read, downstream, to the position that counts (-n).
        center: count the centre of a read instead, for reads that were extended to their fragments (-center).
        pairs: ``single`` counts each read, ``paired`` each proper pair at its centre (-paired), ``mixed`` pairs as
            pairs and single reads as reads (-mixed).
        peaks: files hold peaks, and every bin that one touches counts (-peaks).
        start_offset_bp: subtracted from starts, 1 for positions from 1 (-s).
        end_offset_bp: subtracted from ends, 0 where ends are included (-e).

    Raises:
        InputError: a bin is narrower than 1 bp, or settings contradict each other.
    """

    bin_bp: int = 200
    shift_bp: int = 100
    center: bool = False
    pairs: Pairs = "single"
    peaks: bool = False
    start_offset_bp: int = 0
    end_offset_bp: int = 1

    def __post_init__(self) -> None:
        if self.bin_bp < 1:
            raise InputError(f"the width of a bin is {self.bin_bp} bp, expected 1 bp or more; correct it")
        if self.pairs not in ("single", "paired", "mixed"):
            raise InputError(f"pairs: {self.pairs} given, expected single, paired or mixed")
        is_moved = self.shift_bp != ReadCounting.shift_bp
        if self.pairs == "paired" and (self.center or self.peaks or is_moved):
            raise InputError(
                "pairs: paired given with a centre, peaks or a shift, but a pair counts at its centre; leave those out"
            )
        if (self.center and (self.peaks or is_moved)) or (self.peaks and is_moved):
            raise InputError("center, peaks and shift_bp: two of them given, of which only one can count; give one")


class _Places(NamedTuple):
    """The first and last position that counts for each read, on chromosomes by their number in a file."""

    chrom: np.ndarray
    first: Int64[np.ndarray, " read"]
    last: Int64[np.ndarray, " read"]
    names: Sequence[str]


def count_reads(paths: Paths, chrom_sizes: Mapping[str, int], counting: ReadCounting | None = None) -> Counts:
    """Count the reads of files in bins, for the chromosomes on which the files have reads.

    As in ChromHMM, all mapped reads of a BAM file count, duplicates and secondary alignments among them.

    Args:
        paths: BAM, BED or tagAlign files (plain or gzipped), or peaks.
        chrom_sizes: length of each chromosome in bp; reads on others are left out.
        counting: which bin a read counts in.

    Raises:
        InputError: a file cannot be read, has a row that is not a stranded read, or has none on a known chromosome.
    """
    rule = counting or ReadCounting()
    n_bins = np.array([size // rule.bin_bp for size in chrom_sizes.values()], np.int64)
    offsets = np.concatenate([[0], np.cumsum(n_bins)])
    number = {chrom: i for i, chrom in enumerate(chrom_sizes)}
    counts, named = np.zeros(offsets[-1], np.int32), np.zeros(len(n_bins), np.bool_)
    for path in file_list(paths):
        n_kept = 0
        for places in _places(path, rule):
            # The last place stands for -1: no chromosome.
            known = np.array([*(number.get(name, -1) for name in places.names), -1], np.int64)
            divisor = (2 if rule.center else 1) * rule.bin_bp
            n_kept += add_to_bins(counts, named, offsets, known, places.chrom, places.first, places.last, divisor)
        if not n_kept:
            some = ", ".join(list(chrom_sizes)[:5])
            raise InputError(f"{path}: has no read on a known chromosome ({some}, …); are the names of one assembly?")
    return {chrom: counts[offsets[i] : offsets[i + 1]] for chrom, i in number.items() if named[i]}


def file_list(paths: Paths) -> list[str | os.PathLike[str]]:
    """One file or several, as a list."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def is_bam(path: str | os.PathLike[str]) -> bool:
    """True if a file is named as BAM.

    Raises:
        InputError: it is named as SAM or CRAM.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _OTHER_ALIGNMENTS:
        raise InputError(f"{path}: is {suffix[1:].upper()}, expected BAM or BED; convert it with samtools view -b")
    return suffix == ".bam"


def _places(path: str | os.PathLike[str], rule: ReadCounting) -> Iterator[_Places]:
    if is_bam(path):
        names = list(bam_chrom_sizes(path))
        for records in read_bam(path):
            yield _places_of_records(records, names, rule, path)
        return
    if rule.pairs != "single":
        raise InputError(f"{path}: pairs are {rule.pairs}, but only BAM files tell the pairs of reads; give BAM")
    for rows in read_rows(path, with_strand=not (rule.peaks or rule.center)):
        yield _places_of_rows(rows, rule)


def _places_of_records(
    records: BamRecords, names: list[str], rule: ReadCounting, path: str | os.PathLike[str]
) -> _Places:
    flag, is_mapped = records.flag, (records.flag & UNMAPPED) == 0
    is_reverse, is_paired = (flag & REVERSE) > 0, (flag & PAIRED) > 0
    if rule.pairs == "paired" and not is_paired.all():
        raise InputError(f"{path}: pairs are paired, but it has single reads; give mixed to count both")
    rows = ReadRows(records.chrom, records.start, records.end, is_reverse, names)
    kept, places = is_mapped, _places_of_rows(rows, rule)
    if rule.pairs != "single":
        counts_for_both = (flag & (PROPER_PAIR | FIRST_OF_PAIR)) == PROPER_PAIR | FIRST_OF_PAIR
        kept = is_mapped & (counts_for_both | ~is_paired)
        # Java divides towards zero.
        half = np.sign(records.template_bp) * (np.abs(records.template_bp) // 2)
        five_prime = np.where(is_reverse, records.end - rule.end_offset_bp, records.start - rule.start_offset_bp)
        middle = (five_prime + half) * (2 if rule.center else 1)
        places = places._replace(
            first=np.where(is_paired, middle, places.first), last=np.where(is_paired, middle, places.last)
        )
    return _Places(places.chrom[kept], places.first[kept], places.last[kept], names)


def _places_of_rows(rows: ReadRows, rule: ReadCounting) -> _Places:
    if rule.peaks or rule.center:
        start, end = rows.start - rule.start_offset_bp, rows.end - rule.end_offset_bp
        # Twice the centre, which is divided by twice the width of a bin.
        first, last = (start, end) if rule.peaks else (start + end, start + end)
        return _Places(rows.chrom, first, last, rows.names)
    forward, reverse = rule.shift_bp - rule.start_offset_bp, -rule.shift_bp - rule.end_offset_bp
    place = shifted_ends(rows.start, rows.end, rows.is_reverse, forward, reverse)
    return _Places(rows.chrom, place, place, rows.names)


@compiled_late
def shifted_ends(
    start: Int64[np.ndarray, " read"],
    end: Int64[np.ndarray, " read"],
    is_reverse: Bool[np.ndarray, " read"],
    forward: int,
    reverse: int,
) -> Int64[np.ndarray, " read"]:
    """The 5' end of each read, moved by as many bp as its strand asks for."""
    place = np.empty(len(start), np.int64)
    for read in range(len(start)):
        place[read] = end[read] + reverse if is_reverse[read] else start[read] + forward
    return place


@compiled_late
def add_to_bins(
    counts: Int32[np.ndarray, " bin"],
    named: Bool[np.ndarray, " chrom"],
    offsets: Int64[np.ndarray, " edge"],
    numbers: Int64[np.ndarray, " name"],
    chrom: Int32[np.ndarray, " read"],
    first: Int64[np.ndarray, " read"],
    last: Int64[np.ndarray, " read"],
    width: int,
) -> int:
    """Count each read in the bins from its first to its last position: the number of reads that fell in any.

    ``numbers`` are those of the chromosomes by a file's names, -1 where a chromosome is not known; the last is -1.

    Java divides towards zero, so that a read just before the chromosome counts in its first bin.
    """
    n_kept = 0
    for read in range(len(chrom)):
        number = numbers[chrom[read]]
        if number < 0 or last[read] <= -width:
            continue
        low = max(first[read], 0) // width
        high = min(max(last[read], 0) // width, offsets[number + 1] - offsets[number] - 1)
        for place in range(offsets[number] + low, offsets[number] + high + 1):
            counts[place] += 1
        if low <= high:
            named[number] = True
            n_kept += 1
    return n_kept

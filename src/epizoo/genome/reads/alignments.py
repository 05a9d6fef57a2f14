"""Reads of BAM, SAM and CRAM files, by pysam with one thread: its pool of threads hangs on some damaged files."""

import os
import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from epizoo.errors import InputError
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.read_positions import Genome, ReadFile, ReadPositions, joined

if TYPE_CHECKING:
    import pysam

Progress = Callable[[int, int], None]

_READS_PER_CHUNK = 1_000_000
# Unmapped, not the primary alignment, failed quality checks, supplementary alignment.
_NEVER_USED = 0x4 | 0x100 | 0x200 | 0x800
_PAIRED, _PROPER_PAIR, _MATE_UNMAPPED, _REVERSE, _MATE_REVERSE = 0x1, 0x2, 0x8, 0x10, 0x20
_SECOND, _DUPLICATE = 0x80, 0x400
# SAM's columns from the name to the template's length. Without bases, CRAM needs no reference genome.
_FIELDS = "required_fields=0x1ff"


MARKED = "marked as duplicates"
"""Reason for which reads are left out by their flag."""


class _Mate(NamedTuple):
    """State of a pair once one mate was read."""

    start: int
    end: int
    quality: int
    template_length: int


class _Chromosome(NamedTuple):
    """Positions found so far, as in `ReadPositions`."""

    forward: array
    reverse: array
    pair_start: array
    pair_end: array

    @classmethod
    def nothing(cls) -> Self:
        """No position yet."""
        return cls(*(array("q") for _ in range(4)))


def read_alignments(path: Path, wanted: PileUpConfig, progress: Progress | None) -> ReadFile:
    """Positions of the reads of a BAM, SAM or CRAM file, in any order.

    Raises:
        InputError: the file is damaged, cut short or no such file.
    """
    with _opened(path, wanted.reference) as file:
        sizes = _sizes(file, path)
        reader = _Reader(len(sizes), wanted)
        for chunk in _chunks(file, path, progress):
            reader.take(chunk)
        reader.take_lonely_mates()
    genome: Genome = {}
    for chrom, parts in zip(sizes, reader.packed, strict=True):
        if parts:
            genome[chrom] = joined(parts)
    return ReadFile(genome, sizes, reader.left_out)


def alignment_sizes(path: Path) -> dict[str, int]:
    """Length of each chromosome in bp, as the header of a BAM, SAM or CRAM file states it.

    Raises:
        InputError: the file is damaged or no such file.
    """
    with _opened(path, None) as file:
        return _sizes(file, path)


def _sizes(file: Any, path: Path) -> dict[str, int]:
    sizes = dict(zip(file.references, file.lengths, strict=True))
    if empty := next((chrom for chrom, size in sizes.items() if size < 1), None):
        raise InputError(
            f"{path}: its header says that {empty} is {sizes[empty]} bp long; is it damaged? copy it again"
        )
    return sizes


@contextmanager
def _opened(path: Path, reference: str | os.PathLike[str] | None) -> Iterator[Any]:
    import pysam

    fasta = None if reference is None else os.fspath(reference)
    try:
        with _silent(), pysam.AlignmentFile(str(path), format_options=[_FIELDS], reference_filename=fasta) as file:
            yield file
    except (OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        # Closing a damaged file fails as well, and hides why reading it did.
        cause = error.__context__ if isinstance(error.__context__, OSError | ValueError) else error
        reason = str(cause).split("\n")[0]
        raise InputError(
            f"{path}: cannot be read as alignments ({reason}), it is damaged or cut short; copy or write it again"
        ) from None


@contextmanager
def _silent() -> Iterator[None]:
    """Keep htslib from writing to stderr itself: that there is no index, or that a damaged file could not be closed."""
    import pysam

    verbosity, unraisable, excepthook = pysam.set_verbosity(0), sys.unraisablehook, sys.excepthook
    # What a destructor raises is shown twice, by two hooks.
    sys.unraisablehook = lambda failed: None if "AlignmentFile" in str(failed.object) else unraisable(failed)
    sys.excepthook = lambda kind, error, trace: (
        None if "Closing failed" in str(error) else excepthook(kind, error, trace)
    )
    try:
        yield
    finally:
        sys.unraisablehook, sys.excepthook = unraisable, excepthook
        pysam.set_verbosity(verbosity)


def _chunks(file: Any, path: Path, progress: Progress | None) -> "Iterator[Iterator[pysam.AlignedSegment]]":
    """The reads in parts, after each of which progress is told."""
    reads, total = file.fetch(until_eof=True), path.stat().st_size
    for first in reads:
        yield _first_and_next(first, reads)
        if progress is not None:
            # The upper 48 bits of BGZF's virtual offset are bytes of the file.
            progress(min(file.tell() >> 16, total) if file.is_bam else 0, total)


def _first_and_next(first: Any, reads: Iterator[Any]) -> Iterator[Any]:
    yield first
    for _, read in zip(range(_READS_PER_CHUNK - 1), reads, strict=False):
        yield read


class _Reader:
    """Collects the positions of wanted reads, and counts the others by reason."""

    def __init__(self, n_chroms: int, wanted: PileUpConfig) -> None:
        self.packed: list[list[ReadPositions]] = [[] for _ in range(n_chroms)]
        self.left_out: Counter[str] = Counter()
        self._wanted = wanted
        self._unused = _NEVER_USED | (_DUPLICATE if wanted.keep_duplicates == 1 else 0)
        self._waiting: dict[tuple[int, str], _Mate] = {}
        self._found: defaultdict[int, _Chromosome] = defaultdict(_Chromosome.nothing)

    def take(self, reads: "Iterator[pysam.AlignedSegment]") -> None:
        """Take in some reads."""
        unused, least = self._unused, self._wanted.min_mapping_quality
        for read in reads:
            flag = read.flag
            if flag & unused or read.reference_id < 0:
                is_second = flag & _PAIRED and flag & _SECOND and not flag & _MATE_UNMAPPED
                self.left_out[MARKED] += flag & unused == _DUPLICATE and not is_second
                continue
            if flag & _PAIRED and self._wanted.pairs == "template":
                if not flag & _PROPER_PAIR or flag & _MATE_UNMAPPED:
                    self.left_out["in no proper pair (--pairs as-single uses them)"] += 1
                elif least or _looks_past(read, flag) or read.template_length == 0:
                    self._match(read)
                elif read.template_length > 0:
                    # The mate that lies left counts for both; its own end is the outer one where it is longer.
                    end = max(read.reference_start + read.template_length, read.reference_end or 0)
                    self._add_pair(read.reference_id, read.reference_start, end)
            elif read.mapping_quality < least:
                self.left_out["of low mapping quality"] += 1
            elif not self._counts_by_its_mate(flag):
                self._add_single(read, flag)
        self._pack()

    def take_lonely_mates(self) -> None:
        """Take in pairs of which only one mate was there, by what it says of the other."""
        for (chrom, _), mate in self._waiting.items():
            if mate.quality < self._wanted.min_mapping_quality:
                self.left_out["of low mapping quality"] += 1
            elif mate.template_length > 0:
                self._add_pair(chrom, mate.start, max(mate.start + mate.template_length, mate.end))
        self._pack()

    def _match(self, read: "pysam.AlignedSegment") -> None:
        """Take in a mate whose other mate has to be seen too: both ends and both qualities count."""
        key = read.reference_id, read.query_name or ""
        end = read.reference_end or read.reference_start
        mate = self._waiting.pop(key, None)
        if mate is None:
            self._waiting[key] = _Mate(read.reference_start, end, read.mapping_quality, read.template_length)
        elif min(mate.quality, read.mapping_quality) < self._wanted.min_mapping_quality:
            self.left_out["of low mapping quality"] += 1
        else:
            self._add_pair(read.reference_id, min(mate.start, read.reference_start), max(mate.end, end))

    def _counts_by_its_mate(self, flag: int) -> bool:
        """True if a read is a second mate whose first mate counts for both, which with cut sites it does not."""
        is_second = flag & _PAIRED and flag & _SECOND and not flag & _MATE_UNMAPPED
        return bool(is_second) and not self._wanted.atac

    def _add_single(self, read: "pysam.AlignedSegment", flag: int) -> None:
        found = self._found[read.reference_id]
        if not flag & _REVERSE:
            found.forward.append(read.reference_start)
        elif read.reference_end is not None:
            # Without an alignment, where a read ends is unknown.
            found.reverse.append(read.reference_end)

    def _add_pair(self, chrom: int, start: int, end: int) -> None:
        found = self._found[chrom]
        found.pair_start.append(start)
        found.pair_end.append(end)

    def _pack(self) -> None:
        for chrom, found in self._found.items():
            self.packed[chrom].append(ReadPositions(*(np.array(column, np.int64) for column in found)))
        self._found.clear()


def _looks_past(read: "pysam.AlignedSegment", flag: int) -> bool:
    """True if the mate on the reverse strand begins before the one on the forward strand.

    The length of such a template spans from 5' end to 5' end, and not all that the mates cover.
    """
    if bool(flag & _REVERSE) == bool(flag & _MATE_REVERSE):
        return False
    start, other = read.reference_start, read.next_reference_start
    return other > start if flag & _REVERSE else other < start

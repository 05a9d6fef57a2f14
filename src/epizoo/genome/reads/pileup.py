"""Coverage piled up from reads: what a bigWig of raw coverage would hold, without writing one."""

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, UInt32

from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.genome.bigwig.reader import Summary
from epizoo.genome.reads.alignments import Progress
from epizoo.genome.reads.duplicates import share_by_chance, without_duplicates
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.read_files import read_positions
from epizoo.genome.reads.read_positions import Genome, ReadFile, ReadPositions, joined
from epizoo.genome.reads.text_reads import is_single_cell
from epizoo.genome.signal import SignalTrack

_TN5_FORWARD_BP, _TN5_REVERSE_BP = 4, -5


class ReadTally(NamedTuple):
    """Counts of the reads on chromosomes of known length.

    Attributes:
        n_reads: single reads and pairs that were found.
        n_duplicates: those of them that were left out as duplicates.
        most_kept: how many reads of one position were kept at most; None: all.
        by_chance: share that would be duplicates if all reads fell on the genome's positions evenly.
        left_out: how many others were left out, by reason.
    """

    n_reads: int = 0
    n_duplicates: int = 0
    most_kept: int | None = None
    by_chance: float = 0.0
    left_out: Mapping[str, int] = {}


class PooledFragments(NamedTuple):
    """The fragments of an experiment's files.

    Attributes:
        paths: the files.
        chrom_sizes: length of each chromosome in bp.
        spans: start and end of every fragment of a chromosome, unsorted, not yet cut to the chromosome.
        left_out: how many reads and pairs lie on each chromosome of unknown length.
        tally: what became of the others.
    """

    paths: Sequence[str | os.PathLike[str]]
    chrom_sizes: Mapping[str, int]
    spans: Mapping[str, tuple[Int64[np.ndarray, " fragment"], Int64[np.ndarray, " fragment"]]]
    left_out: Mapping[str, int]
    tally: ReadTally


class ReadCoverage(SignalTrack):
    """Fragments piled up per bp. Holds 8 bytes a fragment and computes any stretch when asked.

    Args:
        paths: the files that the reads come from.
        chrom_sizes: length of each chromosome in bp.
        fragments: start and end of every fragment of a chromosome, unsorted; what lies outside it is cut off.

    Attributes:
        n_fragments: how many are piled up.
        left_out: how many reads and pairs lie on each chromosome of unknown length.
        tally: what became of the others.
        replicates: the experiments that are put together, if there are several.
    """

    kind = "coverage"
    replicates: "tuple[ReadCoverage, ...]" = ()

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        chrom_sizes: Mapping[str, int],
        fragments: Mapping[str, tuple[Int64[np.ndarray, " fragment"], Int64[np.ndarray, " fragment"]]],
        left_out: Mapping[str, int] | None = None,
        tally: ReadTally | None = None,
    ) -> None:
        self.path = Path(paths[0])
        self.left_out = dict(left_out or {})
        self.tally = tally or ReadTally()
        self._sources = tuple(map(Path, paths))
        self.chrom_sizes = dict(chrom_sizes)
        self._starts: dict[str, UInt32[np.ndarray, " fragment"]] = {}
        self._ends: dict[str, UInt32[np.ndarray, " fragment"]] = {}
        covered = 0
        for chrom, (starts, ends) in fragments.items():
            size = self.chrom_sizes[chrom]
            low, high = np.maximum(starts, 0), np.minimum(ends, size)
            inside = low < high
            # Each sorted by itself: coverage is how many have started less how many have ended.
            self._starts[chrom] = np.sort(low[inside].astype(np.uint32))
            self._ends[chrom] = np.sort(high[inside].astype(np.uint32))
            covered += int((high - low)[inside].sum())
        self.n_fragments = sum(map(len, self._starts.values()))
        self.summary = Summary(covered, 0.0, float(covered))
        self.reads_per_area = self.n_fragments / covered if covered else None

    @classmethod
    def together(cls, parts: "Sequence[ReadCoverage]") -> Self:
        """The coverage of several experiments, of one assembly, together; duplicates are those of each by itself."""
        chroms = list(dict.fromkeys(chrom for part in parts for chrom in part._starts))
        spans = {
            chrom: tuple(
                np.concatenate([edges[chrom] for edges in edges_of if chrom in edges]).astype(np.int64)
                for edges_of in ([part._starts for part in parts], [part._ends for part in parts])
            )
            for chrom in chroms
        }
        paths = [path for part in parts for path in part.sources]
        found = cls(paths, parts[0].chrom_sizes, spans)  # type: ignore[arg-type]
        found.replicates = tuple(parts)
        return found

    @property
    def sources(self) -> tuple[Path, ...]:
        """All the files that it comes from."""
        return self._sources

    @property
    def covered_chroms(self) -> list[str]:
        """Chromosomes with a fragment."""
        return [chrom for chrom, starts in self._starts.items() if len(starts)]

    def values(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"]:
        """Fragments over each bp of ``[start, end)``, float32."""
        starts, ends = self._inside(self._starts, chrom, start, end), self._inside(self._ends, chrom, start, end)
        steps = np.bincount(starts[1] - start, minlength=end - start)
        steps -= np.bincount(ends[1] - start, minlength=end - start)
        steps[0] += starts[0] - ends[0]
        return np.cumsum(steps).astype(np.float32)

    def n_overlapping(self, intervals: pd.DataFrame) -> Int64[np.ndarray, " interval"]:
        """Number of fragments that share a bp with each interval (chrom, start, end)."""
        counts = np.zeros(len(intervals), np.int64)
        low, high = (intervals[column].to_numpy().astype(np.uint32) for column in ("start", "end"))
        for chrom, rows in intervals.groupby("chrom").indices.items():
            if str(chrom) in self._starts:
                begun = np.searchsorted(self._starts[str(chrom)], high[rows], side="left")
                counts[rows] = begun - np.searchsorted(self._ends[str(chrom)], low[rows], side="right")
        return counts

    def covered_blocks(self, block_bp: int) -> list[tuple[str, int, int]]:
        """Blocks (chrom, start, end in bp) of about this width with a fragment in them."""
        blocks = []
        for chrom, starts in self._starts.items():
            size = self.chrom_sizes[chrom]
            n_blocks = max(size // block_bp, 1)
            edges = np.arange(n_blocks + 1) * size // n_blocks
            started = np.searchsorted(starts, edges[1:], side="left")
            ended = np.searchsorted(self._ends[chrom], edges[:-1], side="right")
            blocks += [(chrom, int(edges[i]), int(edges[i + 1])) for i in np.flatnonzero(started > ended)]
        return blocks

    def covered_bins(self, chrom: str, bin_bp: int) -> tuple[Int64[np.ndarray, " bin"], Float[np.ndarray, " bin"]]:
        """Numbers of the bins of a chromosome that fragments lie in, in order, and the mean signal of each."""
        # The first start with the first end, and so on, are other fragments with the same coverage.
        starts, ends = (edges[chrom].astype(np.int64) for edges in (self._starts, self._ends))
        first = starts // bin_bp
        n_bins = (ends - 1) // bin_bp - first + 1
        bins = np.repeat(first - np.cumsum(n_bins) + n_bins, n_bins) + np.arange(n_bins.sum())
        low, high = np.repeat(starts, n_bins), np.repeat(ends, n_bins)
        signal = np.minimum(high, (bins + 1) * bin_bp) - np.maximum(low, bins * bin_bp)
        order = np.argsort(bins, kind="stable")
        begins = np.flatnonzero(np.diff(bins[order], prepend=-1))
        covered = bins[order[begins]]
        width = np.minimum(bin_bp, self.chrom_sizes[chrom] - covered * bin_bp)
        return covered, np.add.reduceat(signal[order], begins) / width

    def stretch_means(self, chrom: str, start: int, end: int, width_bp: int) -> Float[np.ndarray, " stretch"]:
        """Mean signal over stretches of a width from `start` on, as many as are whole; float32."""
        return self._means(chrom, start, start + (end - start) // width_bp * width_bp, width_bp)

    def _chunk(self, chrom: str, first_bin: int, end_bin: int, bin_bp: int) -> Float[np.ndarray, " bin"]:
        return self._means(chrom, first_bin * bin_bp, min(end_bin * bin_bp, self.chrom_sizes[chrom]), bin_bp)

    def _means(self, chrom: str, start: int, end: int, width_bp: int) -> Float[np.ndarray, " bin"]:
        """Exact means without a value for each bp: an edge changes its bin in part and all later ones in full.

        Of whole numbers, float64 rounded to float32 is what float32 would give.
        """
        starts, ends = self._inside(self._starts, chrom, start, end), self._inside(self._ends, chrom, start, end)
        n_bins = -(-(end - start) // width_bp)
        n_open = starts[0] - ends[0]
        if not n_bins or (n_open == 0 and not len(starts[1])):
            return np.zeros(n_bins, np.float32)
        bin_end = np.arange(1, n_bins + 1) * width_bp
        bin_end[-1] = end - start
        width = np.full(n_bins, width_bp)
        width[-1] += end - start - n_bins * width_bp
        total = np.full(n_bins, float(n_open)) * width
        for sign, edges in ((1, starts[1] - start), (-1, ends[1] - start)):
            bins = edges // width_bp
            count = np.bincount(bins, minlength=n_bins)
            total += sign * (np.cumsum(count) - count) * width
            total += sign * np.bincount(bins, weights=bin_end[bins] - edges, minlength=n_bins)
        return (total / width).astype(np.float32)

    @staticmethod
    def _inside(
        edges: Mapping[str, UInt32[np.ndarray, " fragment"]], chrom: str, start: int, end: int
    ) -> tuple[int, UInt32[np.ndarray, " fragment"]]:
        """Number of edges before a stretch, and those within it."""
        of_chrom = edges.get(chrom, np.zeros(0, np.uint32))
        # Of the same type: else all edges would be converted in every call.
        first, after = np.searchsorted(of_chrom, np.array([start, end], np.uint32))
        return int(first), of_chrom[first:after]


def pile_up(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    config: PileUpConfig | None = None,
    *,
    chrom_sizes: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> ReadCoverage:
    """Coverage of the reads of one file, or of several that are pooled: see `pool_fragments`."""
    return ReadCoverage(*pool_fragments(paths, config, chrom_sizes=chrom_sizes, progress=progress))


def pool_fragments(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    config: PileUpConfig | None = None,
    *,
    chrom_sizes: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> PooledFragments:
    """The fragments of one file of reads, or of several that are pooled; duplicates are found over all of them.

    Rows of single cells' fragments are distinct already, one for each cell, and all of them are kept.

    Args:
        paths: BAM, SAM, CRAM, BED, tagAlign, BEDPE or fragments; see `epizoo.genome.reads.read_files.read_positions`.
        config: how reads become coverage.
        chrom_sizes: length of each chromosome in bp; not needed for BAM, whose header states them. Reads on other
            chromosomes are left out, and counted in `PooledFragments.left_out`.
        progress: called now and then with the bytes that are read and those there are, where that is known.

    Raises:
        InputError: a file cannot be used or is given twice, lengths are not given for files that state none or differ
            between files, no read lies on a known chromosome, or one lies past the end of its chromosome.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    check_distinct(files)
    chosen = config or PileUpConfig()
    sizes: dict[str, int] = dict(chrom_sizes or {})
    bulk: list[Genome] = []
    cells: list[Genome] = []
    unknown: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for path in files:
        found = read_positions(path, chosen, progress=progress)
        if not sizes and found.sizes is None:
            raise InputError(f"{path}: states no chromosome lengths, as BAM does; give them with --chrom-sizes")
        sizes = sizes or dict(found.sizes or {})
        unknown += Counter({chrom: reads.n_reads for chrom, reads in found.genome.items() if chrom not in sizes})
        left_out += found.left_out
        (cells if found.sizes is None and is_single_cell(path) else bulk).append(_known(path, found, sizes))
    pooled = _pooled(bulk)
    distinct, most_kept = without_duplicates(pooled, chosen.keep_duplicates, sum(sizes.values()))
    n_reads, n_kept = (sum(reads.n_reads for reads in genome.values()) for genome in (pooled, distinct))
    by_chance = share_by_chance(pooled, sizes) if most_kept == 1 else 0.0
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for genome, shifted in ((distinct, False), (_pooled(cells), True)):
        for chrom, reads in genome.items():
            parts.setdefault(chrom, []).append(fragments(reads, chosen, shifted=shifted))
    spans = {chrom: tuple(np.concatenate(column) for column in zip(*of, strict=True)) for chrom, of in parts.items()}
    tally = ReadTally(n_reads, n_reads - n_kept, most_kept, by_chance, left_out)
    return PooledFragments(files, sizes, spans, unknown, tally)  # type: ignore[arg-type]


def check_distinct(files: Sequence[str | os.PathLike[str]]) -> None:
    """Check that no file is given twice, under whatever name.

    Raises:
        InputError: two are one file, or of the same content.
    """
    there = [path for path in files if os.path.isfile(path)]
    for first, second in itertools.combinations(there, 2):
        is_same = os.path.samefile(first, second) or (
            os.path.getsize(first) == os.path.getsize(second) and sha256(first) == sha256(second)
        )
        if is_same:
            raise InputError(f"{second}: is given twice, or is a copy of {first}; give each file of reads once")


def fragments(
    found: ReadPositions, config: PileUpConfig, *, shifted: bool = False
) -> tuple[Int64[np.ndarray, " fragment"], Int64[np.ndarray, " fragment"]]:
    """Start and end of what each read piles up, not yet cut to the chromosome; `shifted` ends are cut sites already.

    >>> nothing = np.zeros(0, np.int64)
    >>> reads = ReadPositions(np.array([10]), np.array([500]), nothing, nothing)
    >>> [edges.tolist() for edges in fragments(reads, PileUpConfig(100))]
    [[10, 400], [110, 500]]
    >>> [edges.tolist() for edges in fragments(reads, PileUpConfig(100, atac=True))]
    [[-36, 445], [64, 545]]
    """
    width = config.width_bp
    if config.atac:
        forward = np.concatenate([found.forward, found.pair_start]) + _TN5_FORWARD_BP * (not shifted)
        reverse = np.concatenate([found.reverse, found.pair_end]) + _TN5_REVERSE_BP * (not shifted)
        starts = np.concatenate([forward, reverse]) - width // 2
        return starts, starts + width
    starts = np.concatenate([found.forward, found.reverse - width, found.pair_start])
    return starts, np.concatenate([found.forward + width, found.reverse, found.pair_end])


def _pooled(genomes: Sequence[Genome]) -> Genome:
    """The reads of several files by chromosome."""
    parts: dict[str, list[ReadPositions]] = {}
    for chrom, reads in itertools.chain.from_iterable(genome.items() for genome in genomes):
        parts.setdefault(chrom, []).append(reads)
    return {chrom: found[0] if len(found) == 1 else joined(found) for chrom, found in parts.items()}


def _known(path: str | os.PathLike[str], found: ReadFile, sizes: Mapping[str, int]) -> Genome:
    """The reads of a file on chromosomes of known length, whose positions are checked."""
    known = {chrom: reads for chrom, reads in found.genome.items() if chrom in sizes}
    if not known:
        some, others = ", ".join(list(found.genome)[:3]), ", ".join(list(sizes)[:3])
        raise InputError(
            f"{path}: none of its chromosomes ({some}, …) has a known length ({others}, …); are the names of one "
            "assembly?"
        )
    for chrom, reads in known.items():
        _check_positions(path, chrom, reads, sizes[chrom], (found.sizes or sizes).get(chrom, sizes[chrom]))
    return known


def _check_positions(
    path: str | os.PathLike[str], chrom: str, found: ReadPositions, size: int, stated_size: int
) -> None:
    if stated_size != size:
        raise InputError(
            f"{path}: {chrom} is {stated_size:,} bp long in its header, but {size:,} bp were expected; give "
            "files of the same assembly"
        )
    last = max((int(column.max()) for column in found if len(column)), default=0)
    if last > size:
        raise InputError(
            f"{path}: a read on {chrom} ends at {last:,}, past the end of the chromosome ({size:,} bp); is it of the "
            "same assembly?"
        )

"""Coverage piled up from reads: what a bigWig of raw coverage would hold, without writing one."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32, Int64

from epizoo.errors import InputError
from epizoo.genome.read_files import Progress, ReadPositions, is_single_cell, read_positions
from epizoo.genome.signal import SignalTrack, Summary

FRAGMENT_LENGTH_BP = 200
ATAC_WIDTH_BP = 150
_TN5_FORWARD_BP, _TN5_REVERSE_BP = 4, -5


@dataclass(frozen=True)
class PileUpConfig:
    """How reads become coverage.

    Attributes:
        fragment_length_bp: single reads are extended from their 5' end to this length; with `atac`, the width around a
            cut site. None: 200, and 150 with `atac`. Pairs span what lies between their ends.
        keep_duplicates: whether all reads of one 5' end and strand (pairs of the same ends) count, or one of them.
        min_mapping_quality: reads of a lower one are left out; BAM alone states it.
        atac: pile up cut sites of the transposase: 5' ends, of both mates, moved by 4 bp on the forward and -5 bp on
            the reverse strand, in the middle of `fragment_length_bp`. Ends in ``fragments.tsv`` have been moved before.

    Raises:
        InputError: the length is below 1 bp, or the mapping quality is not within 0 to 255.
    """

    fragment_length_bp: int | None = None
    keep_duplicates: bool = False
    min_mapping_quality: int = 0
    atac: bool = False

    def __post_init__(self) -> None:
        if self.fragment_length_bp is not None and self.fragment_length_bp < 1:
            raise InputError(f"the fragment length is {self.fragment_length_bp} bp, expected 1 bp or more; correct it")
        if not 0 <= self.min_mapping_quality <= 255:
            raise InputError(f"the least mapping quality is {self.min_mapping_quality}, expected 0 to 255; correct it")

    @property
    def width_bp(self) -> int:
        """Length of an extended read, or width around a cut site."""
        return self.fragment_length_bp or (ATAC_WIDTH_BP if self.atac else FRAGMENT_LENGTH_BP)


class ReadCoverage(SignalTrack):
    """Fragments piled up per bp. Holds 8 bytes a fragment and computes any stretch when asked.

    Args:
        paths: the files that the reads come from.
        chrom_sizes: length of each chromosome in bp.
        fragments: start and end of every fragment of a chromosome, unsorted; what lies outside it is cut off.

    Attributes:
        n_fragments: how many are piled up.
        left_out: how many reads and pairs lie on each chromosome of unknown length.
    """

    kind = "coverage"

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        chrom_sizes: Mapping[str, int],
        fragments: Mapping[str, tuple[Int64[np.ndarray, " fragment"], Int64[np.ndarray, " fragment"]]],
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        self.path = Path(paths[0])
        self.left_out = dict(left_out or {})
        self._sources = tuple(map(Path, paths))
        self.chrom_sizes = dict(chrom_sizes)
        self._starts: dict[str, Int32[np.ndarray, " fragment"]] = {}
        self._ends: dict[str, Int32[np.ndarray, " fragment"]] = {}
        covered = 0
        for chrom, (starts, ends) in fragments.items():
            size = self.chrom_sizes[chrom]
            low, high = np.clip(starts, 0, size), np.clip(ends, 0, size)
            inside = low < high
            # Each sorted by itself: coverage is how many have started less how many have ended.
            self._starts[chrom] = np.sort(low[inside].astype(np.int32))
            self._ends[chrom] = np.sort(high[inside].astype(np.int32))
            covered += int((high - low)[inside].sum())
        self.n_fragments = sum(map(len, self._starts.values()))
        self.summary = Summary(covered, 0.0)
        self.reads_per_area = self.n_fragments / covered if covered else None

    @property
    def sources(self) -> tuple[Path, ...]:
        """All the files that it comes from."""
        return self._sources

    def values(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"]:
        """Fragments over each bp of ``[start, end)``, float32."""
        starts, ends = self._inside(self._starts, chrom, start, end), self._inside(self._ends, chrom, start, end)
        steps = np.bincount(starts[1] - start, minlength=end - start)
        steps -= np.bincount(ends[1] - start, minlength=end - start)
        steps[0] += starts[0] - ends[0]
        return np.cumsum(steps).astype(np.float32)

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

    def _chunk(self, chrom: str, first_bin: int, end_bin: int, bin_bp: int) -> Float[np.ndarray, " bin"]:
        """Exact means without a value for each bp: an edge changes its bin in part and all later ones in full."""
        start, end = first_bin * bin_bp, min(end_bin * bin_bp, self.chrom_sizes[chrom])
        starts, ends = self._inside(self._starts, chrom, start, end), self._inside(self._ends, chrom, start, end)
        n_bins = end_bin - first_bin
        n_open = starts[0] - ends[0]
        if n_open == 0 and not len(starts[1]):
            return np.zeros(n_bins, np.float32)
        bin_end = np.minimum(np.arange(1, n_bins + 1) * bin_bp, end - start)
        width = np.diff(bin_end, prepend=0)
        total = np.full(n_bins, float(n_open)) * width
        for sign, edges in ((1, starts[1] - start), (-1, ends[1] - start)):
            bins = edges // bin_bp
            count = np.bincount(bins, minlength=n_bins)
            total += sign * (np.cumsum(count) - count) * width
            total += sign * np.bincount(bins, weights=bin_end[bins] - edges, minlength=n_bins)
        return (total / width).astype(np.float32)

    @staticmethod
    def _inside(
        edges: Mapping[str, Int32[np.ndarray, " fragment"]], chrom: str, start: int, end: int
    ) -> tuple[int, Int32[np.ndarray, " fragment"]]:
        """How many edges lie before a stretch, and those within it."""
        of_chrom = edges.get(chrom, np.zeros(0, np.int32))
        # Of the same type: else all edges would be converted in every call.
        first, after = np.searchsorted(of_chrom, np.array([start, end], np.int32))
        return int(first), of_chrom[first:after]


def pile_up(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    config: PileUpConfig | None = None,
    *,
    chrom_sizes: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> ReadCoverage:
    """Coverage of the reads of one file, or of several that are pooled; duplicates are found within a file.

    Args:
        paths: BAM, BED, tagAlign, BEDPE or fragments; see `epizoo.genome.read_files.read_positions`.
        config: how reads become coverage.
        chrom_sizes: length of each chromosome in bp; not needed for BAM, whose header states them. Reads on other
            chromosomes are left out, and counted in `ReadCoverage.left_out`.
        progress: see `read_positions`.

    Raises:
        InputError: a file cannot be used, lengths are not given for files that state none or differ between files, no
            read lies on a known chromosome, or one lies past the end of its chromosome.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    chosen = config or PileUpConfig()
    sizes: dict[str, int] = dict(chrom_sizes or {})
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    left_out: Counter[str] = Counter()
    for path in files:
        genome, stated = read_positions(
            path,
            min_mapping_quality=chosen.min_mapping_quality,
            keep_duplicates=chosen.keep_duplicates,
            progress=progress,
        )
        if not sizes and stated is None:
            raise InputError(f"{path}: states no chromosome lengths, as BAM does; give them with --chrom-sizes")
        sizes = sizes or dict(stated or {})
        known = {chrom: found for chrom, found in genome.items() if chrom in sizes}
        if not known:
            some, others = ", ".join(list(genome)[:3]), ", ".join(list(sizes)[:3])
            raise InputError(
                f"{path}: none of its chromosomes ({some}, …) has a known length ({others}, …); are the names of one "
                "assembly?"
            )
        for chrom, found in genome.items():
            if chrom not in known:
                left_out[chrom] += len(found.forward) + len(found.reverse) + len(found.pair_start)
                continue
            _check_positions(path, chrom, found, sizes[chrom], (stated or sizes).get(chrom, sizes[chrom]))
            parts.setdefault(chrom, []).append(fragments(found, chosen, shifted=is_single_cell(path)))
    joined = {
        chrom: tuple(np.concatenate(column) for column in zip(*found, strict=True)) for chrom, found in parts.items()
    }
    return ReadCoverage(files, sizes, joined, left_out)  # type: ignore[arg-type]


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

"""Binarised marks from reads, by the rule of ChromHMM's BinarizeBed, and from bigWigs whose kind is stated."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, UInt8

from epizoo.errors import InputError
from epizoo.genome.read_counts import Counts, Paths, count_reads
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_kinds import check_signal_kind
from epizoo.mark_values import MISSING

P_VALUE = 1e-4
_CONTROL_FLANK_BINS = 5
_PSEUDO_COUNT = 1


@dataclass(frozen=True)
class BigWigBinarization:
    """Settings for binarising a bigWig.

    Attributes:
        kind: the kind of signal, which must be stated: ``counts`` (read starts) or ``coverage`` (reads piled up), or
            any other kind together with a threshold.
        read_length_bp: length of the piled-up reads or fragments, for ``coverage``.
        threshold: a bin is present where its mean reaches this; None for the Poisson rule.
        p_value: tail probability of the Poisson rule.
        bin_bp: width of a bin.

    Raises:
        InputError: the threshold is not finite and above 0, or the read length is below 1.
    """

    kind: str
    read_length_bp: int | None = None
    threshold: float | None = None
    p_value: float = P_VALUE
    bin_bp: int = 200

    def __post_init__(self) -> None:
        if self.threshold is not None and not (math.isfinite(self.threshold) and self.threshold > 0):
            raise InputError(f"the threshold of binarisation is {self.threshold:g}, expected a finite number above 0")
        if self.read_length_bp is not None and self.read_length_bp < 1:
            raise InputError(f"the read length is {self.read_length_bp} bp, expected 1 bp or more; correct it")


def poisson_threshold(mean: float, p_value: float = P_VALUE) -> int:
    """Smallest count k with P(X <= k) > 1 - p_value for a Poisson variable, and at least 1, as ChromHMM adds it up.

    A bin with k reads or more is present. Note that this is P(X <= k), so P(X >= k) may exceed ``p_value``.

    >>> poisson_threshold(0.2), poisson_threshold(0.0)
    (3, 1)
    """
    if not 1e-12 < p_value < 1:
        raise InputError(f"the p-value of binarisation is {p_value:g}, expected one between 1e-12 and 1, such as 1e-4")
    if mean <= 0:
        return 1
    count = -1
    cumulative = 0.0
    log_factorial = 0.0
    while cumulative <= 1 - p_value:
        count += 1
        log_factorial += math.log(count) if count else 0.0
        cumulative += math.exp(math.log(mean) * count - mean - log_factorial)
    return max(count, 1)


def binarize_reads(
    reads: Mapping[str, Paths],
    chrom_sizes: Mapping[str, int],
    controls: Mapping[str, Paths] | None = None,
    bin_bp: int = 200,
    p_value: float = P_VALUE,
) -> dict[str, UInt8[np.ndarray, "bin mark"]]:
    """Binarise the marks of one cell type from BED files of reads, exactly as ChromHMM's BinarizeBed does.

    A read counts in the bin of its 5' end shifted 100 bp downstream. Without a control the expected count is the mean
    over all bins of the chromosomes that have reads. With one, it is the control (with one pseudo-count a bin) summed
    over 5 bins on each side, scaled to the mark's number of reads.

    Args:
        reads: mark to BED file (six columns, plain or gzipped) or files.
        chrom_sizes: length of each chromosome in bp; reads on other chromosomes are left out.
        controls: mark to file or files. As in ChromHMM, once there is any, a mark without one has pseudo-counts alone,
            and chromosomes without control reads are left out.
        bin_bp: width of a bin.
        p_value: tail probability that makes a bin present.

    Returns:
        Chromosome to values (bin, mark), 0 or 1, for the chromosomes with reads; floor(length / bin_bp) bins each.

    Raises:
        InputError: a file cannot be read, has a row that is not a stranded read, or none on a known chromosome.
    """
    if controls is not None and not set(controls) <= set(reads):
        odd = ", ".join(sorted(set(controls) - set(reads)))
        raise InputError(
            f"there is a control for {odd} but no reads of it, only of {', '.join(reads)}; correct its name"
        )
    counts = {mark: count_reads(paths, chrom_sizes, bin_bp) for mark, paths in reads.items()}
    chroms = [chrom for chrom in chrom_sizes if any(chrom in mark for mark in counts.values())]
    n_bins = {chrom: chrom_sizes[chrom] // bin_bp for chrom in chroms}
    filled = {mark: _fill(found, n_bins) for mark, found in counts.items()}
    if controls is None:
        columns = {mark: _against_mean(found, p_value) for mark, found in filled.items()}
    else:
        empty: Counts = {}
        backgrounds = {
            mark: count_reads(controls[mark], chrom_sizes, bin_bp) if mark in controls else empty for mark in reads
        }
        covered = {chrom for background in backgrounds.values() for chrom in background}
        chroms = [chrom for chrom in chroms if chrom in covered]
        if not chroms:
            raise InputError("no chromosome has both reads and control reads; give files of the same chromosomes")
        n_bins = {chrom: n_bins[chrom] for chrom in chroms}
        columns = {
            mark: _against_control({c: filled[mark][c] for c in chroms}, _fill(backgrounds[mark], n_bins), p_value)
            for mark in filled
        }
    return {chrom: np.stack([columns[mark][chrom] for mark in columns], axis=1) for chrom in chroms}


def binarize_bigwigs(
    bigwigs: Mapping[str, str | os.PathLike[str]],
    settings: BigWigBinarization,
    chroms: Sequence[str] | None = None,
) -> dict[str, UInt8[np.ndarray, "bin mark"]]:
    """Binarise the marks of one cell type from one bigWig per mark.

    The Poisson rule is that of `binarize_reads`, with counts that are approximate: the sum of a bin for ``counts``, the
    sum divided by the read length for ``coverage`` (a read that straddles bins counts in part in each, and reads are
    not shifted). The expected count is the mean over the chromosomes that hold signal.

    Args:
        bigwigs: mark to file.
        settings: the stated kind, and what goes with it.
        chroms: the chromosomes to return; all that any file names where None.

    Returns:
        Chromosome to values (bin, mark), 0 or 1, or 2 (missing) where a file does not name the chromosome.

    Raises:
        InputError: a file cannot be used, two files differ in a chromosome's length, or the kind needs a threshold or a
            read length that is not given.
    """
    tracks = {mark: BigWig(path) for mark, path in bigwigs.items()}
    for track in tracks.values():
        check_binarization(settings, track)
    sizes = common_sizes(list(tracks.values()))
    wanted = list(sizes) if chroms is None else list(chroms)
    unknown = [chrom for chrom in wanted if chrom not in sizes]
    if unknown:
        raise InputError(f"{next(iter(tracks.values())).path}: has no chromosome {unknown[0]}; give one that it has")
    values = {c: np.full((sizes[c] // settings.bin_bp, len(tracks)), MISSING, np.uint8) for c in wanted}
    for column, track in enumerate(tracks.values()):
        for chrom, present in _binarize_track(track, settings, wanted).items():
            values[chrom][:, column] = present
        track.close()
    return values


def check_binarization(settings: BigWigBinarization, bigwig: BigWig) -> None:
    """Check that a bigWig of the stated kind can be binarised.

    Raises:
        InputError: the kind is unknown, or it needs a threshold or a read length that is not given.
    """
    check_signal_kind(settings.kind, bigwig)
    if settings.threshold is not None:
        return
    if settings.kind not in ("counts", "coverage"):
        raise InputError(
            f"{bigwig.path}: {settings.kind} holds no read counts, which ChromHMM's rule needs; give reads, counts or "
            "coverage, or state a threshold on the bin's mean"
        )
    if settings.kind == "coverage" and not settings.read_length_bp:
        raise InputError(f"{bigwig.path}: coverage becomes counts by the reads' length in bp; state the read length")


def common_sizes(bigwigs: Sequence[BigWig]) -> dict[str, int]:
    """Length in bp of each chromosome that any of the bigWigs names.

    Raises:
        InputError: two of them differ in a chromosome's length.
    """
    sizes: dict[str, int] = {}
    first: dict[str, BigWig] = {}
    for bigwig in bigwigs:
        for chrom, size in bigwig.chrom_sizes.items():
            if sizes.setdefault(chrom, size) != size:
                raise InputError(
                    f"{bigwig.path}: {chrom} is {size:,} bp long, but {sizes[chrom]:,} bp in {first[chrom].path}; "
                    "give files of the same assembly"
                )
            first.setdefault(chrom, bigwig)
    return sizes


def _binarize_track(
    bigwig: BigWig, settings: BigWigBinarization, wanted: Sequence[str]
) -> dict[str, UInt8[np.ndarray, " bin"]]:
    chroms = [chrom for chrom in bigwig.chrom_sizes if settings.threshold is None or chrom in wanted]
    means = {chrom: _whole_bins(bigwig, chrom, settings.bin_bp) for chrom in chroms}
    if settings.threshold is not None:
        return {chrom: (mean >= settings.threshold).astype(np.uint8) for chrom, mean in means.items()}
    per_read = settings.bin_bp / (
        settings.read_length_bp if settings.kind == "coverage" and settings.read_length_bp else 1
    )
    counts = {chrom: np.rint(mean * per_read).astype(np.int32) for chrom, mean in means.items()}
    holding = {chrom: count for chrom, count in counts.items() if count.any()}
    present = _against_mean(holding, settings.p_value) if holding else {}
    return {
        chrom: present.get(chrom, np.zeros(len(count), np.uint8)) for chrom, count in counts.items() if chrom in wanted
    }


def _whole_bins(bigwig: BigWig, chrom: str, bin_bp: int) -> np.ndarray:
    n_bins = bigwig.chrom_sizes[chrom] // bin_bp
    return bigwig.binned(chrom, 0, n_bins, bin_bp)


def _fill(counts: Counts, n_bins: Mapping[str, int]) -> Counts:
    return {chrom: counts.get(chrom, np.zeros(n, np.int32)) for chrom, n in n_bins.items()}


def _against_mean(counts: Counts, p_value: float) -> dict[str, UInt8[np.ndarray, " bin"]]:
    n_bins = sum(len(count) for count in counts.values())
    n_reads = sum(int(count.sum(dtype=np.int64)) for count in counts.values())
    threshold = poisson_threshold(n_reads / max(n_bins, 1), p_value)
    return {chrom: (count >= threshold).astype(np.uint8) for chrom, count in counts.items()}


def _against_control(counts: Counts, control: Counts, p_value: float) -> dict[str, UInt8[np.ndarray, " bin"]]:
    background = {chrom: _window_sum(count + _PSEUDO_COUNT) for chrom, count in control.items()}
    n_reads = sum(int(count.sum(dtype=np.int64)) for count in counts.values())
    n_background = sum(int(count.sum(dtype=np.int64)) for count in background.values())
    ratio = n_reads / max(n_background, 1)
    levels = np.unique(np.concatenate([*background.values(), np.zeros(0, np.int64)]))
    thresholds = np.array([poisson_threshold(ratio * level, p_value) for level in levels])
    return {
        chrom: (count >= thresholds[np.searchsorted(levels, background[chrom])]).astype(np.uint8)
        for chrom, count in counts.items()
    }


def _window_sum(counts: Int32[np.ndarray, " bin"]) -> np.ndarray:
    """Sum over 5 bins on each side, cut off at the chromosome's ends."""
    total = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    at = np.arange(len(counts))
    high = np.minimum(at + _CONTROL_FLANK_BINS + 1, len(counts))
    return total[high] - total[np.maximum(at - _CONTROL_FLANK_BINS, 0)]

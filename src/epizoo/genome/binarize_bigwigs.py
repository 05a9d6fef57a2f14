"""Binarised marks from bigWigs whose kind is stated, by the rule of ChromHMM's BinarizeBed or a threshold."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from epizoo.errors import InputError
from epizoo.genome.binarize import P_VALUE, against_mean
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_kinds import check_signal_kind
from epizoo.mark_values import MISSING

# Means are sums in float32, whose rounding errors must not decide: a mean that misses the threshold by this share
# reaches it, and counts are rounded to so many parts before they are rounded to whole ones, so that halves are halves.
_TOLERANCE = 1e-5
_COUNT_PARTS = 1024


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
        return {
            chrom: (mean >= settings.threshold * (1 - _TOLERANCE)).astype(np.uint8) for chrom, mean in means.items()
        }
    per_read = settings.bin_bp / (
        settings.read_length_bp if settings.kind == "coverage" and settings.read_length_bp else 1
    )
    counts = {chrom: _whole_counts(mean * per_read) for chrom, mean in means.items()}
    holding = {chrom: count for chrom, count in counts.items() if count.any()}
    present = against_mean(holding, settings.p_value) if holding else {}
    return {
        chrom: present.get(chrom, np.zeros(len(count), np.uint8)) for chrom, count in counts.items() if chrom in wanted
    }


def _whole_counts(reads: Float32[np.ndarray, " bin"]) -> Int32[np.ndarray, " bin"]:
    return np.rint(np.rint(reads * _COUNT_PARTS) / _COUNT_PARTS).astype(np.int32)


def _whole_bins(bigwig: BigWig, chrom: str, bin_bp: int) -> np.ndarray:
    n_bins = bigwig.chrom_sizes[chrom] // bin_bp
    return bigwig.binned(chrom, 0, n_bins, bin_bp)

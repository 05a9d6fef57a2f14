"""Places where sparse reads are dense enough for a significant peak: no network has to look elsewhere.

A peak counts if its q-value is at most `most_q`. If J peaks count, the number of peaks like any of them that noise
would give is at most ``most_q * J`` (`epizoo.calling.significance.with_q_values`), so that its p-value is at most
``most_q * J * width / n_bp``, gaps included. J is bounded by the reads and the bins that each peak takes of all there
are. As many reads are expected in a peak as `epizoo.calling.peaks.call_peaks` expects at least: those of the file's
background, and those that the peak's own reads make of its surroundings. No peak crosses a stretch whose middle sees no
reads.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from epizoo.calling.local_background import block_bins, reached_bins
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.stretches import stretches
from epizoo.genome.overlaps import merged
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.reads.pileup import ReadCoverage

_CLASS_RATIO = 1.5
_WEIGHTS = np.array([[0.5], [0.9], [0.97], [0.99], [0.997], [0.999]])
"""Weights of reads against bins in the share that a peak takes of both; each bounds the number of peaks."""
_HALVINGS = 11
_MOST_COVERED_SHARE, _MOST_COVERED_BINS = 0.08, 1 << 21
"""Share of all bins, and number of bins, that reads lie in at most: where there are more, most of the genome could hold
a peak, or memory would grow."""
_MOST_SHARE = 0.5
"""Share of the bins, surroundings included, above which all of them are taken."""
_ROUNDING = 0.999
"""The network's input is float32: its sums are off by much less than this."""


class Grid(NamedTuple):
    """Bins of the network, and what is searched with them."""

    bin_bp: int
    flank_bins: int
    """How far to each side the output of a bin depends on the signal."""
    reads_per_bin: float
    """Reads that are expected of a bin at least."""
    n_bp: int
    """How many bp are searched, for q-values."""


def possible_peaks(track: ReadCoverage, rule: PeakCallingConfig, grid: Grid) -> pd.DataFrame | None:
    """Intervals (chrom, start, end) that hold every peak that can be significant, and what it could be merged with.

    Peaks called in these intervals alone, and their q-values, are those of the whole genome, to rounding: a run of bins
    that leaves them is no significant peak, and no part of one.

    Args:
        track: the reads, one at least.
        rule: how peaks are called; its `most_q` decides.
        grid: see there.

    Returns:
        None where they and their surroundings are more than about half of what is searched.
    """
    n_all = sum(-(-size // grid.bin_bp) for size in track.chrom_sizes.values())
    n_covered = track.summary.covered_bp / grid.bin_bp + 2 * track.n_fragments
    if n_covered > min(_MOST_COVERED_SHARE * n_all, _MOST_COVERED_BINS):
        return None
    sizes, gap_bins = track.chrom_sizes, rule.merge_gap_bp // grid.bin_bp
    chroms = sorted(track.covered_chroms, key=sizes.__getitem__, reverse=True)
    islands = {chrom: _islands(track, chrom, grid.bin_bp, 2 * grid.flank_bins + 1 + gap_bins) for chrom in chroms}
    widest = max((int((part.last - part.first).max()) for part in islands.values()), default=0) + 1
    n_reads = sum(float(part.reads.sum()) for part in islands.values())
    classes = _width_classes(n_reads, n_all, rule, grid, widest + 2 * grid.flank_bins)
    found: list[pd.DataFrame] = []
    n_bins = n_looked_at = 0
    for chrom, part in islands.items():
        low, high = _dense_stretches(part, classes, gap_bins, grid.flank_bins)
        start = np.maximum((low - gap_bins - 1) * grid.bin_bp, 0)
        end = np.minimum((high + gap_bins + 1) * grid.bin_bp, sizes[chrom])
        found.append(merged(pd.DataFrame({"chrom": chrom, "start": start, "end": end})))
        n_bins += sizes[chrom] // grid.bin_bp
        around = stretches(found[-1], grid.bin_bp, rule.background_bp, sizes)
        n_looked_at += sum(stretch.n_bins + 2 * grid.flank_bins for stretch in around)
        if n_looked_at > _MOST_SHARE * n_bins:
            return None
    return pd.concat(found, ignore_index=True)


class _Islands(NamedTuple):
    """The bins of a chromosome that reads lie in, as islands that are too far apart for one peak."""

    bins: Int[np.ndarray, " bin"]
    reads: Float[np.ndarray, " bin"]
    first: Int[np.ndarray, " bin"]
    """First bin of the island of each bin."""
    last: Int[np.ndarray, " bin"]
    in_all: Float[np.ndarray, " bin"]
    """Reads of the island of each bin."""


def _islands(track: ReadCoverage, chrom: str, bin_bp: int, most_apart: int) -> _Islands:
    assert track.reads_per_area is not None, "there are reads"
    bins, signal = track.covered_bins(chrom, bin_bp)
    # The last bin, of which a part may lie on the chromosome, counts as a whole one.
    reads = signal * bin_bp * track.reads_per_area
    begins = np.concatenate([[0], np.flatnonzero(np.diff(bins) > most_apart) + 1])
    ends = np.append(begins[1:], len(bins))
    of_island = bins[begins], bins[ends - 1], np.add.reduceat(reads, begins)
    return _Islands(bins, reads, *(np.repeat(values, ends - begins) for values in of_island))


def _dense_stretches(
    islands: _Islands, classes: "_WidthClasses", gap_bins: int, flank_bins: int
) -> tuple[Int[np.ndarray, " stretch"], Int[np.ndarray, " stretch"]]:
    """First bin and the one after the last of stretches of an island with the reads of a significant peak."""
    bins, reads, first, last, _ = (column[islands.in_all >= classes.least_reads.min()] for column in islands)
    so_far = np.concatenate([[0.0], np.cumsum(reads)])
    low, high = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for most_bins, least_reads in zip(*classes, strict=True):
        # Runs that are joined may have a gap after each of their bins.
        reach = most_bins + (most_bins - 1) * gap_bins
        after = np.searchsorted(bins, np.minimum(bins + reach, last + 1))
        dense = so_far[after] - so_far[:-1] >= least_reads
        low.append(np.maximum(bins[dense] - reach, first[dense] - flank_bins))
        high.append(np.minimum(bins[dense] + reach, last[dense] + 1 + flank_bins))
    return np.concatenate(low), np.concatenate(high)


class _WidthClasses(NamedTuple):
    """Peaks by the number of their bins: the most of each class, and how many reads a significant one has at least."""

    most_bins: Int[np.ndarray, " class"]
    least_reads: Float[np.ndarray, " class"]


def _width_classes(n_reads: float, n_all: int, rule: PeakCallingConfig, grid: Grid, widest: int) -> _WidthClasses:
    n_classes = int(np.log(widest) / np.log(_CLASS_RATIO)) + 2
    most_bins = np.unique((_CLASS_RATIO ** np.arange(n_classes)).astype(np.int64))
    fewest_bins = np.concatenate([[1], most_bins[:-1] + 1])
    # A peak has a share of the bins of its surroundings, gaps included, and expects that share of their reads.
    first, after = reached_bins(0, 1, rule.background_bp, grid.bin_bp)
    beside = after - first + block_bins(rule.background_bp, grid.bin_bp)
    gap_bins = rule.merge_gap_bp // grid.bin_bp
    share = fewest_bins / (fewest_bins * (1 + gap_bins) + beside)
    most_width = most_bins + (most_bins - 1) * gap_bins
    n_bins, most_peaks = grid.n_bp / grid.bin_bp, float(n_all)
    for _ in range(3):
        least_log10_p = -np.log10(rule.most_q) - np.log10(most_peaks * most_width / n_bins)
        least_reads = _least_reads(np.maximum(least_log10_p, 0.0), grid.reads_per_bin * fewest_bins, share)
        # Every peak takes its share of the reads and of the bins, and no sum of shares is more than 1.
        of_peak = _WEIGHTS * least_reads / n_reads + (1 - _WEIGHTS) * fewest_bins / n_all
        most_peaks = min(most_peaks, (1 / of_peak.min(axis=1)).min())
    return _WidthClasses(most_bins, least_reads * _ROUNDING)


def _least_reads(
    least_log10_p: Float[np.ndarray, " class"],
    background: Float[np.ndarray, " class"],
    share: Float[np.ndarray, " class"],
) -> Float[np.ndarray, " class"]:
    """Reads of this -log10 p where the background is expected, or a share of themselves if that is more."""
    # Bernstein's inequality gives so many that are enough by each of the two.
    nats = least_log10_p * np.log(10)
    by_background = background + nats / 3 + np.sqrt(nats**2 / 9 + 2 * background * nats)
    by_share = 2 * nats * (share + (1 - share) / 3) / (1 - share) ** 2
    low, high = np.zeros(len(nats)), np.maximum(by_background, by_share)
    for _ in range(_HALVINGS):
        reads = (low + high) / 2
        expected = np.maximum(background, reads * share)
        # Where no more is seen than expected, which is never enough, the series is long.
        is_more = reads > expected
        log10_p = poisson_log10_p(np.where(is_more, reads, 1.0), np.where(is_more, expected, 1.0))
        is_enough = is_more & (log10_p >= least_log10_p)
        low, high = np.where(is_enough, low, reads), np.where(is_enough, reads, high)
    return low

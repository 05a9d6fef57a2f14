"""Peaks of a genome, stretch by stretch and chunk by chunk, and the bigWigs that are written on the way."""

import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from operator import itemgetter

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from epizoo.calling.chunked_prediction import Piece, Predict, predict_stretches
from epizoo.calling.local_background import block_bins
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import Candidates, PeakCollector, candidate_table, peak_table
from epizoo.calling.possible_peaks import Grid, possible_peaks
from epizoo.calling.stretches import Stretch, stretches
from epizoo.errors import InputError
from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.genome.coverage_transform import FittedTransform
from epizoo.genome.intervals import subtract_blacklist
from epizoo.genome.overlaps import merged
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.genome.windows import CoverageWindows
from epizoo.jobs.peak_inputs import File, Progress
from epizoo.zoo.description import DENOISED
from epizoo.zoo.entry import PeakCallerEntry

PROBABILITIES = "peak_probabilities"
CHUNK_BINS = 1 << 15
ROW_BINS = 1 << 12
"""A chunk goes through the network as rows of this many bins side by side, faster than one long row."""
_MOST_LINE_BINS = 1 << 20
_STEP_BINS = 1 << 9
_SIGNIFICANT_DIGITS = 4

Writers = dict[str, tuple[BigWigWriter, Callable[[np.ndarray], np.ndarray]]]
"""By the network's output, the bigWig that it is written to and what it becomes there."""


def call_genome(
    entry: PeakCallerEntry,
    windows: CoverageWindows,
    rules: Sequence[PeakCallingConfig],
    reads: float | None,
    writers: Writers,
    progress: Progress | None,
    excluded: Collection[str] = (),
    n_bp: int | None = None,
) -> list[pd.DataFrame]:
    """All candidate peaks of each rule, sorted, without names and q-values; the network's outputs go to the writers.

    Args:
        entry: the peak caller.
        windows: the signal, and the intervals to call peaks in.
        rules: rules of calling, which differ in their probabilities and q-values.
        reads: reads for each unit of the signal over 1 bp; see `epizoo.genome.read_depth`.
        writers: see `open_writers`.
        progress: called after each chunk with the bins that are done and those there are.
        excluded: sequences in which no peaks are called.
        n_bp: how many bp are searched for q-values, if candidates may be missing that cannot be significant.
    """
    # Where there are no reads, no peak is significant.
    deciding = reads if rules[0].most_q < 1 and not writers else None
    wanted = windows.intervals[~windows.intervals["chrom"].isin(list(excluded))]
    if deciding is not None:
        covered = {chrom for chrom, _, _ in windows.bigwigs[0].covered_blocks(1 << 30)}
        wanted = wanted[wanted["chrom"].isin(covered)]
        if wanted.empty:
            return [peak_table() for _ in rules]
        if n_bp is not None:
            wanted = _possible(entry, windows, wanted, rules[0], deciding, n_bp)
    sizes = windows.bigwigs[0].chrom_sizes
    todo = stretches(wanted, entry.window.bin_bp, rules[0].background_bp, sizes, windows.known)
    n_bins = sum(stretch.n_bins for stretch in todo)
    chunk_bins = _chunk_bins(todo, entry.window.flank_bins)
    predicted = predict_stretches(
        _predictor(
            entry,
            (PROBABILITIES, *(name for name in writers if name != PROBABILITIES)),
            chunk_bins,
            skips_empty=deciding is not None,
        ),
        windows.coverage_of,
        todo,
        flank_bins=entry.window.flank_bins,
        chunk_bins=chunk_bins,
        # Where backgrounds reach far, their blocks are long.
        most_stretches=min(4096, 1 + _MOST_LINE_BINS // block_bins(rules[0].background_bp, entry.window.bin_bp)),
    )
    done = 0
    found: list[list[Candidates]] = [[] for _ in rules]
    for group, pieces in predicted:
        collectors: list[PeakCollector] = []
        for piece in pieces:
            if writers:
                _write(writers, group, piece, entry.window.bin_bp)
            done += len(piece.inputs)
            if progress is not None:
                progress(done, n_bins)
            if not collectors:
                # Most scaffolds of a draft assembly: their background is nobody's, so that none is taken in.
                group, piece = _that_may_hold_peaks(group, piece, min(rule.enter_probability for rule in rules))
                if not group:
                    continue
                for rule in rules:
                    first = collectors[0] if collectors else None
                    collectors.append(_collector(group, rule, entry.window.bin_bp, windows.fitted[0], reads, first))
            # Folds over the background, so that treatment and control are of one depth.
            folds = windows.folds(piece.loci, piece.inputs)
            for collector in collectors:
                collector.add(piece.outputs[PROBABILITIES], *folds)
        for candidates, collector in zip(found, collectors, strict=False):
            candidates.append(collector.finish())
    return [candidate_table(candidates) for candidates in found]


def _possible(
    entry: PeakCallerEntry,
    windows: CoverageWindows,
    wanted: pd.DataFrame,
    rule: PeakCallingConfig,
    reads: float,
    n_bp: int,
) -> pd.DataFrame:
    """Of whole sequences, the parts in which reads are dense enough for a significant peak, if they are few."""
    track, shape = windows.bigwigs[0], entry.window
    if not isinstance(track, ReadCoverage) or len(windows.bigwigs) > 1:
        return wanted
    grid = Grid(shape.bin_bp, shape.flank_bins, reads * windows.fitted[0].background * shape.bin_bp, n_bp)
    found = possible_peaks(track, rule, grid)
    return wanted if found is None else found[found["chrom"].isin(wanted["chrom"])]


def searched_intervals(
    windows: CoverageWindows, excluded: Collection[str], masked: pd.DataFrame | None
) -> pd.DataFrame:
    """The union of where peaks may lie: not in excluded sequences, and not on the blacklist."""
    wanted = windows.intervals[~windows.intervals["chrom"].isin(list(excluded))]
    return merged(wanted if masked is None else subtract_blacklist(wanted, masked))


def _chunk_bins(todo: list[Stretch], flank_bins: int) -> int:
    """Bins of a chunk: short regions need no long windows, and powers of two keep the number of lengths small."""
    lengths = [stretch.n_bins for stretch in todo]
    side_by_side = sum(lengths) + 2 * flank_bins * (len(lengths) - 1)
    return min(CHUNK_BINS, 1 << (max([*lengths, side_by_side]) - 1).bit_length())


def _that_may_hold_peaks(group: list[Stretch], piece: Piece, enter: float) -> tuple[list[Stretch], Piece]:
    """The whole stretches in which a bin is as probable as a peak's must be; all where the piece is a part of one."""
    if piece.loci != [stretch.locus for stretch in group]:
        return group, piece
    n_bins = np.array([stretch.n_bins for stretch in group])
    first = np.cumsum(n_bins) - n_bins
    may_hold = np.maximum.reduceat(piece.outputs[PROBABILITIES], first) >= enter
    bins = np.repeat(may_hold, n_bins)
    kept = [stretch for stretch, keep in zip(group, may_hold.tolist(), strict=True) if keep]
    if not kept:
        return kept, piece
    outputs = {name: values[bins] for name, values in piece.outputs.items()}
    return kept, Piece([stretch.locus for stretch in kept], piece.inputs[bins], outputs)


def _write(writers: Writers, group: list[Stretch], piece: Piece, bin_bp: int) -> None:
    """Write the outputs of a piece where they were asked for."""
    before = 0
    for stretch, (chrom, start_bin, end_bin) in zip(group, piece.loci, strict=True):
        for first, after in _asked_bins(stretch, start_bin, end_bin - start_bin, bin_bp):
            for name, (writer, value) in writers.items():
                writer.add(chrom, start_bin + first, value(piece.outputs[name][before + first : before + after]))
        before += end_bin - start_bin


def _collector(
    group: list[Stretch],
    rule: PeakCallingConfig,
    bin_bp: int,
    fitted: FittedTransform,
    reads: float | None,
    beside: PeakCollector | None,
) -> PeakCollector:
    return PeakCollector(
        group,
        rule,
        bin_bp=bin_bp,
        # Of other kinds the number of reads is unknown, and assumed as the transform assumes it for -log10 p.
        reads_per_unit=fitted.background if fitted.kind == "coverage" else fitted.log10_p_background,
        reads_per_area=None if reads is None else reads * fitted.background,
        beside=beside,
    )


def open_writers(
    stack: ExitStack, windows: CoverageWindows, probabilities: File | None, denoised: File | None
) -> Writers:
    """The bigWigs to write, which are left whole or not at all when the stack is closed.

    Raises:
        InputError: denoised coverage is asked of -log10 p, or a file cannot be written.
    """
    fitted, track, bin_bp = windows.fitted[0], windows.bigwigs[0], windows.shape.bin_bp
    writers: Writers = {}
    if probabilities is not None:
        writer = stack.enter_context(BigWigWriter(probabilities, track.chrom_sizes, bin_bp))
        writers[PROBABILITIES] = writer, np.asarray
    if denoised is not None:
        if fitted.kind == "log10_p":
            raise InputError(
                f"{track.path}: holds -log10 p, which has no depth to denoise at; give the coverage itself"
            )
        # A few significant digits of the background, whatever the unit.
        decimals = max(_SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(fitted.background)), 0)
        writer = stack.enter_context(BigWigWriter(denoised, track.chrom_sizes, bin_bp, decimals))
        writers[DENOISED] = writer, fitted.inverse
    return writers


def _asked_bins(stretch: Stretch, start_bin: int, n_bins: int, bin_bp: int) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of some bins, counted from the first of them, of each part that was asked for."""
    before = bisect_right(stretch.asked, start_bin * bin_bp, key=itemgetter(1))
    for start, end in stretch.asked[before:]:
        first, after = start // bin_bp - start_bin, -(-end // bin_bp) - start_bin
        if first >= n_bins:
            return
        yield max(first, 0), min(after, n_bins)


def _predictor(
    entry: PeakCallerEntry, outputs: tuple[str, ...], chunk_bins: int, *, skips_empty: bool = False
) -> Predict:
    """The entry's outputs for a chunk with its flanks, computed as rows; longer chunks are multiples of `ROW_BINS`.

    With `skips_empty`, bins that see no signal are not computed, and their outputs are 0. Of a silence the flanks
    remain, so that what lies on its two sides does not see each other.
    """
    flank_bins, row_bins = entry.window.flank_bins, min(chunk_bins, ROW_BINS)
    # JAX compiles a program for each length, and keeps its rows as they are.
    step_bins = row_bins if entry.backend == "jax" else min(row_bins, _STEP_BINS)

    def compute(window: Float[np.ndarray, "bin track"], bins: int) -> Mapping[str, np.ndarray]:
        views = np.lib.stride_tricks.sliding_window_view(window, bins + 2 * flank_bins, axis=0)
        rows = np.ascontiguousarray(views[::bins].swapaxes(1, 2))
        return {name: array.reshape(-1) for name, array in entry.activations({"coverage": rows}, outputs).items()}

    def predict(window: Float[np.ndarray, "bin track"]) -> Mapping[str, np.ndarray]:
        sees = _sees_signal(window, flank_bins)
        n_kept = int(sees.sum())
        n_rows = -(-n_kept // row_bins)
        # Rows as short as hold what is left, in steps.
        bins = -(-n_kept // (max(n_rows, 1) * step_bins)) * step_bins
        if not skips_empty or n_rows * bins >= chunk_bins:
            return compute(window, row_bins)
        whole = {name: np.zeros(len(window), np.float32) for name in outputs}
        if n_rows:
            short = np.zeros((n_rows * bins + 2 * flank_bins, window.shape[1]), np.float32)
            short[flank_bins : flank_bins + n_kept] = window[sees]
            for name, array in compute(short, bins).items():
                whole[name][sees] = array[:n_kept]
        return {name: array[flank_bins : flank_bins + chunk_bins] for name, array in whole.items()}

    return predict


def _sees_signal(window: Float[np.ndarray, "bin track"], flank_bins: int) -> Bool[np.ndarray, " bin"]:
    """True for bins with signal at most `flank_bins` away.

    >>> _sees_signal(np.array([[0], [0], [0], [1], [0], [0]]), 1).tolist()
    [False, False, True, True, True, False]
    """
    so_far = np.concatenate([[0], np.cumsum(window.any(axis=1))])
    place = np.arange(len(window))
    return so_far[np.minimum(place + flank_bins + 1, len(window))] > so_far[np.maximum(place - flank_bins, 0)]

"""Peaks of a whole genome, or of regions of it, by a peak-caller entry: bigWig or reads in, narrowPeak out."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.calling.chunked_prediction import Piece, predict_track
from epizoo.calling.peak_files import peak_format, write_peaks, write_summits
from epizoo.calling.peaks import PeakCallingConfig, PeakCollector, name_peaks, peak_table
from epizoo.files import check_outputs
from epizoo.genome.assemblies import check_blacklist_fits, read_blacklist
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.read_depth import reads_per_area
from epizoo.genome.signal import SignalTrack
from epizoo.genome.windows import CoverageWindows, Intervals
from epizoo.jobs.peak_bigwigs import OUTPUTS, PeakBigWigs, require_denoising
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.windows import File, coverage_windows

Progress = Callable[[int, int], None]
"""Called now and then with the bins that are done and those there are."""

CHUNK_BINS = 1 << 15
ROW_BINS = 1 << 12
"""A chunk goes through the network as rows of this many bins side by side, faster than one long row."""


class Stretch(NamedTuple):
    """Consecutive bins of a chromosome, and the bp of them that were asked for."""

    chrom: str
    start_bin: int
    end_bin: int
    start: int
    end: int


def call_peaks(
    entry: PeakCallerEntry,
    bigwig: File | SignalTrack,
    control: File | SignalTrack | None = None,
    *,
    regions: Intervals | None = None,
    output: File | None = None,
    output_format: str | None = None,
    summits_output: File | None = None,
    probabilities_bigwig: File | None = None,
    denoised_bigwig: File | None = None,
    blacklist: Intervals | None = None,
    signal_kind: str | None = None,
    control_signal_kind: str | None = None,
    known_regions: Intervals | None = None,
    config: PeakCallingConfig | None = None,
    track: str | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Call peaks over the whole genome of a bigWig, or over regions.

    Memory does not grow with the genome. Files are written whole or not at all.

    Args:
        entry: A peak caller.
        bigwig: The treatment: a bigWig, or another track, such as reads that `epizoo.genome.pileup.pile_up` made
            coverage of.
        control: The control, likewise, for an entry that takes one.
        regions: Where to call, an interval table or a BED file; all chromosomes of the bigWig where None. Signal around
            a region is seen, and peaks end at its border.
        output: The file of peaks to write, if any; gzipped where its name ends in ``.gz``.
        output_format: narrowPeak, broadPeak, gappedPeak or bed; by the suffix of `output` where None, else narrowPeak.
        summits_output: The BED file of all summits to write, if any.
        probabilities_bigwig: The bigWig of peak probabilities to write, if any; it covers the regions.
        denoised_bigwig: The bigWig of denoised coverage to write, if any: the expected signal of each bin, at the depth
            and in the unit of the input; it covers the regions. Peaks are the same with and without it.
        blacklist: Peaks that overlap these intervals are left out: a table, a BED file, or the assembly (hg19, hg38,
            mm10) whose ENCODE blacklist is meant.
        signal_kind: One of `epizoo.genome.coverage_transform.SIGNAL_KINDS`; detected where None.
        control_signal_kind: The same for the control; that of the treatment where None.
        known_regions: Where an absent value means 0 when the background is estimated; see `CoverageTransform`.
        config: How probabilities become peaks; the entry's own where None.
        track: A line for UCSC's genome browser to begin the file of peaks with.
        progress: Called after each chunk.

    Returns:
        `epizoo.calling.peaks.PEAK_COLUMNS` (narrowPeak's ten, and blocks and summits), sorted by chromosome name and
        start. `signalValue` is in multiples of the local background, which counts as at least the background of the
        whole file and, where there is a control, the control at the summit, each track in its own background. With a
        control peaks that do not rise above it are dropped. ``attrs["signal_kind"]`` is the kind of signal of the
        treatment.

    Raises:
        InputError: a file or an interval cannot be used, an output cannot be written, or denoised coverage is asked of
            an entry that gives none, or of -log10 p.
        EntryError: the entry's weights are missing or do not match their hash.
    """
    given = (bigwig, control, regions, blacklist, known_regions)
    inputs = [path for path in given if isinstance(path, str | os.PathLike)]
    inputs += [path for track in given if isinstance(track, SignalTrack) for path in track.sources]
    outputs = (output, summits_output, probabilities_bigwig, denoised_bigwig)
    check_outputs([path for path in outputs if path is not None], inputs)
    if denoised_bigwig is not None:
        require_denoising(entry)
    kind = "narrowPeak" if output is None else peak_format(output, output_format)
    windows = coverage_windows(
        entry, regions, bigwig, control, signal_kind, control_signal_kind, known_regions, blacklist_file=None
    )
    excluded = None if blacklist is None else _blacklist_table(blacklist, windows.bigwigs[0])
    rule = config or entry.config.calling
    entry.prepare()
    with PeakBigWigs(probabilities_bigwig, denoised_bigwig, windows) as bigwigs:
        peaks = _call(entry, windows, rule, bigwigs, progress)
        if excluded is not None:
            peaks = name_peaks(peaks[~overlaps_any(peaks, excluded)])
        peaks.attrs["signal_kind"] = windows.fitted[0].kind
        if output is not None:
            write_peaks(output, peaks, kind, track)
        if summits_output is not None:
            write_summits(summits_output, peaks)
    return peaks


def stretches(intervals: pd.DataFrame, bin_bp: int) -> list[Stretch]:
    """Intervals as whole bins, joined where these touch, sorted by chromosome name and start."""
    found: list[Stretch] = []
    for chrom, low, high in sorted(zip(intervals["chrom"], intervals["start"], intervals["end"], strict=True)):
        start, end = int(low), int(high)
        first, after = start // bin_bp, -(-end // bin_bp)
        last = found[-1] if found else None
        if last is not None and last.chrom == chrom and first <= last.end_bin:
            found[-1] = last._replace(end_bin=max(after, last.end_bin), end=max(end, last.end))
        else:
            found.append(Stretch(chrom, first, after, start, end))
    return found


def predict_stretch(
    entry: PeakCallerEntry,
    windows: CoverageWindows,
    stretch: Stretch,
    chunk_bins: int = CHUNK_BINS,
    silent: dict[str, np.ndarray] | None = None,
    outputs: tuple[str, ...] = OUTPUTS,
) -> Iterator[Piece]:
    """Transformed coverage and these outputs of consecutive bins, piece by piece.

    Longer chunks than `ROW_BINS` must be multiples of it; `silent` is that of `predict_track`.
    """

    def read(start: int, end: int) -> Float[np.ndarray, "bin track"]:
        return windows.coverage(stretch.chrom, start, end)

    def predict(window: Float[np.ndarray, "bin track"]) -> dict[str, np.ndarray]:
        row_bins = min(chunk_bins, ROW_BINS)
        views = np.lib.stride_tricks.sliding_window_view(window, row_bins + 2 * entry.window.flank_bins, axis=0)
        rows = np.ascontiguousarray(views[::row_bins].swapaxes(1, 2))
        return {name: array.reshape(-1) for name, array in entry.activations({"coverage": rows}, outputs).items()}

    return predict_track(
        predict,
        read,
        start_bin=stretch.start_bin,
        end_bin=stretch.end_bin,
        flank_bins=entry.window.flank_bins,
        chunk_bins=chunk_bins,
        silent=silent,
    )


def _call(
    entry: PeakCallerEntry,
    windows: CoverageWindows,
    config: PeakCallingConfig,
    bigwigs: PeakBigWigs,
    progress: Progress | None,
) -> pd.DataFrame:
    bin_bp = entry.window.bin_bp
    todo = stretches(windows.intervals, bin_bp)
    longest = max(stretch.end_bin - stretch.start_bin for stretch in todo)
    # Short regions need no long windows, and powers of two keep the number of compiled lengths small.
    chunk_bins = min(CHUNK_BINS, 1 << (longest - 1).bit_length())
    total = sum(stretch.end_bin - stretch.start_bin for stretch in todo)
    done = 0
    tables = [peak_table()]
    silent: dict[str, np.ndarray] = {}
    fitted = windows.fitted[0]
    reads = reads_per_area(windows.bigwigs[0], fitted) if config.least_evidence else None
    for stretch in todo:
        bounds = (stretch.start, stretch.end)
        # Of other kinds the number of reads is unknown; that of -log10 p is assumed by its transform in the same way.
        reads_per_unit = fitted.background if fitted.kind == "coverage" else fitted.log10_p_background
        collector = PeakCollector(
            stretch.chrom,
            stretch.start_bin,
            config,
            bin_bp=bin_bp,
            bounds=bounds,
            reads_per_unit=reads_per_unit,
            reads_per_area=None if reads is None else reads * fitted.background,
        )
        for piece in predict_stretch(entry, windows, stretch, chunk_bins, silent, bigwigs.needed):
            probabilities = piece.outputs["peak_probabilities"]
            # The transform is arcsinh(signal / scale); folds want the signal in backgrounds, which are of one depth.
            folds = [
                np.sinh(piece.inputs[:, track]) * (fitted.scale / fitted.background)
                for track, fitted in enumerate(windows.fitted)
            ]
            collector.add(probabilities, folds[0], folds[1] if len(folds) > 1 else None)
            bigwigs.add(stretch.chrom, piece)
            done += len(probabilities)
            if progress is not None:
                progress(done, total)
        tables.append(collector.finish())
    return name_peaks(pd.concat(tables, ignore_index=True))


def _blacklist_table(blacklist: Intervals, track: SignalTrack) -> pd.DataFrame:
    if not isinstance(blacklist, pd.DataFrame):
        return read_blacklist(blacklist, track.chrom_sizes, str(track.path))
    check_blacklist_fits(blacklist, track.chrom_sizes, "the blacklist", str(track.path))
    return blacklist

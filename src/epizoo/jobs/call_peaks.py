"""Peaks of a whole genome, or of regions of it, by a peak-caller entry: bigWig or reads in, narrowPeak out."""

import dataclasses
import os
from contextlib import ExitStack

import pandas as pd

from epizoo.calling.bed9 import track_line as make_track_line
from epizoo.calling.called_peaks import CalledPeaks, CallingDecisions
from epizoo.calling.peak_files import peak_format, write_peaks, write_summits
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import name_peaks
from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.assemblies import check_blacklist_fits, read_blacklist, require_blacklist
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.pile_up_config import KeepDuplicates, Pairs
from epizoo.genome.read_depth import reads_per_area
from epizoo.genome.signal import SignalTrack
from epizoo.genome.windows import CoverageWindows, Intervals, interval_table
from epizoo.jobs.genome_peaks import call_genome, open_writers
from epizoo.jobs.peak_inputs import File, PeakInputs, Progress, Reads
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import PeakCallerEntry, load_peak_caller
from epizoo.zoo.windows import check_control


def call_peaks(
    entry: PeakCallerEntry | File,
    bigwig: File | SignalTrack | None = None,
    control: File | SignalTrack | None = None,
    *,
    reads: Reads | None = None,
    control_reads: Reads | None = None,
    chrom_sizes: File | None = None,
    fragment_length_bp: int | None = None,
    min_mapping_quality: int | None = None,
    keep_duplicates: KeepDuplicates | None = None,
    pairs: Pairs | None = None,
    min_fragment_bp: int | None = None,
    max_fragment_bp: int | None = None,
    reference: File | None = None,
    atac: bool = False,
    regions: Intervals | None = None,
    blacklist: Intervals | None = None,
    signal_kind: str | None = None,
    control_signal_kind: str | None = None,
    known_regions: Intervals | None = None,
    coverage: File | None = None,
    output: File | None = None,
    output_format: str | None = None,
    summits: File | None = None,
    probabilities: File | None = None,
    denoised: File | None = None,
    enter_probability: float | None = None,
    extend_probability: float | None = None,
    min_width_bp: int | None = None,
    merge_gap_bp: int | None = None,
    backend: str | None = None,
    track_line: str | None = None,
    config: PeakCallingConfig | None = None,
    progress: Progress | None = None,
) -> CalledPeaks:
    """Call peaks over the whole genome of a bigWig or of reads, or over regions.

    Memory does not grow with the genome, but for 8 bytes a fragment of reads (24 while they are read). Files are
    written whole or not at all.

    Args:
        entry: A peak caller, its name in the zoo, or its folder.
        bigwig: The treatment: a bigWig, or another track; give either this or `reads`.
        control: The control, likewise, for an entry that takes one; give either this or `control_reads`.
        reads: Reads of the treatment (BAM, SAM, CRAM, BED, tagAlign, BEDPE or single cells' fragments); several files
            are pooled.
        control_reads: Reads of the control.
        chrom_sizes: Chromosome lengths, for reads without them (all but BAM): an assembly such as hg38, or a file.
        fragment_length_bp: Length that single reads are extended to (200 where None; 150 with `atac`). This and the
            next seven are the settings of `epizoo.genome.pile_up_config.PileUpConfig`.
        min_mapping_quality: Reads of a lower mapping quality are left out, and pairs if either mate has one (BAM, SAM
            and CRAM only; 0 where None).
        keep_duplicates: How many reads at one position and strand count, over all files: a number, ``auto`` (as many as
            chance gives, as in MACS) or ``all``; 1 where None.
        pairs: ``template`` (proper pairs span from end to end; also where None) or ``as-single`` (one mate of each pair
            as a single read, properly paired or not).
        min_fragment_bp: Shorter pairs and fragments are left out (1 where None).
        max_fragment_bp: Longer pairs and fragments are left out (2,000 where None).
        reference: The reference genome of a CRAM (FASTA); positions are read without it.
        atac: Whether to pile up the cut sites of ATAC-seq.
        regions: Where to call, an interval table or a BED file; the whole genome where None. Signal around a region is
            seen, and peaks end at its border.
        blacklist: Peaks that overlap these intervals are left out: a table, a BED file, or the assembly (hg19, hg38,
            mm10) whose ENCODE blacklist is meant.
        signal_kind: One of `epizoo.genome.signal_kinds.SIGNAL_KINDS`; detected where None.
        control_signal_kind: The same for the control; that of the treatment where None.
        known_regions: Where an absent value means 0 when the background is estimated; see `CoverageTransform`.
        coverage: The bigWig of the coverage of `reads` to write, if any.
        output: The file of peaks to write, if any; gzipped where its name ends in ``.gz``.
        output_format: narrowPeak, broadPeak, gappedPeak or bed; by the suffix of `output` where None, else narrowPeak.
        summits: The BED file of all summits to write, if any.
        probabilities: The bigWig of peak probabilities to write, if any; it covers the regions.
        denoised: The bigWig of denoised coverage to write, if any: the expected signal of each bin, at the depth and in
            the unit of the input; it covers the regions. Peaks are the same with and without it.
        enter_probability: A peak reaches this probability; the entry's own value where None, as for the next three.
            Where this or the next is given, the entry's rule of evidence does not apply.
        extend_probability: A peak extends as far as this probability.
        min_width_bp: Narrower peaks are left out.
        merge_gap_bp: Peaks with at most this between them are joined.
        backend: jax, onnx or torch; where None, that of the entry, and for a name the fastest that is installed.
        track_line: Name of a track line for UCSC's genome browser to begin the file of peaks with.
        config: A whole rule of calling in place of the entry's; the values above replace parts of it.
        progress: Called while reads are read, coverage is written and peaks are called.

    Returns:
        `epizoo.calling.peaks.PEAK_COLUMNS` (narrowPeak's ten, and blocks and summits), sorted by chromosome name and
        start. `signalValue` is in multiples of the local background, which counts as at least the background of the
        whole file and, where there is a control, the control at the summit, each track in its own background. With a
        control peaks that do not rise above it are dropped. ``decided`` holds the settings that decided.

    Raises:
        InputError: a file, an interval or an option cannot be used, options do not go together, an output cannot be
            written, or denoised coverage is asked of an entry that gives none, or of -log10 p.
        EntryError: the entry is unknown, or its weights are missing or do not match their hash.
        MissingDependencyError: the backend is not installed.
    """
    handling = {
        "fragment_length_bp": fragment_length_bp,
        "min_mapping_quality": min_mapping_quality,
        "keep_duplicates": keep_duplicates,
        "pairs": pairs,
        "min_fragment_bp": min_fragment_bp,
        "max_fragment_bp": max_fragment_bp,
        "reference": reference,
        "atac": atac or None,
    }
    given = {name: value for name, value in handling.items() if value is not None}
    inputs = PeakInputs(bigwig, control, reads, control_reads, chrom_sizes, coverage, given)
    caller = load_peak_caller(entry, backend)
    rule = _rule(
        config or caller.config.calling,
        enter_probability=enter_probability,
        extend_probability=extend_probability,
        min_width_bp=min_width_bp,
        merge_gap_bp=merge_gap_bp,
    )
    # All that can be wrong is found before reads are read, which may take minutes.
    kind = peak_format("" if output is None else output, output_format)
    if output is None and (output_format or track_line):
        raise InputError("--format, --track-line: given without --output, the file that they are about; name it")
    intervals = [given for given in (regions, blacklist, known_regions) if isinstance(given, str | os.PathLike)]
    outputs = [path for path in (output, summits, coverage, probabilities, denoised) if path is not None]
    check_outputs(outputs, [*inputs.paths(), *intervals])
    if isinstance(blacklist, str | os.PathLike):
        require_blacklist(blacklist)
    where = None if regions is None else interval_table(regions, "the intervals")
    known = None if known_regions is None else interval_table(known_regions, "the known regions")
    check_control(caller, inputs.first_of_control)
    if denoised is not None:
        _require_denoising(caller)
    caller.prepare()
    treatment, background, notes = inputs.open(progress)
    windows = caller.windows(
        intervals_file=where,
        bigwig_file=treatment,
        control_file=background,
        signal_kind=signal_kind,
        control_signal_kind=control_signal_kind,
        known_regions_file=known,
    )
    excluded = None if blacklist is None else _blacklist_table(blacklist, windows.bigwigs[0])
    reads_of = reads_per_area(windows.bigwigs[0], windows.fitted[0]) if rule.least_evidence else None
    with ExitStack() as stack:
        writers = open_writers(stack, windows, probabilities, denoised)
        found = call_genome(caller, windows, rule, reads_of, writers, progress)
        peaks = CalledPeaks(name_peaks(found if excluded is None else found[~overlaps_any(found, excluded)]))
        if output is not None:
            write_peaks(output, peaks, kind, make_track_line(kind, track_line) if track_line else None)
        if summits is not None:
            write_summits(summits, peaks)
    peaks.decided = _decisions(caller, windows, rule, reads_of is not None, notes, is_detected=signal_kind is None)
    return peaks


def _rule(own: PeakCallingConfig, **stated: float | None) -> PeakCallingConfig:
    """The rule with what was stated in place of its own values."""
    changes = {key: value for key, value in stated.items() if value is not None}
    if {"enter_probability", "extend_probability"} & set(changes):
        # The entry's evidence would replace the probabilities that were asked for.
        changes |= {"least_evidence": 0, "evident_probability": 0}
    return dataclasses.replace(own, **changes)  # type: ignore[arg-type]


def _require_denoising(entry: PeakCallerEntry) -> None:
    if not entry.denoises:
        names = [name for name in list_entries() if name.startswith("peak_caller/")]
        able = [name for name in names if load_peak_caller(name).denoises]
        others = ", ".join(able) or "none does yet"
        raise InputError(f"denoised coverage: {entry.name} gives none; choose an entry that does: {others}")


def _blacklist_table(blacklist: Intervals, track: SignalTrack) -> pd.DataFrame:
    if not isinstance(blacklist, pd.DataFrame):
        return read_blacklist(blacklist, track.chrom_sizes, str(track.path))
    check_blacklist_fits(blacklist, track.chrom_sizes, "the blacklist", str(track.path))
    return blacklist


def _decisions(
    entry: PeakCallerEntry,
    windows: CoverageWindows,
    rule: PeakCallingConfig,
    evidence: bool,
    notes: tuple[str, ...],
    *,
    is_detected: bool,
) -> CallingDecisions:
    fitted, track = windows.fitted[0], windows.bigwigs[0]
    if is_detected and track.kind is None:
        notes = (*notes, f"Detected in {track.path}: --signal-kind {fitted.kind}.")
    return CallingDecisions(
        caller=f"{entry.name} {entry.version}",
        bin_bp=entry.window.bin_bp,
        rule=rule,
        evidence=evidence,
        signal_kind=fitted.kind,
        background=fitted.background,
        scale=fitted.scale,
        peak_weight=windows.transform.peak_weight,
        notes=notes,
    )

"""Peaks of a whole genome, or of regions of it, by a peak-caller entry: bigWig or reads in, narrowPeak out."""

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pandas as pd

from epizoo.calling.bed9 import track_line as make_track_line
from epizoo.calling.called_peaks import CalledPeaks, CallingDecisions
from epizoo.calling.peak_files import peak_format, write_peaks, write_summits
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import PEAK_COLUMNS, joined_tiers, name_peaks
from epizoo.calling.reproducibility import with_reproducibility
from epizoo.calling.significance import significant, with_q_values, write_cutoffs
from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.assemblies import excluded_sequences, fitting_blacklist, require_blacklist
from epizoo.genome.bigwig.writer import check_bigwigs, write_track
from epizoo.genome.loci import is_region
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.read_depth import read_depth
from epizoo.genome.reads.pile_up_config import KeepDuplicates, Pairs
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.genome.signal import SignalTrack
from epizoo.genome.table_files import check_tables, write_table
from epizoo.genome.windows import CoverageWindows, Intervals, interval_table
from epizoo.jobs.candidate_peaks import call_candidates
from epizoo.jobs.genome_peaks import call_genome, open_writers, searched_intervals
from epizoo.jobs.peak_inputs import File, PeakInputs, Progress, Reads, Signal, blacklist_table
from epizoo.validation import stated
from epizoo.wording import counted
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import PeakCallerEntry, PeakScorerEntry
from epizoo.zoo.loading import load, load_any_caller
from epizoo.zoo.windows import check_control, window_shape

logger = logging.getLogger(__name__)

_LONG_ENOUGH_BP = 10_000_000
_TELLING_SHARE = 0.2


def call_peaks(
    entry: PeakCallerEntry | PeakScorerEntry | File,
    bigwig: Signal | None = None,
    control: Signal | None = None,
    *,
    reads: Reads | None = None,
    control_reads: Reads | None = None,
    replicates: Reads | None = None,
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
    replicate_table: File | None = None,
    exclude: Sequence[str] | None = None,
    scale_factor: float | None = None,
    q_value: float | None = None,
    cutoff_analysis: File | None = None,
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
    written whole or not at all. In Python tracks may be `SignalTrack` objects, or files that pyBigWig has open, and
    intervals tables.

    Args:
        entry: A peak caller, its name in the zoo, or its folder.
        bigwig: Signal of the experiment, a bigWig; give either this or `reads`.
        control: Signal of the control (input, IgG), a bigWig: peaks have to rise above it.
        reads: Reads, in place of a bigWig: BAM, SAM, CRAM, BED or tagAlign (single reads), BEDPE or fragments of single
            cells (fragments), plain or gzipped; several files are pooled.
        control_reads: Reads of the control; several files are pooled.
        replicates: Reads of two replicates or more, a file each, in place of `reads`: peaks are those of all together,
            and their score is 1000 times the probability that they come back in a further replicate.
        chrom_sizes: Chromosome lengths, needed for all reads but BAM: hg38, or a file of two columns.
        fragment_length_bp: Extend single reads to this length (default: 200; with `atac`, 150 around each cut site).
        min_mapping_quality: Leave out reads of a lower mapping quality, and pairs if either mate has one (BAM, SAM and
            CRAM only; default: 0).
        keep_duplicates: Number of reads kept at one position and strand, over all files: a number, auto (as many as
            chance gives, as in MACS) or all (default: 1).
        pairs: template (proper pairs span from end to end; default) or as-single (one mate of each pair as a single
            read, properly paired or not).
        min_fragment_bp: Leave out shorter pairs and fragments (default: 1).
        max_fragment_bp: Leave out longer pairs and fragments (default: 2,000).
        reference: Reference genome of a CRAM (FASTA); positions are read without it.
        atac: Pile up the cut sites of ATAC-seq: both ends, moved by +4 and -5 bp.
        regions: Only call peaks in these intervals: a BED file, or a region such as chr1:1,000,000-2,000,000 (default:
            the whole genome). Signal around a region is seen,
            and peaks end at its border.
        blacklist: Leave out peaks on ENCODE's blacklist of hg19, hg38 or mm10, or on intervals (BED).
        signal_kind: Kind of signal in the bigWig: counts, coverage, cpm, fold_change or log10_p (default: detected
            where possible).
        control_signal_kind: Kind of signal in the control (default: that of the bigWig).
        known_regions: Intervals in which no value means no signal (BED), for a bigWig of a part of the genome.
        coverage: Write the coverage of `reads`, as bigWig.
        output: File of peaks to write; compressed (BGZF) and indexed (tabix) where its name ends in ``.gz``.
        output_format: Format: narrowPeak, broadPeak, gappedPeak, bed of six columns, or parquet; default: by the suffix
            of `output`.
        summits: Write all summits of all peaks, as BED.
        probabilities: Write the network's output for each bin (0 to 1), as bigWig.
        denoised: Write denoised coverage, as bigWig: expected signal at the depth of the input. Peaks are the same with
            and without it.
        replicate_table: Write, for peaks of `replicates`, the probability that each comes back, its irreproducible
            discovery rate (IDR; Li et al., 2011), and -log10 p in each replicate, as TSV.
        exclude: Leave out these sequences, also when the scale of the signal is estimated; comma-separated (default:
            genomes of mitochondria, chloroplasts and the Epstein-Barr virus; none: leave out none).
        scale_factor: Show the model this many times the signal, such as a spike-in's factor (default: 1); p-values and
            folds stay those of the reads.
        q_value: Highest q-value of a peak, by the number of its reads against their surroundings or the control; 1 asks
            for none.
        cutoff_analysis: Write how many peaks each cut-off of the q-value leaves, as TSV.
        enter_probability: Probability that a peak must reach; for lanceotron, the overall score that it must exceed (0:
            all candidates).
        extend_probability: Probability as far as which a peak extends.
        min_width_bp: Leave out narrower peaks.
        merge_gap_bp: Join peaks with at most this many bp between them.
        backend: Engine that computes: jax, onnx or torch (default: the fastest that is installed).
        track_line: Begin the file with a track line of this name, for upload to UCSC; most other tools refuse such
            files.
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
    given = stated(
        fragment_length_bp=fragment_length_bp,
        min_mapping_quality=min_mapping_quality,
        keep_duplicates=keep_duplicates,
        pairs=pairs,
        min_fragment_bp=min_fragment_bp,
        max_fragment_bp=max_fragment_bp,
        reference=reference,
        atac=atac or None,
    )
    inputs = PeakInputs(bigwig, control, reads, control_reads, chrom_sizes, coverage, given, replicates)
    if replicate_table is not None and not replicates:
        raise InputError("--replicate-table: given without --replicates, which it is about; leave it out")
    caller = load_any_caller(entry, backend)
    # All that can be wrong is found before reads are read, which may take minutes.
    kind = peak_format("" if output is None else output, output_format)
    if output is None and (output_format or track_line):
        raise InputError("--format, --track-line: given without --output, the file that they are about; name it")
    named = [given for given in (regions, blacklist, known_regions) if isinstance(given, str | os.PathLike)]
    intervals = [given for given in named if not is_region(given)]
    written = (output, summits, coverage, probabilities, denoised, cutoff_analysis, replicate_table)
    outputs = [path for path in written if path is not None]
    check_outputs(outputs, [*inputs.paths(), *intervals])
    check_tables([cutoff_analysis, replicate_table])
    check_bigwigs([coverage, probabilities, denoised])
    if isinstance(blacklist, str | os.PathLike):
        require_blacklist(blacklist)
    where = None if regions is None else interval_table(regions, "the intervals")
    known = None if known_regions is None else interval_table(known_regions, "the known regions")
    if isinstance(caller, PeakScorerEntry):
        refused = stated(
            control=control,
            control_reads=control_reads or None,
            replicates=replicates or None,
            probabilities=probabilities,
            denoised=denoised,
            scale_factor=scale_factor,
            q_value=q_value,
            cutoff_analysis=cutoff_analysis,
            extend_probability=extend_probability,
            min_width_bp=min_width_bp,
            merge_gap_bp=merge_gap_bp,
            config=config,
            control_signal_kind=control_signal_kind,
        )
        scored = call_candidates(
            caller,
            inputs,
            refused=tuple(refused),
            least_score=enter_probability,
            signal_kind=signal_kind,
            regions=where,
            known_regions=known,
            blacklist=blacklist,
            exclude=exclude,
            progress=progress,
        )
        _write(scored, output, kind, track_line, summits)
        return scored
    changes = stated(
        enter_probability=enter_probability,
        extend_probability=extend_probability,
        min_width_bp=min_width_bp,
        merge_gap_bp=merge_gap_bp,
        most_q=q_value,
    )
    rule = _changed(config or caller.config.calling, changes, one_tier=bool(replicates))
    if inputs.first_of_control is None:
        check_control(caller, None)
        if control_signal_kind is not None:
            raise InputError(f"--control-signal-kind: {control_signal_kind} given without a control; leave it out")
    if scale_factor is not None and not 1e-6 <= scale_factor <= 1e6:
        raise InputError(f"--scale-factor: {scale_factor} given, expected a number from 1e-6 to 1e6")
    if denoised is not None:
        _require_denoising(caller)
    caller.prepare()
    track, background, notes = inputs.open(progress)
    masked = None if blacklist is None else blacklist_table(blacklist, track)
    excluded = excluded_sequences(
        track.chrom_sizes, exclude, None if where is None else set(where["chrom"]), str(track.path)
    )
    windows = CoverageWindows(
        track,
        where,
        window_shape(caller),
        caller.config.transform,
        control=background,
        kind=signal_kind,
        control_kind=control_signal_kind,
        known_regions=known,
        n_tracks=len(caller.channels),
        excluded={*excluded, *_not_asked(track.chrom_sizes, where)},
        scale_blacklist=masked,
    )
    if scale_factor is not None:
        windows.fitted[0] = dataclasses.replace(windows.fitted[0], scale=windows.fitted[0].scale / scale_factor)
    depth = read_depth(track, windows.fitted[0], frozenset(excluded))
    if depth is None and cutoff_analysis is not None:
        raise InputError(f"--cutoff-analysis: the reads of {track.path} cannot be told, so that no q-values are known")
    if coverage is not None:
        # Now that all is known to fit, a refused run leaves nothing behind.
        write_track(coverage, track, progress)
    with ExitStack() as stack:
        writers = open_writers(stack, windows, probabilities, denoised)
        # Weak peaks are known by their q-values alone.
        tiers = rule.tiers if depth is not None else rule.tiers[:1]
        # Artefacts on the blacklist are no discoveries: they must not make others look better.
        searched = searched_intervals(windows, excluded, masked)
        n_bp = int((searched["end"] - searched["start"]).sum())
        # Each of them counts in a table of cut-offs, and in what replicates agree on.
        all_candidates = where is not None or known is not None or cutoff_analysis is not None or bool(replicates)
        found = call_genome(
            caller,
            windows,
            tiers,
            depth and depth.per_area,
            writers,
            progress,
            excluded,
            n_bp=None if all_candidates else n_bp,
        )
        allowed = [table if masked is None else table[~overlaps_any(table, masked)] for table in found]
        allowed = [with_q_values(table.reset_index(drop=True), n_bp) for table in allowed]
        if isinstance(track, ReadCoverage) and track.replicates:
            allowed = [with_reproducibility(allowed[0], track.replicates, searched, rule.most_q)]
        weak = [significant(table, tier.most_q) for table, tier in zip(allowed[1:], tiers[1:], strict=True)]
        peaks = CalledPeaks(name_peaks(joined_tiers([significant(allowed[0], rule.most_q), *weak])))
        if cutoff_analysis is not None:
            write_cutoffs(cutoff_analysis, joined_tiers([allowed[0], *weak]))
        _write(peaks, output, kind, track_line, summits)
        if replicate_table is not None:
            _write_replicates(replicate_table, peaks)
    fitted = windows.fitted[0]
    if signal_kind is None and track.kind is None:
        notes = (*notes, f"Detected in {track.path}: --signal-kind {fitted.kind}.")
    if excluded:
        notes = (*notes, f"Left out: {', '.join(excluded)} (--exclude names others, --exclude none leaves out none).")
    if blacklist is None:
        notes = (*notes, *_on_blacklist(peaks, track.chrom_sizes))
    peaks.decided = CallingDecisions(
        caller=f"{caller.name} {caller.version}",
        bin_bp=caller.window.bin_bp,
        rule=rule,
        reads_from=None if depth is None else depth.source,
        signal_kind=fitted.kind,
        background=fitted.background,
        scale=fitted.scale,
        peak_weight=windows.transform.peak_weight,
        notes=notes,
    )
    _warn(windows, rule, len(peaks), searched)
    return peaks


def _on_blacklist(peaks: pd.DataFrame, sizes: Mapping[str, int]) -> list[str]:
    """A sentence about peaks on the blacklist of the signal's assembly, where there are some."""
    name, table = fitting_blacklist(sizes) or ("", peaks[:0])
    n_peaks = int(overlaps_any(peaks, table).sum())
    share = f"{n_peaks:,} of {counted(len(peaks), 'peak')}"
    return [f"On ENCODE's blacklist of {name}: {share} (--blacklist {name} leaves them out)."] if n_peaks else []


def _changed(rule: PeakCallingConfig, changes: dict[str, Any], *, one_tier: bool) -> PeakCallingConfig:
    """The rule with what a user changes; there are no weak peaks beside a probability that was asked for."""
    if one_tier or changes.keys() & {"enter_probability", "extend_probability"}:
        changes = changes | {"weak_probability": None, "weak_q": 0.0}
    elif rule.weak_probability is not None and "most_q" in changes:
        changes = changes | {"weak_q": min(rule.weak_q, changes["most_q"])}
    return dataclasses.replace(rule, **changes)


def _write(peaks: CalledPeaks, output: File | None, kind: str, track_line: str | None, summits: File | None) -> None:
    if output is not None:
        write_peaks(output, peaks, kind, make_track_line(kind, track_line) if track_line else None)
    if summits is not None:
        write_summits(summits, peaks)


def _write_replicates(path: File, peaks: pd.DataFrame) -> None:
    """The figures of `with_reproducibility` for each peak."""
    columns = [name for name in peaks if name not in PEAK_COLUMNS]
    write_table(path, peaks[["chrom", "start", "end", "name", *columns]], float_format="%.4g", na_rep="NA")


def _require_denoising(entry: PeakCallerEntry) -> None:
    if not entry.denoises:
        loaded = [load(name) for name in list_entries()]
        able = [one.name for one in loaded if isinstance(one, PeakCallerEntry) and one.denoises]
        others = ", ".join(able) or "none does yet"
        raise InputError(f"denoised coverage: {entry.name} gives none; choose an entry that does: {others}")


def _holds_signal(track: SignalTrack, searched: pd.DataFrame) -> bool:
    """True if a value above 0 lies in the intervals, or these are too long to look at."""
    if (searched["end"] - searched["start"]).sum() > _LONG_ENOUGH_BP:
        return True
    rows = searched[["chrom", "start", "end"]].itertuples(index=False)
    return any((track.runs(str(chrom), int(start), int(end)).value > 0).any() for chrom, start, end in rows)


def _not_asked(sizes: Mapping[str, int], where: pd.DataFrame | None) -> set[str]:
    """Sequences in which no peaks are asked for, if the others are long enough to set the scale by themselves."""
    asked = set(sizes) if where is None else set(where["chrom"]) & set(sizes)
    return set(sizes) - asked if sum(sizes[chrom] for chrom in asked) >= _LONG_ENOUGH_BP else set()


def _warn(windows: CoverageWindows, rule: PeakCallingConfig, n_peaks: int, searched: pd.DataFrame) -> None:
    """Say what a user would not see in the peaks: that there are none, or that one stretch nearly set the scale."""
    track = windows.bigwigs[0]
    path = track.path
    if not n_peaks and not _holds_signal(track, searched):
        logger.warning("%s: holds no signal where peaks are asked for; give regions that it covers", path)
    elif not n_peaks:
        asked = f" and has a q-value of at most {rule.most_q:g}" if rule.most_q < 1 else ""
        logger.warning(
            "%s: no peaks: no stretch has a probability of %g%s. Is it an input, or does it hold too few reads?",
            path,
            rule.enter_probability,
            asked,
        )
    for block in (block for block in windows.fitted[0].capped[:1] if block.share >= _TELLING_SHARE):
        logger.warning(
            "%s: %s:%s-%s holds %.0f%% of the signal above the background, which was capped so that it does not set "
            "the scale of the others; is it a repeat or an organelle? --blacklist and --exclude leave it out.",
            path,
            block.chrom,
            f"{block.start:,}",
            f"{block.end:,}",
            100 * block.share,
        )

"""Peaks of files and of entries, evaluated side by side on labels, true peaks or sites."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.errors import InputError
from epizoo.files import check_outputs, sha256
from epizoo.genome.intervals import check_intervals
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import BigWig
from epizoo.genome.windows import Intervals, interval_table
from epizoo.jobs.call_peaks import call_peaks
from epizoo.jobs.peak_inputs import File, Progress
from epizoo.metrics.caller_evaluation import (
    REGION,
    Caller,
    Evaluation,
    Truth,
    caller_of_files,
    evaluate_callers,
    files_of_samples,
    fill,
    write_figures,
)
from epizoo.metrics.label_files import read_labels
from epizoo.zoo.entry import Entry, PeakCallerEntry
from epizoo.zoo.loading import load_peak_caller

MARGIN_BP = 100_000
"""Around labels this much is called at least, so that peaks end where they end; more where a rule sees farther."""


def evaluate(
    peaks: Mapping[str, File] | None = None,
    *,
    probabilities: Mapping[str, File] | None = None,
    entry: PeakCallerEntry | File | Sequence[PeakCallerEntry | File] | None = None,
    bigwig: File | None = None,
    control: File | None = None,
    signal_kind: str | None = None,
    control_signal_kind: str | None = None,
    known_regions: File | None = None,
    labels: File | pd.DataFrame | None = None,
    truth: Intervals | None = None,
    regions: Intervals | None = None,
    sites: Intervals | None = None,
    distance_bp: int = 100,
    top: int | None = None,
    metrics: File | None = None,
    about: str | None = None,
    picture: File | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate peaks on human labels, true peaks or sites, several callers side by side.

    Columns of the labels in braces, as in ``{sample}.bw``, name one file for each sample.

    Args:
        peaks: Peaks of a caller (narrowPeak, BED), by its name. Columns of the labels may stand in braces: {sample}.
        probabilities: Probabilities of this caller (bigWig), for calibration and the curve of bins.
        entry: Also call peaks by this entry, or by several, in `bigwig`.
        bigwig: Signal for the entries, a bigWig. Columns of the labels may stand in braces: {sample}.
        control: Signal of the control (input, IgG) for the entries, a bigWig: peaks have to rise above it.
        signal_kind: Kind of signal in the bigWig: counts, coverage, cpm, fold_change or log10_p (default: detected
            where possible).
        control_signal_kind: Kind of signal in the control (default: that of the bigWig).
        known_regions: Intervals in which no value means no signal (BED), for a bigWig of a part of the genome.
        labels: Labelled regions: chrom, start, end and noPeaks, peaks, peakStart or peakEnd.
        truth: True peaks (BED).
        regions: Regions in which `truth` is complete (BED; default: everywhere).
        sites: Sites near which summits should lie, such as motifs (BED).
        distance_bp: Maximum distance of a summit to the centre of a site, in bp.
        top: Number of each caller's most confident peaks that count for `truth` and `sites` (default: all).
        metrics: Write all figures as JSON.
        about: Description of the data that peaks are evaluated on, kept in `metrics`.
        picture: Draw curves, calibration and example loci: .png, .svg or .pdf.
        backend: Engine that computes: jax, onnx or torch (default: the fastest that is installed).
        progress: Called while entries call peaks.

    Returns:
        All figures, and what pictures are made of, by caller.

    Raises:
        InputError: there is nothing to evaluate or to evaluate on, options do not go together, or a file cannot be used
            or written.
        EntryError: an entry is unknown or damaged.
    """
    from epizoo.figures.evaluation import draw_evaluation
    from epizoo.figures.page import require_picture

    entries = [entry] if isinstance(entry, Entry | str | os.PathLike) else list(entry or [])
    _check_options(peaks or {}, probabilities or {}, entries, bigwig, truth, regions, metrics, about)
    of_entries = {
        "control": control,
        "signal-kind": signal_kind,
        "control-signal-kind": control_signal_kind,
        "known-regions": known_regions,
        "backend": backend,
    }
    for name, given in of_entries.items():
        if given is not None and not entries:
            raise InputError(f"--{name}: given, but it belongs to --entry, which is not given; leave it out")
    if top is not None and truth is None and sites is None:
        raise InputError("--top: given without --truth or --sites, of which it limits the peaks; leave it out")
    rows = labels if isinstance(labels, pd.DataFrame) or labels is None else read_labels(labels)
    patterns = [*(peaks or {}).values(), *(probabilities or {}).values(), bigwig, control, known_regions]
    files = [path for path in (labels, truth, regions, sites) if isinstance(path, str | os.PathLike)]
    files += [file for pattern in patterns if pattern is not None for file in files_of_samples(pattern, rows)]
    folders = [name for name in entries if isinstance(name, str | os.PathLike) and Path(name).is_dir()]
    check_outputs([path for path in (metrics, picture) if path is not None], [*files, *folders])
    if picture is not None:
        require_picture(picture)
    known, places, motifs = (
        None if given is None else interval_table(given, f"the {name}")
        for name, given in (("true peaks", truth), ("regions", regions), ("sites", sites))
    )
    held_to = Truth(rows, known, places, motifs, distance_bp, top)
    loaded = [load_peak_caller(name, backend) for name in entries]
    options: dict[str, Any] = {
        "signal_kind": signal_kind,
        "control_signal_kind": control_signal_kind,
        "progress": progress,
    }
    with tempfile.TemporaryDirectory() as folder:
        callers = []
        for number, one in enumerate(loaded):
            tracks = Path(folder, str(number))
            tracks.mkdir()
            by_sample = {"bigwig": bigwig, "control": control, "known_regions": known_regions}
            callers.append(_caller_of_entry(one, by_sample, tracks, held_to, options))
        bins = probabilities or {}
        callers += [caller_of_files(name, path, bins.get(name)) for name, path in (peaks or {}).items()]
        found = evaluate_callers(callers, held_to)
        if metrics is not None:
            write_figures(metrics, found, _provenance(loaded, files, about))
        if picture is not None:
            draw_evaluation(picture, found, callers, held_to, bigwig)
    return found


def _check_options(
    peaks: Mapping[str, File],
    probabilities: Mapping[str, File],
    entries: Sequence[Any],
    bigwig: File | None,
    truth: Intervals | None,
    regions: Intervals | None,
    metrics: File | None,
    about: str | None,
) -> None:
    if regions is not None and truth is None:
        raise InputError("--regions: given without --truth; they say where the true peaks are complete")
    if about is not None and metrics is None:
        raise InputError("--about: given without --metrics, which keeps it; name a file there, or leave it out")
    if entries and bigwig is None:
        raise InputError("--entry: given without --bigwig; name the signal that it should call peaks in")
    lost = sorted(set(probabilities) - set(peaks))
    if lost:
        raise InputError(f"--probabilities: {lost[0]} has no --peaks; give both under one name")


def _caller_of_entry(
    entry: PeakCallerEntry,
    patterns: Mapping[str, File | None],
    folder: Path,
    truth: Truth,
    options: Mapping[str, Any],
) -> Caller:
    """A caller that calls each sample when it is first asked for, wherever its peaks are evaluated."""
    called: dict[str, tuple[pd.DataFrame, Path]] = {}

    def run(sample: Mapping[str, Any]) -> tuple[pd.DataFrame, Path]:
        given = {name: fill(pattern, sample) for name, pattern in patterns.items() if pattern is not None}
        path = given["bigwig"]
        if path not in called:
            track = folder / f"{len(called)}.bw"
            margin_bp = max(MARGIN_BP, entry.config.calling.background_bp)
            around = _around(truth, str(patterns["bigwig"]), path, margin_bp)
            arguments: dict[str, Any] = {**given, **options, "regions": around, "probabilities": track}
            called[path] = call_peaks(entry, **arguments), track
        return called[path]

    return Caller(_caller_name(entry), lambda sample: run(sample)[0], lambda sample: run(sample)[1])


def _provenance(entries: Sequence[PeakCallerEntry], files: Sequence[File], about: str | None) -> dict[str, Any]:
    """Provenance of an evaluation: entries with version, hash and rule, and the hashes of all files."""
    of_entries = {
        _caller_name(entry): {
            "name": entry.name,
            "version": entry.version,
            "sha256": entry.sha256,
            "calling": entry.zoo.config.get("calling", {}),
        }
        for entry in entries
    }
    hashes = [{"name": Path(file).name, "sha256": sha256(file)} for file in files]
    return {"held_to": about, "entries": of_entries, "files": hashes}


def _caller_name(entry: PeakCallerEntry) -> str:
    return f"{entry.name} {entry.version}"


def _around(truth: Truth, pattern: File, bigwig: str, margin_bp: int) -> pd.DataFrame | None:
    """Intervals to call peaks in: around the labels of this file and in the regions; None where all peaks count."""
    if truth.sites is not None or (truth.intervals is not None and truth.regions is None):
        return None
    parts = [] if truth.regions is None else [truth.regions[REGION]]
    if truth.labels is not None:
        labels = truth.labels[[fill(pattern, dict(row)) == bigwig for _, row in truth.labels.iterrows()]]
        with BigWig(bigwig) as track:
            check_intervals(labels, track.chrom_sizes, "the labels", bigwig)
            ends = labels["chrom"].map(dict(track.chrom_sizes))
        start, end = (labels["start"] - margin_bp).clip(lower=0), (labels["end"] + margin_bp).clip(upper=ends)
        parts.append(pd.DataFrame({"chrom": labels["chrom"], "start": start, "end": end}))
    return merged(pd.concat(parts, ignore_index=True))

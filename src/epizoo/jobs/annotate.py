"""Chromatin states of a whole genome by a chromatin-state entry: marks in, BED9 and posteriors out."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from epizoo.calling import bed9
from epizoo.calling.segments import clip_segments, segments_from_states
from epizoo.errors import InputError
from epizoo.genome.mark_sources import File, GenomeMarks, MarkFiles, binarize_files, read_folder
from epizoo.genome.marks import count_missing
from epizoo.genome.reads.read_counts import Pairs, Paths
from epizoo.genome.stacked_marks import read_stacked
from epizoo.genome.windows import Intervals, interval_table
from epizoo.jobs.state_decoding import decode_by_windows, decode_chromosomes, loading_kernels
from epizoo.jobs.state_outputs import AnnotatedGenome, ChromHMMFolder, StateOutputs, StateWriter, chosen_states
from epizoo.metrics.segmentations import Segmentation
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load_annotator

if TYPE_CHECKING:
    from epizoo.models.hmm.decoding import Decoding

Progress = Callable[[int, int], None]
"""Called now and then with the bins that are done and those there are."""


class Annotation(NamedTuple):
    """The states of a genome.

    Attributes:
        segments: chrom, start, end, state (from 0), name; sorted by chromosome name and start.
        log_likelihood: of all marks of the decoded chromosomes under the model, in nats.
        n_bins: number of bins of these chromosomes.
        missing_marks: the share of these bins in which a mark was missing, for each mark of which some were.
        present_marks: the share of the other bins in which a mark was present, for each mark; NaN where there are none.
        sources: the files of the marks.
    """

    segments: pd.DataFrame
    log_likelihood: float
    n_bins: int
    missing_marks: dict[str, float]
    present_marks: dict[str, float]
    sources: tuple[Path, ...]

    def segmentation(self) -> Segmentation:
        """The segments as `epizoo.metrics.enrichment` and `epizoo.metrics.state_comparison` take them."""
        return Segmentation(self.segments, tuple(self.segments["name"].cat.categories))


def annotate(
    entry: ChromatinStateEntry | File,
    binarized: File | Sequence[File] | None = None,
    *,
    marks: Mapping[str, Paths] | None = None,
    controls: Mapping[str, Paths] | None = None,
    chrom_sizes: File | None = None,
    peaks: bool = False,
    pairs: Pairs | None = None,
    stack: bool = False,
    signal_kind: str | None = None,
    read_length_bp: int | None = None,
    threshold: float | None = None,
    regions: Intervals | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
    viterbi: bool = False,
    backend: str | None = None,
    output: File | None = None,
    posteriors: File | None = None,
    hdf5: File | None = None,
    chromhmm: File | None = None,
    state_by_line: bool = False,
    text_posteriors: bool = False,
    regulatory_activity: File | None = None,
    track_line: str | None = None,
    progress: Progress | None = None,
) -> Annotation:
    """Annotate all chromosomes of a folder of binarised marks, or of one file per mark.

    The state of a bin is the one with the highest posterior, as in ChromHMM, unless `viterbi` asks for the most
    probable path. Files are written whole or not at all.

    Args:
        entry: A chromatin-state annotator, its name or its folder.
        binarized: Folder of marks binarised by ChromHMM, instead of `marks`; of a stacked model one or several.
        marks: File for each mark: bigWigs (give `signal_kind`), or BAM, BED or tagAlign files of reads, which are
            binarised as `epizoo binarize` does. In Python, several files of reads of one mark are pooled.
        controls: Control reads for each mark.
        chrom_sizes: File of chromosome lengths, or an assembly such as hg38; required for reads
            or peaks that are no BAM.
        peaks: The marks' files are peaks (BED, narrowPeak, broadPeak): a mark is present in every bin that one touches.
        pairs: Handling of paired reads in BAM: single (default), paired or mixed; see `epizoo binarize --help`.
        stack: The model is a stacked one, of a mark CELL_MARK for each mark of each cell type, as `epizoo learn-states
            --stack` learns it: all cell types of the folders or the cell-mark table are annotated together, in one
            file.
        signal_kind: Kind of signal in the marks' bigWigs: counts, coverage, cpm, fold_change or log10_p.
        read_length_bp: Length of the reads or fragments that make up coverage, in bp.
        threshold: A mark is present where its bigWig's mean reaches this, instead of ChromHMM's Poisson rule.
        regions: Report on these intervals (BED) alone, not on the whole genome. Their chromosomes are decoded whole, so
            that a state does not depend on where its region was cut, and posteriors cover them whole.
        cell: Cell type to annotate, required where the folder holds several; with `marks`, its name in
            ChromHMM's files.
        allow_missing: Continue without the marks that are not given; they then say nothing about the states.
        viterbi: Most probable path instead of each bin's most probable state.
        backend: Compute window by window in jax, onnx or torch; by default whole chromosomes are decoded by compiled
            kernels, which is many times faster and gives the same states, but for ties in float32.
        output: BED9 file to write; compressed (BGZF) and indexed (tabix) where its name ends in ``.gz``, Parquet where
            it ends in ``.parquet``.
        posteriors: Also write each state's posterior probability, as bigWigs in this folder.
        hdf5: Also write states and posteriors of every bin, as HDF5.
        chromhmm: Also write ChromHMM's own files here: CELL_N_segments.bed, _dense.bed and _expanded.bed.
        state_by_line: With `chromhmm`: STATEBYLINE/ too, a state for each bin.
        text_posteriors: With `chromhmm`: POSTERIOR/ too, the posteriors as text.
        regulatory_activity: Also write, for each bin, the probability that an open element there regulates a gene, as a
            bigWig. Entries hold it that were fitted to silenced elements (CRISPRi).
        track_line: Begin the file with a track line of this name, for upload to UCSC; most other tools refuse such
            files.
        progress: Called after each step.

    Raises:
        InputError: a file cannot be used, a setting does not apply, a mark is missing and that is not allowed, or an
            output cannot be written.
        EntryError: there is no such entry, or its weights are missing or do not match their hash.
    """
    entry = load_annotator(entry, backend)
    by_windows = entry.chosen_backend is not None
    if by_windows and viterbi:
        raise InputError(
            "viterbi: a most probable path is one of whole chromosomes, which is not found window by window; leave out "
            "the backend, or viterbi"
        )
    of_marks = {
        "controls": controls,
        "chrom_sizes": chrom_sizes,
        "signal_kind": signal_kind,
        "read_length_bp": read_length_bp,
        "threshold": threshold,
        "peaks": peaks,
        "pairs": pairs,
    }
    _require("--marks", marks, of_marks)
    _require("--chromhmm", chromhmm, {"state_by_line": state_by_line, "text_posteriors": text_posteriors})
    files = None if marks is None else MarkFiles(marks, **of_marks)  # type: ignore[arg-type]
    source = _source(entry, binarized, files, stack, cell)
    if files is not None and chromhmm is None and cell is not None:
        raise InputError(
            f"cell: {cell} given, but a file for each mark holds one cell type, whose name only --chromhmm writes; "
            "leave it out"
        )
    styles = [state.style for state in entry.config.states]
    folder = None if chromhmm is None else ChromHMMFolder(chromhmm, state_by_line, text_posteriors)
    header = None if track_line is None else bed9.track_line("bed9", track_line)
    outputs = StateOutputs(output, header, posteriors, hdf5, folder, regulatory_activity)
    head = None if regulatory_activity is None else entry.regulatory_head()
    given = [regions, *(source.all_paths() if isinstance(source, MarkFiles) else source)]
    inputs = [path for path in given if isinstance(path, str | os.PathLike)]
    table = None if regions is None else interval_table(regions, "the regions")
    with outputs.folders():
        outputs.check(styles, inputs)
        with nullcontext() if by_windows else loading_kernels(entry, viterbi):
            genome = _read(entry, source, cell, stack, allow_missing, table)
        about = {"model": entry.name, "model_version": entry.version, "weights_sha256": entry.sha256}
        shown = AnnotatedGenome(
            styles, entry.channels, genome.sizes, entry.window.bin_bp, genome.cell, entry.config.order, about, head
        )
        decode = (
            partial(decode_by_windows, entry) if by_windows else partial(decode_chromosomes, entry, viterbi=viterbi)
        )
        with StateWriter(outputs, shown, sorted(genome.chromosomes), inputs) as writer:
            decoded = decode(genome.chromosomes, posteriors=outputs.needs_posteriors)
            return _write(entry, genome, decoded, table, writer, progress)


def _write(
    entry: ChromatinStateEntry,
    genome: GenomeMarks,
    decoded: Iterable[tuple[str, "Decoding"]],
    regions: pd.DataFrame | None,
    writer: StateWriter,
    progress: Progress | None,
) -> Annotation:
    """Write the chromosomes as they are decoded."""
    tables, log_likelihood, done = [], 0.0, 0
    for chrom, decoding in decoded:
        tables.append(_segments(entry, decoding, chrom, genome.sizes[chrom], regions))
        writer.add(chrom, tables[-1], decoding, list(missing_share(entry.channels, [genome.chromosomes[chrom]])))
        log_likelihood += decoding.log_likelihood
        done += len(decoding.states)
        if progress is not None:
            progress(done, sum(map(len, genome.chromosomes.values())))
    writer.finish()
    segments = pd.concat(tables, ignore_index=True)
    names = pd.Index([state.name for state in entry.config.states])
    states = pd.Categorical.from_codes(segments["state"].to_numpy(), names)
    marks, values = entry.channels, list(genome.chromosomes.values())
    shares = missing_share(marks, values), present_share(marks, values)
    return Annotation(segments.assign(name=states), log_likelihood, done, *shares, genome.sources)


def missing_share(marks: Sequence[str], chromosomes: Sequence[UInt8[np.ndarray, "bin mark"]]) -> dict[str, float]:
    """The share of bins in which a mark is missing, for each mark of which some are.

    >>> missing_share(("H3K4me3", "CTCF"), [np.array([[1, 2], [0, 2]], np.uint8), np.array([[0, 1]], np.uint8)])
    {'CTCF': 0.6666666666666666}
    """
    n_bins = sum(map(len, chromosomes))
    missing = sum((count_missing(values) for values in chromosomes), np.zeros(len(marks)))
    return {mark: float(n) / n_bins for mark, n in zip(marks, missing, strict=True) if n}


def present_share(marks: Sequence[str], chromosomes: Sequence[UInt8[np.ndarray, "bin mark"]]) -> dict[str, float]:
    """The share of those bins in which a mark is present, of the bins in which it is not missing, for each mark.

    >>> present_share(("H3K4me3", "CTCF"), [np.array([[1, 2], [0, 2]], np.uint8), np.array([[0, 1]], np.uint8)])
    {'H3K4me3': 0.3333333333333333, 'CTCF': 1.0}
    """
    known = sum((len(values) - count_missing(values) for values in chromosomes), np.zeros(len(marks)))
    present = sum((np.count_nonzero(values == 1, axis=0) for values in chromosomes), np.zeros(len(marks)))
    return {mark: float(n / of) if of else np.nan for mark, n, of in zip(marks, present, known, strict=True)}


def _source(
    entry: ChromatinStateEntry,
    binarized: File | Sequence[File] | None,
    marks: MarkFiles | None,
    stack: bool,
    cell: str | None,
) -> MarkFiles | list[File]:
    """The source of the marks: files of marks, or folders, of which only a stacked model takes several.

    Raises:
        InputError: both or neither are given, or they do not go with ``stack``.
    """
    if stack and cell is not None:
        raise InputError(f"cell: {cell} given, but a stacked model says which cell types it is of; leave it out")
    if binarized is not None and marks is None:
        folders = [binarized] if isinstance(binarized, str | os.PathLike) else list(binarized)
        if len(folders) != 1 and not stack:
            raise InputError(f"binarized: {len(folders)} folders given, expected one; give one after the other")
        return folders
    if stack and marks is not None and binarized is None:
        raise InputError("stack: given with a file for each mark; name these CELL_MARK and leave --stack out")
    if marks is None or binarized is not None:
        found = "neither" if marks is None else "both"
        raise InputError(f"{entry.name}: {found} of binarised marks and a file for each mark given; give one of them")
    return marks


def _require(option: str, value: object, dependents: Mapping[str, object]) -> None:
    """Refuse settings that would be ignored without another one.

    Raises:
        InputError: one of ``dependents`` is given and the option that it belongs to is not.
    """
    for name, given in dependents.items():
        if given is not None and given is not False and value is None:
            raise InputError(
                f"--{name.replace('_', '-')}: given, but it belongs to {option}, which is not given; leave it out"
            )


def _read(
    entry: ChromatinStateEntry,
    source: MarkFiles | list[File],
    cell: str | None,
    stack: bool,
    allow_missing: bool,
    regions: pd.DataFrame | None,
) -> GenomeMarks:
    if isinstance(source, MarkFiles):
        found = binarize_files(entry.channels, entry.window.bin_bp, source, allow_missing, regions)
        return found if cell is None else found._replace(cell=cell)
    if stack:
        return read_stacked(entry.channels, entry.window.bin_bp, source, allow_missing, regions)
    return read_folder(entry.channels, entry.window.bin_bp, source[0], cell, allow_missing, regions)


def _segments(
    entry: ChromatinStateEntry, decoding: "Decoding", chrom: str, size: int, regions: pd.DataFrame | None
) -> pd.DataFrame:
    """The segments of a chromosome, or what lies of them in regions."""
    segments = segments_from_states(chosen_states(decoding), chrom, bin_bp=entry.window.bin_bp, chrom_size=size)
    return segments if regions is None else clip_segments(segments, regions[regions["chrom"] == chrom])

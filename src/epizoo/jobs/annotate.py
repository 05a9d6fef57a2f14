"""Chromatin states of a whole genome by a chromatin-state entry: marks in, BED9 and posteriors out."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from epizoo.calling.bed9 import StateStyle
from epizoo.calling.segments import clip_segments, segments_from_states
from epizoo.errors import EntryError, InputError
from epizoo.genome.mark_sources import File, GenomeMarks, MarkFiles, binarize_files, read_folder
from epizoo.genome.marks import count_missing
from epizoo.genome.windows import Intervals, interval_table
from epizoo.jobs.state_decoding import decode_by_windows, decode_chromosomes, loading_kernels
from epizoo.jobs.state_outputs import AnnotatedGenome, ChromHMMFolder, StateOutputs, StateWriter, chosen_states
from epizoo.metrics.segmentations import Segmentation

if TYPE_CHECKING:
    from epizoo.models.hmm.decoding import Decoding
    from epizoo.zoo.entry import ChromatinStateEntry

Progress = Callable[[int, int], None]
"""Called now and then with the bins that are done and those there are."""


class Annotation(NamedTuple):
    """The states of a genome.

    Attributes:
        segments: chrom, start, end, state (from 0), name; sorted by chromosome name and start.
        log_likelihood: of all marks of the decoded chromosomes under the model, in nats.
        n_bins: number of bins of these chromosomes.
        missing_marks: the share of these bins in which a mark was missing, for each mark of which some were.
    """

    segments: pd.DataFrame
    log_likelihood: float
    n_bins: int
    missing_marks: dict[str, float]

    def segmentation(self) -> Segmentation:
        """The segments as `epizoo.metrics.enrichment` and `epizoo.metrics.state_comparison` take them."""
        return Segmentation(self.segments, tuple(self.segments["name"].cat.categories))


def annotate(
    entry: "ChromatinStateEntry",
    binarized: File | None = None,
    *,
    marks: MarkFiles | Mapping[str, File] | None = None,
    regions: Intervals | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
    viterbi: bool = False,
    by_windows: bool = False,
    output: File | None = None,
    posteriors_folder: File | None = None,
    hdf5: File | None = None,
    chromhmm: ChromHMMFolder | File | None = None,
    track: str | None = None,
    progress: Progress | None = None,
) -> Annotation:
    """Annotate all chromosomes of a folder of binarised marks, or of one file per mark.

    The state of a bin is the one with the highest posterior, as in ChromHMM, unless `viterbi` asks for the most
    probable path. Files are written whole or not at all.

    Args:
        entry: A chromatin-state annotator.
        binarized: A folder of ChromHMM's binarised text.
        marks: Or a file for each mark; a plain mapping is taken for `MarkFiles` without settings.
        regions: Intervals (a table or a BED file) to report on; everything where None. Their chromosomes are decoded
            whole, so that a state does not depend on where its region was cut, and posteriors cover them whole.
        cell: The cell type, needed where the folder holds several.
        allow_missing: Whether marks of the model may be absent; they then say nothing about the states.
        viterbi: Take the most probable path.
        by_windows: Compute window by window with the entry's own backend instead of the kernels for whole genomes:
            the same states, but for ties in float32, and slower.
        output: The BED9 file to write, if any.
        posteriors_folder: A folder for a bigWig of posteriors for each state, if any; made where there is none.
        hdf5: A file for states and posteriors in the layout of `epizoo.calling.state_hdf5`, if any.
        chromhmm: A folder for ChromHMM's own files, if any; made where there is none.
        track: A line for UCSC's genome browser to begin the BED file with.
        progress: Called after each step.

    Raises:
        InputError: a file cannot be used, a mark is missing and that is not allowed, or an output cannot be written.
        EntryError: the entry's weights are missing or do not match their hash.
    """
    if by_windows and viterbi:
        raise InputError(
            "viterbi: a most probable path is one of whole chromosomes, which is not found window by window; leave out "
            "the backend, or viterbi"
        )
    source = _source(entry, binarized, marks, cell)
    styles = state_styles(entry)
    folder = chromhmm if isinstance(chromhmm, ChromHMMFolder | None) else ChromHMMFolder(chromhmm)
    outputs = StateOutputs(output, track, posteriors_folder, hdf5, folder)
    given = [regions, *(source.all_paths() if isinstance(source, MarkFiles) else [source])]
    inputs = [path for path in given if isinstance(path, str | os.PathLike)]
    outputs.check(styles, inputs)
    table = None if regions is None else interval_table(regions, "the regions")
    with nullcontext() if by_windows else loading_kernels(entry, viterbi):
        genome = _read(entry, source, cell, allow_missing, table)
    about = {"model": entry.name, "model_version": entry.version, "weights_sha256": entry.sha256}
    shown = AnnotatedGenome(styles, entry.channels, genome.sizes, entry.window.bin_bp, genome.cell, about)
    with StateWriter(outputs, shown, sorted(genome.chromosomes), inputs) as writer:
        decode = (
            partial(decode_by_windows, entry) if by_windows else partial(decode_chromosomes, entry, viterbi=viterbi)
        )
        decoded = decode(genome.chromosomes, posteriors=outputs.needs_posteriors)
        tables, log_likelihood, done = [], 0.0, 0
        for chrom, decoding in decoded:
            tables.append(_segments(entry, decoding, chrom, genome.sizes[chrom], table))
            writer.add(chrom, tables[-1], decoding, list(missing_share(entry.channels, [genome.chromosomes[chrom]])))
            log_likelihood += decoding.log_likelihood
            done += len(decoding.states)
            if progress is not None:
                progress(done, sum(map(len, genome.chromosomes.values())))
        writer.finish()
    segments = pd.concat(tables, ignore_index=True)
    names = pd.Categorical.from_codes(segments["state"].to_numpy(), pd.Index([style.name for style in styles]))
    missing = missing_share(entry.channels, list(genome.chromosomes.values()))
    return Annotation(segments.assign(name=names), log_likelihood, done, missing)


def state_styles(entry: "ChromatinStateEntry") -> list[StateStyle]:
    """Name and colour of every state of the entry.

    Raises:
        EntryError: a state has no name of its own, or no colour.
    """
    styles = []
    try:
        for state in entry.config["states"]:
            red, green, blue = (int(part) for part in state["color"].split(","))
            styles.append(StateStyle(state["name"], (red, green, blue)))
    except (KeyError, ValueError, TypeError, AttributeError):
        styles = []
    if len(styles) != entry.config["model"]["n_states"] or len({style.name for style in styles}) < len(styles):
        raise EntryError(
            f"{entry.folder / 'model.yaml'}: config.states must give each state a name of its own and a color such as "
            "255,0,0; correct it"
        )
    return styles


def missing_share(marks: Sequence[str], chromosomes: Sequence[UInt8[np.ndarray, "bin mark"]]) -> dict[str, float]:
    """The share of bins in which a mark is missing, for each mark of which some are.

    >>> missing_share(("H3K4me3", "CTCF"), [np.array([[1, 2], [0, 2]], np.uint8), np.array([[0, 1]], np.uint8)])
    {'CTCF': 0.6666666666666666}
    """
    n_bins = sum(map(len, chromosomes))
    missing = sum((count_missing(values) for values in chromosomes), np.zeros(len(marks)))
    return {mark: float(n) / n_bins for mark, n in zip(marks, missing, strict=True) if n}


def _source(
    entry: "ChromatinStateEntry",
    binarized: File | None,
    marks: MarkFiles | Mapping[str, File] | None,
    cell: str | None,
) -> MarkFiles | File:
    """Where the marks come from.

    Raises:
        InputError: both or neither are given, or a cell type is named for files of one.
    """
    if binarized is not None and marks is None:
        return binarized
    if marks is None or binarized is not None:
        found = "neither" if marks is None else "both"
        raise InputError(f"{entry.name}: {found} of binarised marks and a file for each mark given; give one of them")
    if cell is not None:
        raise InputError(f"cell: {cell} given, but a file for each mark holds one cell type; leave it out")
    return MarkFiles(marks) if isinstance(marks, Mapping) else marks


def _read(
    entry: "ChromatinStateEntry",
    source: MarkFiles | File,
    cell: str | None,
    allow_missing: bool,
    regions: pd.DataFrame | None,
) -> GenomeMarks:
    if isinstance(source, MarkFiles):
        return binarize_files(entry.channels, entry.window.bin_bp, source, allow_missing, regions)
    return read_folder(entry.channels, entry.window.bin_bp, source, cell, allow_missing, regions)


def _segments(
    entry: "ChromatinStateEntry", decoding: "Decoding", chrom: str, size: int, regions: pd.DataFrame | None
) -> pd.DataFrame:
    """The segments of a chromosome, or what lies of them in regions."""
    segments = segments_from_states(chosen_states(decoding), chrom, bin_bp=entry.window.bin_bp, chrom_size=size)
    return segments if regions is None else clip_segments(segments, regions[regions["chrom"] == chrom])

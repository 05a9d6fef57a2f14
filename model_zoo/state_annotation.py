"""Chromatin states of a whole genome by a chromatin-state entry: marks in, BED9 and posteriors out."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from epizoo.calling.formats import StateStyle, write_bed9
from epizoo.calling.segments import clip_segments, segments_from_states
from epizoo.errors import EntryError, InputError
from epizoo.files import check_outputs
from epizoo.genome.bigwig_writer import BigWigWriter
from epizoo.genome.marks import encode, present_marks
from epizoo.genome.windows import Intervals, interval_table
from epizoo.model_zoo.mark_sources import Chromosomes, File, MarkFiles, binarize_files, read_folder

if TYPE_CHECKING:
    from epizoo.model_zoo.entry import ChromatinStateEntry
    from epizoo.models.decoding import Decoding

Progress = Callable[[int, int], None]
"""Called now and then with the bins that are done and those there are."""


class Annotation(NamedTuple):
    """The states of a genome.

    Attributes:
        segments: chrom, start, end, state (from 0), name; sorted by chromosome name and start.
        log_likelihood: of all marks of the decoded chromosomes under the model, in nats.
        n_bins: number of bins of these chromosomes.
    """

    segments: pd.DataFrame
    log_likelihood: float
    n_bins: int


def annotate(
    entry: "ChromatinStateEntry",
    binarized: File | None = None,
    *,
    marks: MarkFiles | Mapping[str, File] | None = None,
    regions: Intervals | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
    viterbi: bool = False,
    output: File | None = None,
    posteriors_folder: File | None = None,
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
        output: The BED9 file to write, if any.
        posteriors_folder: A folder for a bigWig of posteriors for each state, if any; made where there is none.
        track: A line for UCSC's genome browser to begin the BED file with.
        progress: Called after each step.

    Raises:
        InputError: a file cannot be used, a mark is missing and that is not allowed, or an output cannot be written.
        EntryError: the entry's weights are missing or do not match their hash.
    """
    if (binarized is None) == (marks is None):
        found = "neither" if marks is None else "both"
        raise InputError(f"{entry.name}: {found} of binarised marks and a file for each mark given; give one of them")
    styles = state_styles(entry)
    files = MarkFiles(marks) if isinstance(marks, Mapping) else marks
    if files is not None and cell is not None:
        raise InputError(f"cell: {cell} given, but a file for each mark holds one cell type; leave it out")
    posterior_paths = [] if posteriors_folder is None else _posterior_paths(Path(posteriors_folder), styles)
    given = [binarized, regions, *(files.all_paths() if files is not None else [])]
    inputs = [path for path in given if isinstance(path, str | os.PathLike)]
    check_outputs([*([] if output is None else [output]), *posterior_paths], inputs)
    table = None if regions is None else interval_table(regions, "the regions")
    if files is not None:
        chromosomes, sizes = binarize_files(entry.channels, entry.window.bin_bp, files, allow_missing, table)
    else:
        chromosomes, sizes = read_folder(
            entry.channels,
            entry.window.bin_bp,
            binarized,  # type: ignore[arg-type]
            cell,
            allow_missing,
            table,
        )
    tables, log_likelihood, done = [], 0.0, 0
    with ExitStack() as stack:
        writers = [stack.enter_context(BigWigWriter(path, sizes, entry.window.bin_bp)) for path in posterior_paths]
        for chrom, decoding in _decode(entry, chromosomes, viterbi, posteriors=bool(writers)):
            states = decoding.viterbi_path if decoding.viterbi_path is not None else decoding.states
            segments = segments_from_states(states, chrom, bin_bp=entry.window.bin_bp, chrom_size=sizes[chrom])
            tables.append(segments if table is None else clip_segments(segments, table[table["chrom"] == chrom]))
            log_likelihood += decoding.log_likelihood
            if decoding.posteriors is not None:
                for writer, posterior in zip(writers, decoding.posteriors.T, strict=True):
                    writer.add(chrom, 0, posterior)
            done += len(states)
            if progress is not None:
                progress(done, sum(map(len, chromosomes.values())))
        if output is not None:
            write_bed9(output, tables, styles, track)
    segments = pd.concat(tables, ignore_index=True)
    names = pd.Categorical.from_codes(segments["state"].to_numpy(), pd.Index([style.name for style in styles]))
    return Annotation(segments.assign(name=names), log_likelihood, done)


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


def _decode(
    entry: "ChromatinStateEntry", chromosomes: Chromosomes, viterbi: bool, posteriors: bool
) -> Iterator[tuple[str, "Decoding"]]:
    """Decoded chromosomes sorted by name; side by side, but one by one where posteriors would fill the memory."""
    from epizoo.models.decoding import decode_all

    parameters = entry.parameters()
    coded = {chrom: _coded(values) for chrom, values in sorted(chromosomes.items())}
    for group, chroms in groupby(coded, key=lambda chrom: (coded[chrom][1], chrom if posteriors else None)):
        names = list(chroms)
        present = None if group[0] is None else np.array(group[0])
        sequences = [coded[chrom][0] for chrom in names]
        yield from zip(
            names, decode_all(parameters, sequences, present, posteriors=posteriors, viterbi=viterbi), strict=True
        )


def _coded(values: UInt8[np.ndarray, "bin mark"]) -> tuple[np.ndarray, tuple[bool, ...] | None]:
    """Codes and which marks are present; the values themselves and None where codes cannot say it."""
    try:
        return encode(values), tuple(present_marks(values).tolist())
    except InputError:
        return values, None


def _posterior_paths(folder: Path, styles: list[StateStyle]) -> list[Path]:
    # Names such as ZNF/Rpts are no file names.
    names = [re.sub(r"[^\w.-]", "_", style.name) for style in styles]
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give a folder that can be written") from error
    return [folder / f"state_{number}_{name}.bw" for number, name in enumerate(names, start=1)]

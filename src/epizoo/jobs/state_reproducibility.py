"""Reproducibility of states: the probability that a bin has the same state in a further replicate."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.bigwig.writer import BigWigWriter, check_bigwigs
from epizoo.genome.table_files import check_tables, write_table
from epizoo.jobs.compared_cells import check_bins, compared_files, posteriors_of
from epizoo.metrics.state_reproducibility import (
    ReturnCounts,
    calibration_error,
    half_of,
    posterior_level,
    return_curves,
    state_figures,
)
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load_annotator

File = str | os.PathLike[str]
Progress = Callable[[int, int], None]


class Reproducibility(NamedTuple):
    """Shares of states that a replicate has too.

    Attributes:
        states: a row for each state: name, ``bins`` of the cell type, ``reproduced`` (the share of them that have the
            state in the replicate too) and ``probability`` (the mean of what was predicted for them).
        calibration_error: mean distance of probability and share, in ten ranges of probability, weighted by bins.
        n_bins: bins that were compared.
    """

    states: pd.DataFrame
    calibration_error: float
    n_bins: int


class _Compared(NamedTuple):
    half: UInt8[np.ndarray, " bin"]
    state: UInt8[np.ndarray, " bin"]
    level: UInt8[np.ndarray, " bin"]


def reproducibility(
    entry: ChromatinStateEntry | File,
    cell: str,
    replicate: str,
    binarized: File | Sequence[File],
    *,
    allow_missing: bool = False,
    output: File | None = None,
    table: File | None = None,
    progress: Progress | None = None,
) -> Reproducibility:
    """Find the probability that the state of each bin is reproduced in a further replicate, from the share in one.

    The probability depends on the state and on its posterior: it is the share of bins of that state and of about that
    posterior whose state is the same in the replicate, in the other half of the genome (alternate megabases).

    Args:
        entry: A chromatin-state annotator, its name or its folder.
        cell: Cell type whose states are judged.
        replicate: The cell type's replicate.
        binarized: Folder of marks binarised by ChromHMM or `epizoo binarize`; several may be given.
        allow_missing: Continue without marks that are not given.
        output: bigWig of the probability in each bin.
        table: Table of the states to write.
        progress: called after each chromosome.

    Raises:
        InputError: a cell type is not there, both are the same, their chromosomes differ, or a file cannot be used.
        EntryError: there is no such entry, or its weights are missing or do not match their hash.
    """
    loaded = load_annotator(entry)
    folders = [binarized] if isinstance(binarized, str | os.PathLike) else list(binarized)
    check_outputs([path for path in (output, table) if path is not None], folders)
    check_tables([table])
    check_bigwigs([output])
    if cell == replicate:
        raise InputError(f"replicate: {cell} is the cell type itself; give another replicate of it")
    files = compared_files(folders, [cell], [replicate])
    names = [state.name for state in loaded.config.states]
    counts, found = ReturnCounts.nothing(len(names)), {}
    for number, (chrom, pair) in enumerate(files.items(), start=1):
        one, other = (posteriors_of(loaded, file, allow_missing) for (file,) in pair)
        check_bins(one, other)
        state = one.argmax(axis=1).astype(np.uint8)
        here = _Compared(half_of(len(one), loaded.window.bin_bp), state, posterior_level(one.max(axis=1)))
        counts.add(*here, returned=state == other.argmax(axis=1))
        found[chrom] = here
        if progress is not None:
            progress(number, len(files))
    if not counts.bins.sum(axis=(1, 2)).all():
        raise InputError(
            f"{cell}: its chromosomes are shorter than 1 Mb, and each megabase is judged by others; give longer ones"
        )
    curves = return_curves(counts)
    if output is not None:
        sizes = {chrom: max(len(here.state), 1) * loaded.window.bin_bp for chrom, here in found.items()}
        with BigWigWriter(output, sizes, loaded.window.bin_bp) as writer:
            for chrom, here in found.items():
                writer.add(chrom, 0, curves[here])
    bins, reproduced, probability = state_figures(counts, curves)
    states = pd.DataFrame({"state": names, "bins": bins, "reproduced": reproduced, "probability": probability})
    if table is not None:
        write_table(table, states, float_format="%.6g")
    return Reproducibility(states, calibration_error(counts, curves), int(bins.sum()))

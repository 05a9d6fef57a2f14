"""Marks of several cell types side by side, a column CELL_MARK for each mark of each, as ChromHMM stacks them."""

import os
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from epizoo.errors import InputError
from epizoo.genome.cell_mark_table import STACKED, column_name
from epizoo.genome.mark_sources import Chromosomes, GenomeMarks, read_files
from epizoo.genome.marks import BinarizedFile, arrange_marks, find_binarized, read_chromosomes
from epizoo.mark_values import MISSING


def read_stacked(
    marks: tuple[str, ...],
    bin_bp: int,
    folders: Sequence[str | os.PathLike[str]],
    allow_missing: bool,
    regions: pd.DataFrame | None = None,
) -> GenomeMarks:
    """Marks of a stacked model from ChromHMM's binarised text of each cell type.

    Cell types and marks that the model lacks are left out.

    Args:
        marks: the model's, CELL_MARK each.
        bin_bp: width of a bin.
        folders: of binarised marks.
        allow_missing: accept that a column is absent, or a cell type on a chromosome; it is missing there then.
        regions: keep their chromosomes alone.

    Raises:
        InputError: a file cannot be read, a column or chromosome is absent and that is not allowed, chromosomes
            differ in their bins, a cell type stands in two folders, or a region is outside the marks.
    """
    where = ", ".join(map(str, folders))
    cells = _by_cell(folders)
    found = {column_name(cell, mark): cell for cell, files in cells.items() for mark in files[0].marks}
    # Before any file is read as a whole.
    arrange_marks(np.zeros((0, len(found)), np.uint8), list(found), marks, where, allow_missing)
    used = {cell: cells[cell][0].marks for cell in dict.fromkeys(found.values()) if cell in map(found.get, marks)}
    files = [file for cell in used for file in cells[cell]]
    read = partial(_read, marks=marks, of_cells=used, where=where, allow_missing=allow_missing)
    return read_files(files, read, bin_bp, where, STACKED, regions)


def stacked_columns(
    chrom: str, cells: Mapping[str, UInt8[np.ndarray, "bin mark"]], n_marks: Mapping[str, int]
) -> UInt8[np.ndarray, "bin column"]:
    """The marks of one chromosome, the cell types side by side; a cell type without it is missing there.

    >>> stacked_columns("chr1", {"B": np.array([[0], [1]], np.uint8)}, {"A": 1, "B": 1}).tolist()
    [[2, 0], [2, 1]]

    Args:
        chrom: its name, for messages.
        cells: the marks of each cell type that has it.
        n_marks: the number of marks of every cell type, in the order of the columns.

    Raises:
        InputError: cell types differ in the number of bins.
    """
    lengths = {cell: len(values) for cell, values in cells.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{n:,} of {cell}" for cell, n in lengths.items())
        raise InputError(f"stack: {chrom} has different numbers of bins, {shown}; give marks of the same assembly")
    n_bins = max(lengths.values())
    parts = [cells[cell] if cell in cells else np.full((n_bins, n), MISSING, np.uint8) for cell, n in n_marks.items()]
    return np.concatenate(parts, axis=1)


def _read(
    files: Sequence[BinarizedFile],
    marks: tuple[str, ...],
    of_cells: Mapping[str, tuple[str, ...]],
    where: str,
    allow_missing: bool,
) -> Chromosomes:
    """The chromosomes of files of several cell types, in the order of the model's columns."""
    of_cell = {
        cell: read_chromosomes([file for file in files if file.cell == cell], names) for cell, names in of_cells.items()
    }
    columns = [column_name(cell, mark) for cell, names in of_cells.items() for mark in names]
    n_marks = {cell: len(names) for cell, names in of_cells.items()}
    found: Chromosomes = {}
    for chrom in dict.fromkeys(file.chrom for file in files):
        here = {cell: chromosomes.pop(chrom) for cell, chromosomes in of_cell.items() if chrom in chromosomes}
        absent = [cell for cell in of_cells if cell not in here]
        if absent and not allow_missing:
            raise InputError(
                f"{where}: has no {chrom} of cell type {', '.join(absent)}, which {', '.join(here)} has; add it, or "
                "allow missing marks (--allow-missing)"
            )
        found[chrom] = arrange_marks(stacked_columns(chrom, here, n_marks), columns, marks, where, allow_missing)
    return found


def _by_cell(folders: Sequence[str | os.PathLike[str]]) -> dict[str, list[BinarizedFile]]:
    """The files of each cell type."""
    cells: dict[str, list[BinarizedFile]] = {}
    for folder in folders:
        found = find_binarized(folder)
        twice = next((file for file in found if file.cell in cells), None)
        if twice is not None:
            other = cells[twice.cell][0].path
            raise InputError(f"{twice.path}: holds cell type {twice.cell}, as does {other}; give one of their folders")
        for file in found:
            cells.setdefault(file.cell, []).append(file)
    return cells

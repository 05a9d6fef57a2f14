"""Binarised marks from reads or peaks, in the files of ChromHMM's BinarizeBam and BinarizeBed."""

import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from epizoo.errors import InputError
from epizoo.files import check_outputs, inside, scratch_folder
from epizoo.genome.assemblies import chrom_sizes as sizes_of
from epizoo.genome.binarize import ReadBinarization, binarize_reads
from epizoo.genome.cell_mark_table import CellFiles, read_cell_mark_table, stacked
from epizoo.genome.mark_sources import sizes_of_bams
from epizoo.genome.marks import (
    BinarizedChromosome,
    BinarizedFile,
    is_binarized,
    read_binarized_header,
    write_binarized,
)
from epizoo.genome.reads.read_counts import ReadCounting
from epizoo.mark_values import MISSING
from epizoo.wording import counted

File = str | os.PathLike[str]

_LOGGER = logging.getLogger("epizoo.jobs.binarize")


class Binarized(NamedTuple):
    """One chromosome of one cell type that was written.

    Attributes:
        path: the file.
        cell, chrom: what it holds.
        present: the share of bins in which each mark is present.
    """

    path: Path
    cell: str
    chrom: str
    present: dict[str, float]


def binarize(
    output: File,
    table: File | None = None,
    *,
    marks: Mapping[str, File] | None = None,
    controls: Mapping[str, File] | None = None,
    cell: str | None = None,
    folder: File | None = None,
    controls_folder: File | None = None,
    chrom_sizes: File | None = None,
    peaks: bool = False,
    pairs: Literal["single", "paired", "mixed"] = "single",
    shift_bp: int = 100,
    center: bool = False,
    start_offset_bp: int = 0,
    end_offset_bp: int = 1,
    bin_bp: int = 200,
    p_value: float = 1e-4,
    fold: float = 0.0,
    least_count: float = 0.0,
    strict: bool = False,
    pseudo_count: int = 1,
    flank_bins: int = 5,
    stack: bool = False,
    compress: bool = False,
) -> list[Binarized]:
    """Binarise the marks of cell types, and write the files that ChromHMM's BinarizeBam or BinarizeBed writes.

    All files are written, or none. Files of other cell types may lie in the folder, which is warned of.

    Args:
        output: Folder to write CELL_CHROM_binary.txt to; made where there is none.
        table: ChromHMM's cell-mark table: cell type, mark, file and, where there is one, control, separated by tabs.
            Rows of one cell type and mark are pooled.
        marks: Instead of a table, a BAM, BED or tagAlign file of reads for each mark of one cell type.
        controls: Control reads for each mark, with `marks`.
        cell: Name of the cell type, with `marks` (default: cell).
        folder: Folder of the table's files (default: the table's own).
        controls_folder: Folder of the table's controls (-c; default: that of the other files).
        chrom_sizes: File of chromosome lengths, or an assembly such as hg38; the headers of BAM files say them too.
        peaks: The files are peaks (BED, narrowPeak, broadPeak), and a mark is present in every bin that one touches
            (-peaks).
        pairs: Handling of paired reads in BAM: single (each read counts), paired (each proper pair counts at its
            centre, -paired) or mixed (single reads count too, -mixed).
        shift_bp: Distance from a read's 5' end, downstream, to the position that counts, in bp (-n).
        center: The centre of each read counts, for reads that were extended to their fragments (-center).
        start_offset_bp: Subtracted from starts: 1 where positions begin at 1 (-s).
        end_offset_bp: Subtracted from ends: 0 where ends are included (-e).
        bin_bp: Width of the bins, in bp (-b).
        p_value: Tail probability of the Poisson rule (-p).
        fold: A present bin also has at least so many times the expected reads (-f).
        least_count: A present bin also has at least so many reads (-g).
        strict: The tail probability has to be below the p-value, not only next to it (-strictthresh).
        pseudo_count: Reads that are added to every bin of a control (-u).
        flank_bins: Number of bins on each side over which a control is summed (-w).
        stack: Write one cell type, genome, with a mark CELL_MARK for each mark of each cell type (-stacked).
        compress: Write gzipped files (-gzip).

    Returns:
        The files that were written, by cell type and chromosome.

    Raises:
        InputError: the table or a file cannot be used, settings contradict each other, an output cannot be written, or
            the folder holds a file of such a cell type that would not be replaced, as of another chromosome.
    """
    counting = ReadCounting(bin_bp, shift_bp, center, pairs, peaks, start_offset_bp, end_offset_bp)
    settings = ReadBinarization(counting, p_value, fold, least_count, strict, pseudo_count, flank_bins)
    if (table is None) == (not marks):
        raise InputError(f"table, marks: {'neither' if table is None else 'both'} given, expected one of the two")
    if table is None:
        assert marks is not None
        _refuse("table", {"folder": folder, "controls_folder": controls_folder})
        cells = [cell_of_flags(marks, controls, cell)]
    else:
        _refuse("marks", {"controls": controls, "cell": cell})
        cells = read_cell_mark_table(table, folder, controls_folder)
    cells = [stacked(cells)] if stack else cells
    sizes = (
        sizes_of_bams(paths for one in cells for paths in one.reads.values())
        if chrom_sizes is None
        else sizes_of(chrom_sizes)
    )
    found = Path(output)
    _make_folder(found)
    suffix = ".txt.gz" if compress else ".txt"
    possible = [inside(found, f"{one.cell}_{chrom}_binary{suffix}") for one in cells for chrom in sizes]
    _warn_of_other_cells(_check_leftovers(found, cells, set(possible)))
    # Sorted over all cell types, as in ChromHMM, so that all files have the same columns.
    names = tuple(sorted({mark for one in cells for mark in one.reads}))
    inputs = [path for one in cells for paths in (*one.reads.values(), *one.controls.values()) for path in paths]
    check_outputs(possible, inputs)
    with scratch_folder(found) as scratch:
        made = [one for files in cells for one in _write(files, names, sizes, settings, scratch, suffix)]
        written = [one._replace(path=found / one.path.name) for one in made]
        # Chromosomes without reads are known by now.
        _check_leftovers(found, cells, {one.path for one in written})
        for before, after in zip(made, written, strict=True):
            before.path.replace(after.path)
    return written


def cell_of_flags(marks: Mapping[str, File], controls: Mapping[str, File] | None, cell: str | None) -> CellFiles:
    """The files of one cell type from one file for each mark."""
    for path in (*marks.values(), *(controls or {}).values()):
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; give a BAM, BED or tagAlign file of reads")
    reads = {mark: [Path(path)] for mark, path in marks.items()}
    return CellFiles(cell or "cell", reads, {mark: [Path(path)] for mark, path in (controls or {}).items()})


def _write(
    files: CellFiles,
    marks: tuple[str, ...],
    sizes: Mapping[str, int],
    settings: ReadBinarization,
    folder: Path,
    suffix: str,
) -> Iterator[Binarized]:
    """Binarise one cell type and write its chromosomes."""
    absent = [mark for mark in marks if mark not in files.reads]
    if absent:
        _LOGGER.warning("%s has no file of %s: missing (2) in all bins.", files.cell, ", ".join(absent))
    found = binarize_reads(files.reads, sizes, files.controls, settings)
    columns = [marks.index(mark) for mark in files.reads]
    for chrom, present in found.items():
        values = np.full((len(present), len(marks)), MISSING, np.uint8)
        values[:, columns] = present
        path = inside(folder, f"{files.cell}_{chrom}_binary{suffix}")
        write_binarized(path, BinarizedChromosome(files.cell, chrom, marks, values))
        shares = {
            mark: int(np.count_nonzero(present[:, i])) / max(len(present), 1) for i, mark in enumerate(files.reads)
        }
        yield Binarized(path, files.cell, chrom, shares)


def _check_leftovers(folder: Path, cells: Sequence[CellFiles], written: Collection[Path]) -> list[BinarizedFile]:
    """Check that no file of a cell type stays beside the new ones, and return the files of other cell types.

    Raises:
        InputError: one would stay, or is no file of binarised marks.
    """
    kept = [path for path in sorted(folder.iterdir()) if is_binarized(path) and path not in written]
    files = [read_binarized_header(path) for path in kept]
    names = {one.cell for one in cells}
    for file in files:
        if file.cell in names:
            raise InputError(
                f"{file.path}: holds {file.chrom} of {file.cell} and would stay beside the new files of this cell "
                "type; remove it, or give another folder"
            )
    return files


def _warn_of_other_cells(files: Sequence[BinarizedFile]) -> None:
    if files:
        _LOGGER.warning(
            "%s: holds %s of %s already, which stay, such as %s; name the cell type where the folder is used.",
            files[0].path.parent,
            counted(len(files), "file"),
            ", ".join(dict.fromkeys(file.cell for file in files)),
            files[0].path.name,
        )


def _refuse(option: str, given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name}: given, but it belongs to {option}, which is not given; leave it out")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give a folder that can be written") from None

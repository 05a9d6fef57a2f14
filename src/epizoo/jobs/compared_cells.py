"""Cell types that are held against each other: their files, posteriors and lengths."""

import os
from collections.abc import Sequence

import numpy as np

from epizoo.errors import InputError
from epizoo.genome.marks import BinarizedFile, find_binarized, read_chromosomes
from epizoo.jobs.state_decoding import decode_chromosomes
from epizoo.metrics.state_differences import Posteriors
from epizoo.zoo.entry import ChromatinStateEntry

File = str | os.PathLike[str]


def compared_files(
    folders: Sequence[File], first: list[str], second: list[str]
) -> dict[str, tuple[list[BinarizedFile], list[BinarizedFile]]]:
    """The files of two groups of cell types, by chromosome.

    Args:
        folders: of binarised marks.
        first: cell types of one group.
        second: those of the other.

    Raises:
        InputError: a cell type is not there, given twice, in two files or in both groups, or chromosomes differ.
    """
    both = sorted(set(first) & set(second))
    if both or not first or not second:
        found = f"{both[0]} in both groups" if both else "an empty group"
        raise InputError(f"first, second: {found} found; give cell types to each, other ones")
    for name, cells in (("first", first), ("second", second)):
        twice = next((cell for cell in cells if cells.count(cell) > 1), None)
        if twice is not None:
            raise InputError(f"{name}: {twice} given twice, and a cell type is no replicate of itself; give it once")
    of_cell: dict[str, dict[str, BinarizedFile]] = {}
    for file in (file for folder in folders for file in find_binarized(folder)):
        here = of_cell.setdefault(file.cell, {})
        if file.chrom in here:
            raise InputError(
                f"{file.path}: holds {file.chrom} of {file.cell}, as does {here[file.chrom].path}; leave out one"
            )
        here[file.chrom] = file
    for cell in (*first, *second):
        if cell not in of_cell:
            where = ", ".join(map(str, folders))
            raise InputError(f"{where}: holds no cell type {cell}; it holds {', '.join(of_cell)}: name some of them")
        odd = sorted(of_cell[first[0]].keys() ^ of_cell[cell].keys())
        if odd:
            raise InputError(f"{cell}: has other chromosomes than {first[0]} ({odd[0]}); give the same ones")
    return {
        chrom: ([of_cell[cell][chrom] for cell in first], [of_cell[cell][chrom] for cell in second])
        for chrom in sorted(of_cell[first[0]])
    }


def posteriors_of(entry: ChromatinStateEntry, file: BinarizedFile, allow_missing: bool) -> Posteriors:
    """Posteriors of one chromosome, float32.

    Raises:
        InputError: a mark is missing and that is not allowed, or the file cannot be read.
    """
    values = read_chromosomes([file], entry.channels, allow_missing)
    ((_, decoding),) = decode_chromosomes(entry, values, viterbi=False, posteriors=True)
    assert decoding.posteriors is not None
    return np.asarray(decoding.posteriors, np.float32)


def check_bins(*posteriors: Posteriors) -> None:
    """Check that chromosomes have the same number of bins.

    Raises:
        InputError: they differ.
    """
    lengths = {len(one) for one in posteriors}
    if len(lengths) > 1:
        shown = " and ".join(f"{n:,}" for n in sorted(lengths))
        raise InputError(f"binarized: files of one chromosome have {shown} bins; give marks of one assembly")

"""Binarised marks of a whole genome in a model's order: from ChromHMM's text, bigWigs or reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from epizoo.errors import InputError
from epizoo.genome.binarize import BigWigBinarization, binarize_bigwigs, binarize_reads
from epizoo.genome.intervals import read_chrom_sizes
from epizoo.genome.marks import MISSING, arrange_marks, find_binarized, read_binarized
from epizoo.genome.signal import BigWig

File = str | os.PathLike[str]
Chromosomes = dict[str, UInt8[np.ndarray, "bin mark"]]

READS_SUFFIXES = (".bed", ".bed.gz", ".tagalign", ".tagalign.gz")


@dataclass(frozen=True)
class MarkFiles:
    """Marks that are still to be binarised: one bigWig, or one BED file of reads, for each.

    Attributes:
        paths: mark to file; names that end in .bed or .tagAlign (also gzipped) are reads, all else is a bigWig.
        controls: mark to BED file of the control's reads, for all marks given as reads or for none.
        chrom_sizes: file of chromosome lengths, needed where all marks are reads.
        signal_kind: kind of the bigWigs' signal, which must be stated; see `epizoo.genome.binarize`.
        read_length_bp: length of the piled-up reads, for bigWigs of coverage.
        threshold: a bin of a bigWig is present where its mean reaches this; ChromHMM's Poisson rule where None.
    """

    paths: Mapping[str, File]
    controls: Mapping[str, File] | None = None
    chrom_sizes: File | None = None
    signal_kind: str | None = None
    read_length_bp: int | None = None
    threshold: float | None = None


def read_folder(marks: tuple[str, ...], folder: File, cell: str | None, allow_missing: bool) -> Chromosomes:
    """Marks (bin, mark) of one cell type by chromosome, in the model's order, from ChromHMM's binarised text.

    Raises:
        InputError: a file cannot be read, the cell type is ambiguous, or a mark is missing and that is not allowed.
    """
    files = find_binarized(folder, cell)
    cells = sorted({file.cell for file in files})
    if len(cells) > 1:
        raise InputError(f"{folder}: holds several cell types ({', '.join(cells)}); name the one to annotate")
    for file in files:
        # All headers are checked before the first long read.
        arrange_marks(np.zeros((0, len(file.marks)), np.uint8), file.marks, marks, str(file.path), allow_missing)
    chromosomes = {}
    for file in sorted(files, key=lambda file: file.chrom):
        found = read_binarized(file.path)
        chromosomes[file.chrom] = arrange_marks(found.values, found.marks, marks, str(file.path), allow_missing)
    return chromosomes


def binarize_files(marks: tuple[str, ...], bin_bp: int, files: MarkFiles, allow_missing: bool) -> Chromosomes:
    """Marks (bin, mark) by chromosome, in the model's order, binarised from one file for each mark.

    Raises:
        InputError: a file cannot be used, the settings do not suffice, or a mark is missing and that is not allowed.
    """
    name = ", ".join(f"{mark}={path}" for mark, path in files.paths.items())
    unknown = [mark for mark in files.paths if mark not in marks]
    if unknown:
        raise InputError(f"{name}: the model has no mark {unknown[0]}; its marks are {', '.join(marks)}")
    arrange_marks(np.zeros((0, len(files.paths)), np.uint8), list(files.paths), marks, name, allow_missing)
    reads = {mark: path for mark, path in files.paths.items() if _is_reads(path)}
    bigwigs = {mark: path for mark, path in files.paths.items() if mark not in reads}
    parts = []
    if bigwigs:
        parts.append(
            (list(bigwigs), binarize_bigwigs(bigwigs, _binarization(files, bin_bp, next(iter(bigwigs.values())))))
        )
    if reads:
        sizes = _sizes_for_reads(files, list(bigwigs.values()))
        parts.append((list(reads), binarize_reads(reads, sizes, files.controls, bin_bp)))
    chroms = sorted({chrom for _, part in parts for chrom in part})
    return {chrom: _columns(chrom, parts, marks) for chrom in chroms}


def _columns(chrom: str, parts: list[tuple[list[str], Chromosomes]], marks: tuple[str, ...]) -> np.ndarray:
    """One chromosome's marks in the model's order; marks and files without this chromosome are missing there."""
    n_bins = max(len(part[chrom]) for _, part in parts if chrom in part)
    values = np.full((n_bins, len(marks)), MISSING, np.uint8)
    for names, part in parts:
        if chrom in part:
            values[:, [marks.index(name) for name in names]] = part[chrom]
    return values


def _binarization(files: MarkFiles, bin_bp: int, first: File) -> BigWigBinarization:
    if files.signal_kind is None:
        raise InputError(
            f"{first}: the kind of signal is not stated, and marks are binarised by it; state counts, or coverage with "
            "the read length, or any kind with a threshold"
        )
    return BigWigBinarization(files.signal_kind, files.read_length_bp, files.threshold, bin_bp=bin_bp)


def _sizes_for_reads(files: MarkFiles, bigwigs: list[File]) -> dict[str, int]:
    if files.chrom_sizes is not None:
        return read_chrom_sizes(files.chrom_sizes)
    if not bigwigs:
        raise InputError("reads: the lengths of the chromosomes are not known; give a file of chromosome sizes")
    return BigWig(bigwigs[0]).chrom_sizes


def _is_reads(path: File) -> bool:
    return os.fspath(path).lower().endswith(READS_SUFFIXES)

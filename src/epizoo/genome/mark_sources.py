"""Binarised marks of a whole genome in a model's order: from ChromHMM's text, bigWigs or reads."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from epizoo.errors import InputError
from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.binarize import ReadBinarization, binarize_reads
from epizoo.genome.binarize_bigwigs import BigWigBinarization, binarize_bigwigs, common_sizes
from epizoo.genome.intervals import check_intervals
from epizoo.genome.marks import BinarizedFile, arrange_marks, find_one_cell, read_chromosomes
from epizoo.genome.reads.bam_records import bam_chrom_sizes
from epizoo.genome.reads.read_counts import Pairs, Paths, ReadCounting, file_list, is_bam
from epizoo.genome.signal import BigWig
from epizoo.mark_values import MISSING

File = str | os.PathLike[str]
Chromosomes = dict[str, UInt8[np.ndarray, "bin mark"]]

PEAK_SUFFIXES = (".narrowpeak", ".broadpeak", ".gappedpeak", ".narrowpeak.gz", ".broadpeak.gz", ".gappedpeak.gz")
READS_SUFFIXES = (".bam", ".sam", ".cram", ".bed", ".bed.gz", ".tagalign", ".tagalign.gz", *PEAK_SUFFIXES)


@dataclass(frozen=True)
class MarkFiles:
    """Marks that are still to be binarised: one bigWig, or files of reads or peaks, for each.

    Attributes:
        paths: mark to file, or to files of reads that are pooled; names that end in .bam, .bed, .tagAlign or
            .narrowPeak (also gzipped) are reads or peaks, all else is a bigWig.
        controls: mark to file or files of the control's reads.
        chrom_sizes: file of chromosome lengths, or an assembly's name, needed where all marks are text of reads.
        signal_kind: kind of the bigWigs' signal, which must be stated; see `epizoo.genome.binarize_bigwigs`.
        read_length_bp: length of the piled-up reads, for bigWigs of coverage.
        threshold: a bin of a bigWig is present where its mean reaches this; ChromHMM's Poisson rule where None.
        peaks: the files of reads are peaks.
        pairs: handling of paired reads in BAM files; see `epizoo.genome.reads.read_counts.ReadCounting`.
    """

    paths: Mapping[str, Paths]
    controls: Mapping[str, Paths] | None = None
    chrom_sizes: File | None = None
    signal_kind: str | None = None
    read_length_bp: int | None = None
    threshold: float | None = None
    peaks: bool = False
    pairs: Pairs | None = None

    def all_paths(self) -> list[File]:
        """Every file that is read."""
        sizes = [self.chrom_sizes] if self.chrom_sizes is not None and os.path.exists(self.chrom_sizes) else []
        groups = [*self.paths.values(), *(self.controls or {}).values()]
        return [*(path for group in groups for path in file_list(group)), *sizes]


class GenomeMarks(NamedTuple):
    """Marks of whole chromosomes in a model's order.

    Attributes:
        chromosomes: chromosome to marks (bin, mark).
        sizes: length in bp of each chromosome; that of its bins where the true length is not known.
        cell: the cell type, where files name it.
        sources: the files.
    """

    chromosomes: Chromosomes
    sizes: dict[str, int]
    cell: str = "cell"
    sources: tuple[Path, ...] = ()


def read_folder(
    marks: tuple[str, ...],
    bin_bp: int,
    folder: File,
    cell: str | None,
    allow_missing: bool,
    regions: pd.DataFrame | None = None,
) -> GenomeMarks:
    """Marks of one cell type from ChromHMM's binarised text; with regions, of their chromosomes.

    Raises:
        InputError: a file cannot be read, the cell type is ambiguous, a mark is missing and that is not allowed, or a
            region is outside the marks.
    """
    files = find_one_cell(folder, cell)
    read = partial(read_chromosomes, marks=marks, allow_missing=allow_missing)
    return read_files(files, read, bin_bp, str(folder), files[0].cell, regions)


def read_files(
    files: Sequence[BinarizedFile],
    read: Callable[[Sequence[BinarizedFile]], Chromosomes],
    bin_bp: int,
    folder: str,
    cell: str,
    regions: pd.DataFrame | None,
) -> GenomeMarks:
    """Marks of files of binarised text; with regions, of their chromosomes.

    Args:
        files: the files.
        read: reads those that are wanted.
        bin_bp: width of a bin.
        folder: what the files are called in messages.
        cell: name of the cell type.
        regions: regions that are wanted; all chromosomes where None.

    Raises:
        InputError: a file cannot be read, all marks are missing, or a region is outside the marks.
    """
    files = sorted(files, key=lambda file: file.chrom)
    if regions is not None:
        # Lengths are known once the files are read; unknown chromosomes are found before.
        check_intervals(regions, {file.chrom: sys.maxsize for file in files}, regions.attrs["name"], folder)
        files = [file for file in files if file.chrom in set(regions["chrom"])]
    chromosomes = read(files)
    _require_some(chromosomes, f"{folder}: {cell}")
    sizes = {chrom: max(len(values), 1) * bin_bp for chrom, values in chromosomes.items()}
    if regions is not None:
        # Binarised text does not say where in its last, incomplete bin a chromosome ends.
        longest = {chrom: size + bin_bp - 1 for chrom, size in sizes.items()}
        _check_regions(regions, longest, bin_bp, folder)
    return GenomeMarks(chromosomes, sizes, cell, tuple(file.path for file in files))


def binarize_files(
    marks: tuple[str, ...], bin_bp: int, files: MarkFiles, allow_missing: bool, regions: pd.DataFrame | None = None
) -> GenomeMarks:
    """Marks binarised from one file for each mark; with regions, of their chromosomes.

    Raises:
        InputError: a file cannot be used, two differ in a chromosome's length, the settings do not suffice, a mark is
            missing and that is not allowed, or a region is outside the chromosomes.
    """
    name = ", ".join(f"{mark}={path}" for mark, paths in files.paths.items() for path in file_list(paths))
    unknown = [mark for mark in files.paths if mark not in marks]
    if unknown:
        raise InputError(f"{name}: the model has no mark {unknown[0]}; its marks are {', '.join(marks)}")
    arrange_marks(np.zeros((0, len(files.paths)), np.uint8), list(files.paths), marks, name, allow_missing)
    reads = {mark: paths for mark, paths in files.paths.items() if _is_reads(mark, file_list(paths), files.peaks)}
    bigwigs = {mark: file_list(paths)[0] for mark, paths in files.paths.items() if mark not in reads}
    _check_used(files, reads, bigwigs)
    settings_of_reads = ReadBinarization(ReadCounting(bin_bp, pairs=files.pairs or "single", peaks=files.peaks))
    settings = _binarization(files, bin_bp, next(iter(bigwigs.values()))) if bigwigs else None
    of_bigwigs = common_sizes([BigWig(path) for path in bigwigs.values()])
    of_reads = _sizes_for_reads(files, of_bigwigs, list(bigwigs.values())) if reads else {}
    sizes = of_bigwigs | of_reads
    if regions is not None:
        # Before the work of binarising begins.
        _check_regions(regions, sizes, bin_bp, name)
    parts = []
    if settings is not None:
        parts.append((list(bigwigs), binarize_bigwigs(bigwigs, settings)))
    if reads:
        parts.append((list(reads), binarize_reads(reads, of_reads, files.controls, settings_of_reads)))
    found = {chrom: sizes[chrom] for chrom in sorted({chrom for _, part in parts for chrom in part})}
    chroms = list(found)
    if regions is not None:
        check_intervals(regions, found, regions.attrs["name"], name)
        chroms = [chrom for chrom in chroms if chrom in set(regions["chrom"])]
    sources = tuple(dict.fromkeys(map(Path, files.all_paths())))
    return GenomeMarks({chrom: _columns(chrom, parts, marks) for chrom in chroms}, found, sources=sources)


def _require_some(chromosomes: Chromosomes, name: str) -> None:
    """Refuse marks of which every one is missing in every bin: any states would fit them.

    Raises:
        InputError: that is so.
    """
    if all(values.min(initial=MISSING) == MISSING for values in chromosomes.values()):
        raise InputError(f"{name} has all marks missing (2) in all bins, so that nothing says its states; give some")


def sizes_of_bams(groups: Iterable[Paths]) -> dict[str, int]:
    """Chromosome lengths from the headers of all files of reads.

    Raises:
        InputError: a file is not BAM, so that nothing says the lengths, or two files differ in one.
    """
    sizes: dict[str, int] = {}
    for path in dict.fromkeys(path for paths in groups for path in file_list(paths)):
        if not is_bam(path):
            raise InputError(
                f"{path}: the lengths of the chromosomes are not known, which BAM files alone say; give "
                "--chrom-sizes, a file or an assembly such as hg38"
            )
        for chrom, size in bam_chrom_sizes(path).items():
            if sizes.setdefault(chrom, size) != size:
                raise InputError(
                    f"{path}: {chrom} is {size:,} bp long, but {sizes[chrom]:,} bp in another file; give files of the "
                    "same assembly"
                )
    return sizes


def _check_regions(regions: pd.DataFrame, sizes: Mapping[str, int], bin_bp: int, name: str) -> None:
    check_intervals(regions, sizes, regions.attrs["name"], name)
    n_bins = regions["chrom"].map(dict(sizes)).to_numpy(np.int64) // bin_bp
    if (regions["start"].to_numpy() // bin_bp >= n_bins).all():
        raise InputError(
            f"{regions.attrs['name']}: no region holds a part of a whole bin of {bin_bp} bp of {name}; "
            "give other regions"
        )


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


def _sizes_for_reads(files: MarkFiles, of_bigwigs: dict[str, int], bigwigs: list[File]) -> dict[str, int]:
    if files.chrom_sizes is None:
        return of_bigwigs if bigwigs else sizes_of_bams(files.paths.values())
    sizes = chrom_sizes(files.chrom_sizes)
    for chrom, size in sizes.items():
        if of_bigwigs.get(chrom, size) != size:
            raise InputError(
                f"{files.chrom_sizes}: {chrom} is {size:,} bp long, but {of_bigwigs[chrom]:,} bp in the bigWigs "
                f"({', '.join(map(str, bigwigs))}); give files of the same assembly"
            )
    return sizes


def _check_used(files: MarkFiles, reads: Mapping[str, Paths], bigwigs: Mapping[str, File]) -> None:
    """Refuse settings that would be ignored in silence.

    Raises:
        InputError: a setting of reads where there are bigWigs alone, or the other way round.
    """
    of_reads = {
        "controls": files.controls,
        "chromosome sizes": files.chrom_sizes,
        "peaks": files.peaks or None,
        "pairs": files.pairs,
    }
    of_bigwigs = {
        "signal kind": files.signal_kind,
        "read length": files.read_length_bp,
        "threshold": files.threshold,
    }
    for unused, kind, others in ((of_reads, reads, "reads"), (of_bigwigs, bigwigs, "bigWigs")):
        for name, value in unused.items():
            if value is not None and not kind:
                named = value.items() if isinstance(value, Mapping) else ()
                shown = ", ".join(f"{mark}={path}" for mark, path in named) or value
                raise InputError(f"{name}: given ({shown}), but no mark is given as {others}; leave it out")


def _is_reads(mark: str, paths: Sequence[File], are_peaks: bool) -> bool:
    kinds = {os.fspath(path).lower().endswith(READS_SUFFIXES) for path in paths}
    if len(paths) > 1 and kinds != {True}:
        raise InputError(
            f"{mark}: {', '.join(map(str, paths))} given, but only files of reads are pooled; give one file"
        )
    for path in paths:
        if os.fspath(path).lower().endswith(PEAK_SUFFIXES) and not are_peaks:
            raise InputError(f"{path}: holds peaks by its name, not reads; say so (--peaks), or give the reads")
    return kinds == {True}

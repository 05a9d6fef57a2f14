"""Marks to learn chromatin states from, of one or several cell types, and models to start from."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epizoo.errors import InputError
from epizoo.genome.marks import arrange_marks, find_binarized, read_binarized
from epizoo.model_zoo.entry import ChromatinStateEntry, load
from epizoo.model_zoo.mark_sources import MarkFiles, binarize_files
from epizoo.models.runs import Float64Parameters, from_values
from epizoo.training.chromhmm_models import read_model
from epizoo.training.state_learning import LearningSequence

File = str | os.PathLike[str]


@dataclass(frozen=True)
class LearningMarks:
    """Marks to learn from: of one or several cell types, each chromosome a sequence of its own.

    Attributes:
        marks: names, in the order of the first file.
        sequences: of all cell types.
        sources: the files.
    """

    marks: tuple[str, ...]
    sequences: list[LearningSequence]
    sources: list[Path]

    @property
    def cells(self) -> list[str]:
        """Names of the cell types."""
        return list(dict.fromkeys(one.cell for one in self.sequences))

    def split(self, held_out: Collection[str]) -> tuple[list[LearningSequence], list[LearningSequence]]:
        """Sequences to learn from, and those of the chromosomes that are held out, of every cell type.

        Raises:
            InputError: a chromosome is not there, or none is left.
        """
        found = dict.fromkeys(one.chrom for one in self.sequences)
        for chrom in held_out:
            if chrom not in found:
                raise InputError(f"hold out: chromosome {chrom} is not in the marks; they hold {', '.join(found)}")
        with_bins = [one for one in self.sequences if len(one.marks.codes)]
        training = [one for one in with_bins if one.chrom not in held_out]
        if not training:
            raise InputError(f"hold out: nothing is left to learn from; the marks hold {', '.join(found)}")
        return training, [one for one in with_bins if one.chrom in held_out]


def read_learning_marks(
    binarized: File | None = None, *, cell: str | None = None, marks: MarkFiles | None = None, bin_bp: int = 200
) -> LearningMarks:
    """Marks to learn from: all cell types of a folder of ChromHMM's binarised text, or files to be binarised.

    Args:
        binarized: the folder.
        cell: keep this cell type alone; for `marks` its name.
        marks: one bigWig or BED of reads for each mark, of one cell type.
        bin_bp: width of a bin.

    Raises:
        InputError: none or both are given, a file cannot be read, or files differ in their marks.
    """
    if (binarized is None) == (marks is None):
        raise InputError(f"marks: {'neither' if marks is None else 'both'} a folder nor files given, expected one")
    if marks is not None:
        names = tuple(marks.paths)
        genome = binarize_files(names, bin_bp, marks, allow_missing=False)
        found = [
            LearningSequence(cell or "cell", chrom, f"{cell or 'cell'}_{chrom}", from_values(values))
            for chrom, values in genome.chromosomes.items()
        ]
        return LearningMarks(names, found, [Path(path) for path in marks.all_paths()])
    assert binarized is not None
    files = find_binarized(binarized, cell)
    for file in files:
        if set(file.marks) != set(files[0].marks):
            raise InputError(
                f"{file.path}: has the marks {', '.join(file.marks)}, but {files[0].path.name} has "
                f"{', '.join(files[0].marks)}; learn from files of the same marks (2 where one was not measured)"
            )
    sequences = []
    for file in files:
        values = arrange_marks(read_binarized(file.path).values, file.marks, files[0].marks, str(file.path))
        sequences.append(LearningSequence(file.cell, file.chrom, file.path.name, from_values(values)))
    return LearningMarks(files[0].marks, sequences, [file.path for file in files])


def read_start(name: str, marks: Sequence[str]) -> Float64Parameters:
    """First parameters from a ``model_N.txt`` of ChromHMM, or from an entry, as they are.

    Raises:
        InputError: there is no such file or entry, or its marks are others.
    """
    if Path(name).is_file():
        model = read_model(name)
        arrays, own = tuple(model.parameters), model.marks
    else:
        entry = load(name)
        if not isinstance(entry, ChromatinStateEntry):
            raise InputError(f"init: {name} has no chromatin states; name another entry, or a model_N.txt")
        arrays, own = tuple(entry.parameters()), entry.channels
    if set(own) != set(marks):
        raise InputError(f"init: {name} has the marks {', '.join(own)}, the data {', '.join(marks)}; they must agree")
    columns = [list(own).index(mark) for mark in marks]
    initial, transition, emission = (np.asarray(array, np.float64) for array in arrays)
    return Float64Parameters(initial, transition, emission[:, columns])

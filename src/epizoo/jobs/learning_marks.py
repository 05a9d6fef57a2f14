"""Marks to learn chromatin states from, of one or several cell types, known states, and models to start from."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.finetuning.state_adaptation import annotation_states
from epizoo.genome.intervals import read_bed
from epizoo.genome.mark_sources import MarkFiles, binarize_files
from epizoo.genome.marks import arrange_marks, find_binarized, read_binarized
from epizoo.models.hmm.run_lengths import Float64Parameters, from_values
from epizoo.states.autodiff import UNKNOWN
from epizoo.states.chromhmm_models import read_model
from epizoo.states.learning import LearningSequence
from epizoo.zoo.entry import ChromatinStateEntry, load

File = str | os.PathLike[str]


@dataclass(frozen=True)
class LearningMarks:
    """Marks to learn from: of one or several cell types, each chromosome a sequence of its own.

    Attributes:
        marks: names, in the order of the first file.
        sequences: of all cell types.
        sources: the files.
        known_names: of the states that the sequences' known states number.
    """

    marks: tuple[str, ...]
    sequences: list[LearningSequence]
    sources: list[Path]
    known_names: tuple[str, ...] = ()

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


def read_known_states(
    data: LearningMarks,
    files: Mapping[str, File],
    n_states: int,
    *,
    names: Sequence[str] = (),
    bin_bp: int = 200,
) -> LearningMarks:
    """Marks with the states that are known of some of their bins: of those that lie in an interval as a whole.

    Args:
        data: the marks.
        files: for each cell type a BED file whose fourth column names states; intervals on chromosomes without marks
            are left out. The cell type may be ``""`` where there is but one.
        n_states: how many states are to be learned.
        names: of the states of the model that learning starts from, in its order; without them known states are
            numbered by their first intervals.
        bin_bp: width of a bin.

    Raises:
        InputError: a file cannot be read, has no names, a name that `names` lacks, no bin of the marks, two states for
            one bin, or intervals past the end of the marks; more states are known than are to be learned; or there is
            no such cell type.
    """
    tables = {_cell_of(data, cell, path, files): (path, read_bed(path)) for cell, path in files.items()}
    found = dict.fromkeys(str(name) for _, table in tables.values() for name in table.get("name", ()))
    sequences = list(data.sequences)
    for cell, (path, table) in tables.items():
        n_bins = {one.chrom: len(one.marks.codes) for one in sequences if one.cell == cell}
        _check_ends(table, n_bins, bin_bp, path)
        known = annotation_states(table, tuple(names or found), n_bins, bin_bp, str(path))
        if not any((states != UNKNOWN).any() for states in known.values()):
            raise InputError(f"{path}: no bin of {bin_bp} bp lies in an interval as a whole; give longer intervals")
        sequences = [one._replace(known=known.get(one.chrom)) if one.cell == cell else one for one in sequences]
    sources = [*data.sources, *(Path(path) for path, _ in tables.values())]
    labelled = replace(data, sequences=sequences, sources=sources, known_names=tuple(names or found))
    if names:
        return labelled
    labelled = _numbered_closely(labelled)
    if len(labelled.known_names) > n_states:
        raise InputError(
            f"known states: {len(labelled.known_names)} found in {', '.join(map(str, files.values()))} "
            f"({', '.join(labelled.known_names)}), expected at most the {n_states} states to learn; ask for more of "
            "them, or leave some out"
        )
    return labelled


def _cell_of(data: LearningMarks, cell: str, path: File, files: Mapping[str, File]) -> str:
    cells = data.cells
    if cell in cells or (not cell and len(cells) == len(files) == 1):
        return cell or cells[0]
    raise InputError(
        f"known states: {path} is of {f'cell type {cell}' if cell else 'no named cell type'}, but the marks are of "
        f"{', '.join(cells)}; give {cells[0]}={path}, and one file for each"
    )


def _numbered_closely(data: LearningMarks) -> LearningMarks:
    """The same, with numbers and names of those states alone that some bin has."""
    used = np.unique(np.concatenate([one.known for one in data.sequences if one.known is not None]))
    used = used[used != UNKNOWN]
    # The last place stands for -1.
    number = np.full(len(data.known_names) + 1, UNKNOWN, np.int16)
    number[used] = np.arange(len(used))
    sequences = [one if one.known is None else one._replace(known=number[one.known]) for one in data.sequences]
    return replace(data, sequences=sequences, known_names=tuple(data.known_names[state] for state in used))


def _check_ends(table: pd.DataFrame, n_bins: Mapping[str, int], bin_bp: int, path: File) -> None:
    for chrom, last in table.groupby("chrom")["end"].max().items():
        covered = n_bins.get(str(chrom), 0) * bin_bp
        # The marks end with the last whole bin of the chromosome.
        if str(chrom) in n_bins and last >= covered + bin_bp:
            raise InputError(
                f"{path}: an interval ends at {chrom}:{last}, but the marks there end at {covered}; give states of the "
                "same assembly, cut where the marks end"
            )


class Start(NamedTuple):
    """First parameters, and the names of their states."""

    parameters: Float64Parameters
    names: tuple[str, ...]


def read_start(name: str, marks: Sequence[str]) -> Start:
    """First parameters from a ``model_N.txt`` of ChromHMM, whose states are E1, E2, …, or from an entry, as they are.

    Raises:
        InputError: there is no such file or entry, or its marks are others.
    """
    if Path(name).is_file():
        model = read_model(name)
        arrays, own = tuple(model.parameters), model.marks
        names = tuple(f"{model.order}{number}" for number in range(1, len(model.parameters.initial) + 1))
    else:
        entry = load(name)
        if not isinstance(entry, ChromatinStateEntry):
            raise InputError(f"init: {name} has no chromatin states; name another entry, or a model_N.txt")
        arrays, own = tuple(entry.parameters()), entry.channels
        names = tuple(state.name for state in entry.config.states)
    if set(own) != set(marks):
        raise InputError(f"init: {name} has the marks {', '.join(own)}, the data {', '.join(marks)}; they must agree")
    columns = [list(own).index(mark) for mark in marks]
    initial, transition, emission = (np.asarray(array, np.float64) for array in arrays)
    return Start(Float64Parameters(initial, transition, emission[:, columns]), names)

"""Marks to learn chromatin states from, of one or several cell types, known states, and models to start from."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.finetuning.state_adaptation import annotation_states
from epizoo.genome.cell_mark_table import STACKED, column_name, read_cell_mark_table
from epizoo.genome.intervals import read_bed
from epizoo.genome.mark_sources import MarkFiles, binarize_files
from epizoo.genome.marks import BinarizedFile, find_binarized, read_chromosomes
from epizoo.genome.reads.read_counts import Pairs
from epizoo.genome.stacked_marks import stacked_columns
from epizoo.jobs.state_models import read_state_model
from epizoo.models.hmm.run_lengths import Float64Parameters, from_values
from epizoo.states.known_states import UNKNOWN
from epizoo.states.learning_plan import LearningSequence
from epizoo.validation import require_one

File = str | os.PathLike[str]


@dataclass(frozen=True)
class LearningMarks:
    """Marks of one or several cell types to learn from, each chromosome a sequence of its own.

    Attributes:
        marks: names, in the order of the first file.
        sequences: sequences of all cell types.
        sources: the files.
        known_names: names of the known states, by their numbers in the sequences.
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
    binarized: File | Sequence[File] | None = None,
    marks: Mapping[str, File] | None = None,
    *,
    table: File | None = None,
    cell: str | Sequence[str] | None = None,
    stack: bool = False,
    signal_kind: str | None = None,
    read_length_bp: int | None = None,
    threshold: float | None = None,
    chrom_sizes: File | None = None,
    controls: Mapping[str, File] | None = None,
    peaks: bool = False,
    pairs: Pairs | None = None,
    bin_bp: int = 200,
) -> LearningMarks:
    """Marks to learn from: cell types of folders of ChromHMM's binarised text, or files to be binarised.

    The arguments are those of `epizoo.jobs.learn_states.learn_states`.

    Raises:
        InputError: none or several of folder, table and files are given, settings belong to files that are not given, a
            file cannot be read, or files differ in their marks.
    """
    folders = [binarized] if isinstance(binarized, str | os.PathLike) else list(binarized or ())
    cells = [cell] if isinstance(cell, str) else list(cell or ())
    require_one(binarized=folders, table=table, marks=marks)
    of_bigwigs: dict[str, Any] = {"signal_kind": signal_kind, "read_length_bp": read_length_bp, "threshold": threshold}
    of_reads: dict[str, Any] = {"chrom_sizes": chrom_sizes, "peaks": peaks, "pairs": pairs}
    if not marks:
        unused = of_bigwigs | {"controls": controls} | ({} if table is not None else of_reads)
        for name, value in unused.items():
            if value:
                raise InputError(f"{name}: given, but it belongs to marks, which are not given; leave it out")
    if folders:
        data = _read_folders(folders, cells)
    elif table is not None:
        data = _read_table(table, cells, of_reads, bin_bp)
    else:
        assert marks is not None
        if len(cells) > 1:
            raise InputError(f"cell: {', '.join(cells)} given, but a file for each mark holds one cell type; name one")
        data = _read_files(
            tuple(marks), {(*cells, "cell")[0]: MarkFiles(marks, controls, **of_reads, **of_bigwigs)}, bin_bp
        )
    return _stacked(data) if stack else data


def _read_table(table: File, cells: list[str], of_reads: dict[str, Any], bin_bp: int) -> LearningMarks:
    found = {one.cell: one for one in read_cell_mark_table(table)}
    _require_cells(cells, list(found), str(table))
    chosen = {name: found[name] for name in cells or found}
    marks = tuple(sorted({mark for one in chosen.values() for mark in one.reads}))
    files = {name: MarkFiles(one.reads, one.controls or None, **of_reads) for name, one in chosen.items()}
    return _read_files(marks, files, bin_bp)


def _read_files(marks: tuple[str, ...], files: Mapping[str, MarkFiles], bin_bp: int) -> LearningMarks:
    """Binarise the files of each cell type; a mark that another cell type alone has is missing."""
    sequences, sources = [], []
    for name, one in files.items():
        found = binarize_files(marks, bin_bp, one, allow_missing=len(files) > 1).chromosomes
        sequences += [
            LearningSequence(name, chrom, f"{name}_{chrom}", from_values(values)) for chrom, values in found.items()
        ]
        sources += [Path(path) for path in one.all_paths()]
    return LearningMarks(marks, sequences, list(dict.fromkeys(sources)))


def _read_folders(folders: Sequence[File], cells: list[str]) -> LearningMarks:
    one_alone = cells[0] if len(cells) == 1 and len(folders) == 1 else None
    found = [file for folder in folders for file in find_binarized(folder, one_alone)]
    _require_cells(cells, list(dict.fromkeys(file.cell for file in found)), ", ".join(map(str, folders)))
    found = [file for file in found if not cells or file.cell in cells]
    first = found[0]
    seen: dict[tuple[str, str], BinarizedFile] = {}
    for file in found:
        if set(file.marks) != set(first.marks):
            raise InputError(
                f"{file.path}: has the marks {', '.join(file.marks)}, but {first.path.name} has "
                f"{', '.join(first.marks)}; learn from files of the same marks (2 where one was not measured)"
            )
        other = seen.setdefault((file.cell, file.chrom), file)
        if other is not file:
            raise InputError(f"{file.path}: holds {file.chrom} of {file.cell}, as does {other.path}; leave out one")
    sequences = []
    for _, group in groupby(found, key=lambda file: file.cell):
        files = list(group)
        values = read_chromosomes(files, first.marks)
        sequences += [
            LearningSequence(file.cell, file.chrom, file.path.name, from_values(values.pop(file.chrom)))
            for file in files
        ]
    return LearningMarks(first.marks, sequences, [file.path for file in found])


def _require_cells(wanted: list[str], found: list[str], where: str) -> None:
    absent = [cell for cell in wanted if cell not in found]
    if absent:
        raise InputError(f"{where}: holds no cell type {absent[0]}; it holds {', '.join(found)}: name some of them")


def _stacked(data: LearningMarks) -> LearningMarks:
    """The same chromosomes once, with a mark CELL_MARK for each mark of each cell type, as ChromHMM stacks them."""
    marks = tuple(column_name(cell, mark) for cell in data.cells for mark in data.marks)
    n_marks = dict.fromkeys(data.cells, len(data.marks))
    sequences = []
    for chrom in dict.fromkeys(one.chrom for one in data.sequences):
        of_chrom = {one.cell: one.marks.marks[one.marks.codes] for one in data.sequences if one.chrom == chrom}
        values = stacked_columns(chrom, of_chrom, n_marks)
        sequences.append(LearningSequence(STACKED, chrom, f"{STACKED}_{chrom}", from_values(values)))
    return LearningMarks(marks, sequences, data.sources)


def read_known_states(
    data: LearningMarks,
    files: Mapping[str, File],
    n_states: int,
    *,
    names: Sequence[str] = (),
    bin_bp: int = 200,
) -> LearningMarks:
    """Marks with the known states of those bins that lie as a whole in an interval.

    Args:
        data: the marks.
        files: for each cell type a BED file whose fourth column names states; intervals on chromosomes without marks
            are left out. The cell type may be ``""`` where there is but one.
        n_states: number of states to learn.
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
    """First parameters from a ``model_N.txt`` of ChromHMM or from an entry, unchanged, with the marks in a given order.

    Raises:
        InputError: there is no such file, the entry has no chromatin states, or the marks are others.
        EntryError: there is no such entry.
    """
    model = read_state_model(name)
    own = list(model.emissions.marks)
    if model.parameters is None:
        raise InputError(f"init: {name} holds emissions alone; give a model_N.txt, or an entry's name")
    if set(own) != set(marks):
        raise InputError(f"init: {name} has the marks {', '.join(own)}, the data {', '.join(marks)}; they must agree")
    initial, transition, emission = model.parameters
    return Start(Float64Parameters(initial, transition, emission[:, [own.index(mark) for mark in marks]]), model.names)

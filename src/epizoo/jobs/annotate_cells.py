"""Chromatin states of several cell types by one model, which is loaded once: a set of files for each."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from epizoo.errors import InputError
from epizoo.files import inside
from epizoo.genome.cell_mark_table import STACKED, read_cell_mark_table, stacked
from epizoo.genome.marks import find_binarized
from epizoo.jobs.annotate import Annotation, annotate
from epizoo.validation import require_one
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load_annotator

File = str | os.PathLike[str]

_OF_A_CELL = {"posteriors": "{}", "hdf5": "{}.h5", "regulatory_activity": "{}.bw"}
"""Outputs that become folders, and the name of a cell type's own in them."""


def states_file(folder: File, cell: str) -> Path:
    """The file of a cell type's states in the folder of several cell types.

    >>> states_file("states", "K562").as_posix()
    'states/K562.bed'

    Raises:
        InputError: the name of the cell type leads out of the folder.
    """
    return inside(folder, f"{cell}.bed")


def annotate_cells(
    entry: ChromatinStateEntry | File,
    output: File,
    binarized: File | Sequence[File] = (),
    *,
    table: File | None = None,
    cells: Collection[str] = (),
    stack: bool = False,
    said: Callable[[str, Annotation], None] | None = None,
    **settings: Any,
) -> dict[str, Annotation]:
    """Annotate several cell types of folders of binarised marks, or of a cell-mark table.

    Of one cell type alone, files are those of `epizoo.annotate`. Of several, every output is a folder: ``CELL.bed`` in
    `output`, ``CELL.h5`` in ``hdf5``, ``CELL.bw`` in ``regulatory_activity``, and a folder CELL in ``posteriors``;
    ChromHMM's files name the cell type.

    Args:
        entry: A chromatin-state annotator, its name or its folder.
        output: BED9 file to write, or the folder for those of several cell types.
        binarized: Folder or folders of marks binarised by ChromHMM.
        table: Instead, ChromHMM's cell-mark table of reads or peaks; its files lie beside it.
        cells: Cell types to annotate; all where empty.
        stack: The model is a stacked one: all cell types are annotated together, in one file; see `epizoo.annotate`.
        said: called with each cell type and its annotation, once its files are written.
        **settings: those of `epizoo.annotate`.

    Raises:
        InputError: as `epizoo.annotate`; a cell type is not there, stands in two folders or has a name that no file
            can have; or several are to be written to one file.
    """
    loaded = load_annotator(entry, settings.pop("backend", None))
    folders = [binarized] if isinstance(binarized, str | os.PathLike) else list(binarized)
    sources = (
        _stacked_source(loaded, folders, table, cells, settings.get("marks"))
        if stack
        else _sources(folders, table, cells, settings.get("marks"))
    )
    if table is not None and settings.get("chromhmm") is not None:
        sources = {cell: {**source, "cell": cell} for cell, source in sources.items()}
    if len(sources) == 1:
        ((cell, source),) = sources.items()
        found = annotate(loaded, output=output, **{**settings, **source})
        if said is not None:
            said(cell, found)
        return {cell: found}
    outputs = _outputs(sources, Path(output), settings)
    annotations = {}
    for cell, source in sources.items():
        annotations[cell] = annotate(loaded, **{**settings, **source, **outputs[cell]})
        if said is not None:
            said(cell, annotations[cell])
    return annotations


def _stacked_source(
    entry: ChromatinStateEntry,
    folders: list[File],
    table: File | None,
    wanted: Collection[str],
    marks: Mapping[str, object] | None,
) -> dict[str, dict[str, Any]]:
    """The arguments of `annotate` for the marks of all cell types together."""
    require_one(binarized=folders, table=table, marks=marks)
    if wanted:
        raise InputError(
            f"cell: {', '.join(wanted)} given, but a stacked model says which cell types it is of; leave it out"
        )
    if table is None:
        return {STACKED: {"stack": True} | ({"binarized": folders} if folders else {})}
    found = stacked(read_cell_mark_table(table), entry.channels)
    if not found.reads:
        raise InputError(
            f"{table}: has no mark of {entry.name}, which expects {', '.join(entry.channels)}; give the table of these "
            "cell types"
        )
    return {STACKED: {"marks": found.reads, "controls": found.controls or None}}


def _sources(
    folders: list[File], table: File | None, wanted: Collection[str], marks: Mapping[str, object] | None
) -> dict[str, dict[str, Any]]:
    """The arguments of `annotate` for the marks of each cell type."""
    require_one(binarized=folders, table=table, marks=marks)
    if marks:
        if len(wanted) > 1:
            raise InputError(f"cell: {', '.join(wanted)} given, but a file for each mark holds one cell type; name one")
        return {name: {"cell": name if wanted else None} for name in (*wanted, "cell")[:1]}
    found: dict[str, dict[str, Any]] = {}
    if table is not None:
        for one in read_cell_mark_table(table):
            found[one.cell] = {"marks": one.reads, "controls": one.controls or None}
    for folder in folders:
        for cell in dict.fromkeys(file.cell for file in find_binarized(folder)):
            if cell in found:
                raise InputError(
                    f"{folder}: holds cell type {cell}, as does {found[cell]['binarized']}; give one of them"
                )
            found[cell] = {"binarized": folder, "cell": cell}
    absent = [cell for cell in wanted if cell not in found]
    if absent:
        given = ", ".join(map(str, [table] if table is not None else folders))
        raise InputError(f"{given}: holds no cell type {absent[0]}; it holds {', '.join(found)}: name some of them")
    return {cell: found[cell] for cell in (dict.fromkeys(wanted) or found)}


def _outputs(cells: Collection[str], output: Path, settings: Mapping[str, Any]) -> dict[str, dict[str, Path]]:
    """The arguments of `annotate` for the files of each cell type; makes their folders."""
    if (output.suffix or output.is_file()) and not output.is_dir():
        raise InputError(
            f"{output}: is one file, but there are several cell types ({', '.join(cells)}); name one with --cell, give "
            "a folder, in which each has a file, or --stack for a model of all of them"
        )
    given = {name: form for name, form in _OF_A_CELL.items() if settings.get(name) is not None}
    outputs = {
        cell: {"output": states_file(output, cell)}
        | {name: inside(settings[name], form.format(cell)) for name, form in given.items()}
        for cell in cells
    }
    folders = [output, *(Path(settings[name]) for name in given)]
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be made ({error.strerror}); give a folder that can be written"
            ) from None
    return outputs

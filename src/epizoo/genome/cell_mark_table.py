"""ChromHMM's cell-mark table: which file holds the reads of which mark in which cell type."""

import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from epizoo.errors import InputError
from epizoo.genome.intervals import read_lines

_LOGGER = logging.getLogger("epizoo.genome.cell_mark_table")
_COLUMNS = "cell type, mark, file and, where there is one, control, separated by tabs"


STACKED = "genome"
"""The name of all cell types together, as ChromHMM's ``-stacked`` gives it."""


@dataclass(frozen=True)
class CellFiles:
    """The files of one cell type.

    Attributes:
        cell: its name.
        reads: mark to files that are pooled.
        controls: mark to files of the control that are pooled; without a mark that has none.
    """

    cell: str
    reads: dict[str, list[Path]] = field(default_factory=dict)
    controls: dict[str, list[Path]] = field(default_factory=dict)


def read_cell_mark_table(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    controls_folder: str | os.PathLike[str] | None = None,
) -> list[CellFiles]:
    """The cell types of a cell-mark table, in its order.

    Rows of one cell type and mark are pooled. As in ChromHMM a file counts once for each of them, spaces around a
    field do not count, and blank lines are skipped. Warns of rows that stand there twice, and of a mark that has no
    control where others of its cell type have one.

    Args:
        path: the table, plain or gzipped.
        folder: folder of the files; the table's own where None.
        controls_folder: folder of the controls; that of the files where None.

    Raises:
        InputError: the table is missing or empty, or a row has not its three or four fields or names a missing file.
    """
    of_reads = Path(path).parent if folder is None else Path(folder)
    of_controls = of_reads if controls_folder is None else Path(controls_folder)
    cells: dict[str, CellFiles] = {}
    seen: dict[tuple[str, ...], int] = {}
    for number, line in read_lines(path):
        # Tabs in a row count as one, as in ChromHMM.
        fields = tuple(field.strip() for field in line.split("\t") if field)
        if not any(fields):
            continue
        where = f"{path}: line {number}"
        if len(fields) not in (3, 4) or not all(fields):
            raise InputError(f"{where} has {len(fields)} fields ({line.strip()[:60]!r}), expected {_COLUMNS}")
        if fields in seen:
            _LOGGER.warning("%s repeats line %d; the file counts once.", where, seen[fields])
        seen.setdefault(fields, number)
        cell, mark = fields[:2]
        files = cells.setdefault(cell, CellFiles(cell))
        _add(files.reads, mark, of_reads / fields[2], where)
        if len(fields) == 4:
            _add(files.controls, mark, of_controls / fields[3], where)
    if not cells:
        raise InputError(f"{path}: holds no row; expected {_COLUMNS}")
    for files in cells.values():
        _warn_of_controls(files, path)
    return list(cells.values())


def stacked(cells: list[CellFiles], marks: Collection[str] | None = None) -> CellFiles:
    """All cell types as one, whose marks are CELL_MARK, as ChromHMM's ``-stacked`` makes them.

    With ``marks``, those alone.

    >>> stacked([CellFiles("A", {"K": [Path("a.bed")]}), CellFiles("B", {"K": [Path("b.bed")]})]).reads
    {'A_K': [PosixPath('a.bed')], 'B_K': [PosixPath('b.bed')]}
    """
    columns: list[dict[str, list[Path]]] = []
    for kind in ("reads", "controls"):
        found = {column_name(one.cell, mark): paths for one in cells for mark, paths in getattr(one, kind).items()}
        columns.append({name: paths for name, paths in found.items() if marks is None or name in marks})
    return CellFiles(STACKED, *columns)


def column_name(cell: str, mark: str) -> str:
    """Name of a mark of a cell type in a stacked model.

    >>> column_name("K562", "H3K4me3")
    'K562_H3K4me3'
    """
    return f"{cell}_{mark}"


def _add(files: dict[str, list[Path]], mark: str, path: Path, where: str) -> None:
    if not path.is_file():
        raise InputError(
            f"{where} names {path}, which is no file; correct it, or name the folder that the files are in"
        )
    if path not in files.setdefault(mark, []):
        files[mark].append(path)


def _warn_of_controls(files: CellFiles, path: str | os.PathLike[str]) -> None:
    alone = [mark for mark in files.reads if mark not in files.controls]
    if files.controls and alone:
        _LOGGER.warning(
            "%s: %s of %s without a control, where %s has one: compared with an even background.",
            path,
            ", ".join(alone),
            files.cell,
            next(iter(files.controls)),
        )

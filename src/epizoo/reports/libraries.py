"""Figures of libraries that `epizoo count` writes: fragments, duplicates and FRiP of each sample."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.table_files import is_parquet, read_parquet
from epizoo.reports.inputs import File

_LOGGER = logging.getLogger("epizoo.reports.libraries")


def libraries_of(samples: Sequence[str], paths: Sequence[File]) -> pd.DataFrame:
    """The rows of tables of libraries, by sample; see `read_libraries`. Warns of samples that have none.

    Raises:
        InputError: a table cannot be used, or none of its rows is of a sample.
    """
    table = read_libraries(paths)
    absent = [sample for sample in samples if sample not in table.index]
    if paths and len(absent) == len(samples):
        given, found = ", ".join(map(str, paths)), ", ".join(table.index[:5])
        expected = ", ".join(samples[:5]) or "none, as there are no peaks"
        raise InputError(
            f"--libraries: {given} holds rows of {found}, expected the samples of the report ({expected}); give the "
            "peaks as SAMPLE=FILE with the names of the table, or leave it out"
        )
    if paths and absent:
        _LOGGER.warning("--libraries: no row for %s; its figures are those of its own files.", ", ".join(absent))
    return table


def read_libraries(paths: Sequence[File]) -> pd.DataFrame:
    """Tables of libraries of `epizoo count`, one below the other: a row for each sample.

    Raises:
        InputError: a file is missing or is no such table, or a sample stands there twice.
    """
    tables: list[pd.DataFrame] = []
    places: dict[str, File] = {}
    for path in paths:
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; give the table that `epizoo count --libraries` writes")
        table = read_parquet(path) if is_parquet(path) else _of_text(path)
        table = table.set_index(table.columns[0])
        table.index = table.index.astype(str)
        if table.index.name != "sample" or "frip" not in table:
            raise InputError(f"{path}: lacks the column sample or frip; give what `epizoo count --libraries` writes")
        for sample in table.index:
            if sample in places:
                raise InputError(
                    f"{path}: a second row for {sample}, which {places[sample]} holds already; leave out one of them"
                )
            places[sample] = path
        tables.append(table)
    return pd.concat(tables) if tables else pd.DataFrame(columns=["frip"])


def _of_text(path: File) -> pd.DataFrame:
    """A table of text whose first column are names: 1 is no number there, and NA not missing as it is in the others."""
    names = pd.read_csv(path, sep="\t", usecols=[0], dtype=str, keep_default_na=False)
    return pd.read_csv(path, sep="\t").assign(**{str(name): names[name] for name in names})

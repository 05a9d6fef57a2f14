"""Tables of counts, peaks by samples, written and read as TSV, Parquet or AnnData."""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.intervals import read_lines
from epizoo.genome.table_files import check_tables, is_parquet, write_table
from epizoo.optional import require

H5AD = ".h5ad"
PLACE = ["chrom", "start", "end", "name"]


def is_h5ad(path: str | os.PathLike[str]) -> bool:
    """True if a file of counts is AnnData by its name, False if it is another table.

    Raises:
        InputError: it has the suffix of neither.
        MissingDependencyError: what writes or reads it is not installed.
    """
    if Path(path).suffix.lower() != H5AD:
        check_tables([path], others=[H5AD])
        return False
    require("anndata", "study")
    return True


def write_counts(path: str | os.PathLike[str], counts: pd.DataFrame, libraries: pd.DataFrame) -> None:
    """Write counts by the suffix of the file; AnnData holds the libraries as ``obs`` and the peaks as ``var``.

    Args:
        path: The file.
        counts: `PLACE`, then a column for each sample.
        libraries: figures of each sample, which is its index, in the order of the columns.
    """
    if not is_h5ad(path):
        write_table(path, counts)
        return
    values = counts[list(libraries.index)].to_numpy(np.int32).T
    obs, var = _of_objects(libraries), _of_objects(counts[PLACE].set_index("name"))
    with atomic_path(path) as temporary:
        require("anndata", "study").AnnData(values, obs=obs, var=var).write_h5ad(temporary)


def read_counts(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A table of counts as `write_counts` writes it: `PLACE`, then a column of whole numbers for each sample.

    Raises:
        InputError: there is no such file, or it is no such table.
    """
    of_anndata = is_h5ad(path)
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give a table of counts, as `epizoo count` writes it")
    try:
        if is_parquet(path):
            table = pd.read_parquet(path)
        elif of_anndata:
            data = require("anndata", "study").read_h5ad(path)
            values = data.X if isinstance(data.X, np.ndarray) else data.X.toarray()
            samples = pd.DataFrame(values.T, index=data.var_names, columns=list(data.obs_names))
            table = data.var.rename_axis("name").reset_index()[PLACE].join(samples.reset_index(drop=True))
            table = table.astype({"chrom": str, "name": str})
        else:
            table = _of_text(path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as a table of counts ({' '.join(str(error).split())})") from None
    return _checked(path, table)


def check_names(samples: Iterable[str]) -> None:
    """Check that no sample is called as a column of a place, beside which its own column stands in tables.

    Raises:
        InputError: one is.
    """
    clash = [sample for sample in samples if sample in PLACE]
    if clash:
        raise InputError(f"the sample {clash[0]} has the name of a column of the table; give it another one")


def _of_text(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A table of text, in which names of chromosomes and samples are texts, also 1, NA and GRCh38#0#chr2."""
    n_comments = sum(1 for _ in itertools.takewhile(lambda line: line[1].startswith("#"), read_lines(path)))
    texts = {"chrom": str, "name": str}
    return pd.read_csv(path, sep="\t", skiprows=n_comments, dtype=texts, keep_default_na=False)


def _of_objects(table: pd.DataFrame) -> pd.DataFrame:
    """The table with texts as AnnData 0.12 writes them: it knows no text in Arrow's arrays, which pandas 3 makes.

    Texts that recur are categories, which AnnData would make of them itself, in Arrow's arrays again.
    """
    texts = {str(name): _categories(table[name]) for name in table if pd.api.types.is_string_dtype(table[name])}
    return table.assign(**texts).set_axis(pd.Index(list(table.index), dtype=object))


def _categories(texts: pd.Series) -> pd.Categorical:
    return pd.Categorical(texts, categories=pd.Index(list(texts.unique()), dtype=object))


def _checked(path: str | os.PathLike[str], table: pd.DataFrame) -> pd.DataFrame:
    lost = [name for name in PLACE if name not in table]
    if lost or len(table.columns) == len(PLACE):
        raise InputError(
            f"{path}: has the columns {', '.join(map(str, table.columns[:6]))}, expected {', '.join(PLACE)} and one "
            "for each sample; give a table as `epizoo count` writes it"
        )
    for sample in (name for name in table.columns if name not in PLACE):
        values = pd.to_numeric(table[sample], errors="coerce").to_numpy(np.float64)
        if not (np.isfinite(values) & (values >= 0) & (values == np.round(values))).all():
            raise InputError(f"{path}: {sample} holds what is no whole number from 0; give counts, not normalised ones")
        table[sample] = values.astype(np.int64)
    return table

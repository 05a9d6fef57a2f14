"""Tables as tab-separated text, plain or compressed, or as Parquet, by the suffix of the file."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.text_files import text_file
from epizoo.optional import require

File = str | os.PathLike[str]
TEXT_SUFFIXES = (".tsv", ".txt", ".tab")


def is_parquet(path: File) -> bool:
    """True if a file is Parquet by its name.

    Raises:
        MissingDependencyError: it is, and pyarrow is not installed.
    """
    found = Path(path).suffix.lower() == ".parquet"
    if found:
        require("pyarrow", "parquet")
    return found


def check_tables(paths: Iterable[File | None], others: Sequence[str] = ()) -> None:
    """Check, before any work is done, that the suffixes of files are those of tables; files without one are text.

    >>> check_tables(["counts.tsv", "counts.txt.gz", "counts", None])

    Args:
        paths: the files; None stands for one that is not wanted.
        others: further suffixes for the message, of files that are no such tables.

    Raises:
        InputError: a suffix is another one.
        MissingDependencyError: a file is Parquet, and pyarrow is not installed.
    """
    for path in (path for path in paths if path is not None):
        suffix = Path(os.fspath(path).removesuffix(".gz")).suffix.lower()
        if not is_parquet(path) and suffix not in ("", *TEXT_SUFFIXES):
            known = f"{', '.join(TEXT_SUFFIXES)} (also with .gz), {', '.join(['.parquet', *others])}"
            raise InputError(f"{path}: {suffix} is not the suffix of such a table; choose {known}")


def read_parquet(path: File) -> pd.DataFrame:
    """A table of a Parquet file.

    Raises:
        InputError: the file is missing or damaged, or holds no table.
        MissingDependencyError: pyarrow is not installed.
    """
    require("pyarrow", "parquet")
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({' '.join(str(error).split())[:200]})") from None


def write_table(path: File, table: pd.DataFrame, *, index: bool = False, **of_text: Any) -> None:
    """Write a table whole or not at all: with a header, as text or Parquet by the suffix of the file.

    Args:
        path: the file.
        table: the table.
        index: the rows' names are the first column.
        of_text: further settings of `pandas.DataFrame.to_csv`.

    Raises:
        InputError: the file cannot be written.
    """
    shown = table.reset_index() if index else table
    with atomic_path(path) as temporary:
        if is_parquet(path):
            pd.DataFrame(shown).rename(columns=str).to_parquet(temporary, index=False)
        else:
            with text_file(temporary, compressed=os.fspath(path).endswith(".gz")) as file:
                shown.to_csv(file, sep="\t", index=False, lineterminator="\n", mode="wb", **of_text)

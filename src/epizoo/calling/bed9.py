"""Files of states, BED9 or Parquet, and browsers' track lines; files are written whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.calling.state_colors import StateStyle
from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.table_files import is_parquet
from epizoo.genome.text_files import bed_file
from epizoo.optional import require

_BED_SUFFIXES = ("", ".bed", ".bed9")


def track_line(kind: str, name: str) -> str:
    """The line that UCSC's genome browser wants before rows of `bed9` or of a format of peaks; other tools refuse it.

    >>> track_line("bed9", "GM12878")
    'track name="GM12878" description="GM12878" visibility=1 itemRgb="On"'
    """
    label = f'name="{name}" description="{name}"'
    if kind not in ("bed", "bed9"):
        return f"track type={kind} {label} visibility=2"
    return f"track {label} visibility=1" + (' itemRgb="On"' if kind == "bed9" else "")


def check_state_file(path: str | os.PathLike[str], track: str | None = None) -> None:
    """Check, before any work is done, that states can be written to a file of this name.

    >>> check_state_file("states.bed.gz")

    Raises:
        InputError: its suffix is another one, or a track line is asked of Parquet.
        MissingDependencyError: it is Parquet, and pyarrow is not installed.
    """
    suffix = Path(os.fspath(path).removesuffix(".gz")).suffix.lower()
    if is_parquet(path):
        if track is not None:
            raise InputError(f"{path}: Parquet has no track line; leave out --track-line, or name the file .bed")
    elif suffix not in _BED_SUFFIXES:
        known = ", ".join(filter(None, _BED_SUFFIXES))
        raise InputError(f"{path}: {suffix} is not the suffix of states; choose {known} (also with .gz) or .parquet")


def state_writer(
    path: str | os.PathLike[str], styles: Sequence[StateStyle], track: str | None = None
) -> AbstractContextManager[Callable[[pd.DataFrame], None]]:
    """Yield what writes a table of segments (chrom, start, end, state from 0), as BED9 or Parquet by the file's suffix.

    Parquet has the columns chrom, start, end, state, name and itemRgb.

    Raises:
        InputError: the file cannot be written.
    """
    return _parquet_writer(path, styles) if is_parquet(path) else bed9_writer(path, styles, track)


@contextmanager
def bed9_writer(
    path: str | os.PathLike[str], styles: Sequence[StateStyle], track: str | None = None
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield what writes a table of segments (chrom, start, end, state from 0) to a BED9 file, as a rule a chromosome.

    Raises:
        InputError: the file cannot be written.
    """
    # Numba is not imported by those who write no states.
    from epizoo.calling.bed_rows import rows_of

    middles = [f"\t{style.name}\t0\t.\t" for style in styles]
    colors = ["\t" + ",".join(map(str, style.color)) + "\n" for style in styles]
    with bed_file(path, "" if track is None else f"{track}\n") as append:

        def write(segments: pd.DataFrame) -> None:
            for chrom, part in segments.groupby("chrom", sort=False):
                start, end, state = (part[column].to_numpy() for column in ("start", "end", "state"))
                append(rows_of(start, end, state, str(chrom), middles, colors))

        yield write


@contextmanager
def _parquet_writer(
    path: str | os.PathLike[str], styles: Sequence[StateStyle]
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield what writes a table of segments to a Parquet file; see `state_writer`."""
    pyarrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    names = pd.Index([style.name for style in styles])
    colors = np.array([",".join(map(str, style.color)) for style in styles])
    fields = {"chrom": pyarrow.string(), "start": pyarrow.int64(), "end": pyarrow.int64(), "state": pyarrow.int32()}
    schema = pyarrow.schema({**fields, "name": pyarrow.string(), "itemRgb": pyarrow.string()})
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as file:

        def write(segments: pd.DataFrame) -> None:
            state = segments["state"].to_numpy()
            table = segments.assign(name=names[state], itemRgb=colors[state])
            file.write_table(pyarrow.Table.from_pandas(table, schema, preserve_index=False))

        yield write

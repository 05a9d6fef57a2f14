"""Files of peaks as UCSC defines them, and BED files of summits, sorted and written whole or not at all.

The formats: https://genome.ucsc.edu/FAQ/FAQformat.html, narrowPeak (BED6+4), broadPeak (BED6+3), gappedPeak (BED12+3)
and BED6.
"""

import os
import string
from pathlib import Path

import pandas as pd

from epizoo.calling.peaks import NARROWPEAK_COLUMNS
from epizoo.errors import InputError
from epizoo.genome.table_files import is_parquet, write_table
from epizoo.genome.text_files import bed_file

FORMATS = ("narrowPeak", "broadPeak", "gappedPeak", "bed")
KINDS = (*FORMATS, "parquet")
"""The formats of text, and Parquet, which has all columns of a table of peaks."""


def peak_format(path: str | os.PathLike[str], wanted: str | None = None) -> str:
    """The format that is asked for; else that of the file's suffix, or narrowPeak where it has none.

    Raises:
        InputError: there is no such format, or the suffix is that of another one or of none.
        MissingDependencyError: it is Parquet, and pyarrow is not installed.

    >>> [peak_format(path) for path in ("a.broadPeak", "a.gappedPeak.gz", "a.bed")]
    ['broadPeak', 'gappedPeak', 'bed']
    """
    if is_parquet(path) and wanted in (None, "parquet"):
        return "parquet"
    suffix = Path(os.fspath(path).removesuffix(".gz")).suffix.lower()
    by_suffix = {f".{name.lower()}": name for name in KINDS}.get(suffix)
    if wanted is None:
        if suffix and by_suffix is None:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise InputError(
                f"{path}: {suffix} is no suffix of peaks; choose {known} (also with .gz) or .parquet, or give --format"
            )
        return by_suffix or "narrowPeak"
    chosen = {name.lower(): name for name in KINDS}.get(wanted.lower())
    if chosen is None:
        raise InputError(f"format: {wanted!r} is not a format of peaks; choose {', '.join(KINDS)}")
    if chosen == "parquet":
        raise InputError(f"{path}: parquet was asked for, but the name does not end in .parquet; name it so")
    # Any of the formats is called .bed by somebody.
    if by_suffix not in (None, "bed", chosen):
        raise InputError(f"{path}: has the suffix of {by_suffix}, but {chosen} was asked for; change one of the two")
    return chosen


def write_peaks(
    path: str | os.PathLike[str], peaks: pd.DataFrame, kind: str = "narrowPeak", track: str | None = None
) -> None:
    """Write peaks sorted by chromosome and start, after a track line where one is given; see `bed_file` for ``.gz``.

    Args:
        path: The file to write.
        peaks: `epizoo.calling.peaks.PEAK_COLUMNS`; narrowPeak and broadPeak need narrowPeak's ten alone.
        kind: One of `KINDS`. The blocks of gappedPeak are the stretches that were joined into a peak.
        track: A first line for UCSC's genome browser.

    Raises:
        InputError: the file cannot be written.
    """
    ordered = peaks.sort_values(["chrom", "start"], kind="stable")
    if kind == "parquet":
        write_table(path, ordered)
        return
    table = _gapped(ordered) if kind == "gappedPeak" else ordered[list(NARROWPEAK_COLUMNS)]
    if kind == "broadPeak":
        table = table.drop(columns="peak")
    elif kind == "bed":
        table = table[["chrom", "start", "end", "name", "score", "strand"]]
    _write(path, table, track)


def write_summits(path: str | os.PathLike[str], peaks: pd.DataFrame) -> None:
    """Write all summits as BED5: 1 bp each, named after their peak with a letter where it has several, and its score.

    Raises:
        InputError: the file cannot be written.
    """
    rows = []
    ordered = peaks.sort_values(["chrom", "start"], kind="stable")
    columns = (ordered[column] for column in ("chrom", "start", "name", "score", "summits"))
    for chrom, start, name, score, summits in zip(*columns, strict=True):
        places = [start + int(offset) for offset in summits.split(",")]
        for number, place in enumerate(places):
            rows.append((chrom, place, place + 1, name + (_letters(number) if len(places) > 1 else ""), score))
    _write(path, pd.DataFrame(rows), None)


def _gapped(peaks: pd.DataFrame) -> pd.DataFrame:
    counts = peaks["blockSizes"].str.count(",") + 1
    bed12 = peaks[["chrom", "start", "end", "name", "score", "strand"]].assign(
        thickStart=peaks["start"],
        thickEnd=peaks["end"],
        itemRgb="0",
        blockCount=counts.astype("int64"),
        blockSizes=peaks["blockSizes"],
        blockStarts=peaks["blockStarts"],
    )
    return bed12.join(peaks[["signalValue", "pValue", "qValue"]])


def _letters(number: int) -> str:
    """The letters of a number from 0: a to z, then aa, ab and so on.

    >>> [_letters(number) for number in (0, 25, 26, 53)]
    ['a', 'z', 'aa', 'bb']
    """
    letters = string.ascii_lowercase
    more, last = divmod(number, len(letters))
    return (_letters(more - 1) if more else "") + letters[last]


def _write(path: str | os.PathLike[str], table: pd.DataFrame, track: str | None) -> None:
    text = table.to_csv(sep="\t", header=False, index=False, float_format="%.5g", lineterminator="\n")
    with bed_file(path, "" if track is None else f"{track}\n") as write:
        write(text.encode())

"""Peaks read from narrowPeak, broadPeak, gappedPeak and BED files of any caller."""

import os

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from epizoo.errors import InputError
from epizoo.genome.inflated import MOST_ROWS_BYTES
from epizoo.genome.intervals import LONGEST_BP, SKIPPED_LINES, read_lines, read_parquet_intervals
from epizoo.genome.table_files import is_parquet

_COLUMNS = ("chrom", "start", "end", "name", "score", "strand", "signalValue", "pValue", "qValue", "peak")
_NUMBERS = ("score", "signalValue", "pValue", "qValue", "peak")
_NO_NAME = "."


def read_peaks(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Peaks as chrom, start, end, score, signalValue, pValue, qValue, peak and name.

    What is absent is NaN, -1 for peak and . for name, as are names that hold control characters.

    Files are narrowPeak, broadPeak, gappedPeak, BED, or Parquet with these names of columns.
    Of rows with fifteen columns (gappedPeak) the last three are signalValue, pValue and qValue; of BED files with up to
    six columns the fifth is the score, and further columns are not looked at. A file without rows holds no peaks.

    Raises:
        InputError: the file is missing or a row is no interval (it is named).
    """
    if is_parquet(path):
        return _checked_summits(_numbers_of(path))
    rows = []
    for number, line in read_lines(path, MOST_ROWS_BYTES):
        if not line.strip() or line.startswith(SKIPPED_LINES):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) == 15:
            fields = [*fields[:6], *fields[12:]]
        # BED9 has as many columns as broadPeak; there the seventh is the start of the thick part, the ninth a colour.
        is_plain = len(fields) not in (9, 10) or "," in fields[-1] or fields[6] == fields[1]
        values = dict(zip(_COLUMNS, fields[:6] if is_plain else fields, strict=False))
        try:
            start, end = int(values["start"]), int(values["end"])
            if not 0 <= start < end <= LONGEST_BP or not values["chrom"].isprintable():
                raise ValueError
            numbers = (_number(values.get(name)) for name in _NUMBERS)
            name = values.get("name", _NO_NAME)
            rows.append((values["chrom"], start, end, *numbers, name if name.isprintable() else _NO_NAME))
        except (KeyError, ValueError):
            raise InputError(
                f"{path}: line {number} is {line[:60]!r}, expected a peak: chrom, start, end with start below end"
            ) from None
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", *_NUMBERS, "name"])
    types = {"chrom": "str", "start": "int64", "end": "int64", "name": "str"}
    return _checked_summits(table.astype(types | dict.fromkeys(_NUMBERS, "float64")))


def _numbers_of(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Peaks of a Parquet file; columns that it lacks are NaN."""
    table = read_parquet_intervals(path)
    try:
        numbers = {name: table[name].astype("float64") if name in table else np.nan for name in _NUMBERS}
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: holds texts where peaks have numbers ({error}); give numbers there") from None
    found = table[["chrom", "start", "end"]].assign(**numbers).astype(dict.fromkeys(_NUMBERS, "float64"))
    names = table["name"].fillna(_NO_NAME).astype("str") if "name" in table else pd.Series(_NO_NAME, table.index)
    return found.assign(name=names.where(names.map(str.isprintable), _NO_NAME))


def _checked_summits(table: pd.DataFrame) -> pd.DataFrame:
    """Peaks with whole-numbered summits.

    A summit that lies outside its peak, as the middle of a damaged row may, is none.
    """
    is_inside = (table["peak"] >= 0) & (table["peak"] < table["end"] - table["start"])
    return table.assign(peak=table["peak"].where(is_inside, -1).astype("int64"))


def peak_rank(peaks: pd.DataFrame) -> Float[np.ndarray, " peak"] | None:
    """Numbers that are higher for peaks the caller is surer of; None where it states none.

    -log10 p where it is given (MACS's score is cut off), else the score, with the signal value between equal scores.
    """
    if len(peaks) and (peaks["pValue"] >= 0).all():
        return peaks["pValue"].to_numpy(np.float64)
    score = peaks["score"].fillna(0).to_numpy(np.float64)
    signal = peaks["signalValue"].fillna(0).to_numpy(np.float64)
    if not len(peaks) or (np.ptp(score) == 0 and np.ptp(signal) == 0):
        return None
    order = np.lexsort((signal, score))
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return rank


def summit_places(peaks: pd.DataFrame) -> Int64[np.ndarray, " peak"]:
    """Position of each peak's summit; its middle where it states none."""
    start, end, offset = (peaks[column].to_numpy(np.int64) for column in ("start", "end", "peak"))
    return np.where(offset >= 0, start + offset, (start + end) // 2)


def _number(text: str | None) -> float:
    return np.nan if text in (None, ".", "") else float(text)

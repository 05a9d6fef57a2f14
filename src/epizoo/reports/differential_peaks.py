"""The section of a report that lists differential peaks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.loci import Region
from epizoo.genome.table_files import is_parquet
from epizoo.reports.blocks import Section, Table, Text
from epizoo.reports.excerpts import locus_text

_TEXTS, _NUMBERS = ("chrom", "name"), ("start", "end", "mean_count", "log2_fold", "q_value")
_MOST_ROWS, HIGHEST_Q = 20, 0.05
_NOTES = (
    ("Mean count", "fragments in the peak, normalised, over all samples"),
    ("log2 fold", "above 0 where the compared group is higher than its reference"),
    ("q-value", "expected share of false ones among the peaks down to this one"),
)


def read_differential(path: str | Path) -> pd.DataFrame:
    """A table of `epizoo differential`, the most significant peaks first.

    Raises:
        InputError: there is no such file, or it is no such table.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give a table of `epizoo differential`")
    try:
        # NA is a name of chromosomes and peaks, too.
        plain: dict[str, Any] = {"sep": "\t", "dtype": str, "keep_default_na": False}
        table = pd.read_parquet(path) if is_parquet(path) else pd.read_csv(path, **plain)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})") from None
    lost = [name for name in (*_TEXTS, *_NUMBERS) if name not in table]
    if lost:
        raise InputError(f"{path}: has no column {lost[0]}; give a table of `epizoo differential`")
    texts = {name: table[name].astype("str") for name in _TEXTS}
    numbers = {name: _numbers(path, table[name]) for name in _NUMBERS}
    return pd.DataFrame(texts | numbers).sort_values("q_value", kind="stable")


def _numbers(path: str | Path, column: pd.Series) -> pd.Series:
    """Numbers of a column, NaN where it says NA; places are whole and always there."""
    found = pd.to_numeric(column.replace({"NA": None, "": None}), errors="coerce")
    is_bad = found.isna() & column.notna() & ~column.isin(["NA", ""])
    if column.name in ("start", "end"):
        is_bad |= found.isna() | (found % 1 != 0)
    if is_bad.any():
        raise InputError(
            f"{path}: {column.name} holds {str(column[is_bad].iloc[0])[:40]!r}, expected a number; give a table of "
            "`epizoo differential`"
        )
    return found


def differential_peaks(tables: Mapping[str, pd.DataFrame]) -> Section:
    """The most significant peaks of each table, and how many there are; no table where none differs.

    Args:
        tables: as `read_differential` reads them, by what was compared.
    """
    parts: list[Text | Table] = []
    for name, table in tables.items():
        differs = table[table["q_value"] <= HIGHEST_Q]
        higher = int((differs["log2_fold"] > 0).sum())
        about = f"{len(differs):,} of {len(table):,} peaks differ (q-value <= {HIGHEST_Q:g}): {higher:,} are higher"
        about += f" and {len(differs) - higher:,} lower in the compared group."
        parts.append(Text([f"{name}: {about}"]))
        if len(differs):
            shown = differs.head(_MOST_ROWS)
            header = ["Peak", "Name", *(column for column, _ in _NOTES)]
            parts.append(
                Table(f"Most significant peaks, {name}", header, [_row(peak) for peak in shown.itertuples()], _NOTES)
            )
    return Section("differential", "Differential peaks", parts)


def _row(peak: object) -> list[str]:
    place = Region(str(peak.chrom), int(peak.start), int(peak.end))  # type: ignore[attr-defined]
    figures = (f"{peak.mean_count:.4g}", f"{peak.log2_fold:+.2f}", f"{peak.q_value:.2g}")  # type: ignore[attr-defined]
    return [locus_text(place), str(peak.name), *figures]  # type: ignore[attr-defined]

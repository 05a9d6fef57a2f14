"""Differential peaks in a report: how many there are, and the most significant ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.loci import Region
from epizoo.genome.table_files import is_parquet
from epizoo.reports.blocks import Cell, Section, Table
from epizoo.reports.excerpts import MOST_LOCI, locus_text
from epizoo.reports.loci import Locus, around

_TEXTS, _NUMBERS = ("chrom", "name"), ("start", "end", "mean_count", "log2_fold", "q_value")
_MOST_ROWS, _HIGHEST_Q = 20, 0.05
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


def differential_sentences(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """A sentence for each table: how many peaks differ, and which way.

    Args:
        tables: as `read_differential` reads them, by what was compared.
    """
    found = []
    for name, table in tables.items():
        folds = _differing(table)["log2_fold"]
        higher = int((folds > 0).sum())
        found.append(
            f"{name}: {len(folds):,} of {len(table):,} peaks differ (q-value <= {_HIGHEST_Q:g}), {higher:,} are higher "
            f"and {len(folds) - higher:,} lower in the compared group."
        )
    return found


def differential_loci(tables: Mapping[str, pd.DataFrame], sizes: Mapping[str, int]) -> dict[Region, Locus]:
    """The stretch that a genome browser shows for each peak that `differential_peaks` lists, by its place.

    Peaks outside the genome have none, nor those past the number of loci that a report shows.
    """
    places = dict.fromkeys(_place(peak) for table in tables.values() for peak in _listed(table).itertuples())
    inside = [place for place in places if place.end <= sizes.get(place.chrom, 0)]
    return {place: Locus(around(*place, sizes), "") for place in inside[:MOST_LOCI]}


def differential_peaks(tables: Mapping[str, pd.DataFrame], loci: Mapping[Region, Locus] | None = None) -> Section:
    """The most significant peaks of each table in which some differ; see `differential_sentences`.

    Args:
        tables: as `read_differential` reads them, by what was compared.
        loci: what the report's genome browser shows where a peak is clicked, as `differential_loci` finds it.
    """
    header = ["Peak", "Name", *(column for column, _ in _NOTES)]
    found = [
        Table(
            f"Most significant peaks, {name}", header, [_row(peak, loci or {}) for peak in peaks.itertuples()], _NOTES
        )
        for name, peaks in ((name, _listed(table)) for name, table in tables.items())
        if len(peaks)
    ]
    return Section("differential", "Differential peaks", found)


def _listed(table: pd.DataFrame) -> pd.DataFrame:
    return _differing(table).head(_MOST_ROWS)


def _differing(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["q_value"] <= _HIGHEST_Q]


def _place(peak: Any) -> Region:
    return Region(peak.chrom, int(peak.start), int(peak.end))


def _row(peak: Any, loci: Mapping[Region, Locus]) -> list[Cell | str]:
    place = _place(peak)
    shown = Cell(locus_text(place), locus=locus_text(loci[place].region)) if place in loci else locus_text(place)
    return [shown, peak.name, f"{peak.mean_count:.4g}", f"{peak.log2_fold:+.2f}", f"{peak.q_value:.2g}"]

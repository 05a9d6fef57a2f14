"""The sections of a report that are about peaks."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from epizoo.reports.blocks import Fact, Gallery, Histogram, Section, Table, Text, histogram, number, percent
from epizoo.reports.peak_figures import FIGURES, annotation_figures

_NO_PEAKS = (
    "No peaks were found in {}. That is the right result for an input or an experiment that failed; otherwise look at "
    "the depth, the kind of the signal and the cut-off of the q-value."
)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_DRAWN = 4
"""Samples whose histograms are drawn."""


def peak_facts(figures: pd.DataFrame) -> list[Fact]:
    """Headline figures: of one sample its own, of several their range."""
    facts = [Fact("Samples with peaks", str(len(figures)))] if len(figures) > 1 else []
    for name in ("peaks", "median_width_bp", "frip", "signal_in_peaks", "enrichment", "fragments", "duplicates_share"):
        values = figures[name].dropna()
        # Where the reads are known, the share of the signal says the same less exactly.
        if values.empty or (name == "signal_in_peaks" and figures["frip"].notna().all()):
            continue
        low, high = shown(name, values.min()), shown(name, values.max())
        note = (
            f"{shown('covered_bp', figures['covered_bp'].iloc[0])} bp" if name == "peaks" and len(figures) == 1 else ""
        )
        facts.append(Fact(FIGURES[name].title, low if low == high else f"{low} to {high}", note))
    return facts


def quality(figures: pd.DataFrame) -> Section:
    """A table of all figures of all samples, and what they mean."""
    columns = [name for name in FIGURES if figures[name].notna().any() or name == "peaks"]
    rows = [[str(name), *(shown(column, row[column]) for column in columns)] for name, row in figures.iterrows()]
    notes = [(FIGURES[name].title, FIGURES[name].meaning) for name in columns]
    table = Table("Figures of each sample", ["Sample", *(FIGURES[name].title for name in columns)], rows, notes)
    empty = [str(name) for name in figures.index[figures["peaks"] == 0]]
    return Section("quality", "Quality", [*([Text([_NO_PEAKS.format(", ".join(empty))])] if empty else []), table])


def distributions(peaks: Mapping[str, pd.DataFrame]) -> Section:
    """Quantiles of the widths of all samples, and histograms of the first ones."""
    filled = {name: table for name, table in peaks.items() if len(table)}
    if not filled:
        return Section("distributions", "Widths and scores", [])
    widths = {name: (table["end"] - table["start"]).to_numpy(np.float64) for name, table in filled.items()}
    rows = [[name, *(number(value) for value in np.quantile(of, _QUANTILES))] for name, of in widths.items()]
    table = Table("Widths of peaks, in bp", ["Sample", *(f"{share:.0%}" for share in _QUANTILES)], rows)
    drawn = [one for name in list(filled)[:_MOST_DRAWN] for one in _histograms(name, filled[name], len(filled) > 1)]
    return Section("distributions", "Widths and scores", [Gallery(drawn), table])


def peak_annotations(
    peaks: Mapping[str, pd.DataFrame], annotations: Mapping[str, pd.DataFrame], sizes: Mapping[str, int] | None
) -> list[Table]:
    """Share of peaks in annotations, and their enrichment there, a table for each sample with peaks."""
    tables = []
    for name, table in peaks.items():
        if table.empty or not annotations:
            continue
        found = annotation_figures(table, annotations, sizes)
        rows = [[str(over), percent(row["share"]), number(row["fold"])] for over, row in found.iterrows()]
        notes = [
            ("Peaks", "share of the peaks that overlap the annotation"),
            ("Fold", "share of the bp of peaks that lie in it, over its share of the genome"),
        ]
        tables.append(Table(f"Peaks of {name} in annotations", ["Annotation", "Peaks", "Fold"], rows, notes))
    return tables


def shown(name: str, value: float) -> str:
    """A figure of a sample as a report writes it.

    >>> shown("frip", 0.213), shown("peaks", 51_234.0), shown("enrichment", 12.345)
    ('21.3%', '51,234', '12.3')
    """
    return percent(value) if FIGURES[name].is_share else number(value)


def _histograms(name: str, peaks: pd.DataFrame, several: bool) -> list[Histogram]:
    """Widths, scores and q-values of a sample, those that its file states."""
    of = f" of {name}" if several else ""
    widths = (peaks["end"] - peaks["start"]).to_numpy(np.float64)
    found = [histogram(widths, f"Widths of peaks{of}", "width (bp)", "bp", is_log=True)]
    for column, caption, axis in (("score", "Scores", "score"), ("qValue", "q-values", "-log10 q")):
        stated = peaks[column].dropna().to_numpy(np.float64)
        values = stated[np.isfinite(stated)]
        if len(values) and (values >= 0).all() and np.ptp(values):
            drawn = histogram(values, f"{caption} of peaks{of}", axis)
            found.append(replace(drawn, summary=drawn.summary + _left_out(len(stated) - len(values))))
    return found


def _left_out(number_of: int) -> str:
    """The end of a summary of finite values.

    >>> _left_out(0), _left_out(2)
    ('', '; infinite and left out: 2')
    """
    return f"; infinite and left out: {number_of:,}" if number_of else ""

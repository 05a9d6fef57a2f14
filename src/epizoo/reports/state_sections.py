"""The sections of a report that are about chromatin states."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from epizoo.jobs.annotate import Annotation
from epizoo.metrics.enrichment import BASE, GENOME, overlap_enrichment
from epizoo.metrics.segmentations import Segmentation
from epizoo.reports.blocks import Cell, Fact, Section, Table, number, percent
from epizoo.reports.inputs import Inputs
from epizoo.wording import counted

_DEEPEST_FOLD = 16.0
"""Fold enrichment from which on a cell has its full tint."""


def state_facts(states: Mapping[str, Segmentation]) -> list[Fact]:
    """Headline figures of segmentations."""
    facts = [Fact("Cell types with states", str(len(states)))] if len(states) > 1 else []
    if states:
        number_of = sorted({len(one.labels) for one in states.values()})
        covered = sum(int((one.segments["end"] - one.segments["start"]).sum()) for one in states.values())
        segments = sum(len(one.segments) for one in states.values())
        facts.append(Fact("States", " to ".join(str(n) for n in dict.fromkeys((number_of[0], number_of[-1])))))
        facts.append(Fact("Segments", f"{segments:,}", f"{covered:,} bp"))
    return facts


def state_coverage(inputs: Inputs) -> Section:
    """For each cell type the share of each state, the number of its segments and their median length."""
    tables = []
    for name, states in inputs.states.items():
        lengths = (states.segments["end"] - states.segments["start"]).groupby(states.segments["state"])
        table = pd.DataFrame({"bp": lengths.sum(), "segments": lengths.size(), "median": lengths.median()})
        table = table.reindex(range(len(states.labels)), fill_value=0)
        shares = table["bp"] / max(table["bp"].sum(), 1)
        rows: list[list[Cell | str]] = []
        for state, (bp, segments, median) in enumerate(table.itertuples(index=False)):
            label = Cell(states.labels[state], swatch=_color(inputs, name, state))
            share = Cell(percent(shares[state]), tint=float(shares[state]))
            rows.append([label, share, f"{bp:,.0f}", f"{segments:,.0f}", number(median) if segments else "–"])
        header = ["State", "Share", "bp", "Segments", "Median length (bp)"]
        tables.append(Table(f"States of {name}", header, rows))
    return Section("states", "States", tables)


def likelihood_facts(annotated: Mapping[str, Annotation]) -> list[Fact]:
    """Log-likelihoods of the marks: of one cell type its own, of several their range."""
    per_bin = [one.log_likelihood / one.n_bins for one in annotated.values() if one.n_bins]
    if not per_bin:
        return []
    low, high = f"{min(per_bin):.4f}", f"{max(per_bin):.4f}"
    n_bins = sum(one.n_bins for one in annotated.values())
    value = low if low == high else f"{low} to {high}"
    return [Fact("Log-likelihood (nats per bin)", value, counted(n_bins, "bin"))]


def mark_shares(annotated: Mapping[str, Annotation]) -> Section:
    """For each cell type its bins and likelihood; for each mark the share of bins in which it is present."""
    if not annotated:
        return Section("marks", "Marks", [])
    totals: list[list[Cell | str]] = [
        [cell, f"{one.n_bins:,}", f"{one.log_likelihood:,.1f}", f"{one.log_likelihood / max(one.n_bins, 1):.4f}"]
        for cell, one in annotated.items()
    ]
    marks = next(iter(annotated.values())).present_marks
    rows: list[list[Cell | str]] = [[mark, *(_presence(one, mark) for one in annotated.values())] for mark in marks]
    header = ["Cell type", "Bins", "Log-likelihood (nats)", "Per bin"]
    notes = [("Share", "bins in which the mark is present, of those in which it is known")]
    blocks = [
        Table("Likelihood of the marks under the model", header, totals),
        Table("Share of bins with each mark", ["Mark", *annotated], rows, notes),
    ]
    return Section("marks", "Marks", blocks)


def _presence(annotation: Annotation, mark: str) -> Cell:
    """The share of bins with a mark, and the share in which it is missing."""
    present, missing = annotation.present_marks[mark], annotation.missing_marks.get(mark, 0.0)
    if not np.isfinite(present):
        return Cell("missing" if missing else "–")
    return Cell(percent(present) + (f" (missing in {percent(missing)})" if missing else ""), tint=present)


def state_enrichments(inputs: Inputs, annotations: Mapping[str, pd.DataFrame]) -> list[Table]:
    """Fold enrichment of states over annotations, a table for each cell type."""
    tables = []
    for name, states in inputs.states.items():
        if not annotations:
            continue
        folds = overlap_enrichment(states, annotations, bin_bp=1).drop(index=BASE, columns=GENOME)
        rows = [
            [
                Cell(str(label), swatch=_color(inputs, name, states.labels.index(str(label)))),
                *(Cell(number(fold), tint=_depth(fold)) for fold in values),
            ]
            for label, values in zip(folds.index, folds.to_numpy(np.float64), strict=True)
        ]
        notes = [("Fold", "share of the annotation's bp in a state, over the state's share of all bp")]
        tables.append(Table(f"Fold enrichment of states of {name}", ["State", *folds.columns], rows, notes))
    return tables


def _color(inputs: Inputs, name: str, state: int) -> str:
    return ",".join(map(str, inputs.styles[name][state].color))


def _depth(fold: float) -> float:
    """Depth of a cell's tint: none up to a fold of 1, full from 16 on.

    >>> [_depth(fold) for fold in (0.5, 1.0, 4.0, 100.0, float("nan"))]
    [0.0, 0.0, 0.5, 1.0, 0.0]
    """
    if not fold > 1:
        return 0.0
    return float(min(np.log(fold) / np.log(_DEEPEST_FOLD), 1.0))

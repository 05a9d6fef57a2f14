"""Labels as people have them: PeakError's region labels, or the peaks of regions that somebody looked through."""

import os
from collections.abc import Sequence

import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.inflated import MOST_ROWS_BYTES
from epizoo.genome.intervals import LONGEST_BP, SKIPPED_LINES, read_bed, read_lines, whole_number
from epizoo.genome.overlaps import merged
from epizoo.metrics.label_errors import ANNOTATIONS

COLUMNS = ("chrom", "start", "end", "annotation")
BORDER_BP = 250
"""Tolerance of the border of a listed peak, in bp."""
_ALIASES = {"chromStart": "start", "chromEnd": "end", "chr": "chrom", "label": "annotation"}


def read_labels(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read PeakError's labels: chrom, start, end and noPeaks, peaks, peakStart or peakEnd, and what names samples.

    Args:
        path: a BED file whose fourth column is the annotation, or a table with a header that names the columns chrom,
            start (or chromStart), end (or chromEnd) and annotation, and maybe others, which name samples (``sample``,
            ``celltype``, …).

    Returns:
        The columns of the file, in the order of the file.

    Raises:
        InputError: the file is missing or empty, a column is missing, a row is no label, or a region of a sample is
            labelled noPeaks and something else.
    """
    rows: list[dict[str, str | int]] = []
    columns: list[str] | None = None
    for number, line in read_lines(path, MOST_ROWS_BYTES):
        if not line.strip() or line.startswith(SKIPPED_LINES):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if columns is None:
            columns = _header(fields, path)
            if columns is not None:
                continue
            columns = list(COLUMNS)
        rows.append(_label(fields, columns, f"{path}: line {number}"))
    if not rows:
        raise InputError(f"{path}: holds no label; give rows of chrom, start, end and {', '.join(ANNOTATIONS)}")
    labels = pd.DataFrame(rows)
    refuse_contradictions(labels, str(path), [name for name in labels.columns if name not in COLUMNS])
    return labels


def read_region_labels(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The labels of one sample: chrom, start, end and annotation, without duplicates; see `read_labels`.

    Raises:
        InputError: as `read_labels`, or the same region is labelled noPeaks and something else.
    """
    labels = read_labels(path)[list(COLUMNS)].drop_duplicates(ignore_index=True)
    refuse_contradictions(labels, str(path))
    return labels


def refuse_contradictions(labels: pd.DataFrame, name: str, samples: Sequence[str] = ()) -> None:
    """Check that no region says noPeaks and something else.

    Args:
        labels: chrom, start, end, annotation and the columns of samples.
        name: of the file, for the message.
        samples: columns that name samples; the same region may say something else in each.

    Raises:
        InputError: one does.
    """
    keys = ["chrom", "start", "end", *samples]
    clear = labels[labels["annotation"] == "noPeaks"].drop_duplicates(keys)
    both = labels[labels["annotation"] != "noPeaks"].merge(clear[keys], on=keys)
    for label in both.itertuples():
        raise InputError(
            f"{name}: {label.chrom}:{label.start}-{label.end} is labelled {label.annotation} and noPeaks; keep one "
            "of them"
        )


def labels_of_peaks(peaks: pd.DataFrame, regions: pd.DataFrame, border_bp: int = BORDER_BP) -> pd.DataFrame:
    """Region labels that follow from the complete list of peaks of some regions.

    A peak gives a ``peakStart`` and a ``peakEnd`` label around its borders (at most half of the peak and half of the
    gap to its neighbour wide), what lies between two of them and outside peaks is ``noPeaks``. A border that the region
    cuts off gives no label.

    Args:
        peaks: interval table.
        regions: interval table of what the peaks were looked for in; others are left out.
        border_bp: largest width of a border label to either side.

    >>> peak, region = pd.DataFrame([["c", 400, 800]]), pd.DataFrame([["c", 0, 2000]])
    >>> peak.columns = region.columns = ["chrom", "start", "end"]
    >>> labels_of_peaks(peak, region, 100).to_numpy().tolist()
    [['c', 0, 300, 'noPeaks'], ['c', 300, 500, 'peakStart'], ['c', 700, 900, 'peakEnd'], ['c', 900, 2000, 'noPeaks']]
    """
    rows: list[tuple[str, int, int, str]] = []
    # Peaks that touch are two, as callers mean them.
    regions_of, peaks_of = (merged(table, gap_bp=-1).to_numpy().tolist() for table in (regions, peaks))
    for chrom, start, end in regions_of:
        inside = [(low, high) for name, low, high in peaks_of if name == chrom and low < end and high > start]
        edges = [start, *(edge for peak in inside for edge in peak), end]
        clear = start
        for number, (low, high) in enumerate(inside):
            before, after = low - edges[2 * number], edges[2 * number + 3] - high
            width = high - low
            if low > start:
                reach = min(border_bp, before // 2)
                _append(rows, chrom, clear, low - reach, "noPeaks")
                _append(rows, chrom, low - reach, low + min(border_bp, width // 2), "peakStart")
            if high < end:
                reach = min(border_bp, after // 2)
                _append(rows, chrom, high - min(border_bp, width // 2), high + reach, "peakEnd")
            clear = high + (min(border_bp, after // 2) if high < end else 0)
        _append(rows, chrom, clear, end, "noPeaks")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_listed_peaks(peaks: str | os.PathLike[str], regions: str | os.PathLike[str]) -> pd.DataFrame:
    """`labels_of_peaks` of two BED files.

    Raises:
        InputError: a file cannot be read, or no peak lies in a region.
    """
    found, looked_at = read_bed(peaks), read_bed(regions)
    labels = labels_of_peaks(found, looked_at)
    if not (labels["annotation"] != "noPeaks").any():
        raise InputError(f"{peaks}: no peak lies inside the regions of {regions}; give peaks and regions that belong")
    return labels


def _append(rows: list[tuple[str, int, int, str]], chrom: str, start: int, end: int, annotation: str) -> None:
    if end > start:
        rows.append((chrom, start, end, annotation))


def _header(fields: list[str], path: str | os.PathLike[str]) -> list[str] | None:
    """The columns that a first line names; None where it is a row already."""
    names = [_ALIASES.get(field, field) for field in fields]
    if "annotation" not in names:
        return None
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]}; expected {', '.join(COLUMNS)}")
    return names


def _label(fields: list[str], columns: list[str], where: str) -> dict[str, str | int]:
    values = dict(zip(columns, fields, strict=False))
    if len(fields) < len(columns) or not (values["start"].isdecimal() and values["end"].isdecimal()):
        found = " ".join(fields)[:60]
        raise InputError(f"{where}: expected {', '.join(columns)}, found {found!r}; correct it")
    start, end = whole_number(values["start"]), whole_number(values["end"])
    annotation = values["annotation"].strip()
    if end > LONGEST_BP:
        raise InputError(f"{where}: end {values['end'][:30]} is past the end of any chromosome; correct it")
    if start >= end:
        raise InputError(f"{where}: start {start} is not below end {end}; correct it")
    if annotation not in ANNOTATIONS:
        raise InputError(f"{where}: annotation {annotation!r} is unknown; expected one of {', '.join(ANNOTATIONS)}")
    return {**values, "start": start, "end": end, "annotation": annotation}

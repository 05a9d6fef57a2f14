"""Panels of a picture from the files that hold them, and the region that it shows."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.figures.regions import (
    CONTROL,
    MarkCallsPanel,
    MarkSignalPanel,
    PeaksPanel,
    ProbabilityPanel,
    SignalPanel,
    StatesPanel,
)
from epizoo.genome.intervals import SKIPPED_LINES, check_intervals, read_lines, read_parquet_intervals
from epizoo.genome.loci import Region
from epizoo.genome.marks import find_binarized, read_binarized
from epizoo.genome.signal import BigWig
from epizoo.genome.table_files import is_parquet

File = str | os.PathLike[str]
BED9_COLUMNS = ("chrom", "start", "end", "name", "score", "strand", "thickStart", "thickEnd", "itemRgb")
_BINS_SHOWN = 6000


def signal_panel(path: File, region: Region, label: str) -> SignalPanel:
    """A bigWig's signal."""
    return SignalPanel(label, *_binned(path, region))


def control_panel(path: File, region: Region, label: str) -> SignalPanel:
    """A control's signal, in grey."""
    return SignalPanel(label, *_binned(path, region), color=CONTROL)


def on_one_scale(panels: Sequence[SignalPanel]) -> list[SignalPanel]:
    """The panels with one axis of signal, so that their heights can be compared."""
    top = max((panel.highest() for panel in panels), default=0.0)
    return [panel._replace(top=top) for panel in panels]


def probability_panel(path: File, region: Region, label: str, threshold: float | None) -> ProbabilityPanel:
    """A bigWig of probabilities, with a dashed line at the threshold."""
    return ProbabilityPanel(label, *_binned(path, region), threshold=threshold)


def mark_signal_panel(path: File, region: Region, label: str) -> MarkSignalPanel:
    """A mark's bigWig, as a low row."""
    return MarkSignalPanel(label, *_binned(path, region))


def binarized_panels(folder: File, region: Region, cell: str | None = None, bin_bp: int = 200) -> list[MarkCallsPanel]:
    """A row for each binarised mark of the region's chromosome, in the file's order.

    Raises:
        InputError: the folder has no file of this chromosome, or several cell types, or the bins have no width.
    """
    if bin_bp < 1:
        raise InputError(f"bin_bp: is {bin_bp}; expected 1 or more")
    files = [file for file in find_binarized(folder, cell) if file.chrom == region.chrom]
    if not files:
        raise InputError(f"{folder}: holds no marks of {region.chrom}; give a folder that does, or another region")
    if len(files) > 1:
        cells = ", ".join(file.cell for file in files)
        raise InputError(f"{folder}: holds several cell types ({cells}); name the one to draw")
    _, _, marks, calls = read_binarized(files[0].path)
    first = region.start // bin_bp
    shown = calls[first : -(-region.end // bin_bp)]
    return [MarkCallsPanel(mark, first * bin_bp, bin_bp, shown[:, i]) for i, mark in enumerate(marks)]


def peaks_panel(path: File, region: Region, label: str) -> PeaksPanel:
    """The region's peaks of a narrowPeak, broadPeak, gappedPeak or BED file, with summits where it has them.

    Raises:
        InputError: the file cannot be read, or it names the chromosome otherwise.
    """
    peaks = read_peaks(path)
    inside = (peaks["chrom"] == region.chrom) & (peaks["start"] < region.end) & (peaks["end"] > region.start)
    return PeaksPanel(label, peaks[inside], _absence(path, region, set(peaks["chrom"])))


def states_panel(path: File, region: Region, label: str) -> StatesPanel:
    """The region's states of a BED9 file, in its colours.

    Raises:
        InputError: the file cannot be read, or it names the chromosome otherwise.
    """
    rows, chroms = _read_rows(path, region, BED9_COLUMNS, {"itemRgb": _checked_rgb})
    return StatesPanel(label, rows, _absence(path, region, chroms))


def _binned(path: File, region: Region) -> tuple[int, int, np.ndarray]:
    """Start in bp, bin width in bp, and the values of the bins that cover the region."""
    bin_bp = max(1, (region.end - region.start) // _BINS_SHOWN)
    with BigWig(path) as bigwig:
        check_intervals(pd.DataFrame([region]), bigwig.chrom_sizes, "the region", str(path))
        first, after = region.start // bin_bp, -(-region.end // bin_bp)
        return first * bin_bp, bin_bp, bigwig.binned(region.chrom, first, after, bin_bp)


def _read_rows(
    path: File,
    region: Region,
    columns: tuple[str, ...],
    convert: Mapping[str, Callable[[str], object]],
) -> tuple[pd.DataFrame, set[str]]:
    """start, end, name and the converted columns of the rows that overlap the region, and all chromosomes' names.

    Raises:
        InputError: the file is missing, or a row lacks a column or holds something else.
    """
    rows, chroms = [], set()
    for number, line, fields in _fields(path, columns):
        try:
            start, end = int(fields["start"]), int(fields["end"])
            chroms.add(fields["chrom"])
            if fields["chrom"] != region.chrom or start >= region.end or end <= region.start:
                continue
            extra = {name: function(fields[name]) for name, function in convert.items()}
            rows.append({"start": start, "end": end, "name": fields.get("name", "."), **extra})
        except (KeyError, ValueError):
            expected = f"tab-separated columns {', '.join(columns)}"
            raise InputError(f"{path}: line {number} is {line[:60]!r}, expected {expected}; correct it") from None
    return pd.DataFrame(rows, columns=["start", "end", "name", *convert]), chroms


def _fields(path: File, columns: tuple[str, ...]) -> Iterator[tuple[int, str, dict[str, str]]]:
    """The number, text and columns of each row of a file like BED, or of Parquet with such columns."""
    if is_parquet(path):
        table = read_parquet_intervals(path)
        kept = [name for name in columns if name in table]
        for number, row in enumerate(table[kept].astype("str").itertuples(index=False), start=1):
            yield number, "\t".join(row), dict(zip(kept, row, strict=True))
        return
    for number, line in read_lines(path):
        if line.strip() and not line.startswith(SKIPPED_LINES):
            yield number, line, dict(zip(columns, line.split("\t"), strict=False))


def _absence(path: File, region: Region, chroms: set[str]) -> str:
    """Text for a panel whose file has nothing on the region's chromosome.

    Raises:
        InputError: the file names the chromosome with or without the prefix chr, as the region does not.
    """
    other = region.chrom.removeprefix("chr") if region.chrom.startswith("chr") else f"chr{region.chrom}"
    if region.chrom in chroms:
        return ""
    if other in chroms:
        raise InputError(f"{path}: has {other}, but the region is on {region.chrom}; name the region as the file does")
    return f"{Path(path).name} has nothing on {region.chrom}"


def _checked_rgb(text: str) -> str:
    parts = [int(part) for part in text.split(",")]
    if len(parts) != 3 or not all(0 <= part <= 255 for part in parts):
        raise ValueError(text)
    return text


def label_of(path: File) -> str:
    """Label of a file without a name of its own: the file's name without suffixes.

    >>> label_of("a/b/H3K4me3.tcell.bw")
    'H3K4me3.tcell'
    """
    return Path(path).name.removesuffix(".gz").rsplit(".", 1)[0]

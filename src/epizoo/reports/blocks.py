"""The parts that a report is made of, as its template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

_N_BARS = 40
_TICKS = (1, 2, 5)


@dataclass(frozen=True)
class Text:
    """Paragraphs."""

    kind: ClassVar[str] = "text"
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Fact:
    """A headline figure."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Headline figures side by side."""

    kind: ClassVar[str] = "facts"
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands in it.
        swatch: colour of a square before the text, as ``r,g,b``.
        tint: depth of its background, 0 to 1.
        locus: what the genome browser shows when the text is clicked, as ``chr1:1,000-2,000``.
    """

    text: str
    swatch: str = ""
    tint: float = 0.0
    locus: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        caption: its heading.
        header: names of the columns.
        rows: cells, or texts.
        notes: what a column means, by its name.
        is_text: all columns are texts, which are aligned left.
    """

    kind: ClassVar[str] = "table"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    notes: Sequence[tuple[str, str]] = ()
    is_text: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram: its place and height as shares of the axes, and what it says when it is pointed at."""

    left: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Histogram:
    """A histogram.

    Attributes:
        caption: its heading.
        axis: name and unit of the horizontal axis.
        bars: its bars.
        ticks: place as a share of the axis, and number.
        counted: name of the vertical axis, what is counted.
        levels: ticks of the vertical axis, as of the horizontal one.
        summary: the figures that a reader has instead of the picture.
    """

    kind: ClassVar[str] = "histogram"
    caption: str
    axis: str
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    counted: str
    levels: Sequence[tuple[float, str]]
    summary: str


@dataclass(frozen=True)
class Gallery:
    """Histograms side by side."""

    kind: ClassVar[str] = "gallery"
    histograms: Sequence[Histogram]


@dataclass(frozen=True)
class Browser:
    """A genome browser of a few loci: what `epizoo.reports.excerpts` makes, and a row for each locus."""

    kind: ClassVar[str] = "browser"
    data: dict[str, Any]


@dataclass(frozen=True)
class Code:
    """Text as it was typed or printed; with a summary it is folded below that."""

    kind: ClassVar[str] = "code"
    text: str
    summary: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the report; without blocks it is left out."""

    name: str
    title: str
    blocks: Sequence[Any]


def histogram(
    values: Float[np.ndarray, " value"],
    caption: str,
    axis: str,
    unit: str = "",
    *,
    counted: str = "peaks",
    is_log: bool = False,
) -> Histogram:
    """A histogram of 40 bars at most, of at least one value.

    Args:
        values: numbers, above 0 where the axis is logarithmic.
        caption: its heading.
        axis: name of the horizontal axis.
        unit: unit of the values, if they have one.
        counted: what the values are of.
        is_log: the axis is logarithmic.

    >>> found = histogram(np.array([1.0, 1.0, 9.0]), "Widths", "width (bp)", "bp")
    >>> (found.bars[0].height, found.bars[0].label, len(found.bars), found.summary)
    (1.0, '1 to 1.2 bp: 2', 2, 'median 1, 90% between 1 and 8.2 bp')
    >>> found.counted, found.levels
    ('number of peaks', [(0.0, '0'), (0.5, '1'), (1.0, '2')])
    """
    unit = f" {unit}" if unit else ""
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    summary = f"median {number(median)}, 90% between {number(low)} and {number(high)}{unit}"
    scaled = np.log10(np.maximum(values, 1e-3)) if is_log else np.asarray(values, np.float64)
    counts, edges = np.histogram(scaled, bins=_N_BARS if np.ptp(scaled) else 1)
    first, span = edges[0], edges[-1] - edges[0]
    shown = 10**edges if is_log else edges
    bars = [
        Bar(
            (edges[i] - first) / span,
            (edges[i + 1] - edges[i]) / span,
            float(count / counts.max()),
            f"{number(shown[i])} to {number(shown[i + 1])}{unit}: {count:,}",
        )
        for i, count in enumerate(counts)
        if count
    ]
    ticks = [(((np.log10(tick) if is_log else tick) - first) / span, number(tick)) for tick in _ticks(shown, is_log)]
    most = float(counts.max())
    levels = [(tick / most, number(tick)) for tick in _ticks(np.array([0.0, most]), False) if tick == round(tick)]
    return Histogram(caption, axis, bars, ticks, f"number of {counted}", levels, summary)


def number(value: float) -> str:
    """A number with three digits that count, thousands apart.

    >>> [number(value) for value in (1234.5, 12.345, 0.0123, 5.0, float("nan"))]
    ['1,234', '12.3', '0.0123', '5', '–']
    """
    if not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage.

    >>> percent(0.1234), percent(0.00012), percent(float("nan"))
    ('12.3%', '0.012%', '–')
    """
    if not np.isfinite(share):
        return "–"
    return f"{100 * share:.1f}%" if share >= 0.01 or share == 0 else f"{100 * share:.2g}%"


def _ticks(edges: Float[np.ndarray, " edge"], is_log: bool) -> list[float]:
    """Round numbers within the edges, four or so."""
    low, high = float(edges[0]), float(edges[-1])
    if is_log:
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        within = [step * 10.0**power for power in powers for step in _TICKS]
        inside = [tick for tick in within if low <= tick <= high]
        if len(inside) > 1:
            return inside if len(inside) <= 6 else [tick for tick in inside if np.log10(tick) % 1 == 0]
    step = 10.0 ** np.floor(np.log10(high - low))
    step = next(step * part for part in (0.2, 0.5, 1, 2) if (high - low) / (step * part) <= 6)
    return [float(tick) for tick in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]

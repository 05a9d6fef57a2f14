"""Pictures of a region: signal, probability, peaks, marks and states, one panel below the other."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.loci import Region

FORMATS = (".png", ".svg", ".pdf")
INK, MUTED, GRID = "#22223b", "#8d99ae", "#d9dde5"
SIGNAL, CONTROL, PROBABILITY, SUMMIT, MARK = "#3d6b99", "#a3acb9", "#c8553d", "#f4a259", "#4f7f6f"
WIDTH_INCHES = 10.0
MAX_COLUMNS = 1200
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.7,
    "svg.hashsalt": "epizoo",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


class Panel(Protocol):
    """A horizontal strip of the picture."""

    @property
    def height(self) -> float:
        """Height in inches."""

    def draw(self, axes: Axes, region: Region) -> None:
        """Draw into axes whose x axis is in bp and already spans the region."""


class SignalPanel(NamedTuple):
    """Coverage, as a filled area; `bin_bp` wide bins from `start` on."""

    label: str
    start: int
    bin_bp: int
    values: Float[np.ndarray, " bin"]
    color: str = SIGNAL
    height: float = 1.1

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        _fill(axes, self, top=float(self.values.max(initial=0.0)) * 1.08 or 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3, min_n_ticks=2))


class ProbabilityPanel(NamedTuple):
    """Probability of lying in a peak, with the threshold as a dashed line."""

    label: str
    start: int
    bin_bp: int
    values: Float[np.ndarray, " bin"]
    threshold: float | None = None
    height: float = 0.8

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        values, edges = _steps(self.start, self.values, self.bin_bp)
        axes.stairs(values, edges, fill=True, color=PROBABILITY, alpha=0.18, linewidth=0)
        axes.stairs(values, edges, color=PROBABILITY, linewidth=1.0, baseline=None)
        axes.set_ylim(0, 1.05)
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        if self.threshold is not None:
            axes.axhline(self.threshold, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), alpha=0.6)


class PeaksPanel(NamedTuple):
    """Peaks as bars and their summits as ticks; narrowPeak's columns."""

    label: str
    peaks: pd.DataFrame
    note: str = ""
    height: float = 0.3

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        _write_note(axes, self.note)
        _boxes(axes, self.peaks["start"], self.peaks["end"], [INK] * len(self.peaks), low=0.3, high=0.7)
        # On a peak narrower than a few pixels, a tick would hide the peak.
        is_wide = self.peaks["end"] - self.peaks["start"] > (region.end - region.start) / 250
        shown = self.peaks[is_wide & (self.peaks["peak"] >= 0)]
        axes.vlines(shown["start"] + shown["peak"], 0.1, 0.9, color=SUMMIT, linewidth=1.8)
        _bare(axes)


class MarkSignalPanel(NamedTuple):
    """One mark as signal, in a low row."""

    label: str
    start: int
    bin_bp: int
    values: Float[np.ndarray, " bin"]
    height: float = 0.36

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        top = float(self.values.max(initial=0.0))
        _fill(axes, SignalPanel(self.label, self.start, self.bin_bp, self.values, MARK), top=top * 1.08 or 1.0)
        axes.set_yticks([])


class MarkCallsPanel(NamedTuple):
    """One binarised mark: present bins as boxes, missing ones hatched; 0, 1 or 2 a bin."""

    label: str
    start: int
    bin_bp: int
    calls: np.ndarray
    height: float = 0.22

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        axes.axhline(0.5, color=GRID, linewidth=0.7, zorder=0)
        for call, color in ((1, MARK), (2, GRID)):
            edges = np.flatnonzero(np.diff(self.calls == call, prepend=False, append=False)) * self.bin_bp + self.start
            _boxes(axes, edges[::2], edges[1::2], [color] * (len(edges) // 2), low=0.15, high=0.85)
        _bare(axes)


class StatesPanel(NamedTuple):
    """Chromatin states as a ribbon: start, end, name and itemRgb (`r,g,b`) of BED9."""

    label: str
    segments: pd.DataFrame
    note: str = ""
    order: tuple[str, ...] = ()
    """Names of states in the order of the legend; others follow."""
    height: float = 0.42

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        _write_note(axes, self.note)
        _boxes(axes, self.segments["start"], self.segments["end"], self.segments["itemRgb"].map(_rgb), low=0, high=1)
        _bare(axes)
        for spine in axes.spines.values():
            spine.set_visible(True)

    def legend(self) -> list[Patch]:
        """A patch for each state within the region, in the states' order, else by their numbers or names."""
        shown = self.segments.drop_duplicates("name")
        place = {name: number for number, name in enumerate(self.order)}
        names = shown["name"].tolist()
        order = sorted(range(len(shown)), key=lambda i: (place.get(names[i], len(place)), _natural(names[i])))
        return [
            Patch(facecolor=_rgb(shown["itemRgb"].iloc[i]), edgecolor=MUTED, linewidth=0.5, label=shown["name"].iloc[i])
            for i in order
        ]


def draw(
    path: str | os.PathLike[str], region: Region, panels: Sequence[Panel], title: str | None = None, dpi: int = 160
) -> None:
    """Write a picture of the region as PNG, SVG or PDF, by the path's suffix.

    Raises:
        InputError: the suffix is another one, there is nothing to draw, or the file cannot be written.
    """
    if not panels:
        raise InputError("plot: nothing to draw; give a signal, probabilities, peaks, marks or states")
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(region, panels, title), dpi)


def save_figure(path: str | os.PathLike[str], make: Callable[[], Figure], dpi: int = 160) -> None:
    """Write a figure as PNG, SVG or PDF, by the path's suffix; the same figure gives the same bytes.

    Raises:
        InputError: the suffix is another one, or the file cannot be written.
    """
    target = Path(path)
    require_picture(target)
    with atomic_path(target) as temporary:
        dates: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        make().savefig(temporary, dpi=dpi, metadata=dates.get(target.suffix.lower()))


def require_picture(path: str | os.PathLike[str]) -> None:
    """Check, before any work is done, that a picture can be drawn into a file of this name.

    Raises:
        InputError: the suffix is not that of PNG, SVG or PDF.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: cannot draw into a {target.suffix or 'nameless'} file; use .png, .svg or .pdf")


def _figure(region: Region, panels: Sequence[Panel], title: str | None) -> Figure:
    patches = [patch for panel in panels if isinstance(panel, StatesPanel) for patch in panel.legend()]
    # Panels of one model show one state each time in one colour.
    legend = list({(patch.get_label(), patch.get_facecolor()): patch for patch in reversed(patches)}.values())[::-1]
    columns = 6
    legend_rows = -(-len(legend) // columns)
    # Half of the last position's label reaches into the right margin.
    gap, top, bottom, left, right = 0.09, 0.42, 0.5 + 0.2 * legend_rows + 0.1 * bool(legend), 1.25, 0.45
    height = top + bottom + sum(panel.height for panel in panels) + gap * (len(panels) - 1)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    edge = height - top
    for panel in panels:
        edge -= panel.height
        box = (left / WIDTH_INCHES, edge / height, 1 - (left + right) / WIDTH_INCHES, panel.height / height)
        axes = figure.add_axes(box)
        _frame(axes, region, panel, is_last=panel is panels[-1])
        edge -= gap
    width = region.end - region.start
    locus = f"{region.chrom}:{region.start + 1:,}–{region.end:,}"
    figure.text(left / WIDTH_INCHES, 1 - 0.26 / height, title or locus, fontsize=11, fontweight="bold")
    note = f"{locus} · {_length(width)}" if title else _length(width)
    figure.text(1 - right / WIDTH_INCHES, 1 - 0.26 / height, note, fontsize=9, ha="right", color=MUTED)
    if legend:
        figure.legend(
            handles=legend,
            loc="lower left",
            bbox_to_anchor=(left / WIDTH_INCHES, 0.04 / height),
            borderaxespad=0.0,
            ncols=columns,
            frameon=False,
            fontsize=8,
            handlelength=1.2,
            columnspacing=1.4,
        )
    return figure


def _frame(axes: Axes, region: Region, panel: Panel, is_last: bool) -> None:
    axes.set_xlim(region.start, region.end)
    axes.spines[["top", "right"]].set_visible(False)
    panel.draw(axes, region)
    axes.set_xlim(region.start, region.end)
    label = getattr(panel, "label", "")
    axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
    axes.yaxis.set_label_coords(-0.035, 0.5)
    axes.tick_params(axis="y", length=2, pad=2)
    if is_last:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.set_xlabel(f"position on {region.chrom} (bp)", fontsize=8, color=MUTED)
        axes.tick_params(axis="x", length=3)
    else:
        axes.tick_params(axis="x", bottom=False, labelbottom=False)


def _fill(axes: Axes, track: SignalPanel, top: float) -> None:
    values, edges = _steps(track.start, track.values, track.bin_bp)
    axes.stairs(values, edges, fill=True, color=track.color, linewidth=0)
    axes.set_ylim(0, top)


def _steps(start: int, values: Float[np.ndarray, " bin"], bin_bp: int) -> tuple[np.ndarray, np.ndarray]:
    """Heights and edges of at most MAX_COLUMNS columns, each the highest of its bins: a mean would flatten peaks."""
    bins = max(1, -(-len(values) // MAX_COLUMNS))
    heights = np.maximum.reduceat(values, np.arange(0, len(values), bins)) if len(values) else values
    return heights, start + np.arange(len(heights) + 1) * bin_bp * bins


def _boxes(axes: Axes, starts: Any, ends: Any, colors: Any, low: float, high: float) -> None:
    starts, ends = np.asarray(starts, dtype=float), np.asarray(ends, dtype=float)
    corners = [[(start, low), (start, high), (end, high), (end, low)] for start, end in zip(starts, ends, strict=True)]
    # A hairline of the same colour keeps boxes that are narrower than a pixel visible.
    axes.add_collection(PolyCollection(corners, facecolors=list(colors), edgecolors=list(colors), linewidths=0.3))


def _write_note(axes: Axes, note: str) -> None:
    if note:
        axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=MUTED)


def _bare(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)


def _rgb(text: str) -> tuple[float, float, float]:
    red, green, blue = (int(part) / 255 for part in text.split(","))
    return red, green, blue


def _natural(name: str) -> tuple[int, str]:
    digits = "".join(character for character in name.split("_")[0] if character.isdigit())
    return (int(digits) if digits else 0, name)


def _length(width_bp: int) -> str:
    for unit, size in (("Mb", 1_000_000), ("kb", 1_000)):
        if width_bp >= size:
            return f"{width_bp / size:,.4g} {unit}"
    return f"{width_bp} bp"

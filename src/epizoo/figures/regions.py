"""Pictures of a region: signal, probability, peaks, marks and states, one panel below the other."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from epizoo.errors import InputError
from epizoo.figures.page import (
    BLUE,
    DPI,
    GREEN,
    GRID,
    INK,
    LARGE,
    MUTED,
    NORMAL,
    ORANGE,
    STYLE,
    WIDTH_INCHES,
    YELLOW,
    position_axis,
    round_ticks,
    save_figure,
)
from epizoo.genome.loci import Region

SIGNAL, CONTROL, PROBABILITY, SUMMIT, MARK = BLUE, "#8d99ae", ORANGE, YELLOW, GREEN
MAX_COLUMNS = 1200
_DASHED: Any = {"color": INK, "linewidth": 0.7, "linestyle": (0, (4, 3))}
_SUMMIT: Any = {"color": SUMMIT, "marker": "v", "markersize": 3.5, "markeredgewidth": 0, "linestyle": "none"}
_LEGEND_COLUMNS, _GAP_INCHES = 7, 0.07
LEFT_INCHES, RIGHT_INCHES, AXIS_INCHES = 1.05, 0.25, 0.4
"""Room for the labels of panels, for half of the last position's label, and for the axis of positions."""


class Panel(Protocol):
    """A horizontal strip of the picture."""

    @property
    def label(self) -> str:
        """Name on its left."""

    @property
    def height(self) -> float:
        """Height in inches."""

    def draw(self, axes: Axes, region: Region) -> None:
        """Draw into axes whose x axis is in bp and already spans the region."""

    def legend(self) -> Sequence[Artist]:
        """Keys of its symbols and colours for the legend."""


class SignalPanel(NamedTuple):
    """Coverage, as a filled area; `bin_bp` wide bins from `start` on.

    Its axis reaches to the highest value, or to `top` where that is given.
    """

    label: str
    start: int
    bin_bp: int
    values: Float[np.ndarray, " bin"]
    color: str = SIGNAL
    height: float = 0.8
    top: float | None = None

    def highest(self) -> float:
        """The highest value, 0 at least."""
        return float(self.values.max(initial=0.0))

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        _fill(axes, self, top=(self.highest() if self.top is None else self.top) * 1.08 or 1.0)
        round_ticks(axes, "y", 3)

    def legend(self) -> Sequence[Artist]:
        """See `Panel`."""
        return ()


class ProbabilityPanel(NamedTuple):
    """Probability of lying in a peak, with the threshold as a dashed line."""

    label: str
    start: int
    bin_bp: int
    values: Float[np.ndarray, " bin"]
    threshold: float | None = None
    height: float = 0.55

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        values, edges = _steps(self.start, self.values, self.bin_bp)
        axes.stairs(values, edges, fill=True, color=PROBABILITY, alpha=0.18, linewidth=0)
        axes.stairs(values, edges, color=PROBABILITY, linewidth=1.0, baseline=None)
        axes.set_ylim(0, 1.05)
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        if self.threshold is not None:
            axes.axhline(self.threshold, **_DASHED)

    def legend(self) -> Sequence[Artist]:
        """See `Panel`."""
        return [] if self.threshold is None else [Line2D([], [], **_DASHED, label=f"threshold {self.threshold:g}")]


class PeaksPanel(NamedTuple):
    """Peaks as bars with a mark above each summit; narrowPeak's columns."""

    label: str
    peaks: pd.DataFrame
    note: str = ""
    height: float = 0.25

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        _write_note(axes, self.note)
        draw_boxes(axes, self.peaks["start"], self.peaks["end"], [INK] * len(self.peaks), low=0.15, high=0.55)
        shown = self.peaks[self.peaks["peak"] >= 0]
        summits = (shown["start"] + shown["peak"]).to_numpy() + 0.5
        summits = summits[(summits >= region.start) & (summits < region.end)]
        axes.plot(summits, np.full(len(summits), 0.82), **_SUMMIT, clip_on=False)
        bare(axes)

    def legend(self) -> Sequence[Artist]:
        """See `Panel`."""
        return [Line2D([], [], **_SUMMIT, label="summit")] if (self.peaks["peak"] >= 0).any() else []


class MarkSignalPanel(NamedTuple):
    """One mark as signal, in a low row."""

    label: str
    start: int
    bin_bp: int
    values: Float[np.ndarray, " bin"]
    height: float = 0.3

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        top = float(self.values.max(initial=0.0))
        _fill(axes, SignalPanel(self.label, self.start, self.bin_bp, self.values, MARK), top=top * 1.08 or 1.0)
        axes.set_yticks([top] if top else [], [f"{top:.3g}"] if top else [])

    def legend(self) -> Sequence[Artist]:
        """See `Panel`."""
        return ()


class MarkCallsPanel(NamedTuple):
    """One binarised mark: present bins as boxes, missing ones grey; 0, 1 or 2 a bin."""

    label: str
    start: int
    bin_bp: int
    calls: np.ndarray
    height: float = 0.16

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        axes.axhline(0.5, color=GRID, linewidth=0.7, zorder=0)
        for call, color in ((1, MARK), (2, GRID)):
            edges = np.flatnonzero(np.diff(self.calls == call, prepend=False, append=False)) * self.bin_bp + self.start
            draw_boxes(axes, edges[::2], edges[1::2], [color] * (len(edges) // 2), low=0.15, high=0.85)
        bare(axes)

    def legend(self) -> Sequence[Artist]:
        """See `Panel`."""
        return [Patch(facecolor=GRID, label="mark missing")] if (self.calls == 2).any() else []


class StatesPanel(NamedTuple):
    """Chromatin states as a ribbon: start, end, name and itemRgb (`r,g,b`) of BED9."""

    label: str
    segments: pd.DataFrame
    note: str = ""
    order: tuple[str, ...] = ()
    """Names of states in the order of the legend; others follow."""
    height: float = 0.3

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        _write_note(axes, self.note)
        draw_boxes(
            axes, self.segments["start"], self.segments["end"], self.segments["itemRgb"].map(_rgb), low=0, high=1
        )
        bare(axes)
        for spine in axes.spines.values():
            spine.set_visible(True)

    def legend(self) -> Sequence[Artist]:
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
    path: str | os.PathLike[str], region: Region, panels: Sequence[Panel], title: str | None = None, dpi: int = DPI
) -> None:
    """Write a picture of the region as PNG, SVG or PDF, by the path's suffix.

    Raises:
        InputError: the suffix is another one, there is nothing to draw, or the file cannot be written.
    """
    if not panels:
        raise InputError("plot: nothing to draw; give a signal, probabilities, peaks, marks or states")
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(region, panels, title), dpi)


def _figure(region: Region, panels: Sequence[Panel], title: str | None) -> Figure:
    keys = legend_keys(panels)
    top, bottom = 0.3, AXIS_INCHES + legend_inches(keys)
    height = top + bottom + panel_inches(panels)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    draw_panels(figure, height - top, region, panels)
    width = region.end - region.start
    locus = f"{region.chrom}:{region.start + 1:,}–{region.end:,}"
    at = 1 - 0.2 / height
    figure.text(LEFT_INCHES / WIDTH_INCHES, at, title or locus, fontsize=LARGE, fontweight="bold")
    note = f"{locus} · {_length(width)}" if title else _length(width)
    figure.text(1 - RIGHT_INCHES / WIDTH_INCHES, at, note, ha="right", color=MUTED)
    draw_legend(figure, keys)
    return figure


def panel_inches(panels: Sequence[Panel]) -> float:
    """Height of panels with the gaps between them."""
    return sum(panel.height for panel in panels) + _GAP_INCHES * (len(panels) - 1)


def draw_panels(figure: Figure, edge: float, region: Region, panels: Sequence[Panel]) -> None:
    """Draw panels one below the other, from ``edge`` inches above the bottom of the figure, and the axis below them."""
    height = figure.get_figheight()
    for panel in panels:
        edge -= panel.height
        shares = (LEFT_INCHES / WIDTH_INCHES, 1 - (LEFT_INCHES + RIGHT_INCHES) / WIDTH_INCHES)
        axes = figure.add_axes((shares[0], edge / height, shares[1], panel.height / height))
        _frame(axes, region, panel, is_last=panel is panels[-1])
        edge -= _GAP_INCHES


def legend_keys(panels: Sequence[Panel]) -> list[Artist]:
    """The legends of all panels, each label and colour once: panels of one model share its states."""
    keys = [key for panel in panels for key in panel.legend()]
    return list({(key.get_label(), _face(key)): key for key in reversed(keys)}.values())[::-1]


def legend_inches(keys: Sequence[Artist]) -> float:
    """Height of a legend, below all else."""
    return 0.14 * -(-len(keys) // _LEGEND_COLUMNS) + 0.06 * bool(keys)


def draw_legend(figure: Figure, keys: Sequence[Artist]) -> None:
    """Draw a legend at the bottom of the figure."""
    if keys:
        corner = (LEFT_INCHES / WIDTH_INCHES, 0.03 / figure.get_figheight())
        look: Any = {"borderaxespad": 0.0, "handlelength": 1.2, "columnspacing": 1.2}
        figure.legend(handles=keys, loc="lower left", bbox_to_anchor=corner, ncols=_LEGEND_COLUMNS, **look)


def _face(key: Artist) -> Any:
    return key.get_facecolor() if isinstance(key, Patch) else None


def _frame(axes: Axes, region: Region, panel: Panel, is_last: bool) -> None:
    axes.set_xlim(region.start, region.end)
    axes.spines[["top", "right"]].set_visible(False)
    panel.draw(axes, region)
    axes.set_xlim(region.start, region.end)
    axes.set_ylabel(panel.label, rotation=0, ha="right", va="center", labelpad=6)
    axes.yaxis.set_label_coords(-0.045, 0.5)
    axes.tick_params(axis="y", length=2, pad=2)
    if is_last:
        position_axis(axes, region)
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


def draw_boxes(axes: Axes, starts: Any, ends: Any, colors: Any, low: float, high: float) -> None:
    """Draw a box for each interval, in its colour."""
    starts, ends = np.asarray(starts, dtype=float), np.asarray(ends, dtype=float)
    corners = [[(start, low), (start, high), (end, high), (end, low)] for start, end in zip(starts, ends, strict=True)]
    # A hairline of the same colour keeps boxes that are narrower than a pixel visible.
    axes.add_collection(PolyCollection(corners, facecolors=list(colors), edgecolors=list(colors), linewidths=0.3))


def _write_note(axes: Axes, note: str) -> None:
    if note:
        axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", fontsize=NORMAL, color=MUTED)


def bare(axes: Axes) -> None:
    """Leave an axis without numbers and lines, from 0 to 1."""
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

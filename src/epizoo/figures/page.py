"""The style that all pictures share: the width of a page, its type and colours, the axis of positions, saving."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.loci import Region

FORMATS = (".png", ".svg", ".pdf")
WIDTH_INCHES = 180 / 25.4
"""Two columns of a journal."""
DPI = 300
INK, MUTED, GRID = "#22223b", "#5c6678", "#d9dde5"
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
"""Colours that people with every kind of colour vision tell apart (Okabe and Ito, 2008)."""
COLORS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, "#777777", "#bbbbbb")
SMALL, NORMAL, LARGE = 6, 7, 8
"""Sizes of type in points: numbers, text, titles."""
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": NORMAL,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": NORMAL,
    "axes.titlesize": LARGE,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "legend.fontsize": NORMAL,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.hashsalt": "epizoo",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
_ROUND = [1, 2, 5, 10]


def save_figure(path: str | os.PathLike[str], make: Callable[[], Figure], dpi: int = DPI) -> None:
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


def round_ticks(axes: Axes, axis: str, most: int) -> None:
    """Put ticks at round numbers, at most so many steps apart."""
    (axes.xaxis if axis == "x" else axes.yaxis).set_major_locator(MaxNLocator(nbins=most, steps=_ROUND, min_n_ticks=2))


def position_axis(axes: Axes, region: Region, *, labelled: bool = True) -> None:
    """Label the x axis of a region with round positions in bp, kb or Mb, whichever is short."""
    locator = MaxNLocator(nbins=7, steps=_ROUND, integer=True)
    ticks = locator.tick_values(region.start, region.end)
    unit, size, decimals = position_unit(ticks[1] - ticks[0])
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / size:,.{decimals}f}"))
    axes.tick_params(axis="x", bottom=True, labelbottom=True, length=2.5)
    if labelled:
        axes.set_xlabel(f"position on {region.chrom} ({unit})", color=MUTED)


def position_unit(step_bp: float) -> tuple[str, int, int]:
    """The unit of positions that are so far apart, its size in bp, and the decimals that tell them apart.

    >>> [position_unit(step) for step in (200, 10_000, 50_000, 200_000, 5_000_000)]
    [('bp', 1, 0), ('kb', 1000, 0), ('kb', 1000, 0), ('Mb', 1000000, 1), ('Mb', 1000000, 0)]
    """
    for unit, size, least in (("Mb", 1_000_000, 100_000), ("kb", 1_000, 1_000)):
        if step_bp >= least:
            return unit, size, 1 if step_bp < size else 0
    return "bp", 1, 0

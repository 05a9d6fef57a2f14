"""The picture of a benchmark: a panel for each figure, a bar for each caller with its interval."""

import os
import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from epizoo.figures.page import COLORS, INK, LARGE, NORMAL, SMALL, STYLE, WIDTH_INCHES, round_ticks, save_figure

_COLUMNS, _BAR_INCHES = 3, 0.11
_ARROWS = {"higher": " (higher is better)", "lower": " (lower is better)", "": ""}


def draw_bench(path: str | os.PathLike[str], figures: pd.DataFrame, truths: Mapping[str, str]) -> None:
    """Draw the figures of a benchmark as PNG, SVG or PDF, truth after truth.

    Args:
        path: the file to write.
        figures: caller, truth, data, metric, value, low, high and better.
        truths: titles of the truths by name, in the order to draw them.

    Raises:
        InputError: the suffix is another one, or the file cannot be written.
    """
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(figures[figures["better"] != ""], truths))


def _figure(figures: pd.DataFrame, truths: Mapping[str, str]) -> Figure:
    callers = list(dict.fromkeys(figures["caller"]))
    colors = {caller: COLORS[number % len(COLORS)] for number, caller in enumerate(callers)}
    shown = {truth: rows for truth in truths if len(rows := figures[figures["truth"] == truth])}
    heights = [sum(_row_heights(rows)) + 0.4 for rows in shown.values()] or [1.0]
    figure = Figure(figsize=(WIDTH_INCHES, sum(heights) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (truth, rows) in zip(parts, shown.items(), strict=False):
        part.suptitle(truths[truth], fontsize=LARGE, x=0.01, ha="left", fontweight="bold")
        row_heights = _row_heights(rows)
        grid = part.add_gridspec(len(row_heights), _COLUMNS, height_ratios=row_heights)
        for number, (metric, panel) in enumerate(rows.groupby("metric", sort=False)):
            title = f"{metric}{_ARROWS[str(panel['better'].iloc[0])]}"
            _draw(part.add_subplot(grid[divmod(number, _COLUMNS)]), title, panel, colors)
    handles = [Patch(color=color, label=caller) for caller, color in colors.items()]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def _row_heights(rows: pd.DataFrame) -> list[float]:
    """Inches of each row of panels of a truth: bars, a gap after each set of data, a title and an axis."""
    panels = [
        (len(panel) + panel["data"].nunique()) * _BAR_INCHES + 0.75 for _, panel in rows.groupby("metric", sort=False)
    ]
    return [max(panels[first : first + _COLUMNS]) for first in range(0, len(panels), _COLUMNS)]


def _draw(axes: Axes, title: str, rows: pd.DataFrame, colors: Mapping[str, str]) -> None:
    place, middles = 0, []
    for _, here in rows.groupby("data", sort=False):
        middles.append(place + (len(here) - 1) / 2)
        for caller, value, low, high in zip(*(here[name] for name in ("caller", "value", "low", "high")), strict=True):
            if not np.isnan(value):
                axes.barh(place, value, height=0.8, color=colors[caller], linewidth=0)
                axes.text(
                    max(value, 0 if np.isnan(high) else high), place, f" {value:.3g}", va="center", fontsize=SMALL
                )
            if not np.isnan(low):
                axes.plot([low, high], [place, place], color=INK, linewidth=0.8)
            place += 1
        place += 1
    names = [textwrap.fill(str(name), 12) for name in dict.fromkeys(rows["data"])]
    axes.set_yticks(middles, names, fontsize=SMALL)
    round_ticks(axes, "x", 4)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(textwrap.fill(title, 26), fontsize=NORMAL)

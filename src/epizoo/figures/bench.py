"""The picture of a benchmark: a panel for each figure, a bar for each caller with its interval."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epizoo.figures.evaluation import COLORS
from epizoo.figures.regions import INK, STYLE, save_figure

_COLUMNS, _PANEL_INCHES, _BAR_INCHES = 4, 3.6, 0.2
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
        save_figure(path, lambda: _figure(figures[figures["better"] != ""], truths), dpi=110)


def _figure(figures: pd.DataFrame, truths: Mapping[str, str]) -> Figure:
    callers = list(dict.fromkeys(figures["caller"]))
    panels = [
        (f"{truths[truth]}: {metric}{_ARROWS[str(better)]}", rows)
        for truth in truths
        for (metric, better), rows in figures[figures["truth"] == truth].groupby(["metric", "better"], sort=False)
    ]
    heights = [rows["data"].nunique() * (len(callers) + 1) * _BAR_INCHES + 0.7 for _, rows in panels]
    n_rows = -(-len(panels) // _COLUMNS)
    row_heights = [max(heights[row * _COLUMNS : (row + 1) * _COLUMNS]) for row in range(n_rows)] or [1.0]
    figure = Figure(figsize=(_PANEL_INCHES * _COLUMNS, sum(row_heights) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(max(n_rows, 1), _COLUMNS, height_ratios=row_heights)
    colors = {caller: COLORS[number % len(COLORS)] for number, caller in enumerate(callers)}
    for number, (title, rows) in enumerate(panels):
        _draw(figure.add_subplot(grid[divmod(number, _COLUMNS)]), title, rows, colors)
    handles = (
        [figure.axes[0].barh([0], [0], color=color, label=caller) for caller, color in colors.items()] if panels else []
    )
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(callers), 8) or 1, frameon=False)
    return figure


def _draw(axes: Axes, title: str, rows: pd.DataFrame, colors: Mapping[str, str]) -> None:
    data = list(dict.fromkeys(rows["data"]))
    columns = (rows[column].tolist() for column in ("caller", "data", "value", "low", "high"))
    for caller, where, value, low, high in zip(*columns, strict=True):
        place = data.index(where) * (len(colors) + 1) + list(colors).index(caller)
        if np.isnan(value):
            continue
        axes.barh(place, value, height=0.8, color=colors[caller], linewidth=0)
        if not np.isnan(low):
            axes.plot([low, high], [place, place], color=INK, linewidth=0.8)
        axes.text(value, place, f" {value:.3g}", va="center", fontsize=6)
    middles = [number * (len(colors) + 1) + (len(colors) - 1) / 2 for number in range(len(data))]
    axes.set_yticks(middles, data)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=8, loc="left", wrap=True)

"""Heatmaps of tables with a row for each state, as PNG, SVG or PDF."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from epizoo.calling.state_colors import Color
from epizoo.figures.regions import GRID, INK, MUTED, SIGNAL, STYLE, save_figure

WHITE_TO_BLUE = LinearSegmentedColormap.from_list("epizoo", ["#ffffff", "#dbe5ef", SIGNAL, "#1d3557"])
# Wider tables show their colours alone.
_MAX_NUMBERED_COLUMNS = 25
_CELL_INCHES = (0.52, 0.26)


def draw_heatmap(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    title: str,
    *,
    x_label: str = "",
    limits: tuple[float, float] | None = None,
    by_column: bool = False,
    colors: Sequence[Color] | None = None,
) -> None:
    """Write a heatmap of a table; the numbers stand in its cells unless they are many.

    Args:
        path: a file whose suffix is .png, .svg or .pdf.
        table: a row for each state; its index's name is the label of the y axis.
        title: above the picture.
        x_label: below the columns.
        limits: values of the lightest and the darkest colour; zero and the largest value where None.
        by_column: scale each column by itself, from its smallest to its largest value, as ChromHMM does where columns
            measure different things.
        colors: colours of the states, drawn beside their labels.

    Raises:
        InputError: the suffix is another one or the file cannot be written.
    """
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(table, title, x_label, limits, by_column, colors))


def _figure(
    table: pd.DataFrame,
    title: str,
    x_label: str,
    limits: tuple[float, float] | None,
    by_column: bool,
    colors: Sequence[Color] | None,
) -> Figure:
    values = table.to_numpy(np.float64)
    shades = _scaled(values, limits, by_column)
    rows, columns = [str(label) for label in table.index], [str(label) for label in table.columns]
    width, height = (max(count, 3) * size for count, size in zip(values.shape[::-1], _CELL_INCHES, strict=True))
    left = 0.55 + 0.075 * max(map(len, rows)) + 0.2 * (colors is not None)
    bottom = 0.5 + 0.065 * max(map(len, columns))
    # Titles are wider than narrow tables.
    right = max(0.25, 0.1 * len(title) - width)
    whole = (left + width + right, bottom + height + 0.4)
    figure = Figure(figsize=whole)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / whole[0], bottom / whole[1], width / whole[0], height / whole[1]))
    axes.pcolormesh(shades, cmap=WHITE_TO_BLUE, vmin=0, vmax=1, edgecolors="#ffffff", linewidth=0.5)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=90, fontsize=8)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8)
    axes.tick_params(length=0, pad=12 if colors is not None else 4, axis="y")
    axes.tick_params(length=0, axis="x")
    axes.spines[:].set_visible(False)
    axes.set_xlabel(x_label, color=MUTED)
    axes.set_ylabel(str(table.index.name or ""), color=MUTED)
    axes.set_title(title, fontsize=11, fontweight="bold", loc="left")
    if len(columns) <= _MAX_NUMBERED_COLUMNS:
        _write_numbers(axes, values, shades)
    for row, color in enumerate(colors or []):
        # An edge, because quiescent states are white.
        style: Any = {"facecolor": np.array(color) / 255, "edgecolor": GRID, "linewidth": 0.5, "clip_on": False}
        swatch = Rectangle((-0.22, row + 0.1), 0.16, 0.8, **style)
        axes.add_patch(swatch)
    return figure


def _scaled(
    values: Float64[np.ndarray, "row column"], limits: tuple[float, float] | None, by_column: bool
) -> Float64[np.ndarray, "row column"]:
    """Values from 0 (light) to 1 (dark); what is no number stays none and is drawn white."""
    known = np.where(np.isfinite(values), values, np.nan)
    axis = 0 if by_column else None
    if limits is None:
        filled = np.nan_to_num(known)
        low = filled.min(axis=axis, keepdims=True) if by_column else np.zeros((1, 1))
        high = filled.max(axis=axis, keepdims=True)
    else:
        low, high = np.full((1, 1), limits[0]), np.full((1, 1), limits[1])
    span = np.where(high > low, high - low, 1.0)
    return np.clip((known - low) / span, 0, 1)


def _write_numbers(
    axes: Axes, values: Float64[np.ndarray, "row column"], shades: Float64[np.ndarray, "row column"]
) -> None:
    for (row, column), value in np.ndenumerate(values):
        dark = np.nan_to_num(shades[row, column]) > 0.55
        axes.text(
            column + 0.5,
            row + 0.5,
            _number(value),
            ha="center",
            va="center",
            fontsize=6.5,
            color=to_rgb("#ffffff" if dark else INK),
        )


def _number(value: float) -> str:
    """A number in at most four characters or so.

    >>> [_number(x) for x in (0.0, -0.0004, -0.123, 1.0, 12.34, 123.4, 12345.0, float("nan"))]
    ['0', '0', '-0.12', '1', '12.3', '123', '12345', '']
    """
    if not np.isfinite(value):
        return ""
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{value:.{decimals}f}"
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if short == "-0" else short

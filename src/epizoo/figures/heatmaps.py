"""Heatmaps of tables with a row for each state, as PNG, SVG or PDF."""

import os
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from epizoo.calling.state_colors import Color
from epizoo.figures.page import BLUE, GRID, INK, LARGE, MUTED, ORANGE, SMALL, STYLE, WIDTH_INCHES, save_figure

WHITE_TO_BLUE = LinearSegmentedColormap.from_list("epizoo", ["#ffffff", "#b9d6ea", BLUE, "#00304d"])
BLUE_TO_ORANGE = LinearSegmentedColormap.from_list("epizoo folds", ["#00456e", "#7fb8d8", "#ffffff", ORANGE, "#6e2f00"])
"""Depleted, as expected (white), enriched: told apart with every kind of colour vision."""
_CELL_INCHES = (0.42, 0.19)
_NUMBERED_INCHES = 0.26
"""Numbers stand in cells that are at least so wide."""
_LEAST_FOLD = 1 / 8


class Scale(NamedTuple):
    """The meaning of the colours of a heatmap.

    Attributes:
        label: of the colour bar.
        limits: values of the lightest and the darkest colour; zero and the largest value where None.
        folds: colours are those of the logarithm: white is 1, blue below, orange above.
        plain: columns without colours, whose values are something else.
    """

    label: str
    limits: tuple[float, float] | None = None
    folds: bool = False
    plain: Collection[str] = ()


def draw_heatmap(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    title: str,
    scale: Scale,
    *,
    x_label: str = "",
    colors: Sequence[Color] | None = None,
    column_colors: Sequence[Color] | None = None,
) -> None:
    """Write a heatmap of a table, at most as wide as a page; numbers stand in its cells unless they are narrow.

    Args:
        path: a file whose suffix is .png, .svg or .pdf.
        table: a row for each state; its index's name is the label of the y axis. Of columns whose names are numbers,
            the round ones are labelled.
        title: above the picture.
        scale: the meaning of the colours.
        x_label: below the columns.
        colors: colours of the states, drawn beside their labels.
        column_colors: the same for columns that are states.

    Raises:
        InputError: the suffix is another one or the file cannot be written.
    """
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: heatmap_figure(table, title, scale, x_label, colors, column_colors))


def heatmap_figure(
    table: pd.DataFrame,
    title: str,
    scale: Scale,
    x_label: str = "",
    colors: Sequence[Color] | None = None,
    column_colors: Sequence[Color] | None = None,
) -> Figure:
    """The figure of `draw_heatmap`."""
    box = heatmap_box(table, colors, column_colors)
    # Titles are wider than narrow tables.
    width = max(box.left + box.width + box.right, box.left + 0.075 * len(title) + 0.1)
    figure = Figure(figsize=(width, box.bottom + box.height + box.top))
    FigureCanvasAgg(figure)
    place_heatmap(figure, 0.0, box, table, title, scale, x_label, colors, column_colors)
    return figure


class HeatmapBox(NamedTuple):
    """Sizes of a heatmap's cells and of the margins around them, in inches."""

    left: float
    right: float
    bottom: float
    top: float
    width: float
    height: float


def heatmap_box(
    table: pd.DataFrame, colors: Sequence[Color] | None, column_colors: Sequence[Color] | None
) -> HeatmapBox:
    """The sizes that the labels of a table call for, within the width of a page."""
    rows, columns = [str(label) for label in table.index], [str(label) for label in table.columns]
    longest = 4 if all(map(_is_number, columns)) else max(map(len, columns))
    left, right = 0.5 + 0.058 * max(map(len, rows)) + 0.14 * (colors is not None), 0.75
    bottom, top = 0.3 + 0.055 * longest + 0.12 * (column_colors is not None), 0.3
    width = min(len(columns) * _CELL_INCHES[0], WIDTH_INCHES - left - right)
    return HeatmapBox(left, right, bottom, top, width, max(len(rows), 3) * _CELL_INCHES[1])


def place_heatmap(
    figure: Figure,
    above: float,
    box: HeatmapBox,
    table: pd.DataFrame,
    title: str,
    scale: Scale,
    x_label: str = "",
    colors: Sequence[Color] | None = None,
    column_colors: Sequence[Color] | None = None,
) -> None:
    """Draw a heatmap into a figure, so many inches above its bottom; see `draw_heatmap`."""
    rows, columns = [str(label) for label in table.index], [str(label) for label in table.columns]
    whole = figure.get_size_inches()

    def axes_at(left: float, width: float) -> Axes:
        shares = (left / whole[0], (above + box.bottom) / whole[1], width / whole[0], box.height / whole[1])
        return figure.add_axes(shares)

    axes = axes_at(box.left, box.width)
    draw_cells(axes, table, scale, is_numbered=box.width / len(columns) >= _NUMBERED_INCHES)
    _label_rows(axes, rows, str(table.index.name or ""), colors)
    _label_columns(axes, columns, x_label, all(map(_is_number, columns)), column_colors)
    axes.set_title(title, fontsize=LARGE, fontweight="bold", loc="left")
    _draw_bar(axes_at(box.left + box.width + 0.12, 0.09), table, scale)


def draw_cells(axes: Axes, table: pd.DataFrame, scale: Scale, *, is_numbered: bool) -> None:
    """Draw the cells of a table into axes, its first row on top."""
    values = table.to_numpy(np.float64)
    colormap, norm = _colors(values, scale, [str(label) for label in table.columns])
    shown = np.where(np.isfinite(values), values, np.nan)
    shown[:, [str(label) in scale.plain for label in table.columns]] = np.nan
    shades = np.ma.clip(np.ma.masked_invalid(norm(shown)), 0, 1)
    # What has no number is as light as the paper.
    painted = np.where(np.ma.getmaskarray(shades)[..., None], 1.0, colormap(shades.filled(0.0)))
    axes.pcolormesh(painted, edgecolors="#ffffff", linewidth=0.4)
    axes.set_xlim(0, values.shape[1])
    axes.set_ylim(values.shape[0], 0)
    axes.spines[:].set_visible(False)
    if is_numbered:
        _write_numbers(axes, values, painted[..., :3] @ np.array([0.299, 0.587, 0.114]))


def _colors(
    values: Float64[np.ndarray, "row column"], scale: Scale, columns: Sequence[str]
) -> tuple[Colormap, Normalize]:
    """The colours, and the norm from values to them."""
    known = values[:, [column not in scale.plain for column in columns]]
    highest = float(np.nanmax(np.where(np.isfinite(known), known, np.nan), initial=0.0)) if known.size else 0.0
    if scale.folds:
        return BLUE_TO_ORANGE, _FoldNorm(max(highest, 1 / _LEAST_FOLD))
    low, high = scale.limits or (0.0, highest)
    return WHITE_TO_BLUE, Normalize(low, high if high > low else low + 1)


class _FoldNorm(TwoSlopeNorm):
    """From folds to colours: linear in the logarithm on either side of 1; all below 1/8 have one colour."""

    def __init__(self, highest: float) -> None:
        super().__init__(0, np.log2(_LEAST_FOLD), np.log2(highest))

    def __call__(self, value: Any, clip: bool | None = None) -> Any:
        return super().__call__(np.log2(np.maximum(value, _LEAST_FOLD)), clip)


def _label_rows(axes: Axes, rows: Sequence[str], label: str, colors: Sequence[Color] | None) -> None:
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.tick_params(axis="y", length=0, pad=12 if colors is not None else 3)
    axes.set_ylabel(label, color=MUTED)
    _draw_swatches(axes, colors or (), is_row=True)


def _label_columns(
    axes: Axes, columns: Sequence[str], label: str, are_positions: bool, colors: Sequence[Color] | None
) -> None:
    shown = [name for name in columns if not are_positions or _is_round(name, columns)]
    places = np.array([columns.index(name) for name in shown]) + 0.5
    axes.set_xticks(places, shown, rotation=0 if are_positions else 90)
    axes.tick_params(axis="x", length=2 if are_positions else 0, pad=12 if colors is not None else 3)
    axes.set_xlabel(label, color=MUTED)
    _draw_swatches(axes, colors or (), is_row=False)


def _draw_swatches(axes: Axes, colors: Sequence[Color], *, is_row: bool) -> None:
    """Draw the colours of states between the cells and their labels."""
    box = axes.get_position()
    width, height = axes.figure.get_size_inches()  # type: ignore[union-attr]
    inch = 1 / (box.width * width) if is_row else 1 / (box.height * height)
    across, along = axes.transAxes, axes.transData
    transform = blended_transform_factory(across, along) if is_row else blended_transform_factory(along, across)
    for number, color in enumerate(colors):
        # An edge, because quiescent states are white.
        look: Any = {"facecolor": np.array(color) / 255, "edgecolor": MUTED, "linewidth": 0.4, "clip_on": False}
        beside, place = -0.15 * inch, number + 0.1
        corner = (beside, place) if is_row else (place, beside)
        size = (0.1 * inch, 0.8) if is_row else (0.8, 0.1 * inch)
        axes.add_patch(Rectangle(corner, size[0], size[1], transform=transform, **look))


def _draw_bar(axes: Axes, table: pd.DataFrame, scale: Scale) -> None:
    """Draw the colour bar, with round numbers."""
    colormap, norm = _colors(table.to_numpy(np.float64), scale, [str(label) for label in table.columns])
    figure = axes.figure
    assert isinstance(figure, Figure)
    if not scale.folds:
        bar = figure.colorbar(ScalarMappable(norm, colormap), cax=axes)
        bar.locator = MaxNLocator(nbins=4, steps=[1, 2, 5, 10])
        bar.update_ticks()
    else:
        plain = TwoSlopeNorm(0, norm.vmin, norm.vmax)
        bar = figure.colorbar(ScalarMappable(plain, colormap), cax=axes)
        powers = np.arange(-3, np.floor(float(norm.vmax or 3)) + 1, 3)
        bar.set_ticks(
            powers.tolist(), labels=[f"{2**power:g}" if power >= 0 else f"1/{2**-power:g}" for power in powers]
        )
    bar.outline.set(linewidth=0.4, edgecolor=GRID)
    axes.tick_params(length=2, labelsize=SMALL)
    bar.set_label(scale.label, color=MUTED)


def _write_numbers(
    axes: Axes, values: Float64[np.ndarray, "row column"], lightness: Float64[np.ndarray, "row column"]
) -> None:
    for (row, column), value in np.ndenumerate(values):
        color = INK if lightness[row, column] > 0.5 else "#ffffff"
        place: Any = {"ha": "center", "va": "center_baseline", "fontsize": SMALL}
        axes.text(column + 0.5, row + 0.5, _number(value), color=color, **place)


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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_round(name: str, names: Sequence[str]) -> bool:
    """True for the positions that are labelled: multiples of the first round number that leaves eleven at most.

    >>> [name for name in ("-1.2", "-1", "-0.8", "0", "0.2") if _is_round(name, ["-5", "5"])]
    ['-1', '0']
    """
    span = float(names[-1]) - float(names[0])
    steps = (factor * 10.0**power for power in range(-6, 12) for factor in (1, 2, 5))
    step = next(step for step in steps if span / step <= 10)
    return abs(float(name) / step - round(float(name) / step)) < 1e-9

"""A picture of an evaluation: curves, calibration, errors, and example loci with what each caller calls there."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epizoo.figures.example_loci import Locus, example_loci, in_chromosome, locus_panels, short
from epizoo.figures.page import (
    COLORS,
    GRID,
    INK,
    MUTED,
    NORMAL,
    SMALL,
    STYLE,
    WIDTH_INCHES,
    require_picture,
    round_ticks,
    save_figure,
)
from epizoo.figures.regions import (
    AXIS_INCHES,
    LEFT_INCHES,
    RIGHT_INCHES,
    Panel,
    draw_legend,
    draw_panels,
    legend_inches,
    legend_keys,
    panel_inches,
)
from epizoo.metrics.caller_evaluation import Caller, Evaluation, File, Truth, fill

_CHART_INCHES, _BETWEEN_INCHES, _TITLE_INCHES = 1.5, 0.8, 0.3
_KEY_INCHES = 0.13
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2}

Chart = Callable[[Axes], None]


def draw_evaluation(
    path: str | os.PathLike[str],
    found: Evaluation,
    callers: Sequence[Caller],
    truth: Truth,
    bigwig: File | None = None,
) -> None:
    """Draw an evaluation as PNG, SVG or PDF.

    Raises:
        InputError: the suffix is another one, or a file cannot be read or written.
    """
    require_picture(path)
    loci = example_loci(found, truth, callers)
    if bigwig is not None:
        loci = [in_chromosome(locus, fill(bigwig, locus.sample)) for locus in loci]
    shown = [(locus, locus_panels(locus, callers, truth, bigwig)) for locus in loci]
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(_charts(found), max(len(found.curves), len(found.reliability)), shown))


def _charts(found: Evaluation) -> list[Chart]:
    names = list(found.figures["callers"])
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    charts: list[Chart] = []
    if found.errors:
        charts.append(lambda axes: _draw_errors(axes, found, colors))
    if found.curves:
        charts.append(lambda axes: _draw_curves(axes, found, colors))
    if found.reliability:
        charts.append(lambda axes: _draw_reliability(axes, found, colors))
    if any("sites" in of for of in found.figures["callers"].values()):
        charts.append(lambda axes: _draw_sites(axes, found, colors))
    return charts


def _figure(charts: Sequence[Chart], n_keys: int, loci: Sequence[tuple[Locus, Sequence[Panel]]]) -> Figure:
    columns = _COLUMNS[max(len(charts), 1)]
    chart_row = _TITLE_INCHES + _CHART_INCHES + AXIS_INCHES + _KEY_INCHES * n_keys
    keys = legend_keys([panel for _, panels in loci for panel in panels])
    height = chart_row * -(-len(charts) // columns) + legend_inches(keys)
    height += sum(_TITLE_INCHES + panel_inches(panels) + AXIS_INCHES for _, panels in loci)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    width = (WIDTH_INCHES - LEFT_INCHES - RIGHT_INCHES - _BETWEEN_INCHES * (columns - 1)) / columns
    edge = height
    for number, chart in enumerate(charts):
        row, column = divmod(number, columns)
        left, bottom = LEFT_INCHES + column * (width + _BETWEEN_INCHES), edge - row * chart_row - _TITLE_INCHES
        box = (left, bottom - _CHART_INCHES, width, _CHART_INCHES)
        axes = figure.add_axes(tuple(x / (height if i % 2 else WIDTH_INCHES) for i, x in enumerate(box)))  # type: ignore
        axes.spines[["top", "right"]].set_visible(False)
        chart(axes)
    edge -= chart_row * -(-len(charts) // columns)
    for locus, panels in loci:
        edge -= _TITLE_INCHES
        figure.text(LEFT_INCHES / WIDTH_INCHES, (edge + 0.06) / height, locus.title, fontsize=NORMAL, fontweight="bold")
        draw_panels(figure, edge, locus.region, panels)
        edge -= panel_inches(panels) + AXIS_INCHES
    draw_legend(figure, keys)
    return figure


def _draw_errors(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    for number, (name, color) in enumerate(colors.items()):
        of = found.figures["callers"][name]["labels"]
        for offset, key, alpha in ((0.2, "wrong_labels", 1.0), (-0.2, "mean_over_regions", 0.5)):
            _draw_bar(axes, len(colors) - 1 - number + offset, of[key], 0.34, color, alpha)
    _name_bars(axes, list(colors))
    axes.set_xlabel("wrong (%), 95% interval")
    axes.set_title("Labels (light: by region)")


def _draw_sites(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    for number, (name, color) in enumerate(colors.items()):
        of = found.figures["callers"][name]["sites"]
        rate = {"value": of["share_of_summits"], **of["share_of_summits_interval"]}
        _draw_bar(axes, len(colors) - 1 - number, rate, 0.5, color, 1.0)
    _name_bars(axes, list(colors))
    distance = next(iter(found.figures["callers"].values()))["sites"]["distance_bp"]
    axes.set_xlabel(f"summits within {distance} bp (%)")
    axes.set_title("Sites, 95% interval")


def _draw_bar(axes: Axes, place: float, rate: Mapping[str, float], height: float, color: str, alpha: float) -> None:
    """Draw a share as a bar with its interval, and its number behind them."""
    value, low, high = (100 * rate[key] for key in ("value", "low", "high"))
    axes.barh(place, np.nan_to_num(value), height=height, color=color, alpha=alpha, linewidth=0)
    if not np.isnan(low):
        axes.errorbar((low + high) / 2, place, xerr=(high - low) / 2, color=INK, linewidth=0.8, capsize=1.5)
    text = "–" if np.isnan(value) else f"{value:.1f}"
    axes.annotate(
        text, (np.nanmax([0, value, high]), place), (3, 0), textcoords="offset points", va="center", size=SMALL
    )


def _name_bars(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [short(name) for name in reversed(names)])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0, max(axes.get_xlim()[1] * 1.08, 1.0))
    round_ticks(axes, "x", 5)


def _draw_curves(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    for name, curve in found.curves.items():
        label = f"{short(name)}: area {curve.average_precision:.3f}"
        axes.step(curve.recall, curve.precision, where="post", color=colors[name], label=label, linewidth=1.2)
        by_peak = found.figures["callers"][name]["truth"]["by_peak"]
        axes.plot(by_peak["recall"], by_peak["precision"], "o", color=colors[name], markersize=3.5)
    _unit_square(axes)
    axes.set(xlabel="recall of true intervals", ylabel="precision of peaks")
    axes.set_title("Peaks, most confident first")
    _legend_below(axes)


def _draw_reliability(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1)
    for name, table in found.reliability.items():
        error = found.figures["callers"][name]["calibration"]["expected_calibration_error"]
        label = f"{short(name)}: error {error:.3f}"
        axes.plot(table["mean_probability"], table["true_share"], color=colors[name], linewidth=1.0, label=label)
        sizes = 4 + 30 * table["weight"] / table["weight"].max()
        axes.scatter(table["mean_probability"], table["true_share"], s=sizes, color=colors[name], linewidths=0)
    _unit_square(axes)
    axes.set(xlabel="probability", ylabel="share that is true")
    axes.set_title("Calibration")
    _legend_below(axes)


def _unit_square(axes: Axes) -> None:
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    for axis in ("x", "y"):
        round_ticks(axes, axis, 5)


def _legend_below(axes: Axes) -> None:
    """Draw the legend below the axis, where it crosses nothing."""
    points = axes.get_position().height * axes.figure.get_figheight() * 72  # type: ignore[union-attr]
    look: Any = {"borderaxespad": 0.0, "handlelength": 1.2, "labelspacing": 0.2, "labelcolor": MUTED}
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -28 / points), **look)

"""The picture of a choice of the number of states: BIC, held-out likelihood and recovery."""

import os

import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epizoo.figures.page import BLUE, MUTED, STYLE, WIDTH_INCHES, save_figure

_PANELS = {
    "bic": "BIC (lower is better)",
    "held_out_per_bin": "Held-out log-likelihood per bin (nats)",
    "recovery": "Recovery of the largest model's states",
}


def draw_selection(path: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Draw the table of `epizoo.states.model_selection.selection_table`, a panel for each criterion.

    Raises:
        InputError: the suffix is not .png, .svg or .pdf, or the file cannot be written.
    """
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(table))


def _figure(table: pd.DataFrame) -> Figure:
    panels = [panel for panel in _PANELS if panel in table or panel == "recovery"]
    figure = Figure(figsize=(WIDTH_INCHES * len(panels) / 3, 2.1), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels)), panels, strict=True):
        _draw(axes, panel, table)
    return figure


def _draw(axes: Axes, panel: str, table: pd.DataFrame) -> None:
    if panel == "recovery":
        axes.plot(table.index, table["median_recovery"], "o-", color=BLUE, label="median correlation")
        axes.plot(table.index, table["least_recovery"], "o--", color=MUTED, label="least")
        axes.legend(frameon=False)
    else:
        axes.plot(table.index, table[panel], "o-", color=BLUE)
        values = table[panel].to_numpy()
        best = int(values.argmin() if panel == "bic" else values.argmax())
        axes.plot(table.index[[best]], values[[best]], "o", color=BLUE, markersize=9, fillstyle="none")
    axes.set_title(_PANELS[panel], loc="left")
    axes.set_xlabel("states")
    axes.set_xticks(table.index)

"""The picture of differences in state: which states change to which, and the most significant region."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epizoo.calling.state_colors import StateStyle
from epizoo.figures.heatmaps import Scale, heatmap_box, place_heatmap
from epizoo.figures.page import LARGE, STYLE, WIDTH_INCHES, save_figure
from epizoo.figures.regions import (
    AXIS_INCHES,
    LEFT_INCHES,
    Panel,
    draw_legend,
    draw_panels,
    legend_inches,
    legend_keys,
    panel_inches,
)
from epizoo.genome.loci import Region

_TITLE_INCHES = 0.35


def draw_differences(
    path: str | os.PathLike[str],
    segments: pd.DataFrame,
    styles: Sequence[StateStyle],
    groups: tuple[str, str],
    example: tuple[Region, Sequence[Panel]] | None,
) -> None:
    """Draw differences as PNG, SVG or PDF.

    Args:
        path: the file to write.
        segments: start, end, ``first`` and ``second`` of the segments that differ.
        styles: name and colour of each state.
        groups: what the two groups are called.
        example: a region and its panels, below the heatmap.

    Raises:
        InputError: the suffix is another one, or the file cannot be written.
    """
    names = [one.name for one in styles]
    table = pd.DataFrame(changed_shares(segments, names), pd.Index(names, name=groups[0]), names)
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(table, styles, groups[1], example))


def changed_shares(segments: pd.DataFrame, names: Sequence[str]) -> Float64[np.ndarray, "first second"]:
    """The share of all bp that differ, in per cent, by state in the first and in the second group; NaN where equal.

    >>> table = pd.DataFrame({"start": [0, 400], "end": [300, 500], "first": ["A", "B"], "second": ["B", "A"]})
    >>> changed_shares(table, ["A", "B"]).tolist()
    [[nan, 75.0], [25.0, nan]]
    """
    widths = (segments["end"] - segments["start"]).astype(float)
    first, second = (segments[name].map(list(names).index).to_numpy(int) for name in ("first", "second"))
    found = np.zeros((len(names), len(names)))
    np.add.at(found, (first, second), (100 * widths / widths.sum()).to_numpy())
    np.fill_diagonal(found, np.nan)
    return found


def _figure(
    table: pd.DataFrame,
    styles: Sequence[StateStyle],
    second: str,
    example: tuple[Region, Sequence[Panel]] | None,
) -> Figure:
    colors = [one.color for one in styles]
    box = heatmap_box(table, colors, colors)
    panels = [] if example is None else example[1]
    keys = legend_keys(panels)
    below = panel_inches(panels) + AXIS_INCHES + legend_inches(keys) if panels else 0.0
    height = box.bottom + box.height + box.top + below + _TITLE_INCHES * bool(panels)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    scale = Scale("share of the differing bp (%)")
    above = height - box.top - box.height - box.bottom
    place_heatmap(figure, above, box, table, "Changes of state", scale, second, colors, colors)
    if example is not None:
        region = example[0]
        title = f"Most certain difference, {region.chrom}:{region.start + 1:,}–{region.end:,}"
        figure.text(LEFT_INCHES / WIDTH_INCHES, (below + 0.08) / height, title, fontsize=LARGE, fontweight="bold")
        draw_panels(figure, below, region, panels)
        draw_legend(figure, keys)
    return figure

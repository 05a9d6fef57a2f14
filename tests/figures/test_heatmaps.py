"""Heatmaps show the numbers of their tables, in colours that their colour bars explain, on one page."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import style

from epizoo.figures.heatmaps import Scale, heatmap_figure
from epizoo.figures.page import SMALL, STYLE, WIDTH_INCHES

FOLDS = Scale("fold enrichment", folds=True, plain=["Genome %"])
TABLE = pd.DataFrame([[50.0, 8, 0.125], [50, 1, 0]], ["A", "B"], ["Genome %", "x", "y"])


def cells(figure):
    """Red, green and blue of each cell."""
    (mesh,) = figure.axes[0].collections
    return np.asarray(mesh.get_array())[..., :3]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_folds_are_white_at_1_and_alike_below_an_eighth():
    found = cells(heatmap_figure(TABLE, "t", FOLDS))
    assert (found[:, 0] == 1).all(), "a column of other values has a colour"
    np.testing.assert_allclose(found[1, 1], 1, atol=0.01)
    np.testing.assert_allclose(found[0, 2], found[1, 2])
    assert found[0, 1, 0] > found[0, 1, 2], "enriched is orange"
    assert found[0, 2, 0] < found[0, 2, 2], "depleted is blue"


def test_the_numbers_stand_in_the_cells():
    assert texts(heatmap_figure(TABLE, "t", FOLDS)) == ["50", "8", "0.12", "50", "1", "0"]


def test_the_colour_bar_has_round_folds():
    bar = heatmap_figure(TABLE, "t", FOLDS).axes[1]
    assert [label.get_text() for label in bar.get_yticklabels()] == ["1/8", "1", "8"]
    assert bar.get_ylabel() == "fold enrichment"


def test_what_is_no_number_is_white():
    found = cells(heatmap_figure(pd.DataFrame([[0.0, np.nan, 1.0]]), "t", Scale("p", (0, 1))))
    np.testing.assert_allclose(found[0, :2], 1)
    assert found[0, 2].mean() < 0.3


@pytest.mark.parametrize("n_columns", [2, 12, 51, 300])
def test_no_heatmap_is_wider_than_a_page(n_columns):
    columns = [f"{place / 10:g}" for place in range(-(n_columns // 2), n_columns - n_columns // 2)]
    table = pd.DataFrame(np.ones((15, n_columns)), [f"{n}_ReprPCWk" for n in range(15)], columns)
    with style.context(STYLE, after_reset=True):
        figure = heatmap_figure(table, "title", FOLDS, colors=[(255, 0, 0)] * 15)
        assert figure.get_figwidth() <= WIDTH_INCHES + 1e-9
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        everything = figure.get_tightbbox(renderer)
    assert everything.x0 >= 0
    assert everything.x1 <= figure.get_figwidth()
    assert everything.y0 >= 0
    assert len(texts(figure)) in (0, table.size)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "0" in labels
    assert len(labels) <= 11


def test_each_state_has_its_swatch_on_both_axes():
    table = pd.DataFrame(np.eye(2), ["A", "B"], ["A", "B"])
    colors = [(255, 0, 0), (0, 0, 255)]
    patches = heatmap_figure(table, "t", Scale("p", (0, 1)), "", colors, colors).axes[0].patches
    assert [tuple(np.array(patch.get_facecolor()[:3]) * 255) for patch in patches] == colors * 2


def test_no_letter_is_smaller_than_6_points():
    with style.context(STYLE, after_reset=True):
        figure = heatmap_figure(TABLE, "t", FOLDS)
        sizes = [
            text.get_fontsize()
            for axes in figure.axes
            for text in axes.findobj(match=lambda one: hasattr(one, "get_fontsize"))
        ]
    assert min(sizes) >= SMALL == 6

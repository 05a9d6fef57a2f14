"""A picture of an evaluation: curves, calibration, errors, and example loci with what each caller calls there."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from epizoo.figures.panels import signal_panel
from epizoo.figures.regions import (
    GRID,
    INK,
    MUTED,
    STYLE,
    WIDTH_INCHES,
    PeaksPanel,
    Region,
    require_picture,
    save_figure,
)
from epizoo.genome.signal import BigWig
from epizoo.metrics.caller_evaluation import REGION, Caller, Evaluation, File, Truth, fill

COLORS = ("#3d6b99", "#c8553d", "#4f7f6f", "#f4a259", "#8e6c8a", "#22223b")
ANNOTATION_COLORS = {"noPeaks": "#f6f4bf", "peaks": "#cf9ff5", "peakStart": "#ffafaf", "peakEnd": "#ff8080"}
"""Those of the labels' authors (Hocking et al. 2017), lighter where a word must be read on them."""
_TRUE = "#4f7f6f"
_CHART_INCHES, _GAP_INCHES, _N_LOCI = 2.5, 0.75, 3


class _Locus(NamedTuple):
    """A place to show, and the sample that it is shown in."""

    region: Region
    sample: dict[str, Any]
    note: str


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
    charts = _charts(found)
    loci = example_loci(found, truth)
    if bigwig is not None:
        loci = [_within(locus, fill(bigwig, locus.sample)) for locus in loci]
    with style.context(STYLE, after_reset=True):
        save_figure(path, lambda: _figure(charts, loci, callers, truth, bigwig))


def example_loci(found: Evaluation, truth: Truth) -> list[_Locus]:
    """Up to three places where callers fare differently: labels that most of them get wrong, else true intervals."""
    if truth.labels is not None:
        wrong = sum(errors["wrong"].to_numpy(float) for errors in found.errors.values())
        order = np.argsort(-np.asarray(wrong), kind="stable")
        loci: list[_Locus] = []
        for row in order:
            label = truth.labels.iloc[row]
            region = _around(str(label["chrom"]), int(label["start"]), int(label["end"]))
            if all(not _overlap(region, other.region) for other in loci):
                sample = {name: label[name] for name in truth.labels.columns if name not in (*REGION, "annotation")}
                names = ", ".join(map(str, sample.values()))
                loci.append(_Locus(region, sample, names))
            if len(loci) == _N_LOCI:
                break
        return loci
    known = truth.intervals if truth.intervals is not None else truth.sites
    assert known is not None
    rows = known.iloc[np.linspace(0, len(known) - 1, _N_LOCI + 2).astype(int)[1:-1]].drop_duplicates(REGION)
    places = zip(*(rows[column].tolist() for column in REGION), strict=True)
    return [_Locus(_around(*place), {}, "") for place in places]


def _charts(found: Evaluation) -> list[Any]:
    names = list(found.figures["callers"])
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    charts: list[Any] = []
    if found.errors:
        charts.append(lambda axes: _draw_errors(axes, found, colors))
    if found.curves:
        charts.append(lambda axes: _draw_curves(axes, found, colors))
    if found.reliability:
        charts.append(lambda axes: _draw_reliability(axes, found, colors))
    if any("sites" in of for of in found.figures["callers"].values()):
        charts.append(lambda axes: _draw_sites(axes, found, colors))
    return charts


def _figure(
    charts: Sequence[Any], loci: Sequence[_Locus], callers: Sequence[Caller], truth: Truth, bigwig: File | None
) -> Figure:
    rows = len(callers) + 1
    locus_height = (1.0 if bigwig is not None else 0.0) + 0.3 * rows + 0.15
    height = 0.3 + (_CHART_INCHES + _GAP_INCHES if charts else 0) + len(loci) * (locus_height + _GAP_INCHES)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    top = height - 0.4
    width = (WIDTH_INCHES - 1.3 - 0.9 * (len(charts) - 1)) / max(len(charts), 1)
    for number, chart in enumerate(charts):
        left = 1.0 + number * (width + 0.9)
        box = (left / WIDTH_INCHES, (top - _CHART_INCHES) / height, width / WIDTH_INCHES, _CHART_INCHES / height)
        axes = figure.add_axes(box)
        axes.spines[["top", "right"]].set_visible(False)
        chart(axes)
    top -= _CHART_INCHES + _GAP_INCHES if charts else 0
    for locus in loci:
        _draw_locus(figure, top, height, locus, callers, truth, bigwig)
        top -= locus_height + _GAP_INCHES
    return figure


def _draw_errors(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    for number, (name, color) in enumerate(colors.items()):
        of = found.figures["callers"][name]["labels"]
        for offset, key, alpha in ((0.18, "wrong_labels", 1.0), (-0.18, "mean_over_regions", 0.55)):
            rate = of[key]
            place = len(colors) - 1 - number + offset
            axes.barh(place, 100 * rate["value"], height=0.32, color=color, alpha=alpha, linewidth=0)
            axes.plot([100 * rate["low"], 100 * rate["high"]], [place, place], color=INK, linewidth=1)
    axes.set_yticks(range(len(colors)), [_short(name) for name in reversed(list(colors))])
    axes.set_xlim(0, None)
    axes.set_xlabel("% wrong, with 95% interval")
    axes.set_title("Labels (dark) and mean over regions (light)", fontsize=9, loc="left")


def _draw_curves(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    for name, curve in found.curves.items():
        label = f"{_short(name)} (area {curve.average_precision:.3f})"
        axes.step(curve.recall, curve.precision, where="post", color=colors[name], label=label, linewidth=1.3)
        by_peak = found.figures["callers"][name]["truth"]["by_peak"]
        axes.plot(by_peak["recall"], by_peak["precision"], "o", color=colors[name], markersize=4)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall of true intervals", ylabel="precision of peaks")
    axes.legend(fontsize=7, frameon=False, loc="lower left")
    axes.set_title("Peaks, most confident first", fontsize=9, loc="left")


def _draw_reliability(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1)
    for name, table in found.reliability.items():
        error = found.figures["callers"][name]["calibration"]["expected_calibration_error"]
        label = f"{_short(name)} (error {error:.3f})"
        axes.plot(table["mean_probability"], table["true_share"], color=colors[name], linewidth=1.2, label=label)
        sizes = 8 + 60 * table["weight"] / table["weight"].max()
        axes.scatter(table["mean_probability"], table["true_share"], s=sizes, color=colors[name], linewidths=0)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="probability", ylabel="share that is true")
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    axes.set_title("Calibration", fontsize=9, loc="left")


def _draw_sites(axes: Axes, found: Evaluation, colors: Mapping[str, str]) -> None:
    for number, (name, color) in enumerate(colors.items()):
        of = found.figures["callers"][name]["sites"]
        place = len(colors) - 1 - number
        axes.barh(place, 100 * of["share_of_summits"], height=0.5, color=color, linewidth=0)
        share = of["share_of_summits"]
        text = " –" if np.isnan(share) else f" {share:.1%}"
        axes.text(np.nan_to_num(100 * share), place, text, va="center", fontsize=8)
    axes.set_yticks(range(len(colors)), [_short(name) for name in reversed(list(colors))])
    axes.set_xlim(0, 110)
    distance = next(iter(found.figures["callers"].values()))["sites"]["distance_bp"]
    axes.set_xlabel(f"% of summits within {distance} bp of a site")
    axes.set_title("Sites", fontsize=9, loc="left")


def _draw_locus(
    figure: Figure,
    top: float,
    height: float,
    locus: _Locus,
    callers: Sequence[Caller],
    truth: Truth,
    bigwig: File | None,
) -> None:
    region = locus.region
    panels: list[tuple[str, Any, float]] = []
    if bigwig is not None:
        panels.append(("signal", signal_panel(fill(bigwig, locus.sample), region, "signal"), 1.0))
    panels.append(("labels" if truth.labels is not None else "truth", None, 0.25))
    for caller in callers:
        peaks = caller.peaks(locus.sample)
        shown = peaks[(peaks["chrom"] == region.chrom) & (peaks["start"] < region.end) & (peaks["end"] > region.start)]
        panels.append((_short(caller.name), PeaksPanel(caller.name, shown), 0.25))
    title = f"{region.chrom}:{region.start + 1:,}–{region.end:,}" + (f"  {locus.note}" if locus.note else "")
    figure.text(1.3 / WIDTH_INCHES, (top + 0.08) / height, title, fontsize=9, fontweight="bold")
    for number, (label, panel, inches) in enumerate(panels):
        top -= inches + 0.05
        box = (1.3 / WIDTH_INCHES, top / height, 1 - 1.75 / WIDTH_INCHES, inches / height)
        axes = figure.add_axes(box)
        axes.spines[["top", "right"]].set_visible(False)
        if panel is None:
            _draw_truth(axes, locus, truth)
        else:
            panel.draw(axes, region)
        axes.set_xlim(region.start, region.end)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8, fontsize=8)
        axes.yaxis.set_label_coords(-0.03, 0.5)
        is_last = number == len(panels) - 1
        axes.tick_params(axis="x", bottom=is_last, labelbottom=is_last, length=3)
        if is_last:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


def _draw_truth(axes: Axes, locus: _Locus, truth: Truth) -> None:
    rows = truth.labels
    if rows is not None:
        for name, value in locus.sample.items():
            rows = rows[rows[name] == value]
        colors = [ANNOTATION_COLORS[annotation] for annotation in rows["annotation"]]
    else:
        rows = truth.intervals if truth.intervals is not None else truth.sites
        assert rows is not None
        colors = [_TRUE] * len(rows)
    region = locus.region
    here = (rows["chrom"] == region.chrom) & (rows["start"] < region.end) & (rows["end"] > region.start)
    for (start, end), color in zip(
        rows.loc[here, ["start", "end"]].to_numpy(),
        pd.Series(colors, index=rows.index)[here],
        strict=True,
    ):
        corners = [(start, 0.1), (start, 0.9), (end, 0.9), (end, 0.1)]
        axes.add_collection(PolyCollection([corners], facecolors=[color], edgecolors=[MUTED], linewidths=0.4))
        if "annotation" in rows:
            annotation = rows.loc[here & (rows["start"] == start) & (rows["end"] == end), "annotation"].iloc[0]
            middle = (max(start, region.start) + min(end, region.end)) / 2
            axes.text(middle, 0.5, annotation, ha="center", va="center", fontsize=6.5, clip_on=True)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)


def _around(chrom: str, start: int, end: int) -> Region:
    margin = max(end - start, 2_000)
    return Region(chrom, max(start - margin, 0), end + margin)


def _within(locus: _Locus, bigwig: str) -> _Locus:
    """The locus, ending where its chromosome ends."""
    with BigWig(bigwig) as track:
        size = track.chrom_sizes.get(locus.region.chrom, locus.region.end)
    return locus._replace(region=locus.region._replace(end=min(locus.region.end, size)))


def _overlap(one: Region, other: Region) -> bool:
    return one.chrom == other.chrom and one.start < other.end and other.start < one.end


def _short(name: str) -> str:
    """The last part of an entry's name; of another name the first letters.

    >>> _short("peak_caller/h3k4me3 1.0.0"), _short("macs3")
    ('h3k4me3 1.0.0', 'macs3')
    """
    return name.rsplit("/", 1)[-1][:20]

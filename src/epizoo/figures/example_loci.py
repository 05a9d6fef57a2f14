"""Example loci of an evaluation: the signal, the truth, and what each caller calls there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from epizoo.figures.page import GREEN, INK, MUTED, SMALL
from epizoo.figures.panels import signal_panel
from epizoo.figures.regions import Panel, PeaksPanel, bare, draw_boxes
from epizoo.genome.loci import Region
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.signal import BigWig
from epizoo.metrics.caller_evaluation import REGION, Caller, Evaluation, File, Truth, fill

ANNOTATION_COLORS = {"noPeaks": "#f6f4bf", "peaks": "#cf9ff5", "peakStart": "#ffafaf", "peakEnd": "#ff8080"}
"""Those of the labels' authors (Hocking et al. 2017), lighter where a word must be read on them."""
_N_LOCI = 3


class Locus(NamedTuple):
    """A place to show, and the sample that it is shown in."""

    region: Region
    sample: dict[str, Any]
    note: str

    @property
    def title(self) -> str:
        """The place and the sample."""
        place = f"{self.region.chrom}:{self.region.start + 1:,}–{self.region.end:,}"
        return f"{place}  {self.note}" if self.note else place


class TruthPanel(NamedTuple):
    """Labels or true intervals as boxes, with their words where there is room."""

    label: str
    intervals: pd.DataFrame
    height: float = 0.2

    def draw(self, axes: Axes, region: Region) -> None:
        """See `Panel`."""
        names = self.intervals.get("annotation", pd.Series("", index=self.intervals.index))
        colors = [ANNOTATION_COLORS.get(name, GREEN) for name in names]
        draw_boxes(axes, self.intervals["start"], self.intervals["end"], colors, low=0.1, high=0.9)
        inches = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
        bp_of_letter = 0.055 * (region.end - region.start) / inches
        for start, end, name in zip(self.intervals["start"], self.intervals["end"], names, strict=True):
            low, high = max(start, region.start), min(end, region.end)
            if name and high - low > len(name) * bp_of_letter:
                axes.text((low + high) / 2, 0.48, name, ha="center", va="center", fontsize=SMALL, color=INK)
        bare(axes)

    def legend(self) -> Sequence[Artist]:
        """See `Panel`."""
        present = set(self.intervals.get("annotation", ()))
        return [
            Patch(facecolor=color, edgecolor=MUTED, linewidth=0.4, label=name)
            for name, color in ANNOTATION_COLORS.items()
            if name in present
        ]


def example_loci(found: Evaluation, truth: Truth, callers: Sequence[Caller] = ()) -> list[Locus]:
    """Up to three places: labels that most callers get wrong, else true intervals that some of the callers find."""
    if truth.labels is not None:
        return _labelled_loci(found, truth.labels)
    known = truth.intervals if truth.intervals is not None else truth.sites
    assert known is not None
    by = np.array([overlaps_any(known[REGION], caller.peaks({})[REGION]) for caller in callers], bool)
    differ = by.any(axis=0) & ~by.all(axis=0) if len(by) else np.zeros(len(known), bool)
    rows = known.iloc[np.flatnonzero(differ)] if differ.any() else known
    rows = rows.iloc[np.linspace(0, len(rows) - 1, _N_LOCI + 2).astype(int)[1:-1]].drop_duplicates(REGION)
    places = zip(*(rows[column].tolist() for column in REGION), strict=True)
    return [Locus(_around(*place), {}, "") for place in places]


def locus_panels(locus: Locus, callers: Sequence[Caller], truth: Truth, bigwig: File | None) -> list[Panel]:
    """The panels of a locus, from the signal to the peaks of the last caller."""
    region = locus.region
    panels: list[Panel] = []
    if bigwig is not None:
        panels.append(signal_panel(fill(bigwig, locus.sample), region, "signal"))
    panels.append(TruthPanel("labels" if truth.labels is not None else "truth", _within(_truth(locus, truth), region)))
    return panels + [PeaksPanel(short(one.name), _within(one.peaks(locus.sample), region)) for one in callers]


def in_chromosome(locus: Locus, bigwig: str) -> Locus:
    """The locus, ending where its chromosome ends."""
    with BigWig(bigwig) as track:
        size = track.chrom_sizes.get(locus.region.chrom, locus.region.end)
    return locus._replace(region=locus.region._replace(end=min(locus.region.end, size)))


def short(name: str) -> str:
    """The last part of an entry's name; of another name the first letters.

    >>> short("peak_caller/h3k4me3 1.0.0"), short("macs3")
    ('h3k4me3 1.0.0', 'macs3')
    """
    return name.rsplit("/", 1)[-1][:20]


def _labelled_loci(found: Evaluation, labels: pd.DataFrame) -> list[Locus]:
    wrong = sum(errors["wrong"].to_numpy(float) for errors in found.errors.values())
    loci: list[Locus] = []
    for row in np.argsort(-np.asarray(wrong), kind="stable"):
        label = labels.iloc[row]
        region = _around(str(label["chrom"]), int(label["start"]), int(label["end"]))
        if all(not _overlap(region, other.region) for other in loci):
            sample = {name: label[name] for name in labels.columns if name not in (*REGION, "annotation")}
            loci.append(Locus(region, sample, ", ".join(map(str, sample.values()))))
        if len(loci) == _N_LOCI:
            break
    return loci


def _truth(locus: Locus, truth: Truth) -> pd.DataFrame:
    if truth.labels is None:
        known = truth.intervals if truth.intervals is not None else truth.sites
        assert known is not None
        return known
    rows = truth.labels
    for name, value in locus.sample.items():
        rows = rows[rows[name] == value]
    return rows


def _within(rows: pd.DataFrame, region: Region) -> pd.DataFrame:
    return rows[(rows["chrom"] == region.chrom) & (rows["start"] < region.end) & (rows["end"] > region.start)]


def _around(chrom: str, start: int, end: int) -> Region:
    margin = max(end - start, 2_000)
    return Region(chrom, max(start - margin, 0), end + margin)


def _overlap(one: Region, other: Region) -> bool:
    return one.chrom == other.chrom and one.start < other.end and other.start < one.end

"""The pictures of the shipped entries' cards, made with the shipped weights.

    python -m epizoo.recipes.card_pictures --data DIR                all entries
    python -m epizoo.recipes.card_pictures chromatin_states/encode-10  one of them

Peak callers that human labels chose or taught are shown at labelled loci, those of accessible regions and of CUT&RUN on
their examples beside what was simulated, and that of transcription factors on its example; states by their emissions.
``card.png`` beside ``model.yaml`` holds the hash of the weights that it was made with. The pictures of
p-values beside it are made by ``epizoo.bench.control_p_values``.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from epizoo.errors import EpizooError, InputError
from epizoo.figures.heatmaps import Scale, draw_heatmap
from epizoo.figures.panels import control_panel, signal_panel
from epizoo.figures.regions import Panel, PeaksPanel, ProbabilityPanel, StatesPanel, draw
from epizoo.genome.loci import Region, parse_region
from epizoo.peaks.labelled_stretches import LABELS_FOLDER
from epizoo.recipes.peak_caller_examples import SIMULATED_BP, simulated_cutrun, simulated_example
from epizoo.recipes.simulated_peaks import ATAC, CUTRUN
from epizoo.simulation.fragment_windows import deep_truth, site_truth
from epizoo.zoo.card import PICTURE_FILE
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry
from epizoo.zoo.loading import load
from epizoo.zoo.new_entries import example_of

WEIGHTS_KEY = "epizoo weights sha256"
"""The text chunk of a picture that says what it was made with."""
_DPI = 180
"""Wide enough for a page, and a small file."""
_LABEL_COLORS = {
    "noPeaks": "246,244,191",
    "peaks": "164,69,238",
    "peakStart": "255,175,175",
    "peakEnd": "255,76,76",
}
"""PeakError's own."""


class Locus(NamedTuple):
    """A place to show an entry: a title, the dataloader's arguments, the region, and what is known there."""

    title: str
    arguments: Mapping[str, Any]
    region: Region
    truth: Panel | None = None


_MUSCLE = ("H3K4me3.skeletalMuscleMD.McGill0016", "H3K4me3 of skeletal muscle", "chr2:119,530,001-119,620,000")
LABELLED = {
    "peak_caller/h3k4me3": _MUSCLE,
    "peak_caller/universal": _MUSCLE,
    "peak_caller/h3k36me3": ("H3K36me3.monocyte.McGill0002", "H3K36me3 of a monocyte", "chr1:11,050,001-11,110,000"),
}
"""By entry: a sample of the labelled data, a title and a region."""


def draw_card(entry: Entry, data: Path | None) -> Path:
    """Draw ``card.png`` of an entry.

    Args:
        entry: one of the shipped entries.
        data: the folder that holds peaks/histone_labels; for entries of `LABELLED`.

    Raises:
        InputError: the entry is shown at labelled loci and `data` is not given, or it is not a shipped one.
    """
    with tempfile.TemporaryDirectory() as scratch:
        drawn = Path(scratch) / PICTURE_FILE
        if isinstance(entry, ChromatinStateEntry):
            _draw_emissions(entry, drawn)
        elif isinstance(entry, PeakCallerEntry | PeakScorerEntry):
            _draw_locus(entry, _locus(entry, data, Path(scratch)), drawn)
        return keep_picture(drawn, entry.folder / PICTURE_FILE, {WEIGHTS_KEY: entry.sha256})


def keep_picture(drawn: Path, target: Path, made_with: Mapping[str, str]) -> Path:
    """Write a drawn picture as a small PNG.

    Args:
        drawn: the picture.
        target: the file of the card.
        made_with: text chunks that say what it was made with, so that it is seen to be stale.

    Returns:
        The target.
    """
    note = PngInfo()
    for key, text in made_with.items():
        note.add_text(key, text)
    # A palette makes the file a third as large; median cut would blend the colours of small areas.
    picture = Image.open(drawn).convert("RGB")
    palette = picture.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(target, pnginfo=note, optimize=True)
    return target


def _draw_emissions(entry: ChromatinStateEntry, path: Path) -> None:
    states = entry.config.states
    rows = pd.Index([f"{number} {state.name}" for number, state in enumerate(states, start=1)], name="state")
    table = pd.DataFrame(entry.parameters().emission, rows, list(entry.channels))
    colors = [state.style.color for state in states]
    draw_heatmap(path, table, "Emissions", Scale("probability of the mark", (0, 1)), colors=colors)


def _draw_locus(entry: PeakCallerEntry | PeakScorerEntry, locus: Locus, path: Path) -> None:
    bigwig, control = locus.arguments["bigwig_file"], locus.arguments.get("control_file")
    known = locus.arguments.get("known_regions_file")
    intervals = pd.DataFrame([locus.region], columns=["chrom", "start", "end"])
    peaks = entry.call_peaks(bigwig, control, regions=intervals, known_regions=known)
    panels: list[Panel] = [signal_panel(bigwig, locus.region, "signal")]
    panels += [] if control is None else [control_panel(control, locus.region, "control")]
    if isinstance(entry, PeakCallerEntry):
        panels += [_probability_panel(entry, locus)]
    else:
        candidates = entry.call_peaks(bigwig, known_regions=known, enter_probability=0)
        panels += [PeaksPanel("candidates", candidates)]
    panels += [PeaksPanel("called", peaks)]
    panels += [] if locus.truth is None else [locus.truth]
    draw(path, locus.region, panels, locus.title, _DPI)


def _probability_panel(entry: PeakCallerEntry, locus: Locus) -> ProbabilityPanel:
    windows = entry.windows(**locus.arguments)
    rows = [windows[number] for number in range(len(windows))]
    found = entry.predict({entry.input_name: np.stack([row["inputs"][entry.input_name] for row in rows])})
    valid = [
        values[: row["metadata"]["valid_bins"]] for values, row in zip(found["peak_probabilities"], rows, strict=True)
    ]
    bin_bp = entry.window.bin_bp
    start = locus.region.start // bin_bp * bin_bp
    return ProbabilityPanel("P(peak)", start, bin_bp, np.concatenate(valid))


def _locus(entry: PeakCallerEntry | PeakScorerEntry, data: Path | None, scratch: Path) -> Locus:
    if entry.name in LABELLED:
        if data is None:
            raise InputError(f"{entry.name}: is shown at labelled loci; give --data, which holds {LABELS_FOLDER}")
        return _labelled_locus(*LABELLED[entry.name], data / LABELS_FOLDER, scratch)
    example = {name: Path(value) for name, value in example_of(entry).items()}
    is_scorer = isinstance(entry, PeakScorerEntry)
    # Of a peak scorer the intervals are candidates.
    shown = example["known_regions_file" if is_scorer else "intervals_file"]
    chrom, start, end = shown.read_text(encoding="utf-8").split()[:3]
    region = Region(chrom, int(start), int(end))
    if entry.name == "peak_caller/atac":
        return Locus("Simulated ATAC-seq", example, region, _simulated_truth())
    if entry.name == "peak_caller/cutrun":
        return Locus("Simulated CUT&RUN of a histone mark, with IgG", example, region, _simulated_domains())
    if is_scorer:
        return Locus("H3K4me3 of a T cell", example, region)
    return Locus("CTCF of GM12878", example, region)


def _labelled_locus(sample: str, title: str, where: str, folder: Path, scratch: Path) -> Locus:
    region = parse_region(where)
    bigwig = f"coverage/{sample}.bw"
    windows = pd.read_csv(folder / "windows.tsv", sep="\t").query("bw == @bigwig")
    labels = pd.read_csv(folder / "labels.tsv", sep="\t")
    inside = (labels["start"] < region.end) & (labels["end"] > region.start) & (labels["chrom"] == region.chrom)
    own = labels[inside & labels["window"].isin(windows["window"])].rename(columns={"annotation": "name"})
    own = own.assign(itemRgb=own["name"].map(_LABEL_COLORS))
    known, intervals = scratch / "known.bed", scratch / "locus.bed"
    windows[["chrom", "start", "end"]].to_csv(known, sep="\t", header=False, index=False)
    pd.DataFrame([region]).to_csv(intervals, sep="\t", header=False, index=False)
    arguments = {"intervals_file": intervals, "bigwig_file": folder / bigwig, "known_regions_file": known}
    panel = StatesPanel("human labels", own, order=tuple(_LABEL_COLORS), height=0.3)
    return Locus(title, arguments, region, panel)


def _simulated_truth() -> PeaksPanel:
    """The regions of the example of peak_caller/atac that deep sequencing would show."""
    bin_bp = ATAC.model.bin_bp
    is_peak = deep_truth(simulated_example(), bin_bp, ATAC.simulation)
    edges = bin_bp * np.flatnonzero(np.diff(is_peak, prepend=False, append=False))
    return PeaksPanel("at 80 M cuts", pd.DataFrame({"start": edges[::2], "end": edges[1::2], "peak": -1}))


def _simulated_domains() -> PeaksPanel:
    """The domains of the example of peak_caller/cutrun that hold enough fragments to be called."""
    is_peak, _ = site_truth(simulated_cutrun().sites, SIMULATED_BP, CUTRUN.simulation)
    edges = np.flatnonzero(np.diff(is_peak, prepend=False, append=False))
    return PeaksPanel("simulated", pd.DataFrame({"start": edges[::2], "end": edges[1::2], "peak": -1}))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", nargs="*", help="names of entries; all where none is given")
    parser.add_argument("--data", type=Path, help="the folder that holds peaks/histone_labels")
    arguments = parser.parse_args()
    try:
        for name in arguments.entry or list_entries():
            print(draw_card(load(name), arguments.data))
    except EpizooError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

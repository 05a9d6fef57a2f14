"""Stretches of real coverage around human labels, and random crops of them for training."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.genome.coverage_transform import CoverageTransform, scaled_arcsinh
from epizoo.genome.signal import BigWig, SignalTrack
from epizoo.metrics.label_errors import LOCUS_GAP_BP, assign_loci
from epizoo.peaks.region_label_likelihood import LabelBatch, LabelBins, label_bins, pack_labels
from epizoo.simulation.coverage import thin
from epizoo.simulation.thinning import thinned

LABELS_FOLDER = Path("peaks") / "histone_labels"
_MIRRORED = (0, 1, 3, 2)


class LabelledStretch(NamedTuple):
    """Coverage of one sample around the labels of one locus."""

    chrom: str
    start_bin: int
    chrom_size: int
    signal: Float[np.ndarray, " bin"]
    """Mean signal of each bin; 0 where it is unknown, as in use."""
    scale: float
    """Of the file, as `epizoo.genome.coverage_transform` estimates it."""
    labels: pd.DataFrame
    """With a column `bins`: `LabelBins` counted from the stretch's first bin; and `share`: 1 / labels of the region."""


class CropSettings(NamedTuple):
    """Settings of random crops."""

    n_bins: int
    flank_bins: int
    """Labels count only this far from the ends of a crop."""
    smallest_keep: float = 0.2
    """Fragments are thinned to a share that is log-uniform between this and 1, in half of the crops."""
    scale_error_sd: float = 0.1


def read_stretches(
    data: Path,
    mark: str,
    cell_types: tuple[str, ...],
    transform: CoverageTransform,
    bin_bp: int,
    pad_bp: int,
    *,
    keep: float = 1.0,
) -> list[LabelledStretch]:
    """All labelled loci of a mark in some cell types, one stretch for each sample, with `pad_bp` on both sides.

    Args:
        data: the folder that holds `peaks/histone_labels`.
        mark: such as H3K4me3.
        cell_types: which to read; no other is touched.
        transform: how the scale of each file is estimated.
        bin_bp: width of a bin.
        pad_bp: how much more to read on both sides of a locus.
        keep: share of the fragments of each file that are kept, drawn at random; scales are fitted to what is left.
    """
    folder = data / LABELS_FOLDER
    labels = _of(pd.read_csv(folder / "labels.tsv", sep="\t"), mark, cell_types)
    windows = _of(pd.read_csv(folder / "windows.tsv", sep="\t"), mark, cell_types)
    per_region = labels.groupby(["chrom", "start", "end"])["window"].transform("size")
    labels = labels.assign(locus=assign_loci(labels, LOCUS_GAP_BP), share=1 / per_region)
    stretches: list[LabelledStretch] = []
    for file, own in windows.groupby("bw"):
        known = own[["chrom", "start", "end"]].reset_index(drop=True)
        with BigWig(folder / str(file)) as bigwig:
            track = bigwig if keep == 1 else thinned(bigwig, known, keep, seed=len(stretches))
            scale = transform.fit(track, "coverage", known).scale
            for _, rows in labels[labels["window"].isin(own["window"])].groupby(["chrom", "locus"]):
                stretches.append(read_stretch(track, scale, rows, bin_bp, pad_bp))
    return stretches


def random_crops(
    random: np.random.Generator, stretches: list[LabelledStretch], n_crops: int, settings: CropSettings, bin_bp: int
) -> tuple[Float[np.ndarray, "crop bin"], LabelBatch]:
    """Augmented crops around random labels: arcsinh(signal / scale), and the labels that they hold.

    The chance of a label is the square root of its share of its region.
    """
    table = [(stretch, bins) for stretch in stretches for bins in stretch.labels["bins"]]
    chance = np.sqrt(np.concatenate([stretch.labels["share"].to_numpy(np.float64) for stretch in stretches]))
    coverage = np.zeros((n_crops, settings.n_bins), np.float32)
    rows: list[tuple[int, LabelBins, float]] = []
    for number, choice in enumerate(random.choice(len(table), n_crops, p=chance / chance.sum())):
        stretch, label = table[choice]
        anchor = random.integers(label.start_bin, label.end_bin)
        start = anchor - random.integers(settings.flank_bins, settings.n_bins - settings.flank_bins)
        values = crop(stretch.signal, start, settings.n_bins)
        scale = stretch.scale * np.exp(settings.scale_error_sd * random.normal())
        if random.random() < 0.5:
            keep = np.exp(random.uniform(np.log(settings.smallest_keep), 0))
            values, scale = thin(random, values, keep, bin_bp), scale * keep
        labels = [cut for bins in stretch.labels["bins"] if (cut := cut_label(bins, start, settings)) is not None]
        if random.random() < 0.5:
            values, labels = values[::-1], [_mirror(bins, settings.n_bins) for bins in labels]
        coverage[number] = scaled_arcsinh(values, scale)
        rows += [(number, bins, 1.0) for bins in labels]
    return coverage, pack_labels(rows[: 8 * n_crops], 8 * n_crops, settings.n_bins - 2 * settings.flank_bins)


def _of(table: pd.DataFrame, mark: str, cell_types: tuple[str, ...]) -> pd.DataFrame:
    return table[(table["mark"] == mark) & table["celltype"].isin(cell_types)].reset_index(drop=True)


def read_stretch(track: SignalTrack, scale: float, labels: pd.DataFrame, bin_bp: int, pad_bp: int) -> LabelledStretch:
    """The signal around the labels of one locus, with `pad_bp` on both sides; labels are without bins."""
    chrom = labels["chrom"].iloc[0]
    start_bin = (int(labels["start"].min()) - pad_bp) // bin_bp
    end_bin = -((-int(labels["end"].max()) - pad_bp) // bin_bp)
    rows = zip(labels["annotation"], labels["start"], labels["end"], strict=True)
    bins = [label_bins(annotation, int(start), int(end), bin_bp) for annotation, start, end in rows]
    moved = [LabelBins(code, first - start_bin, last - start_bin) for code, first, last in bins]
    signal = track.binned(chrom, start_bin, end_bin, bin_bp)
    labels = labels.assign(bins=pd.Series(moved, index=labels.index, dtype=object))
    return LabelledStretch(chrom, start_bin, track.chrom_sizes[chrom], signal, scale, labels)


def crop(values: Float[np.ndarray, " bin"], start: int, n_bins: int) -> Float[np.ndarray, " crop"]:
    """Bins [start, start + n_bins), 0 outside."""
    cut = np.zeros(n_bins, np.float32)
    low, high = max(start, 0), min(start + n_bins, len(values))
    cut[low - start : high - start] = values[low:high]
    return cut


def cut_label(bins: LabelBins, start: int, settings: CropSettings) -> LabelBins | None:
    """A label in a crop's own bins; None where the crop does not decide it. Part of a `noPeaks` region is one too."""
    low, high = settings.flank_bins, settings.n_bins - settings.flank_bins
    first, last = bins.start_bin - start, bins.end_bin - start
    if bins.annotation == 0:
        first, last = max(first, low), min(last, high)
        return LabelBins(0, first, last) if last > first else None
    return LabelBins(bins.annotation, first, last) if low <= first and last <= high else None


def _mirror(bins: LabelBins, n_bins: int) -> LabelBins:
    return LabelBins(_MIRRORED[bins.annotation], n_bins - bins.end_bin, n_bins - bins.start_bin)

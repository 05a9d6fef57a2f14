"""Windows of real coverage in which a threshold rule is the truth, for a network that is to know it from less.

The rule sees all fragments of a file, the network a random share of them with the scale that this share alone would
give: it learns the rule, and what the rule would have said of a deeper experiment. No label is read.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from epizoo.genome.coverage_transform import CoverageTransform, scaled_arcsinh
from epizoo.genome.signal import BigWig, SignalTrack
from epizoo.peaks.labelled_stretches import LABELS_FOLDER, CropSettings, crop
from epizoo.peaks.threshold_rule import ThresholdRule, fill_gaps, smooth, soft_calls
from epizoo.simulation.thinning import thinned


class DistillationSettings(NamedTuple):
    """Settings of training a network on a threshold rule."""

    candidates: list[ThresholdRule]
    """Rules to choose from, by the labels of the training chromosomes."""
    smoothing_bp: int = 150
    keeps: tuple[float, ...] = (0.4, 0.2, 0.1, 0.1, 0.05)
    """Shares of the fragments that are drawn once each, beside all of them."""
    whole_share: float = 0.5
    """Share of the windows in which the network sees all fragments."""
    fills_gaps: bool = False
    """True if the gaps that the rule closes are part of the truth, and peaks that it drops are not."""
    busy_share: float = 0.5
    """Share of the windows that are put around a level of at least 2, where peaks may begin."""
    factor_sd: float = 0.3
    """Log standard deviation of what rule and network both see the scale multiplied by, so that many heights occur."""
    sharpness: float = 8.0


class Contig(NamedTuple):
    """A stretch of known coverage of one file, over its scales."""

    chrom: str
    level: Float[np.ndarray, " bin"]
    """Smoothed, from all fragments."""
    busy: Int[np.ndarray, " place"]
    """Bins of a level of at least 2."""
    views: list[Float[np.ndarray, " bin"]]
    """Unsmoothed input of a network: from all fragments, then from each share of them."""


def read_contigs(
    data: Path,
    mark: str,
    cell_types: tuple[str, ...],
    transform: CoverageTransform,
    bin_bp: int,
    settings: DistillationSettings,
    seed: int,
) -> list[Contig]:
    """All known windows of a mark in some cell types, labelled or not.

    Args:
        data: the folder that holds `peaks/histone_labels`.
        mark: such as H3K4me3.
        cell_types: which to read; no other is touched.
        transform: how the scale of each file is estimated, from all fragments and from each share.
        bin_bp: width of a bin.
        settings: see there.
        seed: of the draws of fragments.
    """
    folder = data / LABELS_FOLDER
    windows = pd.read_csv(folder / "windows.tsv", sep="\t")
    windows = windows[(windows["mark"] == mark) & windows["celltype"].isin(cell_types)]
    contigs: list[Contig] = []
    for number, (file, own) in enumerate(windows.groupby("bw")):
        known = own[["chrom", "start", "end"]].reset_index(drop=True)
        with BigWig(folder / str(file)) as bigwig:
            draws = enumerate(settings.keeps)
            shares = [thinned(bigwig, known, keep, 1000 * seed + 100 * number + draw) for draw, keep in draws]
            views = [_scaled(track, known, transform, bin_bp) for track in (bigwig, *shares)]
        for chrom, seen in zip(known["chrom"], zip(*views, strict=True), strict=True):
            level = smooth(seen[0], settings.smoothing_bp, bin_bp).astype(np.float32)
            contigs.append(Contig(str(chrom), level, np.flatnonzero(level >= 2), list(seen)))
    return contigs


class Taught(NamedTuple):
    """A rule, and the coverage on which it is taught."""

    rule: ThresholdRule
    contigs: list[Contig]
    settings: DistillationSettings


def random_windows(
    random: np.random.Generator, taught: Taught, n_windows: int, crops: CropSettings, bin_bp: int
) -> tuple[Float[np.ndarray, "window bin"], Float[np.ndarray, "window bin"], Float[np.ndarray, "window bin"]]:
    """Augmented windows: arcsinh(signal / scale), how surely the rule calls each bin, and which bins count.

    The chance of a contig is the square root of its length. Bins that are unknown, or too near to the ends of a window
    for a network to see all around them, do not count.
    """
    rule, contigs, settings = taught
    n_bins, flank = crops.n_bins, crops.flank_bins
    coverage, truth, weight = (np.zeros((n_windows, n_bins), np.float32) for _ in range(3))
    chance = np.sqrt([len(contig.level) for contig in contigs])
    for number, choice in enumerate(random.choice(len(contigs), n_windows, p=chance / chance.sum())):
        contig = contigs[choice]
        is_busy = len(contig.busy) > 0 and random.random() < settings.busy_share
        anchor = random.choice(contig.busy) if is_busy else random.integers(len(contig.level))
        start = int(anchor) - int(random.integers(flank, n_bins - flank))
        view = 0 if random.random() < settings.whole_share else int(random.integers(1, len(contig.views)))
        factor = np.exp(settings.factor_sd * random.normal())
        order = slice(None, None, -1 if random.random() < 0.5 else 1)
        inner = np.zeros(n_bins, np.float32)
        inner[flank:-flank] = 1
        inner[: max(-start, 0)] = 0
        inner[max(len(contig.level) - start, 0) :] = 0
        coverage[number] = scaled_arcsinh(crop(contig.views[view], start, n_bins), factor)[order]
        calls = soft_calls(crop(contig.level, start, n_bins) / factor, rule, settings.sharpness)
        truth[number] = (fill_gaps(calls, rule, bin_bp) if settings.fills_gaps else calls)[order]
        weight[number] = inner[order]
    return coverage, truth, weight


def _scaled(
    track: SignalTrack, known: pd.DataFrame, transform: CoverageTransform, bin_bp: int
) -> list[Float[np.ndarray, " bin"]]:
    """Signal over the track's scale in each known window."""
    scale = transform.fit(track, "coverage", known).scale
    rows = zip(known["chrom"], known["start"], known["end"], strict=True)
    return [
        (track.binned(chrom, int(start) // bin_bp, -(-int(end) // bin_bp), bin_bp) / scale).astype(np.float32)
        for chrom, start, end in rows
    ]

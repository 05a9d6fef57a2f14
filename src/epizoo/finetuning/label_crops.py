"""Fixed crops around labels, on which a fit is measured, and the size of crops."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from epizoo.errors import InputError
from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.metrics.label_errors import ANNOTATIONS
from epizoo.peaks.labelled_stretches import CropSettings, LabelledStretch, crop, cut_label
from epizoo.peaks.region_label_likelihood import LabelBatch, LabelBins, pack_labels

_SMALLEST, _LARGEST, _STEP = 512, 4_096, 128
_CROPS_OF_ONE_LABEL = 3
# Crops without weight fill up to a multiple of this, so that steps compiled for one set of labels serve the next.
_CROPS_AT_ONCE = 32
NO_PEAKS = ANNOTATIONS.index("noPeaks")


class FixedCrops(NamedTuple):
    """Crops that do not change: one centred on each label, up to three on a long `noPeaks` label."""

    coverage: Float[np.ndarray, "crop bin"]
    labels: LabelBatch
    locus: Int[np.ndarray, " crop"]
    weight: Float[np.ndarray, " crop"]
    """Of the crop: the label's share of its region, shared among its crops; 0 for crops that only fill up."""


def crop_settings(stretches: list[LabelledStretch], flank_bins: int) -> CropSettings:
    """Crops of 512 bins, or so many more that the longest label about peaks fits.

    Raises:
        InputError: a label is longer than the largest crop.
    """
    longest = max(
        (bins.end_bin - bins.start_bin for stretch in stretches for bins in stretch.labels["bins"] if bins.annotation),
        default=0,
    )
    needed = longest + 2 * flank_bins + 2
    n_bins = max(_SMALLEST, -(-needed // _STEP) * _STEP)
    if n_bins > _LARGEST:
        raise InputError(
            f"labels: one about a peak is {longest} bins long, expected at most {_LARGEST - 2 * flank_bins - 2}; label "
            "the borders of wide peaks (peakStart, peakEnd), not the whole of them"
        )
    return CropSettings(n_bins=n_bins, flank_bins=flank_bins, smallest_keep=0.5)


def fixed_crops(
    stretches: list[LabelledStretch], settings: CropSettings, *, most: int = 384, seed: int = 0
) -> FixedCrops:
    """Crops centred on the labels, as arcsinh(signal / scale); a random `most` of the labels if there are more."""
    todo = [
        (stretch, bins, share, locus)
        for stretch in stretches
        for bins, share, locus in zip(
            stretch.labels["bins"], stretch.labels["share"], stretch.labels["locus"], strict=True
        )
    ]
    if len(todo) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(todo), most, replace=False))
        todo = [todo[int(number)] for number in chosen]
    coverage: list[np.ndarray] = []
    rows: list[tuple[int, LabelBins, float]] = []
    loci: list[int] = []
    weights: list[float] = []
    for stretch, bins, share, locus in todo:
        middles = _middles(bins, settings)
        for middle in middles:
            start = middle - settings.n_bins // 2
            cut = cut_label(bins, start, settings)
            if cut is None:
                continue
            rows.append((len(coverage), cut, 1.0))
            coverage.append(scaled_arcsinh(crop(stretch.signal, start, settings.n_bins), stretch.scale))
            loci.append(int(locus))
            weights.append(share / len(middles))
    n_crops = -(-len(rows) // _CROPS_AT_ONCE) * _CROPS_AT_ONCE
    labels = pack_labels(rows, n_crops, settings.n_bins - 2 * settings.flank_bins)
    more = n_crops - len(rows)
    array = np.pad(np.stack(coverage).astype(np.float32), ((0, more), (0, 0)))
    return FixedCrops(
        array, labels, np.array(loci + [-1] * more, np.int64), np.array(weights + [0.0] * more, np.float32)
    )


def _middles(bins: LabelBins, settings: CropSettings) -> list[int]:
    """Centres of the crops of a label."""
    room = settings.n_bins - 2 * settings.flank_bins
    length = bins.end_bin - bins.start_bin
    if bins.annotation != NO_PEAKS or length <= room:
        return [(bins.start_bin + bins.end_bin) // 2]
    first, last = bins.start_bin + room // 2, bins.end_bin - (room - room // 2)
    number = min(_CROPS_OF_ONE_LABEL, -(-length // room))
    return sorted({int(middle) for middle in np.linspace(first, last, number)})

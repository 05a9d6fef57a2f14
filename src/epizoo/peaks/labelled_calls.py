"""Peaks of labelled stretches, made as users' peaks are made, and the calling rule that suits the labels best."""

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Bool, Float

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import call_peaks
from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.metrics.calibration import Cases, Corners, cases, fit_platt
from epizoo.metrics.label_errors import ANNOTATIONS, label_errors, region_rates
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.peaks.labelled_stretches import LabelledStretch, crop

# Peaks around a locus reach no further than this from its outermost labels, or are cut.
_MARGIN_BP = 10_000
_SHAPE_BINS = 1_024


class Prediction(NamedTuple):
    """A model's outputs around the labels of a stretch."""

    start_bin: int
    """On the chromosome's grid."""
    probabilities: Float[np.ndarray, " bin"]
    signal: Float[np.ndarray, " bin"]


def predict_stretches(model: PeakCaller, stretches: Iterable[LabelledStretch]) -> list[Prediction]:
    """The outputs around each stretch's labels, with the receptive field as flanks."""
    graph, parameters = nnx.split(model)
    bin_bp, flank = model.config.bin_bp, model.receptive_field_bins

    outputs = _probabilities(graph)
    predictions = []
    for stretch in stretches:
        first, length = around_labels(stretch, bin_bp)
        coverage = scaled_arcsinh(crop(stretch.signal, first - flank, length + 2 * flank), stretch.scale)
        probabilities = np.asarray(outputs(parameters, coverage[None, :, None]))[0, flank:-flank]
        signal = crop(stretch.signal, first, length)
        predictions.append(Prediction(stretch.start_bin + first, probabilities, signal))
    return predictions


def around_labels(stretch: LabelledStretch, bin_bp: int) -> tuple[int, int]:
    """The first bin around a stretch's labels, counted from the stretch's first, and the number of bins."""
    margin = _MARGIN_BP // bin_bp
    first = min(label.start_bin for label in stretch.labels["bins"]) - margin
    length = max(label.end_bin for label in stretch.labels["bins"]) + margin - first
    # Few shapes, so that little is compiled.
    return first, -(-length // _SHAPE_BINS) * _SHAPE_BINS


@functools.lru_cache(maxsize=4)
def _probabilities(graph: nnx.GraphDef) -> Callable[..., jax.Array]:
    """Peak probabilities of coverage, compiled once for all models of one shape."""
    return jax.jit(lambda parameters, coverage: nnx.merge(graph, parameters)(coverage).peak_probabilities)


def call_errors(
    predictions: Iterable[Prediction], stretches: Iterable[LabelledStretch], calling: PeakCallingConfig, bin_bp: int
) -> pd.DataFrame:
    """`label_errors` of all stretches, with peaks from `epizoo.calling.peaks`."""
    tables = []
    for prediction, stretch in zip(predictions, stretches, strict=True):
        peaks = call_peaks(
            stretch.chrom,
            prediction.start_bin,
            prediction.probabilities,
            prediction.signal,
            calling,
            bin_bp=bin_bp,
            chrom_size=stretch.chrom_size,
        )
        tables.append(label_errors(stretch.labels.drop(columns="bins"), peaks))
    return pd.concat(tables, ignore_index=True)


def choose_calling(
    errors: Mapping[PeakCallingConfig, pd.DataFrame], without_chromosomes: Collection[str] = ()
) -> PeakCallingConfig:
    """The rule with the lowest sum of both wrong-label rates, by region and by label; the first of equals."""

    def cost(calling: PeakCallingConfig) -> float:
        table = errors[calling]
        return error_cost(table[~table["chrom"].isin(without_chromosomes)])

    return min(errors, key=cost)


def error_cost(errors: pd.DataFrame) -> float:
    """The sum of both wrong-label rates, by region and by label."""
    rates = region_rates(errors)
    return float(rates["wrong_rate"].mean() + rates["n_wrong"].sum() / rates["n_labels"].sum())


def calling_candidates(
    enter: tuple[float, ...], extend: tuple[float, ...], min_width_bp: tuple[int, ...], merge_gap_bp: tuple[int, ...]
) -> list[PeakCallingConfig]:
    """All combinations that are allowed."""
    return [
        PeakCallingConfig(high, low, width, gap)
        for high, low, width, gap in itertools.product(enter, extend, min_width_bp, merge_gap_bp)
        if low <= high
    ]


class Decided(NamedTuple):
    """The cases that calibration is judged by: the highest probability inside each `noPeaks` and `peaks` label.

    Attributes:
        cases: whether the label says peaks, each region weighing the same.
        chrom: of each label.
    """

    cases: Cases
    chrom: np.ndarray

    def where(self, chosen: Bool[np.ndarray, " case"]) -> "Decided":
        """Some of the cases."""
        return Decided(Cases(*(column[chosen] for column in self.cases)), self.chrom[chosen])


def decided(predictions: Iterable[Prediction], stretches: Iterable[LabelledStretch]) -> Decided:
    """The cases of all stretches, in the order of their labels."""
    rows = []
    for prediction, stretch in zip(predictions, stretches, strict=True):
        offset = stretch.start_bin - prediction.start_bin
        for bins, share in zip(stretch.labels["bins"], stretch.labels["share"], strict=True):
            if ANNOTATIONS[bins.annotation] in ("noPeaks", "peaks"):
                highest = prediction.probabilities[offset + bins.start_bin : offset + bins.end_bin].max()
                rows.append((highest, ANNOTATIONS[bins.annotation] == "peaks", share, stretch.chrom))
    probability, is_peak, weight, chrom = zip(*rows, strict=True)
    return Decided(cases(np.array(probability), np.array(is_peak), np.array(weight)), np.array(chrom))


def calibrate(found: Decided, without_chromosomes: Collection[str] = ()) -> Corners:
    """The logistic curve that suits the cases of all chromosomes but some; see `fit_platt`.

    Regions weigh the same and all cases together as much as they are many: with a weight of 1 a region, Platt's
    smoothing of the targets would be all that is seen.
    """
    kept = found.where(~np.isin(found.chrom, list(without_chromosomes))).cases
    return fit_platt(kept._replace(weight=kept.weight * len(kept.weight) / kept.weight.sum()))


def calibrated_left_out(found: Decided, never: str) -> Cases:
    """The cases, each chromosome's probabilities calibrated by the other chromosomes without `never`."""
    mended = found.cases.probability.copy()
    for chrom in np.unique(found.chrom):
        own = found.chrom == chrom
        mended[own] = PeakCallingConfig(calibration=calibrate(found, {chrom, never})).calibrated(mended[own])
    return found.cases._replace(probability=mended)

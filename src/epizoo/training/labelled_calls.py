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

from epizoo.calling.peaks import PeakCallingConfig, call_peaks
from epizoo.models.peak_caller import PeakCaller
from epizoo.training.label_errors import ANNOTATIONS, label_errors, region_rates
from epizoo.training.labelled_stretches import Stretch, crop

# Peaks around a locus reach no further than this from its outermost labels, or are cut.
_MARGIN_BP = 10_000
_SHAPE_BINS = 1_024


class Prediction(NamedTuple):
    """A model's outputs around the labels of a stretch."""

    start_bin: int
    """On the chromosome's grid."""
    probabilities: Float[np.ndarray, " bin"]
    signal: Float[np.ndarray, " bin"]


def predict_stretches(model: PeakCaller, stretches: Iterable[Stretch]) -> list[Prediction]:
    """The outputs around each stretch's labels, with the receptive field as flanks."""
    graph, parameters = nnx.split(model)
    bin_bp, flank = model.config.bin_bp, model.receptive_field_bins

    outputs = _probabilities(graph)
    predictions = []
    for stretch in stretches:
        margin = _MARGIN_BP // bin_bp
        first = min(label.start_bin for label in stretch.labels["bins"]) - margin
        length = max(label.end_bin for label in stretch.labels["bins"]) + margin - first
        # Few shapes, so that little is compiled.
        length = -(-length // _SHAPE_BINS) * _SHAPE_BINS
        coverage = np.arcsinh(crop(stretch.signal, first - flank, length + 2 * flank) / stretch.scale)
        probabilities = np.asarray(outputs(parameters, coverage[None, :, None]))[0, flank:-flank]
        signal = crop(stretch.signal, first, length)
        predictions.append(Prediction(stretch.start_bin + first, probabilities, signal))
    return predictions


@functools.lru_cache(maxsize=4)
def _probabilities(graph: nnx.GraphDef) -> Callable[..., jax.Array]:
    """Peak probabilities of coverage, compiled once for all models of one shape."""
    return jax.jit(lambda parameters, coverage: nnx.merge(graph, parameters)(coverage).peak_probabilities)


def call_errors(
    predictions: Iterable[Prediction], stretches: Iterable[Stretch], calling: PeakCallingConfig, bin_bp: int
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
    """The rule with the lowest sum of both wrong-label rates, by region and by label; the first of equals.

    Args:
        errors: what `call_errors` gave for each rule.
        without_chromosomes: whose labels have no say.
    """

    def cost(calling: PeakCallingConfig) -> float:
        table = errors[calling]
        rates = region_rates(table[~table["chrom"].isin(without_chromosomes)])
        return float(rates["wrong_rate"].mean() + rates["n_wrong"].sum() / rates["n_labels"].sum())

    return min(errors, key=cost)


def calling_candidates(
    enter: tuple[float, ...], extend: tuple[float, ...], min_width_bp: tuple[int, ...], merge_gap_bp: tuple[int, ...]
) -> list[PeakCallingConfig]:
    """All combinations that are allowed."""
    return [
        PeakCallingConfig(high, low, width, gap)
        for high, low, width, gap in itertools.product(enter, extend, min_width_bp, merge_gap_bp)
        if low <= high
    ]


def calibration(predictions: list[Prediction], stretches: list[Stretch]) -> dict[str, float]:
    """How well probabilities are calibrated where the labels decide, each region weighing the same.

    A case is the highest probability inside a `noPeaks` label (no peak) or a `peaks` label (peak).

    Returns:
        brier: mean squared error. expected_calibration_error: mean distance of probability and frequency in ten equal
        ranges of probability.
    """
    probability, is_peak, weight = _decided(predictions, stretches)
    weight = weight / weight.sum()
    ranges = np.minimum((10 * probability).astype(int), 9)
    gaps = [
        abs(float(np.sum((weight * (probability - is_peak))[ranges == number])))
        for number in range(10)
        if (ranges == number).any()
    ]
    return {
        "brier": float(np.sum(weight * (probability - is_peak) ** 2)),
        "expected_calibration_error": float(sum(gaps)),
    }


def _decided(
    predictions: list[Prediction], stretches: list[Stretch]
) -> tuple[Float[np.ndarray, " case"], Bool[np.ndarray, " case"], Float[np.ndarray, " case"]]:
    """The highest probability inside each `noPeaks` and `peaks` label, its truth and its weight."""
    cases = []
    for prediction, stretch in zip(predictions, stretches, strict=True):
        offset = stretch.start_bin - prediction.start_bin
        for bins, share in zip(stretch.labels["bins"], stretch.labels["share"], strict=True):
            if ANNOTATIONS[bins.annotation] in ("noPeaks", "peaks"):
                highest = prediction.probabilities[offset + bins.start_bin : offset + bins.end_bin].max()
                cases.append((highest, ANNOTATIONS[bins.annotation] == "peaks", share))
    probability, is_peak, weight = (np.array(column) for column in zip(*cases, strict=True))
    return probability, is_peak, weight

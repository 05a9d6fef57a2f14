"""The plainest peak caller, thresholds on smoothed coverage: what a network must not be worse than, and learns from.

A rule's level of a bin is its smoothed signal over the file's scale. As a probability, level / (1 + level), it goes
through the same calling and scoring as a network's.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.summits import smoothing_bins
from epizoo.peaks.labelled_calls import Prediction, around_labels, call_errors, error_cost
from epizoo.peaks.labelled_stretches import LabelledStretch, crop
from epizoo.simulation.coverage import close_gaps

NEIGHBOUR = 1.4
"""Rules whose thresholds differ by less than this factor share their errors when one is chosen."""
_SURE = 0.9
"""Least confidence within a joined peak; what is left to 1 is the most in one that is dropped."""


class ThresholdRule(NamedTuple):
    """A peak is a run of bins of level `extend` at least, one of which reaches `enter`."""

    enter: float
    extend: float
    merge_gap_bp: int
    min_width_bp: int

    def calling(self) -> PeakCallingConfig:
        """The rule for levels given as probabilities, level / (1 + level)."""
        return PeakCallingConfig(
            self.enter / (1 + self.enter), self.extend / (1 + self.extend), self.min_width_bp, self.merge_gap_bp
        )


def rule_candidates(
    enter: Iterable[float], extend_share: Iterable[float], merge_gap_bp: Iterable[int], min_width_bp: int
) -> list[ThresholdRule]:
    """All combinations, `extend` as a share of `enter`."""
    return [
        ThresholdRule(high, high * share, gap, min_width_bp)
        for high, share, gap in itertools.product(enter, extend_share, merge_gap_bp)
    ]


def smooth(signal: Float[np.ndarray, " bin"], smoothing_bp: int, bin_bp: int) -> Float[np.ndarray, " bin"]:
    """The mean over an odd number of bins, as near to `smoothing_bp` as they come; 0 beyond the ends.

    >>> smooth(np.array([0.0, 3, 0, 0, 0]), 150, 50).tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0]
    >>> smooth(np.array([3.0]), 150, 50).tolist()
    [1.0]
    """
    n_bins = smoothing_bins(smoothing_bp, bin_bp)
    # Not "same", which lengthens a signal shorter than the window.
    return np.convolve(signal, np.full(n_bins, 1 / n_bins))[n_bins // 2 : n_bins // 2 + len(signal)]


def rule_errors(
    stretches: list[LabelledStretch], candidates: Iterable[ThresholdRule], smoothing_bp: int, bin_bp: int
) -> dict[ThresholdRule, pd.DataFrame]:
    """The result of `call_errors` for each rule."""
    predictions = []
    for stretch in stretches:
        first, length = around_labels(stretch, bin_bp)
        signal = crop(stretch.signal, first, length)
        level = smooth(signal.astype(np.float64), smoothing_bp, bin_bp) / stretch.scale
        predictions.append(Prediction(stretch.start_bin + first, level / (1 + level), signal))
    return {rule: call_errors(predictions, stretches, rule.calling(), bin_bp) for rule in candidates}


def choose_rule(
    errors: Mapping[ThresholdRule, pd.DataFrame], without_chromosomes: Collection[str] = ()
) -> ThresholdRule:
    """The rule with the lowest mean cost over itself and its neighbours in height; the first of equals.

    The scale of a file has an error, and few labels decide: the centre of a plateau is wanted, not the lowest
    point. Neighbours have the same extend share, gap and width, and thresholds within a factor of `NEIGHBOUR`.
    """
    cost = {rule: error_cost(table[~table["chrom"].isin(without_chromosomes)]) for rule, table in errors.items()}

    def smoothed(rule: ThresholdRule) -> float:
        near = [value for other, value in cost.items() if _are_neighbours(rule, other)]
        return float(np.mean(near))

    return min(errors, key=smoothed)


def soft_calls(level: Float[np.ndarray, " bin"], rule: ThresholdRule, sharpness: float) -> Float[np.ndarray, " bin"]:
    """Confidence of the rule's call of each bin, 0.5 at its thresholds: a logistic curve over the log of the level.

    Inside a run of `extend` the smaller of two margins counts, the bin's over `extend` and the run's highest over
    `enter`, so that the bins of at least 0.5 are those of the rule's peaks.

    Args:
        level: smoothed signal over the scale.
        rule: whose thresholds.
        sharpness: of the curve, per unit of the natural logarithm of the level.
    """
    margin = np.log(np.maximum(level, 1e-9) / rule.extend)
    edges = np.flatnonzero(np.diff(level >= rule.extend, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    if len(starts):
        highest = np.maximum.reduceat(level, starts)
        inside = np.repeat(np.log(highest / rule.enter), ends - starts)
        is_inside = level >= rule.extend
        margin[is_inside] = np.minimum(margin[is_inside], inside)
    return 1 / (1 + np.exp(-np.clip(sharpness * margin, -30, 30)))


def fill_gaps(calls: Float[np.ndarray, " bin"], rule: ThresholdRule, bin_bp: int) -> Float[np.ndarray, " bin"]:
    """Soft calls in which all of a joined peak is called surely, gaps and edges, and peaks that a rule drops are not.

    >>> rule = ThresholdRule(2.0, 2.0, merge_gap_bp=100, min_width_bp=200)
    >>> fill_gaps(np.array([0.7, 0.1, 0.95, 0.0, 0.0, 0.8, 0.0]), rule, 100).round(2).tolist()
    [0.9, 0.9, 0.95, 0.0, 0.0, 0.1, 0.0]
    """
    filled = calls.copy()
    edges = np.flatnonzero(np.diff(close_gaps(calls >= 0.5, rule.merge_gap_bp // bin_bp), prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        peak = filled[start:end]
        if (end - start) * bin_bp < rule.min_width_bp:
            np.minimum(peak, 1 - _SURE, out=peak)
        else:
            np.maximum(peak, min(_SURE, float(peak.max())), out=peak)
    return filled


def _are_neighbours(rule: ThresholdRule, other: ThresholdRule) -> bool:
    near = 1 / NEIGHBOUR < other.enter / rule.enter < NEIGHBOUR
    same_share = np.isclose(rule.extend / rule.enter, other.extend / other.enter)
    return bool(near and same_share and rule[2:] == other[2:])

"""Ratios of sums and rankings with bootstrap intervals over loci: neighbours are no independent witnesses."""

from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from epizoo.metrics.label_errors import FEWEST_LOCI, Interval, assign_loci, interval

_N_DRAWS, _N_RANKING_DRAWS, _MOST_LEVELS = 10_000, 1_000, 1_000

Statistic = Literal["average_precision", "auroc"]
"""Area under the curve of precision and recall, by steps, or under the receiver operating characteristic."""


def ratio(
    places: pd.DataFrame,
    part: Float[np.ndarray, " place"],
    whole: Float[np.ndarray, " place"],
    sets: Int[np.ndarray, " place"] | None = None,
) -> Interval:
    """Sum of the parts over that of the wholes, with its 95% bootstrap interval over loci.

    Args:
        places: chrom, start and end of what is counted; those with at most 50 kb between them are one locus.
        part: what is counted of each place.
        whole: what it is divided by.
        sets: the set of each place, from 0; the result is the mean of the sets' ratios, NaN where a set has no whole.

    >>> at = pd.DataFrame({"chrom": "c", "start": [0, 10], "end": [5, 15]})
    >>> ratio(at, np.array([1.0, 0.0]), np.ones(2)).value
    0.5
    """
    number = np.zeros(len(places), np.int64) if sets is None else np.asarray(sets)
    if not len(places):
        return Interval(float("nan"), float("nan"), float("nan"))
    loci = np.unique(assign_loci(places.reset_index(drop=True)).to_numpy(), return_inverse=True)[1]
    sums = np.zeros((2, int(loci.max()) + 1, int(number.max()) + 1))
    np.add.at(sums[0], (loci, number), np.asarray(part, np.float64))
    np.add.at(sums[1], (loci, number), np.asarray(whole, np.float64))
    counts = _draws(sums.shape[1], _N_DRAWS)
    drawn = _mean_ratio(counts @ sums[0], counts @ sums[1])
    return _bounded(float(_mean_ratio(*sums.sum(axis=1, keepdims=True))[0]), drawn, sums.shape[1])


def ranking(
    score: Float[np.ndarray, " case"],
    is_true: Bool[np.ndarray, " case"],
    locus: Int[np.ndarray, " case"],
    statistic: Statistic = "average_precision",
) -> Interval:
    """Ranking of true cases above others by their scores, with its 95% bootstrap interval over loci.

    Cases of equal score are taken together. The interval is that of scores rounded to a thousand levels.

    Args:
        score: higher for cases that are more likely true.
        is_true: what they are.
        locus: the locus of each case.
        statistic: the area to measure.

    >>> ranking(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]), np.zeros(4, int)).value
    0.8333333333333333
    """
    levels = np.unique(-np.asarray(score, np.float64), return_inverse=True)[1]
    area = _average_precision if statistic == "average_precision" else _auroc
    value = float(area(*_counts(levels, is_true, np.zeros(len(levels), np.int64)))[0])
    loci = np.unique(locus, return_inverse=True)[1]
    n_loci = int(loci.max(initial=-1)) + 1
    if n_loci < FEWEST_LOCI:
        return Interval(value, float("nan"), float("nan"))
    coarse = _coarse(levels)
    true, other = _counts(coarse, is_true, loci)
    counts = _draws(n_loci, _N_RANKING_DRAWS)
    return _bounded(value, area(counts @ true, counts @ other), n_loci)


def _mean_ratio(
    part: Float[np.ndarray, "draw set"], whole: Float[np.ndarray, "draw set"]
) -> Float[np.ndarray, " draw"]:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0).mean(axis=1)


def _draws(n_loci: int, n_draws: int) -> Float[np.ndarray, "draw locus"]:
    """Number of times that each locus is drawn, of as many as there are."""
    return np.random.default_rng(0).multinomial(n_loci, np.full(n_loci, 1 / n_loci), size=n_draws).astype(np.float64)


def _bounded(value: float, drawn: Float[np.ndarray, " draw"], n_loci: int) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    return interval(value, defined, n_loci if len(defined) else 0)


def _coarse(levels: Int[np.ndarray, " case"]) -> Int[np.ndarray, " case"]:
    """The levels, or a thousand levels that hold about equally many cases."""
    n_levels = int(levels.max()) + 1
    if n_levels <= _MOST_LEVELS:
        return levels
    before = np.cumsum(np.bincount(levels, minlength=n_levels)) - 1
    return (before * _MOST_LEVELS // len(levels))[levels]


def _counts(
    levels: Int[np.ndarray, " case"], is_true: Bool[np.ndarray, " case"], loci: Int[np.ndarray, " case"]
) -> tuple[Float[np.ndarray, "locus level"], Float[np.ndarray, "locus level"]]:
    """True and other cases of each locus at each level, the highest score first."""
    shape = int(loci.max(initial=0)) + 1, int(levels.max(initial=0)) + 1
    place = loci * shape[1] + levels
    size = shape[0] * shape[1]
    true, other = (np.bincount(place[kept], minlength=size).reshape(shape) for kept in (is_true, ~is_true))
    return true.astype(np.float64), other.astype(np.float64)


def _average_precision(
    true: Float[np.ndarray, "draw level"], other: Float[np.ndarray, "draw level"]
) -> Float[np.ndarray, " draw"]:
    found, taken = np.cumsum(true, axis=1), np.cumsum(true + other, axis=1)
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    return _over((true * precision).sum(axis=1), true.sum(axis=1))


def _auroc(true: Float[np.ndarray, "draw level"], other: Float[np.ndarray, "draw level"]) -> Float[np.ndarray, " draw"]:
    below = other.sum(axis=1, keepdims=True) - np.cumsum(other, axis=1) + other / 2
    return _over((true * below).sum(axis=1), true.sum(axis=1) * other.sum(axis=1))


def _over(part: Float[np.ndarray, " draw"], whole: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)

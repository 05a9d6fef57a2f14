"""Calibration: the share of true cases among those of a probability, and fits of it.

A fit gives corners for `PeakCallingConfig.calibration`; fit it on validation data, never on training data.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from epizoo.errors import InputError

Corners = tuple[tuple[float, float], ...]
"""Probability and share of true cases, both rising."""
_GRID = np.array([0.001, 0.01, *np.arange(0.05, 1.0, 0.05), 0.99, 0.999])
_SMALLEST = 1e-6


class Cases(NamedTuple):
    """Things that were called with a probability, and what they are.

    Attributes:
        probability: in [0, 1].
        is_true: whether it is a peak.
        weight: how much a case counts, above 0.
    """

    probability: Float[np.ndarray, " case"]
    is_true: Bool[np.ndarray, " case"]
    weight: Float[np.ndarray, " case"]


def cases(
    probability: Float[np.ndarray, " case"],
    is_true: Bool[np.ndarray, " case"],
    weight: Float[np.ndarray, " case"] | None = None,
) -> Cases:
    """Checked cases, each of weight 1 where none is given.

    Raises:
        InputError: there are none, the arrays differ in length, or a value is out of range.
    """
    arrays = (np.asarray(probability, np.float64), np.asarray(is_true, bool))
    weights = np.ones(len(arrays[0])) if weight is None else np.asarray(weight, np.float64)
    if not len(arrays[0]) or len({len(arrays[0]), len(arrays[1]), len(weights)}) > 1:
        raise InputError(
            f"calibration: {len(arrays[0])} probabilities, {len(arrays[1])} truths and {len(weights)} weights found, "
            "expected equally many and at least one"
        )
    if not ((arrays[0] >= 0) & (arrays[0] <= 1)).all() or not (weights > 0).all():
        raise InputError("calibration: a probability is outside 0 to 1, or a weight is not above 0; correct them")
    return Cases(*arrays, weights)


def fit_platt(found: Cases) -> Corners:
    """A logistic curve over the probability's log odds, as corners (Platt 1999, with his smoothed targets).

    Raises:
        InputError: higher probabilities are true less often, so that no rising curve fits.
    """
    x = _log_odds(found.probability)
    positive = float(found.weight[found.is_true].sum())
    negative = float(found.weight[~found.is_true].sum())
    target = np.where(found.is_true, (positive + 1) / (positive + 2), 1 / (negative + 2))
    design = np.stack([x, np.ones_like(x)], axis=1)
    parameters = np.array([1.0, 0.0])
    for _ in range(100):
        share = 1 / (1 + np.exp(-design @ parameters))
        gradient = design.T @ (found.weight * (share - target))
        curvature = (design * (found.weight * share * (1 - share))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        # A step in log odds of more than 2 may overshoot where the curve is flat.
        parameters -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    if parameters[0] < 0:
        raise InputError("calibration: higher probabilities are true less often; check the labels")
    shares = 1 / (1 + np.exp(-(parameters[0] * _log_odds(_GRID) + parameters[1])))
    return tuple(zip(_GRID.tolist(), shares.tolist(), strict=True))


def reliability_table(found: Cases, n_ranges: int = 10) -> pd.DataFrame:
    """For equal ranges of probability that hold a case: low, high, n, weight, mean_probability and true_share."""
    number = np.minimum((n_ranges * found.probability).astype(int), n_ranges - 1)
    rows = []
    for i in np.unique(number):
        inside = number == i
        weight = found.weight[inside]
        rows.append(
            {
                "low": i / n_ranges,
                "high": (i + 1) / n_ranges,
                "n": int(inside.sum()),
                "weight": float(weight.sum()),
                "mean_probability": float(np.average(found.probability[inside], weights=weight)),
                "true_share": float(np.average(found.is_true[inside], weights=weight)),
            }
        )
    return pd.DataFrame(rows)


def expected_calibration_error(found: Cases, n_ranges: int = 10) -> float:
    """Mean distance of probability and share of true cases over equal ranges of probability, by weight."""
    table = reliability_table(found, n_ranges)
    return float(np.average((table["mean_probability"] - table["true_share"]).abs(), weights=table["weight"]))


def brier_score(found: Cases) -> float:
    """Mean squared error of the probabilities."""
    return float(np.average((found.probability - found.is_true) ** 2, weights=found.weight))


def _log_odds(probability: Float[np.ndarray, " case"]) -> Float[np.ndarray, " case"]:
    clipped = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return np.log(clipped / (1 - clipped))

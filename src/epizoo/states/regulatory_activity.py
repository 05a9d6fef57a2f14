"""Regulatory activity: the probability that an open element regulates a gene, from the states in and around it.

A logistic regression over square roots of posteriors, averaged over the element and over rings on both sides, up to 5
kb away, trained on elements that were silenced one by one (CRISPRi). Distance to genes is no input, though it tells
most: combine the two where it is known. `benchmarks/states/regulatory_activity.py` measures both.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from epizoo.errors import InputError

RING_BP = (0, 200, 400, 1000, 2400, 5000)
"""Distances from the element's borders between which the rings lie, in bp."""
_MAX_STEPS, _SMALLEST_STEP = 100, 1e-9


class RegulatoryHead(NamedTuple):
    """A trained regression: features are centred and scaled, then weighted."""

    centre: Float64[np.ndarray, " feature"]
    scale: Float64[np.ndarray, " feature"]
    weight: Float64[np.ndarray, " feature"]
    intercept: float


def neighbourhood(
    posteriors: Float[np.ndarray, "bin state"],
    starts_bp: Integer[np.ndarray, " element"],
    ends_bp: Integer[np.ndarray, " element"],
    bin_bp: int,
) -> Float64[np.ndarray, "element feature"]:
    """Square roots of the mean posteriors of each element and of the rings around it.

    Rings beyond the chromosome's ends are 0.

    Args:
        posteriors: of one chromosome.
        starts_bp: of the elements, from 0.
        ends_bp: of the elements, exclusive.
        bin_bp: width of a bin; bins that an element touches belong to it.

    Raises:
        InputError: an element lies outside the chromosome.
    """
    n_bins = len(posteriors)
    starts, ends = starts_bp // bin_bp, -(-ends_bp // bin_bp)
    if len(starts) and not (starts.min() >= 0 and (starts < ends).all() and ends.max() <= n_bins):
        raise InputError(f"elements: some lie outside the chromosome of {n_bins} bins of {bin_bp} bp; leave them out")
    sums = np.vstack([np.zeros(posteriors.shape[1]), np.cumsum(posteriors, axis=0, dtype=np.float64)])
    means = [_mean(sums, [(starts, ends)])]
    for inner, outer in itertools.pairwise(RING_BP):
        near, far = inner // bin_bp, outer // bin_bp
        left = (np.maximum(starts - far, 0), np.maximum(starts - near, 0))
        right = (np.minimum(ends + near, n_bins), np.minimum(ends + far, n_bins))
        means.append(_mean(sums, [left, right]))
    return np.sqrt(np.maximum(np.hstack(means), 0))


def fit_head(
    features: Float64[np.ndarray, "element feature"], regulates: Bool[np.ndarray, " element"], penalty: float = 300.0
) -> RegulatoryHead:
    """The regression of highest posterior probability, by Newton's method.

    Args:
        features: see `neighbourhood`.
        regulates: whether each element regulates a gene.
        penalty: half of this times the squared weights of the scaled features is added to the negative log-likelihood.

    Raises:
        InputError: all elements are of one kind.
    """
    if regulates.all() or not regulates.any():
        raise InputError("elements: all are of one kind; give some that regulate a gene and some that do not")
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    inputs = np.hstack([(features - centre) / scale, np.ones((len(features), 1))])
    penalties = np.append(np.full(features.shape[1], penalty), 0.0)
    weights = np.zeros(len(penalties))
    weights[-1] = np.log(regulates.mean() / (1 - regulates.mean()))
    for _ in range(_MAX_STEPS):
        expected = _logistic(inputs @ weights)
        gradient = inputs.T @ (expected - regulates) + penalties * weights
        curvature = (inputs * (expected * (1 - expected))[:, None]).T @ inputs + np.diag(penalties)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < _SMALLEST_STEP:
            break
    return RegulatoryHead(centre, scale, weights[:-1], float(weights[-1]))


def regulatory_activity(
    head: RegulatoryHead, features: Float64[np.ndarray, "element feature"]
) -> Float64[np.ndarray, " element"]:
    """The probability that each element regulates a gene, if it is open and tested as those of the training were."""
    return _logistic((features - head.centre) / head.scale @ head.weight + head.intercept)


def _mean(
    sums: Float64[np.ndarray, "border state"], parts: list[tuple[Integer[np.ndarray, " element"], ...]]
) -> Float64[np.ndarray, "element state"]:
    total = sum(sums[ends] - sums[starts] for starts, ends in parts)
    n_bins = sum(ends - starts for starts, ends in parts)
    return np.asarray(total) / np.maximum(n_bins, 1)[:, None]


def _logistic(values: Float64[np.ndarray, " element"]) -> Float64[np.ndarray, " element"]:
    return 1 / (1 + np.exp(-values))

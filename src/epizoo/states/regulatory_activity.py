"""Regulatory activity: the probability that an open element regulates a gene, from the states in and around it.

A logistic regression over square roots of posteriors, averaged over the element and over rings on both sides, up to 5
kb away, trained on elements that were silenced one by one (CRISPRi). Distance to genes is no input, though it tells
most: combine the two where it is known. `benchmarks/states/regulatory_activity.py` measures both, and
`python -m epizoo.recipes.add_regulatory_activity` gives an entry the weights.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Integer

from epizoo.errors import InputError

RING_BP = (0, 200, 400, 1000, 2400, 5000)
"""Distances from the element's borders between which the rings lie, in bp."""
N_PARTS = len(RING_BP)
"""The element and its rings."""
ELEMENT_BP = 600
"""Width of the elements along a chromosome, that of the median element of the training in whole bins of 200 bp."""
_LEAST_SPREAD = 0.1
"""Standard deviation by which a feature is divided at least before its weight is penalised."""
_MAX_STEPS, _SMALLEST_STEP = 100, 1e-9
_CHUNK_BINS = 1 << 15


class RegulatoryHead(NamedTuple):
    """A trained regression: the weights of `neighbourhood`'s features, and what is added."""

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
    # States that hardly occur near open elements would get weights that mislead where they fill a neighbourhood.
    scale = np.maximum(scale, _LEAST_SPREAD)
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
    weight = weights[:-1] / scale
    return RegulatoryHead(weight, float(weights[-1] - weight @ centre))


def regulatory_activity(
    head: RegulatoryHead, features: Float64[np.ndarray, "element feature"]
) -> Float64[np.ndarray, " element"]:
    """The probability that each element regulates a gene, if it is open and tested as those of the training were."""
    return _logistic(features @ head.weight + head.intercept)


def activity_along(
    head: RegulatoryHead, posteriors: Float[np.ndarray, "bin state"], bin_bp: int
) -> Float32[np.ndarray, " bin"]:
    """The probability for an element of `ELEMENT_BP` around each bin of a chromosome, cut off at its ends.

    Args:
        head: see `fit_head`.
        posteriors: of one chromosome.
        bin_bp: width of a bin.
    """
    n_bins, half = len(posteriors), (ELEMENT_BP - bin_bp) // 2 // bin_bp
    found = np.zeros(n_bins, np.float32)
    reach = half + RING_BP[-1] // bin_bp
    for first in range(0, n_bins, _CHUNK_BINS):
        after = min(first + _CHUNK_BINS, n_bins)
        # What a chunk's elements see, so that memory does not grow with the chromosome.
        low, high = max(first - reach, 0), min(after + reach, n_bins)
        places = np.arange(first, after) - low
        starts, ends = np.maximum(places - half, 0), np.minimum(places + half + 1, high - low)
        features = neighbourhood(posteriors[low:high], starts * bin_bp, ends * bin_bp, bin_bp)
        found[first:after] = regulatory_activity(head, features)
    return found


def _mean(
    sums: Float64[np.ndarray, "border state"], parts: list[tuple[Integer[np.ndarray, " element"], ...]]
) -> Float64[np.ndarray, "element state"]:
    total = sum(sums[ends] - sums[starts] for starts, ends in parts)
    n_bins = sum(ends - starts for starts, ends in parts)
    return np.asarray(total) / np.maximum(n_bins, 1)[:, None]


def _logistic(values: Float64[np.ndarray, " element"]) -> Float64[np.ndarray, " element"]:
    return 1 / (1 + np.exp(-values))

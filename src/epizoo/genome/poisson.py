"""The Poisson tail, far beyond where probabilities underflow."""

import math

import numpy as np
from jaxtyping import Float

_PRECISION = 1e-12


def poisson_log10_p(height: Float[np.ndarray, " place"], expected: Float[np.ndarray, " place"]) -> np.ndarray:
    """-log10 P(X >= height) of a Poisson variable: the regularised lower incomplete gamma function, by its series.

    That is expected^height e^-expected / Gamma(height + 1) * sum over k of expected^k / ((height + 1) … (height + k))
    (NIST DLMF 8.7.1), which does not underflow. Heights between whole numbers, as means over a bin have, lie between
    their neighbours; 0 has a p-value of 1.

    Args:
        height: at least 0.
        expected: the mean, more than 0.

    >>> poisson_log10_p(np.array([0.0, 1.0]), np.array([2.0, 1e-9])).round(3).tolist()
    [0.0, 9.0]
    """
    height, expected = np.asarray(height, np.float64), np.asarray(expected, np.float64)
    total, term, step = np.ones_like(expected), np.ones_like(expected), 0
    # Far below the mean the sum is infinite, and -log10 p rightly 0.
    with np.errstate(over="ignore"):
        while (term > _PRECISION * total).any():
            step += 1
            term = term * expected / (height + step)
            total += term
    factorials = np.array([math.lgamma(value + 1) for value in height.ravel()]).reshape(height.shape)
    log_p = height * np.log(expected) - expected - factorials + np.log(total)
    return np.maximum(-log_p / math.log(10), 0.0)

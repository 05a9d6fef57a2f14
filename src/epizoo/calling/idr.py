"""The irreproducible discovery rate of Li, Brown, Huang and Bickel (Ann. Appl. Stat. 5:1752, 2011).

Scores of the same candidates in each replicate are turned into ranks, and a copula mixture of two components is fitted
to them: candidates that are reproducible, whose latent scores correlate, and others, whose scores are independent. The
copula's likelihood is maximised itself. The paper's EM on pseudo-data ends beside the maximum, where it depends on its
start: pseudo-data have the marginal distribution of whatever parameters made them. With more than two replicates the
reproducible component has one correlation between all pairs, which for two is the paper's model.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.special import expit, ndtr

_START = np.array([0.0, np.log(2.6), np.log(1.3), 1.4])
"""Share 0.5, mean 2.6, standard deviation 1.3 and correlation 0.8, where the authors' program begins."""
_MOST_SCORES = 20_000
"""The mixture is fitted to so many scores at most, of candidates evenly spaced by their mean rank."""
_LEAST, _GRID = 1e-3, 4096


class CopulaMixture(NamedTuple):
    """Parameters of the mixture; the irreproducible component is standard normal and independent.

    Attributes:
        share: of candidates that are reproducible, in (0, 1).
        mean, sd, correlation: of the latent scores of these.
    """

    share: float
    mean: float
    sd: float
    correlation: float


class Idr(NamedTuple):
    """Irreproducible discovery rates.

    Attributes:
        local: probability of each candidate to be irreproducible.
        rate: the IDR of each candidate: the mean of `local` over all that are as reproducible or more.
        mixture: the fitted mixture.
    """

    local: Float[np.ndarray, " peak"]
    rate: Float[np.ndarray, " peak"]
    mixture: CopulaMixture


def idr(scores: Float[np.ndarray, "peak replicate"]) -> Idr:
    """IDR of candidates by their scores in each of two replicates or more; higher is better, ties share their rank."""
    marginals = pd.DataFrame(scores).rank().to_numpy() / (len(scores) + 1)
    step = -(-scores.size // _MOST_SCORES)
    some = marginals[np.argsort(marginals.mean(axis=1), kind="stable")[::step]]
    best = minimize(
        lambda values: -log_likelihood(some, _mixture(values)), _START, method="Nelder-Mead", options={"maxiter": 1000}
    )
    mixture = _mixture(best.x)
    local = 1 - _posterior(latent_scores(marginals, mixture), mixture)
    return Idr(local, _rates(local), mixture)


def log_likelihood(marginals: Float[np.ndarray, "peak replicate"], mixture: CopulaMixture) -> float:
    """The copula's log-likelihood: of the latent scores, less that of each replicate by itself (their eq. 2.8)."""
    latent = latent_scores(marginals, mixture)
    first, second = _log_components(latent, mixture)
    alone = [_log_components(column[:, None], mixture) for column in latent.T]
    return float(np.logaddexp(first, second).sum() - sum(np.logaddexp(*parts).sum() for parts in alone))


def latent_scores(
    marginals: Float[np.ndarray, "peak replicate"], mixture: CopulaMixture
) -> Float[np.ndarray, "peak replicate"]:
    """The quantiles of the mixture's marginal distribution: the paper's pseudo-data."""
    low, high = min(-8.0, mixture.mean - 8 * mixture.sd), max(8.0, mixture.mean + 8 * mixture.sd)
    grid = np.linspace(low, high, _GRID)
    share, mean, sd, _ = mixture
    return np.interp(marginals, share * ndtr((grid - mean) / sd) + (1 - share) * ndtr(grid), grid)


def _log_components(
    latent: Float[np.ndarray, "peak replicate"], mixture: CopulaMixture
) -> tuple[Float[np.ndarray, " peak"], Float[np.ndarray, " peak"]]:
    """Log of share times density of the reproducible component, and of the other; without log(2 pi) / 2 for each."""
    share, mean, sd, correlation = mixture
    n = latent.shape[1]
    z = (latent - mean) / sd
    middle = z.mean(axis=1)
    # Of an exchangeable normal, the mean of the replicates and the deviations from it are independent.
    of_mean, of_rest = 1 + (n - 1) * correlation, 1 - correlation
    square = n * middle**2 / of_mean + ((z - middle[:, None]) ** 2).sum(axis=1) / of_rest
    log_determinant = np.log(of_mean) + (n - 1) * np.log(of_rest)
    first = np.log(share) - n * np.log(sd) - 0.5 * (log_determinant + square)
    return first, np.log1p(-share) - 0.5 * (latent**2).sum(axis=1)


def _posterior(latent: Float[np.ndarray, "peak replicate"], mixture: CopulaMixture) -> Float[np.ndarray, " peak"]:
    """Probability of each candidate to be reproducible."""
    first, second = _log_components(latent, mixture)
    return expit(first - second)


def _mixture(values: Float[np.ndarray, " parameter"]) -> CopulaMixture:
    """The mixture for unbounded parameters, kept off the borders, where the likelihood has no meaning."""
    share, correlation = (_LEAST + (1 - 2 * _LEAST) * float(expit(values[i])) for i in (0, 3))
    return CopulaMixture(share, float(np.exp(values[1])), float(np.exp(values[2])), correlation)


def _rates(local: Float[np.ndarray, " peak"]) -> Float[np.ndarray, " peak"]:
    """Mean of the local rates up to each, equal ones together.

    >>> _rates(np.array([0.2, 0.0, 0.2])).round(3).tolist()
    [0.133, 0.0, 0.133]
    """
    order = np.argsort(local, kind="stable")
    means = np.cumsum(local[order]) / np.arange(1, len(local) + 1)
    last = np.searchsorted(local[order], local, side="right") - 1
    return np.asarray(means[last])

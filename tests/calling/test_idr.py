"""The irreproducible discovery rate against its definition, on draws from the model itself."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from epizoo.calling.idr import CopulaMixture, idr, latent_scores, log_likelihood

TRUTH = CopulaMixture(0.6, 2.5, 1.2, 0.85)


def covariance(mixture, n):
    return mixture.sd**2 * (mixture.correlation + (1 - mixture.correlation) * np.eye(n))


def drawn(mixture, n_peaks, n_replicates, seed=0):
    random = np.random.default_rng(seed)
    is_real = random.random(n_peaks) < mixture.share
    real = random.multivariate_normal([mixture.mean] * n_replicates, covariance(mixture, n_replicates), n_peaks)
    return np.where(is_real[:, None], real, random.normal(size=(n_peaks, n_replicates))), is_real


def densities(latent, mixture):
    """Both components, from SciPy's multivariate normal."""
    n = latent.shape[1]
    real = multivariate_normal([mixture.mean] * n, covariance(mixture, n)).pdf(latent)
    return mixture.share * real, (1 - mixture.share) * multivariate_normal(np.zeros(n)).pdf(latent)


@pytest.mark.parametrize("n_replicates", [2, 3])
def test_the_likelihood_is_that_of_the_papers_copula(n_replicates):
    latent, _ = drawn(TRUTH, 50, n_replicates)
    share, mean, sd, _ = TRUTH
    marginals = share * norm.cdf(latent, mean, sd) + (1 - share) * norm.cdf(latent)
    np.testing.assert_allclose(latent_scores(marginals, TRUTH), latent, atol=1e-3)
    joint = np.log(sum(densities(latent, TRUTH))).sum()
    alone = np.log(share * norm.pdf(latent, mean, sd) + (1 - share) * norm.pdf(latent)).sum()
    assert log_likelihood(marginals, TRUTH) == pytest.approx(joint - alone, abs=0.02)


@pytest.mark.parametrize("n_replicates", [2, 3])
def test_parameters_and_rates_of_draws_from_the_model_are_found(n_replicates):
    latent, is_real = drawn(TRUTH, 6_000, n_replicates)
    # Any increasing function of the scores gives the same ranks.
    found = idr(np.exp(latent) * np.arange(1, n_replicates + 1))
    assert found.mixture.share == pytest.approx(TRUTH.share, abs=0.04)
    assert found.mixture.correlation == pytest.approx(TRUTH.correlation, abs=0.04)
    real, other = densities(latent, TRUTH)
    # The posterior by the true parameters is the best that there is.
    assert np.abs(found.local - other / (real + other)).mean() < 0.02
    for rate in (0.01, 0.05, 0.2):
        chosen = found.rate <= rate
        assert (~is_real[chosen]).mean() == pytest.approx(rate, abs=0.02)


def test_no_other_parameters_are_more_likely():
    latent, _ = drawn(TRUTH, 1_500, 2, seed=3)
    found = idr(latent).mixture
    marginals = (latent.argsort(axis=0).argsort(axis=0) + 1) / (len(latent) + 1)
    best = log_likelihood(marginals, found)
    assert best >= log_likelihood(marginals, TRUTH)
    random = np.random.default_rng(4)
    for size in (0.001, 0.01, 0.1):
        for change in random.normal(scale=size, size=(20, 4)):
            other = CopulaMixture(*(np.array(found) * np.exp(change)))
            if max(other.share, other.correlation) < 1:
                assert log_likelihood(marginals, other) < best + 1e-3


def test_independent_replicates_are_irreproducible():
    random = np.random.default_rng(5)
    found = idr(random.normal(size=(2_000, 2)))
    assert (found.rate <= 0.05).mean() < 0.02


def test_rates_are_means_of_the_local_rates_of_the_better():
    latent, _ = drawn(TRUTH, 300, 2, seed=6)
    found = idr(np.round(latent, 1))
    expected = [found.local[found.local <= local].mean() for local in found.local]
    np.testing.assert_allclose(found.rate, expected, rtol=1e-9)

"""Priors as pseudo-counts, and EM that maximises the posterior (MAP)."""

import numpy as np
import pytest
from hmm_oracles import random_model

from epizoo.errors import InputError
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.states.em import LearningConfig, expectation_maximization, log_prior, maximize
from epizoo.states.initialization import perturbed_parameters, random_parameters
from epizoo.states.priors import add_priors, centred_prior, log_density, uniform_prior


def draw(rng, n_bins=600, n_marks=3):
    return RunCounter([runs.from_values(np.repeat(rng.integers(0, 2, (n_bins // 6, n_marks)), 6, axis=0))])


def test_the_density_of_a_centred_prior_is_that_of_dirichlet_and_beta_distributions_and_peaks_at_its_centre():
    from scipy.stats import beta, dirichlet

    rng = np.random.default_rng(0)
    centre = runs.in_float64(random_model(rng, 3, 2))
    prior = centred_prior(centre, 30.0, transition_strength=20.0, initial_strength=10.0)

    def exact(model):
        total = dirichlet.logpdf(model.initial, 1 + 10.0 * centre.initial)
        total += sum(
            dirichlet.logpdf(row, 1 + 20.0 * c) for row, c in zip(model.transition, centre.transition, strict=True)
        )
        return total + beta.logpdf(model.emission, 1 + 30.0 * centre.emission, 1 + 30.0 * (1 - centre.emission)).sum()

    others = [perturbed_parameters(centre, 0.3, rng) for _ in range(20)]
    for other in others:
        gained = log_density(prior, centre) - log_density(prior, other)
        assert gained == pytest.approx(exact(centre) - exact(other), rel=1e-9)
        assert gained > 0


@pytest.mark.parametrize("accelerate", [False, True])
def test_learning_with_a_prior_never_lowers_the_posterior(accelerate):
    rng = np.random.default_rng(1)
    counter = draw(rng)
    prior = centred_prior(random_parameters(3, 3, rng), 40.0)
    start = random_parameters(3, 3, rng)
    values = []
    for n_steps in range(0, 24, 3):
        config = LearningConfig(n_steps, 0.0, accelerate=accelerate, emission_pseudocount=0.5)
        learned = expectation_maximization(counter, start, config, prior=prior)
        values.append(learned.log_likelihood + log_prior(learned.parameters, config, prior))
    assert (np.diff(values) > -1e-8).all()
    assert values[-1] > values[0] + 1


def test_an_overwhelming_prior_keeps_the_model_and_a_vanishing_one_changes_nothing():
    rng = np.random.default_rng(2)
    counter = draw(rng)
    centre = random_parameters(3, 3, rng)
    kept = expectation_maximization(counter, centre, LearningConfig(5, 0.0), prior=centred_prior(centre, 1e12))
    free = expectation_maximization(counter, centre, LearningConfig(5, 0.0))
    faint = expectation_maximization(counter, centre, LearningConfig(5, 0.0), prior=centred_prior(centre, 0.0))
    for found, expected in zip(kept.parameters, centre, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)
    for found, expected in zip(faint.parameters, free.parameters, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_exact_zeros_of_the_centre_stay_zero():
    rng = np.random.default_rng(3)
    counter = draw(rng)
    centre = runs.in_float64(random_model(rng, 4, 3, zeros=0.3))
    emission = centre.emission.copy()
    emission[0, 0] = 0.0
    centre = centre._replace(emission=emission)
    learned = expectation_maximization(counter, centre, LearningConfig(8, 0.0), prior=centred_prior(centre, 50.0))
    assert (learned.parameters.transition[centre.transition == 0] == 0).all()
    assert learned.parameters.emission[0, 0] == 0
    assert np.isfinite(log_prior(learned.parameters, LearningConfig(), centred_prior(centre, 50.0)))


def test_a_mark_without_any_measured_bin_becomes_what_the_prior_says():
    rng = np.random.default_rng(4)
    values = rng.integers(0, 2, (200, 2)).astype(np.uint8)
    values[:, 1] = 2
    counter = RunCounter([runs.from_values(values)])
    centre, start = random_parameters(2, 2, rng), random_parameters(2, 2, rng)
    counts = counter.count(start)
    learned = maximize(counts, counter.marks, start, LearningConfig(), centred_prior(centre, 7.0))
    np.testing.assert_allclose(learned.emission[:, 1], centre.emission[:, 1])


def test_what_is_no_prior_of_the_model_is_refused():
    model = random_parameters(3, 2, np.random.default_rng(5))
    with pytest.raises(InputError, match=r"strength\b.*-1\b"):
        centred_prior(model, -1.0)
    with pytest.raises(InputError, match=r"prior\b.*\(3, 2\).*\(4, 2\)"):
        add_priors(uniform_prior(4, 2, 1, 1, 1), centred_prior(model, 1.0))

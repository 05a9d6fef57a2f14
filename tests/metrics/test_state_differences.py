"""Bins that differ between groups: what the means of groups say, and the share of each state."""

import numpy as np
import pytest

from epizoo.metrics.state_differences import Certainty, mean, stationary


def posteriors(random, n_bins=500, n_states=4):
    return random.dirichlet(np.full(n_states, 0.3), n_bins).astype(np.float32)


@pytest.mark.parametrize(("n_first", "n_second"), [(1, 3), (2, 2), (3, 1)])
def test_a_sample_given_several_times_is_as_certain_as_once(n_first, n_second):
    random = np.random.default_rng(0)
    first, second = posteriors(random), posteriors(random)
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    once = Certainty.nothing(prior).add([first], [second])
    assert len(np.unique(once)) > 100
    np.testing.assert_allclose(Certainty.nothing(prior).add([first] * n_first, [second] * n_second), once, atol=1)


def test_the_mean_of_a_group_is_that_of_its_samples():
    random = np.random.default_rng(1)
    samples = [posteriors(random) for _ in range(3)]
    np.testing.assert_allclose(mean(samples), np.stack(samples).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_share_of_each_state_is_what_a_long_walk_ends_in(seed):
    transition = np.random.default_rng(seed).dirichlet(np.full(5, 0.5), 5)
    np.testing.assert_allclose(stationary(transition), np.linalg.matrix_power(transition, 1 << 14)[0], atol=1e-9)

"""Regulatory activity from states of an element's neighbourhood."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from epizoo.errors import InputError
from epizoo.states.regulatory_activity import (
    RING_BP,
    RegulatoryHead,
    activity_along,
    fit_head,
    neighbourhood,
    regulatory_activity,
)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_features_are_what_a_loop_over_bins_averages(random):
    posteriors = random.dirichlet([1, 1, 1], 60)
    starts, ends = np.array([0, 2100, 5600, 11_900]), np.array([200, 2700, 6000, 12_000])
    found = neighbourhood(posteriors, starts, ends, 200)
    for row, start, end in zip(found, starts, ends, strict=True):
        first, last = start // 200, -(-end // 200)
        groups = [list(range(first, last))]
        for inner, outer in itertools.pairwise(RING_BP):
            distances = range(inner // 200, outer // 200)
            numbers = [place for one in distances for place in (first - 1 - one, last + one)]
            groups.append([number for number in numbers if 0 <= number < 60])
        expected = [posteriors[group].mean(axis=0) if group else np.zeros(3) for group in groups]
        np.testing.assert_allclose(row, np.sqrt(np.concatenate(expected)), atol=1e-12)


def test_the_fit_is_the_optimum_that_a_general_optimiser_finds(random):
    features = random.random((200, 4))
    regulates = random.random(200) < 1 / (1 + np.exp(2 - 3 * features[:, 0]))
    head = fit_head(features, regulates, penalty=5.0)
    inputs = (features - features.mean(axis=0)) / features.std(axis=0)

    def loss(weights):
        logits = inputs @ weights[:-1] + weights[-1]
        return np.logaddexp(0, logits).sum() - logits[regulates].sum() + 2.5 * (weights[:-1] ** 2).sum()

    best = minimize(loss, np.zeros(5), tol=1e-12).x
    scaled = [*(head.weight * features.std(axis=0)), head.intercept + head.weight @ features.mean(axis=0)]
    np.testing.assert_allclose(scaled, best, atol=1e-4)
    # The intercept is free, so probabilities are right on average.
    assert regulatory_activity(head, features).mean() == pytest.approx(regulates.mean(), abs=1e-9)


def test_activity_along_a_chromosome_is_that_of_an_element_around_each_bin(random, monkeypatch):
    monkeypatch.setattr("epizoo.states.regulatory_activity._CHUNK_BINS", 16)
    posteriors = random.dirichlet([1, 1, 1], 60)
    head = RegulatoryHead(random.normal(size=18), -1.0)
    found = activity_along(head, posteriors, 200)
    for place, value in enumerate(found):
        first, after = max(place - 1, 0), min(place + 2, 60)
        features = neighbourhood(posteriors, np.array([first * 200]), np.array([after * 200]), 200)
        assert value == pytest.approx(regulatory_activity(head, features)[0], rel=1e-6)


def test_elements_outside_and_elements_of_one_kind_are_refused(random):
    with pytest.raises(InputError, match="outside the chromosome of 10 bins"):
        neighbourhood(random.random((10, 2)), np.array([1900]), np.array([2100]), 200)
    with pytest.raises(InputError, match="one kind"):
        fit_head(random.random((5, 2)), np.ones(5, bool))

"""Learning states by gradients: the objective by enumeration, the optimum by EM, known states, mini-batches."""

import jax
import numpy as np
import pytest
from hmm_oracles import emission_rows, enumerate_paths, random_model

from epizoo.errors import InputError
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.em import LearningConfig, expectation_maximization, log_prior
from epizoo.states.initialization import perturbed_parameters, random_parameters
from epizoo.states.priors import centred_prior
from epizoo.states.recursion_gradients import (
    UNKNOWN,
    GradientConfig,
    chunk_log_likelihoods,
    cut_chunks,
    fit_states,
)


def annotator(parameters):
    n_states, n_marks = np.asarray(parameters.emission).shape
    config = ChromatinStateConfig(marks=tuple(f"M{i}" for i in range(n_marks)), n_states=n_states, start="initial")
    return ChromatinStateAnnotator.from_parameters(config, HMMParameters(*parameters))


def draw(rng, model, n_bins):
    states = [rng.choice(len(model.initial), p=model.initial)]
    for _ in range(n_bins - 1):
        states.append(rng.choice(len(model.initial), p=model.transition[states[-1]]))
    return (rng.random((n_bins, model.emission.shape[1])) < model.emission[states]).astype(float), np.array(states)


def in_float64(model):
    return HMMParameters(*(np.asarray(array, np.float64) for array in model.parameters()))


def distinct_model(rng):
    transition = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    return runs.Float64Parameters(np.full(3, 1 / 3), transition, np.array([[0.9, 0.1], [0.1, 0.8], [0.05, 0.1]]))


@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_the_objective_sums_the_paths_that_agree_with_the_known_states(zeros):
    rng = np.random.default_rng(0)
    model = random_model(rng, 3, 2, zeros)
    values, _ = draw(rng, model, 6)
    values[2, 1] = np.nan
    paths, weights = enumerate_paths(model, emission_rows(model, values))
    likely = paths[np.argmax(weights)]
    labels = np.where(np.arange(6) % 2, likely, UNKNOWN)
    agrees = (paths[:, 1::2] == likely[1::2]).all(axis=1)
    with jax.enable_x64(True):
        chunks = cut_chunks(annotator(model), [values, values], [labels, np.full(6, UNKNOWN)], 8)
        found = np.asarray(chunk_log_likelihoods(HMMParameters(*model), chunks))
    np.testing.assert_allclose(found, np.log([weights[agrees].sum(), weights.sum()]), rtol=1e-9)


def test_all_chunks_at_once_reach_the_optimum_that_em_with_the_same_prior_reaches():
    rng = np.random.default_rng(1)
    model = distinct_model(rng)
    values, _ = draw(rng, model, 500)
    prior = centred_prior(model, 20.0)
    start = perturbed_parameters(model, 0.3, rng)
    counter = RunCounter([runs.from_values(values)])
    learned = expectation_maximization(counter, start, LearningConfig(2000, 1e-9), prior=prior)
    best = learned.log_likelihood + log_prior(learned.parameters, LearningConfig(), prior)
    with jax.enable_x64(True):
        config = GradientConfig(n_steps=400, learning_rate=0.1, chunk_bins=500)
        fitted, objectives = fit_states(annotator(start), [values], config=config, prior=prior)
        parameters = in_float64(fitted)
    reached = counter.count(parameters).log_likelihood + log_prior(parameters, LearningConfig(), prior)
    assert reached == pytest.approx(best, abs=1e-2)
    assert objectives[-1] * 500 == pytest.approx(reached, abs=1e-2)
    np.testing.assert_allclose(parameters.emission, learned.parameters.emission, atol=5e-3)


def test_a_few_known_states_number_the_states_and_unknown_bins_follow():
    rng = np.random.default_rng(2)
    model = distinct_model(rng)
    values, states = draw(rng, model, 1500)
    labels = np.where(rng.random(1500) < 0.05, states, UNKNOWN)
    start = annotator(random_parameters(3, 2, rng))
    config = GradientConfig(n_steps=200, learning_rate=0.1, chunk_bins=500)
    fitted, _ = fit_states(start, [values], [labels], config=config)
    found, truth = (
        np.asarray(one(values[None].astype(np.float32)).state_posteriors[0]).argmax(axis=1)
        for one in (fitted, annotator(model))
    )
    hidden = labels == UNKNOWN
    assert (found == states)[hidden].mean() > (truth == states)[hidden].mean() - 0.02


def test_mini_batches_come_near_the_optimum_and_a_seed_gives_one_result():
    rng = np.random.default_rng(3)
    model = distinct_model(rng)
    values, _ = draw(rng, model, 2000)
    start = perturbed_parameters(model, 0.4, rng)
    counter = RunCounter([runs.from_values(values)])
    best = expectation_maximization(counter, start, LearningConfig(1000, 1e-6)).log_likelihood
    config = GradientConfig(n_steps=250, learning_rate=0.05, chunk_bins=200, batch_chunks=4)
    first, again = (fit_states(annotator(start), [values], config=config)[0] for _ in range(2))
    reached = counter.count(in_float64(first)).log_likelihood
    assert best - reached < 0.003 * 2000
    assert reached - counter.count(start).log_likelihood > 10 * (best - reached)
    for one, other in zip(in_float64(first), in_float64(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_exact_zeros_stay_zero_and_nothing_becomes_nan_where_labels_are_out_of_reach():
    rng = np.random.default_rng(4)
    start = HMMParameters(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 0.3], [0.6, 1.0]]))
    values = rng.integers(0, 2, (40, 2)).astype(float)
    labels = np.where(np.arange(40) == 20, 1, UNKNOWN)
    fitted, objectives = fit_states(annotator(start), [values], [labels], config=GradientConfig(n_steps=5))
    parameters = in_float64(fitted)
    assert np.isfinite(objectives).all()
    assert parameters.transition[0].tolist() == [1.0, 0.0]
    assert parameters.emission[0, 0] == 0
    assert parameters.emission[1, 1] == 1


@pytest.mark.parametrize(
    ("sequences", "labels", "message"),
    [
        ([np.zeros((3, 1))], None, r"marks of shape \(3, 1\)"),
        ([np.zeros((3, 2))], [np.zeros(2, int)], r"labels of shape \(2,\)"),
        ([np.zeros((3, 2))], [np.array([0, 3, -1])], r"labels\b.*-1 to 3\b.*\b0 to 2\b"),
        ([np.full((3, 2), 2.0)], None, r"\b0 and 1\b"),
        ([np.zeros((3, 2))], [], r"\b0 sequences\b.*\b1\b"),
        ([np.zeros((0, 2))], None, "no bin"),
    ],
)
def test_what_does_not_fit_is_refused(sequences, labels, message):
    model = annotator(random_parameters(3, 2, np.random.default_rng(5)))
    with pytest.raises(InputError, match=message):
        fit_states(model, sequences, labels)


def test_the_learning_rate_falls_to_zero_along_a_cosine():
    # So far from the data the objective is a line, and each step of Adam is as long as its rate.
    start = HMMParameters(np.array([1.0]), np.array([[1.0]]), np.array([[1e-6]]))
    with jax.enable_x64(True):
        config = GradientConfig(n_steps=50, learning_rate=0.02)
        fitted, _ = fit_states(annotator(start), [np.ones((30, 1))], config=config)
        emission = in_float64(fitted).emission[0, 0]
    moved = np.log(emission / (1 - emission)) - np.log(1e-6 / (1 - 1e-6))
    assert moved == pytest.approx(0.02 * (50 + 1) / 2, rel=1e-3)

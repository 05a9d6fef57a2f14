"""Learning by EM: exact counts, monotone, as ChromHMM does it."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from hmm_oracles import Model, emission_rows, enumerate_paths, random_model, smooth
from safetensors.numpy import load_file

from epizoo.errors import InputError
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.states.em import CHROMHMM, LearningConfig, expectation_maximization, log_prior, maximize
from epizoo.states.initialization import information_parameters, perturbed_parameters, random_parameters
from epizoo.states.priors import centred_prior
from epizoo.states.restarts import learn_best


def sequences_of(rng, model, lengths):
    """Marks drawn from a model, in sequences of the given lengths."""
    n_states, n_marks = model.emission.shape
    drawn = []
    for length in lengths:
        states = [rng.choice(n_states, p=model.initial)]
        for _ in range(length - 1):
            states.append(rng.choice(n_states, p=model.transition[states[-1]]))
        drawn.append((rng.random((length, n_marks)) < model.emission[states]).astype(np.uint8))
    return drawn


def enumerated_counts(model, values):
    """Initial, transition and per-bin state counts of one sequence, summed over every path."""
    n_states = len(model.initial)
    paths, weights = enumerate_paths(model, emission_rows(model, np.where(values == 2, np.nan, values.astype(float))))
    initial, transition = np.zeros(n_states), np.zeros((n_states, n_states))
    bins = np.zeros((len(values), n_states))
    for path, weight in zip(paths, weights / weights.sum(), strict=True):
        initial[path[0]] += weight
        np.add.at(transition, (path[:-1], path[1:]), weight)
        bins[np.arange(len(path)), path] += weight
    return initial, transition, bins, np.log(weights.sum())


@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_expected_counts_equal_enumeration(zeros):
    rng = np.random.default_rng(3)
    model = random_model(rng, 3, 2, zeros)
    sequences = [np.repeat(rng.integers(0, 2, (3, 2)), [3, 1, 4], axis=0), rng.integers(0, 2, (5, 2)), np.ones((1, 2))]
    sequences[1][1:3, 0] = 2
    counter = RunCounter([runs.from_values(values) for values in sequences])
    found = counter.count(model)
    expected = [enumerated_counts(model, values) for values in sequences]
    np.testing.assert_allclose(found.initial, sum(counts[0] for counts in expected), rtol=1e-12)
    np.testing.assert_allclose(found.transition, sum(counts[1] for counts in expected), rtol=1e-12)
    occupancy = np.zeros_like(found.occupancy)
    for values, counts in zip(sequences, expected, strict=True):
        for marks, states in zip(values, counts[2], strict=True):
            occupancy[(counter.marks == marks).all(1)] += states
    np.testing.assert_allclose(found.occupancy, occupancy, rtol=1e-12)
    assert found.log_likelihood == pytest.approx(sum(counts[3] for counts in expected), abs=1e-12)


def test_expected_counts_equal_sequential_float64_whatever_the_threads():
    rng = np.random.default_rng(4)
    model = random_model(rng, 6, 3, zeros=0.3)
    sequences = [np.repeat(rng.integers(0, 2, (n, 3)), rng.geometric(0.1, n), axis=0) for n in (200, 900, 50)]
    smoothed = [smooth(model, emission_rows(model, values.astype(float))) for values in sequences]
    coded = [runs.from_values(values) for values in sequences]
    one, two = RunCounter(coded, threads=1).count(model), RunCounter(coded, threads=2).count(model)
    np.testing.assert_allclose(one.transition, sum(each.transitions for each in smoothed), rtol=1e-9)
    np.testing.assert_allclose(one.occupancy.sum(0), sum(each.posteriors.sum(0) for each in smoothed), rtol=1e-9)
    assert one.log_likelihood == two.log_likelihood
    np.testing.assert_array_equal(one.transition, two.transition)
    np.testing.assert_array_equal(one.occupancy, two.occupancy)


def test_counts_of_states_that_almost_vanish_within_a_run_do_not_underflow():
    model = Model(np.array([1.0, 0.0]), np.eye(2), np.array([[1e-10], [0.9]]))
    found = RunCounter([runs.from_values(np.ones((100, 1)))]).count(model)
    np.testing.assert_allclose(found.transition, [[99, 0], [0, 0]])
    assert found.log_likelihood == pytest.approx(100 * np.log(1e-10))


def test_the_m_step_maximises_the_expected_log_likelihood():
    rng = np.random.default_rng(5)
    model = random_model(rng, 3, 2)
    config = LearningConfig(initial_pseudocount=0.5, transition_pseudocount=0.7, emission_pseudocount=1.2)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, model, [200, 100])])
    counts = counter.count(model)

    def objective(parameters):
        present = counts.occupancy.T @ (counter.marks == 1)
        absent = counts.occupancy.T @ (counter.marks == 0)
        return (
            (counts.initial * np.log(parameters.initial)).sum()
            + (counts.transition * np.log(parameters.transition)).sum()
            + (present * np.log(parameters.emission) + absent * np.log(1 - parameters.emission)).sum()
            + log_prior(parameters, config)
        )

    best = maximize(counts, counter.marks, model, config)
    for _ in range(50):
        assert objective(perturbed_parameters(best, 0.05, rng)) < objective(best)


def test_missing_marks_are_left_out_of_the_m_step():
    rng = np.random.default_rng(6)
    model = random_model(rng, 2, 2)
    values = np.concatenate(sequences_of(rng, model, [400]))
    hidden = values.copy()
    hidden[200:, 1] = 2
    counter = RunCounter([runs.from_values(hidden)])
    found = maximize(counter.count(model), counter.marks, model, LearningConfig())
    bins = smooth(model, emission_rows(model, np.where(hidden == 2, np.nan, hidden.astype(float)))).posteriors
    np.testing.assert_allclose(found.emission[:, 0], bins.T @ values[:, 0] / bins.sum(0))
    np.testing.assert_allclose(found.emission[:, 1], bins[:200].T @ values[:200, 1] / bins[:200].sum(0))


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("pseudocount", [0.0, 1.0])
def test_learning_is_monotone(accelerate, pseudocount):
    rng = np.random.default_rng(7)
    model = random_model(rng, 4, 5)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, model, [800, 500])])
    config = LearningConfig(40, 0.0, 0.0, pseudocount, pseudocount, pseudocount, accelerate)
    start = random_parameters(4, 5, rng)
    objectives = []
    for n_steps in range(0, 40, 3):
        learned = expectation_maximization(counter, start, replace(config, max_iterations=n_steps))
        objectives.append(learned.log_likelihood + log_prior(learned.parameters, config))
    assert (np.diff(objectives) > -1e-8).all()
    if not accelerate and not pseudocount:
        assert (np.diff(learned.trajectory) > -1e-8).all()


def test_acceleration_needs_fewer_steps_to_the_same_optimum():
    rng = np.random.default_rng(8)
    model = random_model(rng, 3, 6)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, model, [3000])])
    config = LearningConfig(2000, 1e-6)
    start = perturbed_parameters(runs.in_float64(model), 0.5, rng)
    plain = expectation_maximization(counter, start, config)
    fast = expectation_maximization(counter, start, replace(config, accelerate=True))
    assert fast.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-3)
    assert len(fast.trajectory) < 0.7 * len(plain.trajectory)


@pytest.mark.parametrize("accelerate", [False, True])
def test_resuming_from_a_checkpoint_gives_the_same_result(tmp_path, accelerate, monkeypatch):
    rng = np.random.default_rng(9)
    model = random_model(rng, 3, 6)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, model, [500])])
    config = LearningConfig(60, 0.0, accelerate=accelerate)
    start = random_parameters(3, 6, rng)
    whole = expectation_maximization(counter, start, config)
    count, calls = RunCounter.count, []

    def killed(self, parameters):
        calls.append(1)
        if len(calls) == 44:
            raise KeyboardInterrupt
        return count(self, parameters)

    monkeypatch.setattr(RunCounter, "count", killed)
    with pytest.raises(KeyboardInterrupt):
        expectation_maximization(counter, start, config, checkpoint=tmp_path / "c")
    assert (load_file(tmp_path / "c")["longest_step"] != 4) == accelerate
    resumed = expectation_maximization(counter, start, config, checkpoint=tmp_path / "c")
    assert resumed.log_likelihood == whole.log_likelihood
    for found, expected in zip(resumed.parameters, whole.parameters, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(resumed.trajectory, whole.trajectory)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    rng = np.random.default_rng(10)
    counter = RunCounter([runs.from_values(rng.integers(0, 2, (50, 2)))])
    path = tmp_path / "c"
    start = random_parameters(2, 2, rng)
    expectation_maximization(counter, start, LearningConfig(2), checkpoint=path)
    with pytest.raises(InputError, match="other data"):
        expectation_maximization(counter, start, LearningConfig(3), checkpoint=path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="checkpoint"):
        expectation_maximization(counter, start, LearningConfig(2), checkpoint=path)


def test_small_transitions_become_zero_for_good():
    counter = RunCounter([runs.from_values(np.repeat([[0], [1]], 200, axis=0))])
    start = Model(np.array([0.5, 0.5]), np.array([[0.9, 0.1], [1e-6, 1 - 1e-6]]), np.array([[0.01], [0.99]]))
    learned = expectation_maximization(counter, start, LearningConfig(20, 0.0, zero_transitions_below=1e-8))
    assert learned.parameters.transition[1].tolist() == [0.0, 1.0]


def test_the_best_of_several_starts_is_kept():
    rng = np.random.default_rng(11)
    model = random_model(rng, 3, 4)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, model, [400])])
    best, every = learn_best(counter, [random_parameters(3, 4, rng) for _ in range(3)], LearningConfig(10))
    assert best.log_likelihood == max(learned.log_likelihood for learned in every)
    starts = [random_parameters(3, 4, rng) for _ in range(4)]
    best, every = learn_best(counter, starts, LearningConfig(30, 0.0), trial_iterations=5, finalists=2)
    assert [len(learned.trajectory) for learned in every] == [5, 5, 5, 5, 35, 35]
    assert best.log_likelihood == max(learned.log_likelihood for learned in every)
    trials = sorted(learned.log_likelihood for learned in every[:4])
    assert sorted(learned.trajectory[5] for learned in every[4:]) == trials[2:]
    with pytest.raises(InputError, match="at least one start"):
        learn_best(counter, [])


def test_restarts_are_ranked_by_what_learning_maximises():
    """With strong pseudo-counts the highest likelihood is not the highest posterior."""
    rng = np.random.default_rng(0)
    counter = RunCounter(
        [runs.from_values(values) for values in sequences_of(rng, random_model(rng, 3, 4), [300, 200])]
    )
    starts = [random_parameters(3, 4, np.random.default_rng(seed)) for seed in range(6)]
    config = LearningConfig(max_iterations=15, tolerance=0, emission_pseudocount=60)
    best, results = learn_best(counter, starts, config)
    posterior = [one.log_likelihood + log_prior(one.parameters, config) for one in results]
    assert results[int(np.argmax(posterior))] is best


@pytest.mark.parametrize("most", [1, 2, 4, 7])
def test_acceleration_takes_no_more_steps_than_asked_for(most):
    rng = np.random.default_rng(0)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, random_model(rng, 3, 4), [300])])
    config = LearningConfig(max_iterations=most, tolerance=0, accelerate=True)
    learned = expectation_maximization(counter, random_parameters(3, 4, rng), config)
    assert len(learned.trajectory) <= most


def test_a_prior_on_transitions_that_are_removed_is_refused():
    rng = np.random.default_rng(0)
    counter = RunCounter([runs.from_values(values) for values in sequences_of(rng, random_model(rng, 3, 4), [30])])
    start = random_parameters(3, 4, rng)
    with pytest.raises(InputError, match="exclude"):
        expectation_maximization(counter, start, CHROMHMM, prior=centred_prior(start, 10.0))


def test_information_initialisation_of_a_case_done_by_hand():
    # The most entropy is gained by splitting off the five pairs with mark 1 (3 of 8 stay); then, of these, the two with
    # mark 2.
    values = np.array([[1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [1, 1], [1, 1], [1, 1], [1, 0]], np.uint8)
    pairs = ["10", "10", "00", "00", "00", "11", "11", "10"]
    states = [1, 1, 0, 0, 0, 2, 2, 1]
    found = information_parameters([runs.from_values(values)], 3, smoothing=0.02)
    with_1 = [pair for pair in pairs if pair[0] == "1"]
    shares = {1: [1.0, sum(pair[1] == "1" for pair in with_1) / len(with_1)], 2: [1.0, 1.0]}
    expected = np.array([[0.01, 0.01], *(0.01 + 0.98 * np.array(shares[state]) for state in (1, 2))])
    np.testing.assert_allclose(found.emission, expected)
    np.testing.assert_allclose(found.initial, 0.02 / 3 + 0.98 * np.array([0, 1, 0]))
    steps = np.zeros((3, 3))
    np.add.at(steps, (states[:-1], states[1:]), 1)
    np.testing.assert_allclose(found.transition, 0.02 / 3 + 0.98 * steps / steps.sum(1, keepdims=True))


def test_information_initialisation_takes_as_many_marks_as_a_number_has_bits():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (200, 64)).astype(np.uint8)
    assert information_parameters([runs.from_values(values)], 3).emission.shape == (3, 64)
    with pytest.raises(InputError, match=r"\b65 marks\b.*\b64\b"):
        information_parameters([runs.from_values(np.zeros((9, 65), np.uint8))], 3)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["tolerance", "emission_pseudocount"])
def test_settings_of_learning_are_numbers_from_0_on(name, value):
    with pytest.raises(InputError, match=rf"{name}\b.*{value}.*\b0 or more"):
        LearningConfig(**{name: value})


def test_information_initialisation_refuses_more_states_than_splits():
    with pytest.raises(InputError, match=r"\b2 states"):
        information_parameters([runs.from_values(np.array([[1], [1], [0], [0]]))], 3)


def test_impossible_sequences_are_refused():
    start = Model(np.array([0.0, 1.0]), np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.5], [0.0]]))
    with pytest.raises(InputError, match="impossible"):
        RunCounter([runs.from_values(np.array([[0], [1]]))]).count(start)


def read_sample(data_dir, cell):
    path = data_dir / "states" / "sample_hg18" / f"{cell}_chr11_binary.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return runs.observe(np.array([line.split("\t") for line in lines[2:]], np.uint8), len(lines[1].split("\t")))


@pytest.mark.data
def test_learning_follows_chromhmms_batch_em(data_dir):
    sequences = [read_sample(data_dir, cell) for cell in ("GM12878", "K562")]
    counter = RunCounter(sequences)
    # Log-likelihoods of the first iteration that ChromHMM 1.27 prints with -p 2.
    for n_states, first in ((10, -934743.844), (15, -926465.563)):
        start = information_parameters(sequences, n_states)
        learned = expectation_maximization(counter, start, replace(CHROMHMM, max_iterations=10))
        assert learned.trajectory[0] == pytest.approx(first, abs=1e-3)
        assert (np.diff(learned.trajectory) > 0).all()

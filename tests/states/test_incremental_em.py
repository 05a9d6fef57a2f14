"""Incremental EM is ChromHMM's: its order, its likelihoods, its end."""

import itertools

import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.genome.marks import read_binarized
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.run_lengths import Float64Parameters, from_values
from epizoo.states.em import CHROMHMM, LearningConfig, expectation_maximization
from epizoo.states.incremental_em import chromhmm_order, java_random, learn_incrementally
from epizoo.states.initialization import information_parameters, random_parameters


def sequences(n, seed=0, n_bins=400):
    rng = np.random.default_rng(seed)
    states = [np.repeat(rng.integers(0, 2, n_bins // 8), 8) for _ in range(n)]
    return [from_values((rng.random((n_bins, 3)) < np.where(s[:, None], 0.8, 0.1)).astype(np.uint8)) for s in states]


def test_java_random_gives_javas_numbers():
    """Of `new java.util.Random(0)` and `(42)`, from Java's own documentation of the generator."""
    assert list(itertools.islice(java_random(0), 3)) == [0.730967787376657, 0.24053641567148587, 0.6374174253501083]
    assert next(java_random(42)) == 0.7275636800328681


def test_the_order_starts_from_sorted_names():
    names = [f"cell_chr{number}_binary.txt" for number in range(1, 23)]
    order = chromhmm_order(names)
    assert sorted(order) == list(range(22))
    shuffled = names[::-1]
    assert [shuffled[i] for i in chromhmm_order(shuffled)] == [names[i] for i in order]


def test_one_sequence_is_batch_em():
    data = sequences(1)
    start = random_parameters(2, 3, np.random.default_rng(1))
    config = LearningConfig(max_iterations=30, tolerance=0)
    found = learn_incrementally(data, start, config)
    expected = expectation_maximization(RunCounter(data), start, config)
    np.testing.assert_allclose(found.trajectory, expected.trajectory, rtol=1e-12)
    np.testing.assert_allclose(found.parameters.emission, expected.parameters.emission, rtol=1e-9)


def test_it_ends_where_batch_em_stands_still():
    data = sequences(4)
    start = random_parameters(2, 3, np.random.default_rng(1))
    found = learn_incrementally(data, start, LearningConfig(max_iterations=500, tolerance=1e-10))
    again = expectation_maximization(RunCounter(data), found.parameters, LearningConfig(max_iterations=3, tolerance=0))
    assert again.log_likelihood - found.log_likelihood == pytest.approx(0, abs=1e-6)
    assert found.trajectory[-1] == pytest.approx(found.log_likelihood, abs=1e-3)


def test_a_resumed_run_ends_as_an_unbroken_one(tmp_path):
    data = sequences(3)
    start = random_parameters(2, 3, np.random.default_rng(1))
    whole = learn_incrementally(data, start, LearningConfig(max_iterations=20, tolerance=0))

    class KilledError(Exception):
        pass

    def kill(done, _):
        if done == 7:
            raise KilledError

    config, path = LearningConfig(max_iterations=20, tolerance=0), tmp_path / "checkpoint"
    with pytest.raises(KilledError):
        learn_incrementally(data, start, config, checkpoint=path, report=kill)
    resumed = learn_incrementally(data, start, config, checkpoint=path)
    for array, other in zip(resumed.parameters, whole.parameters, strict=True):
        np.testing.assert_array_equal(array, other)
    np.testing.assert_array_equal(resumed.trajectory, whole.trajectory)
    with pytest.raises(InputError, match="other data"):
        learn_incrementally(data[:2] + data[:1], start, config, checkpoint=path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="checkpoint"):
        learn_incrementally(data, start, config, checkpoint=path)


def test_acceleration_is_refused():
    start = Float64Parameters(np.ones(1), np.ones((1, 1)), np.full((1, 3), 0.5))
    with pytest.raises(InputError, match="accelerat"):
        learn_incrementally(sequences(1), start, LearningConfig(accelerate=True))


@pytest.mark.data
def test_it_follows_chromhmms_default_run_on_its_sample_to_the_end(data_dir):
    """ChromHMM 1.27, LearnModel with 10 states: 134 iterations, -742603.833, the written model -742604.11689."""
    paths = sorted((data_dir / "states" / "sample_hg18").glob("*_binary.txt.gz"))
    data = [from_values(read_binarized(paths[index]).values) for index in chromhmm_order([p.name for p in paths])]
    found = learn_incrementally(data, information_parameters(data, 10), CHROMHMM)
    assert len(found.trajectory) == 134
    assert found.converged
    assert found.trajectory[-1] == pytest.approx(-742603.833, abs=0.001)
    assert found.log_likelihood == pytest.approx(-742604.11689, abs=0.001)

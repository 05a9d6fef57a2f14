"""Summits of whole-number coverage: rounding does not choose between equal heights."""

import itertools

import numpy as np
import pytest

from epizoo.calling.summits import find_summits, first_highest


@pytest.mark.parametrize("seed", range(20))
def test_rounding_moves_no_summit_of_whole_numbers(seed):
    random = np.random.default_rng(seed)
    run_lengths = random.integers(2, 12, 60)
    # Small whole numbers tie often, within a run's plateau and between its maxima.
    signal = random.integers(1, 4, run_lengths.sum()).astype(float)
    noise = 1 + 1e-7 * random.uniform(-1, 1, len(signal))
    exact, rounded = (find_summits(s, run_lengths, smooth_bins=3, valley=0.5) for s in (signal, signal * noise))
    np.testing.assert_array_equal(rounded.place, exact.place)
    np.testing.assert_allclose(rounded.offset, exact.offset, atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_the_first_highest_summit_of_each_peak_is_that_of_the_peak_alone(seed):
    random = np.random.default_rng(seed)
    first = np.unique([0, *random.integers(0, 40, 12)])
    heights = random.integers(0, 4, 40) * (1 + random.choice([-1e-8, 0.0, 1e-8], 40))
    expected = []
    for start, end in itertools.pairwise([*first.tolist(), len(heights)]):
        highest = max(heights[start:end].tolist())
        expected.append(next(i for i in range(start, end) if heights[i] == pytest.approx(highest, rel=1e-6)))
    assert first_highest(heights, first).tolist() == expected

"""Backgrounds against means of the bins themselves."""

import numpy as np
import pytest

from epizoo.calling.local_background import LocalBackground, line_starts, reached_bins

BIN_BP, BACKGROUND_BP = 50, 1_000


@pytest.mark.parametrize("seed", range(5))
def test_the_background_of_a_stretch_is_the_mean_of_the_bins_that_it_reaches(seed):
    random = np.random.default_rng(seed)
    n_bins, start_bin = 300, 40
    values, keep = random.gamma(2.0, size=n_bins), random.random(n_bins) < 0.3
    background = LocalBackground(np.array([start_bin]), BACKGROUND_BP, BIN_BP)
    for piece in np.split(np.arange(n_bins), np.sort(random.integers(0, n_bins, 4))):
        background.add(values[piece], keep[piece])
    first = start_bin + np.sort(random.integers(0, n_bins - 20, 10))
    last = first + random.integers(0, 20, 10)
    expected = []
    for low, high in zip(first, last, strict=True):
        start, end = reached_bins(low, high + 1, BACKGROUND_BP, BIN_BP)
        near = slice(max(start - start_bin, 0), end - start_bin)
        expected.append(values[near][keep[near]].mean())
    np.testing.assert_allclose(background.around(first, last), expected, rtol=1e-12)


@pytest.mark.parametrize("n_kept", [1, 2])
def test_where_no_background_is_near_there_is_none(n_kept):
    background = LocalBackground(np.array([0]), BACKGROUND_BP, BIN_BP)
    keep = np.zeros(500, bool)
    keep[:n_kept] = True
    background.add(np.full(500, 3.0), keep)
    assert background.around(np.array([0, 400])).tolist() == [3.0, 0.0]


def test_stretches_on_one_line_have_the_backgrounds_that_each_has_alone():
    random = np.random.default_rng(2)
    n_bins, start_bin = [3, 40, 300, 1, 44], 6
    starts = line_starts(start_bin, n_bins, BACKGROUND_BP, BIN_BP)
    line = LocalBackground(starts, BACKGROUND_BP, BIN_BP)
    values, keep = np.zeros(starts[-1] + 60 - start_bin), np.zeros(starts[-1] + 60 - start_bin, bool)
    asked, expected = [], []
    for n, start in zip(n_bins, starts, strict=True):
        own, is_own = random.gamma(2.0, size=n), random.random(n) < 0.2
        # Of one there is no background near most of its bins, of another none at all.
        is_own[50:] = False
        is_own &= n != 44
        values[start - start_bin :][:n], keep[start - start_bin :][:n] = own, is_own
        alone = LocalBackground(np.array([start]), BACKGROUND_BP, BIN_BP)
        alone.add(own, is_own)
        asked.append(start + np.arange(n))
        expected.append(alone.around(asked[-1]))
    line.add(values, keep)
    np.testing.assert_allclose(line.around(np.concatenate(asked)), np.concatenate(expected), rtol=1e-9)
    assert len(set(np.concatenate(expected).tolist())) > 10

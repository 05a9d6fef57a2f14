"""The Poisson tail against exact sums in rational arithmetic, and where doubles underflow."""

import math
from fractions import Fraction

import numpy as np
import pytest

from epizoo.genome.poisson import poisson_log10_p


def exact(height, expected):
    """-log10 P(X >= height), the sum below subtracted from 1 or, in the far tail, the sum above."""
    mean = Fraction(expected)
    terms = [mean**k / math.factorial(k) for k in range(height, height + 150)]
    total = sum(terms)
    digits = math.log10(total.numerator) - math.log10(total.denominator)
    return expected / math.log(10) - digits


@pytest.mark.parametrize("expected", [0.25, 1.0, 3.5, 20.0])
def test_whole_numbers_have_the_tails_probability(expected):
    heights = np.arange(0, 60)
    found = poisson_log10_p(heights, np.full(60, expected))
    np.testing.assert_allclose(found, [exact(height, expected) for height in heights], rtol=1e-9, atol=1e-9)


def test_it_rises_between_whole_numbers_and_beyond_what_doubles_hold():
    heights = np.linspace(0, 3_000, 7_001)
    found = poisson_log10_p(heights, np.full(len(heights), 2.0))
    assert (np.diff(found) > 0).all()
    assert found[-1] > 5_000


def test_far_below_the_mean_everything_is_expected():
    np.testing.assert_array_equal(poisson_log10_p(np.array([0.0, 5.0]), np.array([5_000.0, 5_000.0])), 0)

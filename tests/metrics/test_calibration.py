"""Calibration against closed forms, brute force and data that is calibrated by construction."""

import numpy as np
import pytest

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.metrics.calibration import (
    brier_score,
    cases,
    expected_calibration_error,
    fit_platt,
    reliability_table,
)


def draw(seed, n, truth):
    """Cases whose share of true ones is truth(probability)."""
    rng = np.random.default_rng(seed)
    probability = rng.uniform(size=n)
    return cases(probability, rng.uniform(size=n) < truth(probability))


def test_a_fit_on_one_half_calibrates_the_other():
    def truth(probability):
        log_odds = np.log(probability / (1 - probability))
        return 1 / (1 + np.exp(-(0.4 * log_odds - 0.8)))

    learned, held_out = draw(0, 4000, truth), draw(1, 4000, truth)
    config = PeakCallingConfig(calibration=fit_platt(learned))
    mended = held_out._replace(probability=config.calibrated(held_out.probability))
    assert expected_calibration_error(held_out) > 0.15
    assert expected_calibration_error(mended) < 0.03
    assert brier_score(mended) < brier_score(held_out)


def test_platt_finds_the_curve_that_made_the_data():
    found = PeakCallingConfig(calibration=fit_platt(draw(2, 200_000, lambda p: p)))
    grid = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(found.calibrated(grid), grid, atol=0.015)


def test_perfectly_parted_cases_do_not_become_certainties():
    corners = fit_platt(cases([0.1, 0.2, 0.8, 0.9], [False, False, True, True]))
    shares = [share for _, share in corners]
    assert min(shares) > 0
    assert max(shares) < 1


def test_the_error_is_that_of_a_small_table():
    found = cases([0.1, 0.1, 0.85, 0.85, 1.0], [False, True, True, True, False], [1, 3, 1, 1, 2])
    table = reliability_table(found)
    assert table[["low", "n", "true_share"]].to_numpy().tolist() == [[0.1, 2, 0.75], [0.8, 2, 1.0], [0.9, 1, 0.0]]
    assert expected_calibration_error(found) == pytest.approx((4 * 0.65 + 2 * 0.15 + 2 * 1.0) / 8)
    assert brier_score(found) == pytest.approx((0.01 + 3 * 0.81 + 2 * 0.0225 + 2 * 1.0) / 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "0 probabilities"),
        (([0.5], [True, False]), r"\b1 probabilit.*\b2 truths"),
        (([1.5], [True]), "0 to 1"),
        (([0.5], [True], [0.0]), "weight.*above 0"),
    ],
)
def test_impossible_cases_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        cases(*arguments)


def test_a_falling_curve_is_refused():
    with pytest.raises(InputError, match="less often"):
        fit_platt(cases([0.1] * 20 + [0.9] * 20, [True] * 20 + [False] * 20))


def test_platt_gives_two_groups_the_means_of_his_smoothed_targets():
    # Two parameters fit two groups exactly: 3 of 10 at 0.2 and 9 of 10 at 0.8, 12 true and 8 false in all.
    found = cases([0.2] * 10 + [0.8] * 10, [True] * 3 + [False] * 7 + [True] * 9 + [False])
    of_true, of_false = 13 / 14, 1 / 10
    shares = dict(fit_platt(found))
    by_grid = {round(probability, 2): share for probability, share in shares.items()}
    assert by_grid[0.2] == pytest.approx((3 * of_true + 7 * of_false) / 10, abs=1e-6)
    assert by_grid[0.8] == pytest.approx((9 * of_true + of_false) / 10, abs=1e-6)


def test_a_logistic_curve_rises_from_one_end_to_the_other():
    shares = [share for _, share in fit_platt(draw(3, 2_000, lambda p: p))]
    assert (np.diff(shares) > 0).all()


def test_cases_that_are_certain_are_calibrated_as_nearly_certain_ones_are():
    def corners(edge):
        probability = np.array([edge, 1 - edge] * 20 + [0.5] * 20)
        return fit_platt(cases(probability, np.arange(60) % 4 != 0))

    np.testing.assert_allclose(corners(0.0), corners(1e-6), rtol=1e-9)

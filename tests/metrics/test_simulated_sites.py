"""Scores on simulated windows against counts by hand."""

import numpy as np
import pytest
from flax import nnx

from epizoo.metrics.simulated_sites import predict_windows, site_scores
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.simulation.fragment_windows import simulate_fragments
from epizoo.simulation.fragments import FragmentSimulationConfig

ALL_CLEAR = np.ones((1, 10), bool)


def bins(text):
    return np.array([[int(character) for character in text]])


def test_found_sites_and_false_calls_are_counted():
    truth = bins("0110001100").astype(bool)
    probability = bins("0100110000") * 0.9 + 0.05
    scores = site_scores(probability, truth, ALL_CLEAR)
    assert (scores.recall, scores.precision) == (0.5, 0.5)


def test_calls_in_unclear_bins_are_not_judged():
    truth = bins("0110000000").astype(bool)
    clear = ~bins("0000110000").astype(bool)
    scores = site_scores(bins("0110110000") * 0.9, truth, clear)
    assert (scores.recall, scores.precision) == (1.0, 1.0)
    assert scores.average_precision == 1.0


def test_a_site_at_the_end_of_a_window_does_not_touch_the_next_window():
    truth = np.array([[0, 0, 1], [0, 0, 0]], bool)
    probability = np.array([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0]])
    scores = site_scores(probability, truth, np.ones((2, 3), bool))
    assert (scores.recall, scores.precision) == (0.0, 0.0)


def test_calibration_error_is_the_mean_distance_of_probability_and_frequency():
    truth = bins("1111100000").astype(bool)
    assert site_scores(np.full((1, 10), 0.7), truth, ALL_CLEAR).calibration_error == pytest.approx(0.2)


def test_predictions_are_those_of_the_transformed_windows():
    model = PeakCaller(
        PeakCallerConfig(bin_bp=20, n_tracks=2, n_filters=2, kernel_sizes=(3,), summit_window_bins=3), rngs=nnx.Rngs(0)
    )
    windows = simulate_fragments(np.random.default_rng(0), 3, 50, 20, FragmentSimulationConfig())
    flank = model.receptive_field_bins
    coverage = np.arcsinh(windows.coverage / windows.scale[:, None, :])
    expected = np.asarray(model(coverage).peak_probabilities)[:, flank:-flank]
    np.testing.assert_allclose(predict_windows(model, windows), expected, atol=1e-6)

"""Fitting learns what it is shown, repeats itself, and calls peaks that satisfy the labels."""

import numpy as np
import pytest
from flax import nnx
from made_stretches import BIN_BP, SETTINGS, make_stretch

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.metrics.calibration import brier_score, cases, expected_calibration_error
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.labelled_calls import (
    Decided,
    calibrate,
    calibrated_left_out,
    call_errors,
    calling_candidates,
    choose_calling,
    decided,
    predict_stretches,
)
from epizoo.peaks.network_fit import FitSettings, TrainingBatch, fit
from epizoo.peaks.region_label_likelihood import LabelBatch
from epizoo.peaks.training_batches import SimulatedBatches
from epizoo.recipes.labelled_peaks import average
from epizoo.simulation.coverage import SimulationConfig

MODEL = PeakCallerConfig(bin_bp=BIN_BP, n_filters=4, kernel_sizes=(3, 7), dilations=(1, 2), summit_window_bins=5)


def make_batches():
    return SimulatedBatches(0, BIN_BP, SETTINGS, (SimulationConfig(),), n_pool=20, n_mixed=2, n_real=4)


def fitted(n_steps):
    batches, stretch, losses = make_batches(), make_stretch(), []
    model = fit(
        PeakCaller(MODEL, rngs=nnx.Rngs(0)),
        lambda: batches.next([stretch]),
        FitSettings(n_steps=n_steps, learning_rate=1e-2, label_weight=1.0),
        report=lambda _, loss: losses.append(loss),
    )
    return model, losses


@pytest.fixture(scope="module")
def trained():
    return fitted(n_steps=101)


def test_training_repeats_itself():
    first, second = (flatten_parameters(fitted(n_steps=3)[0]) for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_a_handful_of_region_labels_teaches_peaks(trained):
    stretch = make_stretch()
    model, losses = trained
    assert losses[-1] < 0.5 * losses[0]
    predictions = predict_stretches(model, [stretch])
    errors = call_errors(predictions, [stretch], PeakCallingConfig(), BIN_BP)
    assert errors["wrong"].sum() == 0
    assert brier_score(decided(predictions, [stretch]).cases) < 0.05


def test_the_rule_is_chosen_by_the_labels(trained):
    stretch = make_stretch()
    predictions = predict_stretches(trained[0], [stretch])
    # The gap between the peaks must stay, and so must the narrower one of them.
    candidates = calling_candidates(enter=(0.5,), extend=(0.5,), min_width_bp=(5_000, 0), merge_gap_bp=(1_000, 0))
    errors = {rule: call_errors(predictions, [stretch], rule, BIN_BP) for rule in candidates}
    chosen = choose_calling(errors)
    assert (chosen.min_width_bp, chosen.merge_gap_bp) == (0, 0)
    assert not errors[chosen]["wrong"].any()


def test_averaging_equal_models_changes_nothing_and_others_meet_in_the_middle():
    models = [PeakCaller(MODEL, rngs=nnx.Rngs(seed)) for seed in (0, 1)]
    same, middle = average([models[0], models[0]]), average(models)
    for name, value in flatten_parameters(models[0]).items():
        np.testing.assert_allclose(flatten_parameters(same)[name], value, rtol=1e-6)
        expected = (value + flatten_parameters(models[1])[name]) / 2
        np.testing.assert_allclose(flatten_parameters(middle)[name], expected, rtol=1e-6)


def test_the_score_of_a_chromosome_is_calibrated_by_the_others_alone():
    random = np.random.default_rng(0)
    probability = random.uniform(size=600)
    chrom = np.repeat(["chr1", "chr2", "chr9"], 200)
    is_peak = random.uniform(size=600) < probability**2
    found = Decided(cases(probability, is_peak), chrom)
    otherwise = random.uniform(size=600) < probability
    first = calibrated_left_out(found, "chr9").probability
    # What a chromosome's labels say does not reach its own probabilities, and what chr9's say reaches none.
    for changed, unmoved in (("chr1", chrom == "chr1"), ("chr9", np.full(600, True))):
        other = Decided(cases(probability, np.where(chrom == changed, otherwise, is_peak)), chrom)
        second = calibrated_left_out(other, "chr9").probability
        np.testing.assert_array_equal(first[unmoved], second[unmoved])
        assert changed == "chr9" or np.abs(first - second)[~unmoved].max() > 0.01
    mended = calibrated_left_out(found, "chr9")
    assert expected_calibration_error(mended) < expected_calibration_error(found.cases)
    assert calibrate(found, {"chr9"}) != calibrate(found, {"chr2", "chr9"})


def test_the_learning_rate_warms_up_and_falls_to_zero_along_a_cosine():
    # Where the network is wrong by so much that the loss is a line, each step of Adam is as long as its rate.
    model = PeakCaller(MODEL, rngs=nnx.Rngs(0))
    model.threshold.set_value(np.float32(-30.0))
    n_steps, rate, warm_up = 60, 1e-2, 6
    windows = np.zeros((2, 60, 1), np.float32)
    labels = LabelBatch(*(np.zeros(1, np.int32),) * 2, np.zeros((1, 1), bool), np.zeros(1, np.int32), np.zeros(1))
    batch = TrainingBatch(windows, np.zeros((2, 60), bool), np.ones((2, 60), np.float32), windows[:1], labels)
    fitted_model = fit(model, lambda: batch, FitSettings(n_steps, rate, label_weight=0.0, weight_decay=0.0))
    falling = (1 + np.cos(np.pi * np.arange(n_steps - warm_up) / (n_steps - warm_up))) / 2
    expected = rate * (np.arange(warm_up).sum() / warm_up + falling.sum())
    assert float(fitted_model.threshold[...]) + 30 == pytest.approx(expected, rel=0.05)

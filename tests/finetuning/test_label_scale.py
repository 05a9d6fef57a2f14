import numpy as np
import pytest
from finetuning_files import write_experiment, write_new_yaml
from flax import nnx

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.finetuning.cross_validation import PRETRAINED, TUNED, Problem, cross_validate
from epizoo.finetuning.label_scale import label_scale_factor, scaled
from epizoo.finetuning.label_tuning import fine_tune
from epizoo.finetuning.labelled_samples import read_sample_labels
from epizoo.finetuning.new_cell_type import read_peak_data
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

CONFIG = PeakCallerConfig(n_filters=1, kernel_sizes=(1,), dilations=(), summit_window_bins=1)
SETTINGS = TuningSettings(train="threshold", steps=0, calibrate_scale=True)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """A model whose logit is 8 (arcsinh(signal / scale) - threshold): it depends on the scale in a known way."""
    folder = tmp_path_factory.mktemp("scale")
    data = read_peak_data(write_new_yaml(folder, write_experiment(folder, 12)))
    model = PeakCaller(CONFIG, rngs=nnx.Rngs(0))
    for conv, middle in ((model.scale_convs[0], 0), (model.combine_conv, 1), (model.output_conv, 0)):
        kernel = np.zeros(conv.kernel.get_value().shape, np.float32)
        kernel[middle] = 1
        conv.kernel.set_value(kernel)
        conv.bias.set_value(np.zeros(1, np.float32))
    model.threshold.set_value(np.float32(1.5))
    model.temperature.set_value(np.float32(1 / 8))
    return Problem(model, data, read_sample_labels(data), CoverageTransform(), PeakCallingConfig(), SETTINGS)


def test_a_scale_that_is_wrong_by_a_factor_is_mended_by_that_factor(problem):
    stretches = problem.stretches(problem.labels, None)
    right = label_scale_factor(problem.model, stretches, SETTINGS)
    for wrong in (0.5, 2.0):
        found = label_scale_factor(problem.model, scaled(stretches, wrong * right), SETTINGS)
        assert found * wrong == pytest.approx(1.0, rel=0.35)


def test_the_factor_is_the_grid_point_of_the_lowest_loss_on_labels(problem):
    stretches = problem.stretches(problem.labels, None)
    factor = label_scale_factor(problem.model, stretches, SETTINGS)
    before, after = (problem.errors(problem.model, scaled(stretches, one))["wrong"].mean() for one in (1.0, factor))
    assert after <= before


def test_fine_tuning_says_its_factor_and_is_judged_with_it(problem):
    stretches = problem.stretches(problem.labels, None)
    tuned = fine_tune(problem.model, stretches, SETTINGS)
    assert tuned.scale_factor == label_scale_factor(problem.model, stretches, SETTINGS) != 1.0
    assert fine_tune(problem.model, stretches, TuningSettings(train="threshold", steps=0)).scale_factor == 1.0
    found = cross_validate(problem, n_folds=3, methods=(TUNED, PRETRAINED))
    assert found.errors[TUNED]["wrong"].mean() <= found.errors[PRETRAINED]["wrong"].mean() + 0.1

import numpy as np
import pytest
from finetuning_files import write_experiment, write_new_yaml
from flax import nnx

from epizoo.calling.peaks import PeakCallingConfig
from epizoo.finetuning import self_training as unlabelled
from epizoo.finetuning.new_cell_type import read_peak_data
from epizoo.finetuning.self_training import SelfTrainingSettings
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

CONFIG = PeakCallerConfig(n_filters=3, kernel_sizes=(3, 5), dilations=(2,), summit_window_bins=5)
QUICK = SelfTrainingSettings(rounds=1, n_steps=4, n_windows=8, batch=2)


class Threshold(PeakCaller):
    """A peak is where arcsinh(signal / scale) is above 2: its answer to a wrong scale is known."""

    def scores(self, coverage, head=0):
        return coverage[..., 0]


@pytest.fixture(scope="module")
def model():
    return PeakCaller(CONFIG, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def windows(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlabelled")
    data = read_peak_data(write_new_yaml(folder, write_experiment(folder)))
    return unlabelled.read_windows(data, CoverageTransform(), model, 8)


def test_windows_are_the_signal_of_their_loci(windows, model, tmp_path):
    assert len(windows.signal) == len(windows.scale) == len(windows.locus)
    assert windows.signal.shape[1] == unlabelled.WINDOW_BINS + 2 * model.receptive_field_bins
    assert not windows.locus.duplicated().any()
    assert (windows.locus["end"] - windows.locus["start"] <= unlabelled.WINDOW_BINS * CONFIG.bin_bp).all()


@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.0])
def test_the_factor_undoes_a_wrong_scale(wrong):
    random = np.random.default_rng(0)
    caller = Threshold(CONFIG, rngs=nnx.Rngs(0))
    caller.threshold.set_value(np.float32(2.0))
    caller.temperature.set_value(np.float32(0.2))
    # Peaks and background are equally far from the threshold at the true scale, which is 1.
    levels = np.where(random.random((16, 600)) < 0.5, 1.0, 3.0) + 0.1 * random.normal(size=(16, 600))
    found = unlabelled.Unlabelled(np.sinh(levels).astype(np.float32), np.full(16, wrong), None)
    assert unlabelled.find_scale_factor(caller, found, spread=2.0) * wrong == pytest.approx(1.0, rel=0.3)


def test_a_model_without_peaks_keeps_its_scale(windows):
    caller = Threshold(CONFIG, rngs=nnx.Rngs(0))
    caller.threshold.set_value(np.float32(1e4))
    assert unlabelled.find_scale_factor(caller, windows) == 1.0


def test_self_training_is_reproducible_and_moves_only_what_is_trained(model, windows):
    first, second = (flatten_parameters(unlabelled.self_train(model, windows, QUICK)) for _ in range(2))
    before = flatten_parameters(model)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    moved = {name for name in first if not np.array_equal(first[name], before[name])}
    assert moved <= {"threshold", "temperature"}


def test_changed_calls_are_the_bins_that_cross_the_threshold(model, windows):
    after = PeakCaller(CONFIG, rngs=nnx.Rngs(5))
    calling = PeakCallingConfig()
    table = unlabelled.changed_calls(model, after, windows, 1.0, calling)
    flank = model.receptive_field_bins
    coverage = np.arcsinh(windows.signal / windows.scale[:, None])[..., None]
    was, now = (np.asarray(m(coverage).peak_probabilities)[:, flank:-flank] >= 0.5 for m in (model, after))
    inside = windows.locus["end"] - windows.locus["start"] == unlabelled.WINDOW_BINS * CONFIG.bin_bp
    assert inside.all()
    lengths = (table["end"] - table["start"]).groupby(table["name"]).sum().to_dict()
    expected = {"gained": int((now & ~was).sum()) * 50, "lost": int((was & ~now).sum()) * 50}
    assert lengths == {name: length for name, length in expected.items() if length}
    assert table["score"].is_monotonic_decreasing
    report = unlabelled.summary(model, after, windows, 1.0)
    assert report["bins_changed"] == pytest.approx(np.mean(was != now))


def test_nothing_changed_is_an_empty_table(model, windows):
    assert unlabelled.changed_calls(model, model, windows, 1.0, PeakCallingConfig()).empty

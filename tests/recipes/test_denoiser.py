"""Fitting a denoiser: its loss against closed forms, and that it beats the input on draws that it never saw."""

from dataclasses import replace

import numpy as np
import pytest
from flax import nnx

from epizoo.errors import InputError
from epizoo.finetuning.trainable import TRAIN, Trainables
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.denoiser import Denoiser
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig
from epizoo.recipes.denoiser import (
    ENTRIES,
    DenoisingSettings,
    denoise,
    describe,
    fit_denoiser,
    poisson_deviance,
    read_denoiser,
)
from epizoo.simulation.coverage import SimulationConfig
from epizoo.simulation.fragments import FragmentSimulationConfig
from epizoo.simulation.thinning import split

SMALL = DenoisingSettings(
    "test",
    50,
    DenoiserConfig((1, 5, 15, 31), n_hidden=8),
    coverage=(SimulationConfig(depth=(0.2, 1.0)),),
    n_bins=128,
    n_pool=200,
    n_windows=12,
    n_steps=250,
    learning_rate=0.01,
)


def test_deviance_is_the_likelihood_ratio_of_poisson_counts():
    counts, mean = np.array([0.0, 3.0, 10.0]), np.array([0.5, 3.0, 4.0])
    expected = 2 * (np.array([0, 3 * np.log(3), 10 * np.log(10)]) - counts)
    expected -= 2 * (counts * np.log(mean) - mean)
    np.testing.assert_allclose(poisson_deviance(counts, mean), expected, atol=0.03)
    assert float(poisson_deviance(np.array(2.0), np.array(2.0))) == 0


def test_a_fitted_denoiser_is_nearer_to_the_truth_than_the_input_and_than_an_unfitted_one():
    found = fit_denoiser(SMALL, seed=0)
    drawn = SMALL.draw(np.random.default_rng(99), 200)
    fresh = denoise(Denoiser(SMALL.denoiser, rngs=nnx.Rngs(0)), drawn)

    def error(coverage):
        return float((poisson_deviance(drawn.expected, coverage)[:, 16:-16].mean(axis=1) ** 0.5).mean())

    assert error(denoise(found, drawn)) < 0.9 * error(fresh)
    assert error(denoise(found, drawn)) < 0.4 * error(drawn.coverage)
    again = flatten_parameters(fit_denoiser(SMALL, seed=0))
    assert all(np.array_equal(again[name], array) for name, array in flatten_parameters(found).items())


def test_experiments_are_of_either_kind_and_have_their_expectation():
    fragments = DenoisingSettings(
        "x", 20, SMALL.denoiser, fragments=FragmentSimulationConfig(reads=(1e8, 1e8)), n_bins=400
    )
    for settings in (SMALL, fragments):
        drawn = settings.draw(np.random.default_rng(0), 12)
        assert drawn.coverage.shape == drawn.expected.shape == (12, settings.n_bins)
        assert np.median(drawn.coverage.sum(axis=1) / drawn.expected.sum(axis=1)) == pytest.approx(1, abs=0.15)


def test_repeats_are_high_and_lie_around_their_expectation():
    plain, ragged = (replace(SMALL, repeat_share=share).draw(np.random.default_rng(5), 200) for share in (0.0, 1.0))
    added = ragged.expected - plain.expected
    touched = added > 0
    assert touched.any(axis=1).all()
    assert touched.sum(axis=1).max() <= 40
    spread = (ragged.coverage - plain.coverage - added)[touched]
    assert (spread**2 * 50 / 150 / added[touched]).mean() == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(ragged.coverage[~touched], plain.coverage[~touched])


def test_the_settings_of_entries_are_those_of_models_and_yaml():
    for settings in ENTRIES.values():
        assert DenoiserConfig.from_dict(describe(settings, 0)["denoise"]) == settings.denoiser


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"denoiser.safetensors: .*epizoo.recipes.denoiser"):
        read_denoiser(tmp_path)


@pytest.mark.parametrize("train", TRAIN)
def test_fine_tuning_leaves_the_denoiser_as_it_is(train):
    base = {"denoiser.mix_conv.kernel": np.ones((1, 2, 2)), "denoiser.mix_conv.bias": np.ones(2)}
    base |= {"output_conv.kernel": np.ones((1, 4, 1)), "output_conv.bias": np.ones(1), "threshold": np.ones(())}
    trainables = Trainables(train, rank=2)
    changes = {name: change + 1 for name, change in trainables.start(base, 0).items()}
    assert not any(name.startswith("denoiser.") for name in changes)
    arrays = trainables.apply(base, changes)
    assert float(arrays["threshold"]) == 2
    assert all(np.array_equal(arrays[name], base[name]) for name in base if name.startswith("denoiser."))


def test_a_split_deals_every_fragment_to_one_part():
    import pandas as pd

    random = np.random.default_rng(0)
    starts = np.sort(random.integers(0, 9_900, 600))
    track = ReadCoverage(["a.bed"], {"chr1": 10_000}, {"chr1": (starts, starts + 100)})
    windows = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [10_000]})
    kept, others = split(track, windows, 0.3, seed=1)
    both = kept.values("chr1", 0, 10_000) + others.values("chr1", 0, 10_000)
    np.testing.assert_array_equal(both, track.values("chr1", 0, 10_000))
    assert kept.n_fragments == pytest.approx(180, abs=40)

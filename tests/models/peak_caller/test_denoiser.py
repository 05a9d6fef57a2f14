"""The denoiser against its definition bin by bin in float64, its reach, its bounds, and what it leaves alone."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from epizoo.errors import InputError
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.denoiser import Denoiser
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig, grain_kernels, window_kernels
from epizoo.models.peak_caller.heads import as_pair, one_head, with_heads
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

CONFIG = DenoiserConfig((1, 3, 15, 31), levels=(0.1, 1.0), n_hidden=6)
PEAKS = PeakCallerConfig(n_filters=4, kernel_sizes=(3, 5), dilations=(2,), summit_window_bins=5)
PLAIN_REACH = PEAKS.receptive_field_bins


def shaken(module, seed=0):
    """The module with noise on every parameter, so that no two windows weigh the same."""
    random = np.random.default_rng(seed)
    graph, state = nnx.split(module)
    noisy = jax.tree.map(lambda x: jnp.asarray(x + 0.3 * random.normal(size=x.shape), jnp.float32), state)
    return nnx.merge(graph, noisy)


@pytest.fixture(scope="module")
def denoiser():
    return shaken(Denoiser(CONFIG, rngs=nnx.Rngs(1)))


@pytest.fixture(scope="module")
def signal():
    random = np.random.default_rng(3)
    rows = random.gamma(0.5, 2, size=(3, 90)).astype(np.float32)
    rows[0, 20:60] = 0
    rows[2] = random.poisson(0.05, 90)
    return rows


def hann(width):
    bell = [np.sin(np.pi * k / (width + 1)) ** 2 for k in range(1, width + 1)]
    return np.array(bell) / sum(bell)


def mean_around(row, i, kernel, side=0):
    """The weighted mean around a bin; with a side, over that half of the window alone."""
    half, total, weight = len(kernel) // 2, 0.0, 0.0
    for k, share in enumerate(kernel):
        j = i + k - half
        if side and (j - i) * side < 0:
            continue
        weight += share
        total += share * row[j] if 0 <= j < len(row) else 0.0
    return total / weight


def by_definition(denoiser, row):
    """Bin by bin in float64."""
    arrays = {name: array.astype(np.float64) for name, array in flatten_parameters(denoiser).items()}
    steps = [(b - a) ** 2 / (a + b + 1e-9) for a, b in itertools.pairwise(row)] + [0.0]
    out = []
    for i in range(len(row)):
        means = [mean_around(row, i, hann(width)) for width in (1, 3, 15, 31)]
        widest = means[-1]
        means += [mean_around(row, i, hann(15), side) for side in (-1, 1)]
        grains = [mean_around(steps, i, hann(width)) for width in (31, 3)]
        seen = [mean / (widest + 1e-9) + 1e-2 for mean in means]
        seen += [grain / (widest + 1e-9) + 1e-4 for grain in grains] + [widest + 1e-2]
        hidden = np.log(seen)
        for layer in ("ratio_conv", "mix_conv"):
            hidden = np.maximum(hidden @ arrays[f"{layer}.kernel"][0] + arrays[f"{layer}.bias"], 0)
        logits = hidden @ arrays["weight_conv.kernel"][0] + arrays["weight_conv.bias"]
        weights = np.exp(logits - logits.max())
        out.append(weights / weights.sum() @ [*means, 0.1, 1.0])
    return np.array(out)


def test_it_is_what_its_definition_says(denoiser, signal):
    found = np.asarray(denoiser(jnp.asarray(signal)))
    for row, expected in zip(found, signal.astype(np.float64), strict=True):
        np.testing.assert_allclose(row, by_definition(denoiser, expected), rtol=2e-4, atol=1e-6)


def test_no_bin_is_below_or_above_all_that_lies_around_it(denoiser, signal):
    found = np.asarray(denoiser(jnp.asarray(100 * signal)))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(100 * signal, ((0, 0), (15, 15))), 31, axis=1)
    assert (found <= np.maximum(around.max(-1), 1.0) * (1 + 1e-6)).all()
    assert (found >= np.minimum(around.min(-1), 0.1) * (1 - 1e-6)).all()


def test_windows_are_means(signal):
    for widths in ((1, 3), (1, 3, 7, 15, 31, 63, 127)):
        for kernels in (window_kernels(widths), grain_kernels(widths)):
            np.testing.assert_allclose(kernels.sum(axis=0), 1, rtol=1e-6)
            assert (kernels >= 0).all()
    kernels = window_kernels((1, 3, 15, 31))
    np.testing.assert_array_equal(kernels[:15, 5], 0)
    np.testing.assert_array_equal(kernels[::-1, 4], kernels[:, 5])


def test_it_begins_as_the_plain_mean_of_windows_and_levels(signal):
    fresh = Denoiser(CONFIG, rngs=nnx.Rngs(0))
    padded = np.pad(signal, ((0, 0), (15, 15)))
    means = [[np.correlate(row, kernel, "valid") for kernel in window_kernels(CONFIG.widths).T] for row in padded]
    expected = (np.sum(means, axis=1) + 1.1) / 8
    np.testing.assert_allclose(fresh(jnp.asarray(signal)), expected, rtol=1e-4, atol=1e-6)


def test_no_bin_reaches_further_than_it_says(denoiser, signal):
    changed = signal.copy()
    changed[:, 45] += 5
    moved = np.asarray(denoiser(jnp.asarray(changed)) != denoiser(jnp.asarray(signal))).any(axis=0)
    assert np.flatnonzero(moved).min() >= 45 - CONFIG.reach_bins
    assert np.flatnonzero(moved).max() <= 45 + CONFIG.reach_bins
    assert dataclasses.replace(PEAKS, denoise=CONFIG).receptive_field_bins == max(PLAIN_REACH, 16)


def test_gradients_are_finite_on_silence_and_on_huge_counts(denoiser):
    for level in (0.0, 3e7):
        signal = jnp.full((1, 60), level).at[0, 30].set(level / 2)
        gradient = jax.grad(lambda values: denoiser(values).sum())(signal)
        assert np.isfinite(gradient).all()


def test_peaks_are_the_same_bit_by_bit_with_and_without_it():
    plain = shaken(PeakCaller(PEAKS, rngs=nnx.Rngs(1)))
    arrays = flatten_parameters(plain)
    both = PeakCaller(dataclasses.replace(PEAKS, denoise=CONFIG), rngs=nnx.Rngs(1))
    assert {name for name in flatten_parameters(both) if not name.startswith("denoiser.")} == set(arrays)
    fresh, again = flatten_parameters(PeakCaller(PEAKS, rngs=nnx.Rngs(1))), flatten_parameters(both)
    assert all(np.array_equal(fresh[name], again[name]) for name in fresh)
    coverage = jnp.asarray(np.random.default_rng(0).gamma(1, size=(2, 80, 1)), jnp.float32)
    unshaken = PeakCaller(PEAKS, rngs=nnx.Rngs(1))
    for found, expected in zip(both(coverage), unshaken(coverage), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_denoised_coverage_is_in_the_unit_of_the_input():
    model = PeakCaller(dataclasses.replace(PEAKS, denoise=CONFIG), rngs=nnx.Rngs(1))
    signal = np.random.default_rng(0).gamma(1, size=(2, 80)).astype(np.float32)
    found = model.denoised(jnp.arcsinh(jnp.asarray(signal))[..., None])
    np.testing.assert_allclose(np.sinh(found), model.denoiser(jnp.asarray(signal)), rtol=1e-5)
    with pytest.raises(InputError, match=r"no denoiser"):
        PeakCaller(PEAKS, rngs=nnx.Rngs(1)).denoised(jnp.zeros((1, 80, 1)))


def test_heads_keep_it_and_pairs_leave_it():
    model = shaken(PeakCaller(dataclasses.replace(PEAKS, denoise=CONFIG), rngs=nnx.Rngs(1)))
    coverage = jnp.asarray(np.random.default_rng(0).gamma(1, size=(1, 60, 1)), jnp.float32)
    again = one_head(with_heads(model, ["a", "b"]), "b")
    assert again.config == model.config
    np.testing.assert_array_equal(again.denoised(coverage), model.denoised(coverage))
    assert as_pair(model).denoiser is None


def test_configs_go_to_yaml_and_back_and_bad_ones_are_refused():
    config = dataclasses.replace(PEAKS, denoise=CONFIG)
    assert config.to_dict()["denoise"] == {"widths": [1, 3, 15, 31], "levels": [0.1, 1.0], "n_hidden": 6}
    assert PeakCallerConfig.from_dict(config.to_dict()) == config
    assert PeakCallerConfig.from_dict(PEAKS.to_dict()) == PEAKS
    for bad in ({"widths": [1]}, {"widths": [3, 5]}, {"widths": [1, 4]}, {"widths": [1, 5, 3]}):
        with pytest.raises(InputError, match=r"denoise\.widths .*\bodd\b"):
            PeakCallerConfig(denoise=bad)
    with pytest.raises(InputError, match=r"denoise\b.*\bwidth\b"):
        PeakCallerConfig(denoise={"widths": [1, 3], "width": 3})
    with pytest.raises(InputError, match=r"denoise\b.*\bwidths\b"):
        PeakCallerConfig(denoise={})
    with pytest.raises(InputError, match=r"denoise\b.*levels\b.*-1\b"):
        PeakCallerConfig(denoise={"widths": [1, 3], "levels": [-1]})
    with pytest.raises(InputError, match=r"denoise\b.*paired"):
        dataclasses.replace(config, paired=True)

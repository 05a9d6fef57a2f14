"""The peak caller against NumPy, finite differences and perturbations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy
from flax import nnx

from epizoo.errors import InputError
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig, soft_local_maximum

SMALL = PeakCallerConfig(
    bin_bp=50, n_tracks=2, n_filters=4, kernel_sizes=(3, 7), dilations=(1, 4), summit_window_bins=7
)
DIFFBIO = PeakCallerConfig(bin_bp=1, n_filters=4, kernel_sizes=(5, 11, 21), threshold=0.4, temperature=0.7)
CONFIGS = pytest.mark.parametrize("config", [SMALL, DIFFBIO], ids=["context and control", "as DiffBio's"])


def make_model(config, seed=0, dtype=None):
    """A model whose every parameter, the zero-initialised ones included, is random."""
    model = PeakCaller(config, rngs=nnx.Rngs(seed))
    random = np.random.default_rng(seed)
    graph, state = nnx.split(model, nnx.Param)
    state = jax.tree.map(lambda x: jnp.asarray(x + 0.3 * random.normal(size=x.shape), dtype or x.dtype), state)
    return nnx.merge(graph, state)


def make_coverage(config, n_bins=90, batch=2, seed=1):
    return np.random.default_rng(seed).gamma(1.0, size=(batch, n_bins, config.n_tracks)).astype(np.float32)


def numpy_conv(conv, x, dilation=1):
    """SAME convolution bin by bin, by its definition."""
    kernel, bias = np.asarray(conv.kernel[...], np.float64), np.asarray(conv.bias[...], np.float64)
    low = (len(kernel) - 1) * dilation // 2
    out = np.tile(bias, (*x.shape[:2], 1))
    for i in range(x.shape[1]):
        for k in range(len(kernel)):
            j = i - low + k * dilation
            if 0 <= j < x.shape[1]:
                out[:, i] += x[:, j] @ kernel[k]
    return out


def numpy_outputs(model, coverage):
    x = coverage.astype(np.float64)
    scales = [np.maximum(numpy_conv(conv, x), 0) for conv in model.scale_convs]
    hidden = np.maximum(numpy_conv(model.combine_conv, np.concatenate(scales, axis=-1)), 0)
    for block, dilation in zip(model.context, model.config.dilations, strict=True):
        hidden = hidden + numpy_conv(block.mix_conv, np.maximum(numpy_conv(block.dilated_conv, hidden, dilation), 0))
    scores = numpy_conv(model.output_conv, hidden)[..., 0]
    temperature = abs(float(model.temperature[...])) + 1e-6
    probabilities = 1 / (1 + np.exp(-(scores - float(model.threshold[...])) / temperature))
    weighted = scores * probabilities / temperature
    window = model.config.summit_window_bins
    summits = np.empty_like(scores)
    for i in range(scores.shape[1]):
        part = weighted[:, max(i - window // 2, 0) : i - window // 2 + window]
        summits[:, i] = np.exp(weighted[:, i]) / np.exp(part).sum(axis=1)
    rise = np.diff(probabilities, axis=1, prepend=probabilities[:, :1])
    starts, ends = 1 / (1 + np.exp(-rise / 0.1)), 1 - 1 / (1 + np.exp(-rise / 0.1))
    return hidden, (scores, probabilities, summits, starts, ends)


@CONFIGS
def test_outputs_match_a_numpy_implementation(config):
    model, coverage = make_model(config), make_coverage(config)
    hidden, expected = numpy_outputs(model, coverage)
    np.testing.assert_allclose(model.features(coverage), hidden, rtol=1e-4, atol=1e-5)
    outputs = model(coverage)
    for name, found, wanted in zip(outputs._fields, outputs, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(nnx.sigmoid(model.logits(coverage)), outputs.peak_probabilities, rtol=1e-5)


@CONFIGS
def test_gradients_match_finite_differences_in_float64(config):
    with jax.enable_x64(True):
        model = make_model(config, dtype=jnp.float64)
        coverage = jnp.asarray(make_coverage(config, n_bins=40), jnp.float64)
        graph, state = nnx.split(model, nnx.Param)
        random = np.random.default_rng(3)
        weights = [jnp.asarray(random.normal(size=coverage.shape[:2])) for _ in range(5)]

        def objective(state, coverage):
            outputs = nnx.merge(graph, state)(coverage)
            return sum(jnp.sum(w * x) for w, x in zip(weights, outputs, strict=True))

        step = jax.tree.map(lambda x: jnp.asarray(random.normal(size=x.shape)), (state, coverage))
        gradient = jax.grad(objective, argnums=(0, 1))(state, coverage)
        slope = sum(jnp.vdot(g, s) for g, s in zip(jax.tree.leaves(gradient), jax.tree.leaves(step), strict=True))
        size = 1e-7
        moved = [jax.tree.map(lambda x, s, t=t: x + t * s, (state, coverage), step) for t in (size, -size)]
        difference = (objective(*moved[0]) - objective(*moved[1])) / (2 * size)
        np.testing.assert_allclose(slope, difference, rtol=1e-5)


@CONFIGS
def test_no_output_feels_a_change_beyond_the_receptive_field(config):
    coverage = make_coverage(config, n_bins=200, batch=4)
    changed = coverage.copy()
    changed[:, 100] += 5
    reached = set()
    # Some units are silent in any one model; over a few models every path is open somewhere.
    for seed in range(4):
        model = make_model(config, seed)
        for before, after in zip(model(coverage), model(changed), strict=True):
            reached |= set(np.flatnonzero(np.any(before != after, axis=0)) - 100)
    assert max(map(abs, reached)) == config.receptive_field_bins == model.receptive_field_bins


def test_a_shift_of_the_coverage_shifts_the_outputs():
    model, coverage = make_model(SMALL), make_coverage(SMALL, n_bins=120)
    reach = model.receptive_field_bins
    whole, shifted = model(coverage), model(coverage[:, 7:])
    for full, part in zip(whole, shifted, strict=True):
        np.testing.assert_allclose(full[:, 7 + reach :], part[:, reach:], rtol=1e-5, atol=1e-6)


def test_batching_and_jit_change_nothing():
    model, coverage = make_model(SMALL), make_coverage(SMALL, batch=3)
    together = nnx.jit(model)(coverage)
    for row in range(3):
        for alone, batched in zip(model(coverage[row : row + 1]), together, strict=True):
            np.testing.assert_allclose(alone[0], batched[row], rtol=1e-5, atol=1e-6)


def test_context_starts_as_the_identity():
    with_context = PeakCaller(SMALL, rngs=nnx.Rngs(0))
    plain = PeakCaller(PeakCallerConfig.from_dict(SMALL.to_dict() | {"dilations": []}), rngs=nnx.Rngs(0))
    coverage = make_coverage(SMALL)
    np.testing.assert_array_equal(with_context.features(coverage), plain.features(coverage))


@pytest.mark.parametrize("window", [1, 2, 7, 50])
def test_summits_are_a_softmax_over_their_window_even_where_exponentials_overflow(window):
    values = np.random.default_rng(0).normal(scale=300, size=(2, 40)).astype(np.float32)
    found = soft_local_maximum(jnp.asarray(values), window)
    for i in range(values.shape[1]):
        part = values[:, max(i - window // 2, 0) : i - window // 2 + window].astype(np.float64)
        expected = np.exp(values[:, i] - scipy.special.logsumexp(part, axis=1))
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-3, atol=1e-30)
    gradient = jax.grad(lambda x: soft_local_maximum(x, window).sum())(jnp.asarray(values))
    assert np.isfinite(gradient).all()


def test_config_survives_plain_values():
    assert PeakCallerConfig.from_dict(SMALL.to_dict()) == SMALL


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kernel_sizes": []}, "kernel_sizes"),
        ({"n_tracks": 3}, r"n_tracks\b.*\b3\b"),
        ({"optional_control": True}, r"n_tracks\b.*\b1\b"),
        ({"bin_bp": 0}, r"bin_bp\b.*\b0\b"),
        ({"dilations": [1, 0]}, "dilations"),
        ({"filters": 8}, r"\bfilters\b"),
    ],
)
def test_bad_configs_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        PeakCallerConfig.from_dict(values)

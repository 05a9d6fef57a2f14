import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from epizoo.errors import InputError
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.heads import as_pair, one_head, with_heads
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

CONFIG = PeakCallerConfig(n_filters=4, kernel_sizes=(3, 5), dilations=(2,), summit_window_bins=5)


@pytest.fixture
def model():
    return PeakCaller(CONFIG, rngs=nnx.Rngs(1))


@pytest.fixture
def coverage():
    return jnp.asarray(np.random.default_rng(0).gamma(1, size=(2, 80, 1)), jnp.float32)


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_without_heads_nothing_is_new(model):
    assert CONFIG.heads == ()
    assert not CONFIG.paired
    assert flatten_parameters(model)["output_conv.kernel"].shape == (1, 4, 1)
    assert flatten_parameters(model)["threshold"].shape == ()


def test_every_head_begins_as_the_pretrained_model_and_comes_back_as_it(model, coverage):
    many = with_heads(model, ["liver", "muscle", "brain"])
    for head in ("liver", 1, "brain"):
        for found, expected in zip(many(coverage, head), model(coverage), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(many.logits(coverage, head), model.logits(coverage), atol=1e-6)
        one = one_head(many, head)
        assert one.config == CONFIG
        assert equal(flatten_parameters(one).values(), flatten_parameters(model).values())


def test_a_head_learns_by_itself_and_the_trunk_from_all(model, coverage):
    many = with_heads(model, ["liver", "muscle"])
    graph, state = nnx.split(many)
    gradient = jax.grad(lambda s: nnx.merge(graph, s).logits(coverage, "muscle").sum())(state)
    flat = {".".join(map(str, path)): np.asarray(v.get_value()) for path, v in nnx.to_flat_state(gradient)}
    for name in ("output_conv.kernel", "output_conv.bias", "threshold", "temperature"):
        assert not flat[name][..., 0].any()
        assert flat[name][..., 1].any()
    assert flat["combine_conv.kernel"].any()


def test_a_pair_begins_as_the_difference_of_both_scores(model, coverage):
    first, second = coverage, coverage[:, ::-1] * 2
    pair = as_pair(model)
    scores = pair.scores(jnp.concatenate([first, second], axis=-1))
    np.testing.assert_allclose(scores, model.scores(first) - model.scores(second), atol=1e-5)
    swapped = pair.scores(jnp.concatenate([second, first], axis=-1))
    np.testing.assert_allclose(swapped, -scores, atol=1e-5)
    assert pair.features(jnp.concatenate([first, second], axis=-1)).shape == (2, 80, 8)


def test_heads_that_are_not_there_are_refused(model, coverage):
    many = with_heads(model, ["liver", "muscle"])
    for head in ("brain", 2, -1):
        with pytest.raises(InputError, match=r"head: .*liver, muscle"):
            many(coverage, head)
        with pytest.raises(InputError, match=r"head: .*liver, muscle"):
            one_head(many, head)
    with pytest.raises(InputError, match=r"head: 'x'"):
        model(coverage, "x")
    with pytest.raises(InputError, match=r"once"):
        with_heads(model, ["a", "a"])
    with pytest.raises(InputError, match=r"heads"):
        with_heads(many, ["a"])
    with pytest.raises(InputError, match=r"two conditions"):
        as_pair(as_pair(model))

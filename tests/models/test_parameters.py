"""Flat names of parameters, and models filled from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from epizoo.errors import EntryError
from epizoo.models.parameters import build_model, fill_parameters, flatten_parameters


class Network(nnx.Module):
    """A module with all that models here are made of: nesting, lists, statistics, and random state where asked for."""

    def __init__(self, *, dropout: bool = False, rngs: nnx.Rngs):
        self.stem = nnx.Conv(1, 3, (5,), rngs=rngs)
        self.blocks = nnx.List([nnx.Linear(3, 3, rngs=rngs), nnx.BatchNorm(3, use_running_average=True, rngs=rngs)])
        self.threshold = nnx.Param(jnp.zeros(()))
        self.dropout = nnx.Dropout(0.5, rngs=rngs) if dropout else None

    def __call__(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x - self.threshold[...]


NAMES = [
    "blocks.0.bias",
    "blocks.0.kernel",
    "blocks.1.bias",
    "blocks.1.mean",
    "blocks.1.scale",
    "blocks.1.var",
    "stem.bias",
    "stem.kernel",
    "threshold",
]


def test_names_are_dotted_sorted_and_without_random_state():
    arrays = flatten_parameters(Network(dropout=True, rngs=nnx.Rngs(0)))
    assert list(arrays) == NAMES
    assert all(isinstance(array, np.ndarray) for array in arrays.values())


def test_a_model_built_from_its_parameters_computes_the_same():
    model = Network(rngs=nnx.Rngs(1))
    model.threshold.set_value(jnp.asarray(0.25))
    copy = build_model(lambda: Network(rngs=nnx.Rngs(2)), flatten_parameters(model))
    x = jax.random.normal(jax.random.key(0), (2, 20, 1))
    np.testing.assert_array_equal(copy(x), model(x))
    assert copy(x).shape == (2, 20, 3)


def test_building_computes_no_random_start():
    def factory():
        model = Network(rngs=nnx.Rngs(0))
        assert isinstance(model.stem.kernel.get_value(), jax.core.Tracer)
        return model

    build_model(factory, flatten_parameters(Network(rngs=nnx.Rngs(0))))


def test_all_that_does_not_fit_is_named_at_once_and_nothing_is_filled():
    model = Network(rngs=nnx.Rngs(0))
    before = flatten_parameters(model)
    arrays = dict(flatten_parameters(Network(rngs=nnx.Rngs(1))))
    del arrays["stem.bias"]
    arrays["head.kernel"] = np.zeros(2)
    arrays["blocks.0.kernel"] = np.zeros((3, 4), np.float32)
    arrays["threshold"] = np.array("high")
    with pytest.raises(EntryError) as error:
        fill_parameters(model, arrays)
    for name in ("stem.bias", "head.kernel", "blocks.0.kernel", "(3, 4)", "(3, 3)", "threshold"):
        assert name in str(error.value)
    for name, array in flatten_parameters(model).items():
        np.testing.assert_array_equal(array, before[name])


def test_random_state_that_weights_do_not_hold_is_refused():
    arrays = flatten_parameters(Network(rngs=nnx.Rngs(0)))
    with pytest.raises(EntryError, match=r"dropout\.rngs"):
        build_model(lambda: Network(dropout=True, rngs=nnx.Rngs(0)), arrays)
    filled = fill_parameters(Network(dropout=True, rngs=nnx.Rngs(0)), arrays)
    np.testing.assert_array_equal(filled.stem.kernel[...], arrays["stem.kernel"])


def test_values_take_the_dtype_of_the_parameter():
    arrays = {name: array.astype(np.float64) for name, array in flatten_parameters(Network(rngs=nnx.Rngs(0))).items()}
    assert flatten_parameters(build_model(lambda: Network(rngs=nnx.Rngs(1)), arrays))["stem.kernel"].dtype == np.float32

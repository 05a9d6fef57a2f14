"""Flat dotted names for the parameters of any flax nnx module, and models filled from them.

The names are what stands in an entry's ``weights.safetensors``. Filling is all or nothing: every missing, unused or
wrongly shaped name is collected, and one error names them all.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from epizoo.errors import EntryError

Model = TypeVar("Model", bound=nnx.Module)


def flatten_parameters(model: nnx.Module) -> dict[str, np.ndarray]:
    """All parameters and statistics of a model by flat dotted name, such as ``blocks.0.kernel``, sorted by name.

    Random states (of dropout, say) are no parameters and are left out.
    """
    return {name: np.asarray(variable[...]) for name, variable in sorted(_variables(model).items())}


def fill_parameters(model: Model, arrays: Mapping[str, np.ndarray], source: object = None) -> Model:
    """Set every parameter of a concrete or abstract (`nnx.eval_shape`) model, in place, and return the model.

    Values are converted to the dtype of the parameter that they fill.

    Args:
        model: a concrete or abstract model.
        arrays: values by name, of `flatten_parameters`.
        source: what errors begin with, such as the file of the arrays (default: the model's class).

    Raises:
        EntryError: names that the model lacks or that `arrays` lacks, shapes that differ, or arrays that are no
            numbers; one error names them all, and the model is left untouched.
    """
    variables = _variables(model)
    problems = [f"{name} is missing" for name in sorted(variables.keys() - arrays.keys())]
    problems += [f"{name} is not a parameter of the model" for name in sorted(arrays.keys() - variables.keys())]
    for name in sorted(variables.keys() & arrays.keys()):
        expected, found = variables[name].get_value(), np.asarray(arrays[name])
        if expected.shape != found.shape:
            problems.append(f"{name} has shape {found.shape} where the model has {expected.shape}")
        elif not np.can_cast(found.dtype, expected.dtype, "same_kind"):
            problems.append(f"{name} has dtype {found.dtype} where the model has {expected.dtype}")
    if problems:
        raise EntryError(
            f"{source or type(model).__name__}: the weights do not fit the model: {'; '.join(problems)}; use weights "
            "and config of one version of the entry"
        )
    for name, variable in variables.items():
        dtype = variable.get_value().dtype
        variable.set_value(jnp.asarray(np.asarray(arrays[name]).astype(dtype)))
    return model


def build_model(factory: Callable[[], Model], arrays: Mapping[str, np.ndarray], source: object = None) -> Model:
    """Make a model without computing its random start, and fill it.

    Args:
        factory: makes the model, as in ``lambda: PeakCaller(config, rngs=nnx.Rngs(0))``.
        arrays: values by name, of `flatten_parameters`.
        source: as in `fill_parameters`.

    Raises:
        EntryError: as `fill_parameters`, or the model keeps random states, which no weights can fill.
    """
    model = fill_parameters(nnx.eval_shape(factory), arrays, source)
    abstract = [_dotted(path) for path, variable in _flat_state(model) if _is_abstract(variable.get_value())]
    if abstract:
        raise EntryError(
            f"{type(model).__name__}: {', '.join(abstract)} is random state that weights do not hold; build the model "
            "with its rngs and call fill_parameters on it"
        )
    return model


def _variables(model: nnx.Module) -> dict[str, nnx.Variable[Any]]:
    """Parameters and statistics by dotted name; the variables are the model's own."""
    variables = {_dotted(path): variable for path, variable in _flat_state(model)}
    return {name: variable for name, variable in variables.items() if not isinstance(variable, nnx.RngState)}


def _flat_state(model: nnx.Module) -> list[tuple[tuple[Any, ...], nnx.Variable[Any]]]:
    graph = nnx.iter_graph(model)
    return [(path, node) for path, node in graph if isinstance(node, nnx.Variable)]


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in path)


def _is_abstract(value: Any) -> bool:
    return isinstance(value, jax.ShapeDtypeStruct)

"""The one door upwards: functions of packages above the zoo, imported by name when they are first used."""

import importlib
import types
from collections.abc import Callable
from typing import Any


def imported(reference: str) -> Any:
    """The object that ``module:name`` refers to."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


class Method:
    """A method that is a function of another module, with the entry as its first argument.

    Its signature and its documentation are those of the function.
    """

    def __init__(self, reference: str) -> None:
        self._reference = reference

    def __get__(self, entry: object | None, owner: type[Any]) -> Callable[..., Any]:
        function: Callable[..., Any] = imported(self._reference)
        return function if entry is None else types.MethodType(function, entry)

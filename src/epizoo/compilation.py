"""Compilation of loops over numbers by numba."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """Compile when first called, releasing the interpreter's lock.

    No sum is reordered and no product fused with one: results are the same on every machine, and equal
    states stay equal.
    """
    try:
        return numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # No folder to keep compiled code in: compile in each process.
        return numba.njit(function, nogil=True, error_model="numpy")

"""Compilation of loops over numbers by numba, and how many of them may run side by side."""

import functools
import os
import threading
from collections.abc import Callable
from typing import Any


def compiled(function: Callable[..., Any]) -> Any:
    """Compile when first called, releasing the interpreter's lock.

    No sum is reordered and no product fused with one: results are the same on every machine, and equal
    states stay equal.
    """
    import numba

    try:
        return numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # No folder to keep compiled code in: compile in each process.
        return numba.njit(function, nogil=True, error_model="numpy")


def compiled_late(function: Callable[..., Any]) -> Any:
    """As `compiled`, but numba itself is imported at the first call too, since that takes half a second."""
    lock = threading.Lock()
    dispatcher: list[Any] = []

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        with lock:
            if not dispatcher:
                dispatcher.append(compiled(function))
        return dispatcher[0](*arguments)

    return run


def usable_cores() -> int:
    """Number of cores that this process may use; macOS cannot restrict them, so there it is all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The state of a training in one file, so that a killed run continues and ends as if nothing had happened."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from epizoo.errors import InputError
from epizoo.files import atomic_path


class Snapshot(NamedTuple):
    """State of a training: arrays by name, and notes that JSON can hold."""

    arrays: dict[str, Shaped[np.ndarray, "..."]]
    notes: dict[str, Any]


def fingerprint(settings: Mapping[str, Any], arrays: Iterable[Shaped[np.ndarray, "..."]]) -> str:
    """A hash of everything that a training depends on.

    >>> fingerprint({"seed": 0}, []) == fingerprint({"seed": 1}, [])
    False
    """
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_snapshot(path: str | os.PathLike[str], snapshot: Snapshot, of: str) -> None:
    """Write a snapshot, whole or not at all; `of` is the fingerprint of the training."""
    # np.ascontiguousarray would turn a number into an array of one axis.
    arrays = {name: np.array(array, order="C") for name, array in snapshot.arrays.items()}
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={"fingerprint": of, "notes": json.dumps(snapshot.notes)})


def load_snapshot(path: str | os.PathLike[str], of: str) -> Snapshot | None:
    """Read a snapshot; None where there is no such file.

    Raises:
        InputError: the file is no checkpoint, or its training had other data, another start or other settings.
    """
    if not Path(path).exists():
        return None
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata()
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found, notes = metadata["fingerprint"], json.loads(metadata["notes"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is no checkpoint of a training ({error}); remove it to start again") from None
    if found != of:
        raise InputError(
            f"{path}: is the checkpoint of a training with other data, another start or other settings; give the same "
            "ones, or remove it to start again"
        )
    return Snapshot(arrays, notes)

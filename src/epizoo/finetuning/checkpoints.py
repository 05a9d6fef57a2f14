"""The state of a training in one file, so that a killed one goes on and ends as if nothing had happened."""

import hashlib
import json
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
    """Where a training stands: arrays by name, and what JSON can hold."""

    arrays: dict[str, Shaped[np.ndarray, "..."]]
    notes: dict[str, Any]


def fingerprint(settings: Mapping[str, Any], arrays: Iterable[Shaped[np.ndarray, "..."]]) -> str:
    """A hash of all that a training depends on."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_snapshot(path: Path, snapshot: Snapshot, of: str) -> None:
    """Write a snapshot, whole or not at all; `of` is the fingerprint of the training."""
    # np.ascontiguousarray would make an array of one axis of a number.
    arrays = {name: np.array(array, order="C") for name, array in snapshot.arrays.items()}
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={"fingerprint": of, "notes": json.dumps(snapshot.notes)})


def load_snapshot(path: Path, of: str) -> Snapshot:
    """Read a snapshot back.

    Raises:
        InputError: it is no snapshot, or one of a training on other data, from another model or with other settings.
    """
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata()
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found, notes = metadata["fingerprint"], json.loads(metadata["notes"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is no checkpoint of fine-tuning ({error}); remove it to start again") from None
    if found != of:
        raise InputError(
            f"{path}: is the checkpoint of a training on other data, from another model or with other settings; give "
            "the same ones, or remove it to start again"
        )
    return Snapshot(arrays, notes)

"""Arrays of an entry: safetensors files whose hash is always checked."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from safetensors import SafetensorError
from safetensors.numpy import load_file

from epizoo.errors import EntryError
from epizoo.files import sha256


def check_sha256(path: Path, expected: str) -> None:
    """Check a file of an entry against the hash that its ``model.yaml`` states.

    Raises:
        EntryError: the file is missing, or its hash is another.
    """
    if not path.is_file():
        raise EntryError(f"{path}: this file of the entry is missing; install epizoo again or restore the file")
    found = sha256(path)
    if found != expected:
        raise EntryError(
            f"{path}: sha256 is {found}, model.yaml expects {expected}; the file is not the one that was published, "
            "install epizoo again or restore the file"
        )


def read_arrays(path: Path, expected_sha256: str) -> dict[str, Shaped[np.ndarray, "..."]]:
    """All arrays of a safetensors file, by name, after its hash was checked.

    Raises:
        EntryError: the file is missing, its hash is another, or it is not a safetensors file.
    """
    check_sha256(path, expected_sha256)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise EntryError(f"{path}: not a safetensors file ({error}); restore the file") from error

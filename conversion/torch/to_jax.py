"""From torch back to JAX: state dicts of the twins as the flat arrays and the weights of an entry."""

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from safetensors import SafetensorError
from safetensors.numpy import save_file
from safetensors.torch import load_file
from torch import Tensor

from epizoo.conversion.metadata import require_twin
from epizoo.conversion.torch.axes import leaf_of_torch, renamed
from epizoo.conversion.torch.programs import blank_twin
from epizoo.errors import EntryError, InputError
from epizoo.files import atomic_path
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.zoo.entry import Entry


def arrays_from_state(
    config: PeakCallerConfig | ChromatinStateConfig, state: Mapping[str, Tensor]
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """A twin's state dict as flat named JAX arrays, dtypes unchanged: the exact inverse of `to_torch.state_dict`.

    Raises:
        EntryError: keys that the model lacks, that the state dict lacks, or wrong shapes; one error names them all.
    """
    family = "peak_caller" if isinstance(config, PeakCallerConfig) else "chromatin_states"
    expected = blank_twin(config).state_dict()
    problems = [f"{name} is missing" for name in sorted(expected.keys() - state.keys())]
    problems += [f"{name} is not a parameter of the model" for name in sorted(state.keys() - expected.keys())]
    for name in sorted(expected.keys() & state.keys()):
        found, wanted = tuple(state[name].shape), tuple(expected[name].shape)
        if found != wanted:
            problems.append(f"{name} has shape {found} where the model has {wanted}")
    if problems:
        raise EntryError(
            f"state dict: does not fit a model of the family {family}: {'; '.join(problems)}; give the state dict "
            "of the model that this config describes"
        )
    arrays = {}
    for name, tensor in state.items():
        leaf = leaf_of_torch(family, name)
        assert leaf is not None, name
        array = tensor.detach().cpu().numpy()
        arrays[renamed(name, leaf.jax_name)] = np.array(np.transpose(array, np.argsort(leaf.axes)), order="C")
    return dict(sorted(arrays.items()))


def read_state(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """A state dict from a file that `to_torch.write_state` or a user wrote: safetensors, or `torch.save` of tensors.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give a state dict as .safetensors or .pt")
    try:
        if not zipfile.is_zipfile(path):
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(
            f"{path}: not a state dict ({' '.join(str(error).split())[:200]}); give a .safetensors file, or one that "
            "torch.save wrote of tensors and plain values alone"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict; expected tensors by name, found {type(state).__name__}")
    return state


def write_weights(entry: Entry, state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write a state dict of an entry's twin, fine-tuned perhaps, as the ``weights.safetensors`` of a new entry.

    Raises:
        EntryError: the state dict does not fit the entry's model; all that does not is named.
    """
    arrays = arrays_from_state(require_twin(entry), state)
    with atomic_path(path) as temporary:
        save_file(arrays, temporary)

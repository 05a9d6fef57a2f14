"""Entries as checkpoints of gReLU, proven to be the same model, and checkpoints as models again.

A checkpoint holds tensors and plain values alone, so that torch loads it with its default of ``weights_only``. What an
entry is stands in ``model_params["zoo"]``, which gReLU keeps through fine-tuning.
"""

import json
import os
import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning
import torch
from grelu.lightning import LightningModel
from jaxtyping import Float

from epizoo.conversion.metadata import require_twin
from epizoo.conversion.parity import Check, Named, ParityReport, cases, compare, require_parity
from epizoo.conversion.torch.programs import build_twin
from epizoo.errors import InputError
from epizoo.files import atomic_path, require_writable
from epizoo.plugins.grelu.models import MODELS, SignalModel, fill_from_twin, register
from epizoo.zoo import load
from epizoo.zoo.entry import ChromatinStateEntry, Entry
from epizoo.zoo.remote import local_checkpoint

TARGET = "grelu"
MODEL_TYPES = {model.family: name for name, model in MODELS.items()}
TASKS = {"peak_caller": "binary", "chromatin_states": "multiclass"}
LEARNING_RATES = {"peak_caller": 1e-3, "chromatin_states": 1e-2}
OUTPUTS = {"peak_caller": "peak_probabilities", "chromatin_states": "state_posteriors"}
"""Name of gReLU's predictions in the zoo."""


def export(entry: Entry | str, path: str | os.PathLike[str]) -> ParityReport:
    """Write an entry as a checkpoint for `grelu.resources.load_model`, with ``PATH.parity.json`` beside it.

    Raises:
        InputError: the path cannot be written, or its name does not end in ``.ckpt``.
        EntryError: the entry has no weights that match their hash, or predictions through gReLU are not JAX's; no file
            is left.
    """
    entry = entry if isinstance(entry, Entry) else load(entry)
    if Path(path).suffix != ".ckpt":
        raise InputError(f"{path}: not a name of a checkpoint; give one that ends in .ckpt")
    require_writable(path)
    with atomic_path(path) as temporary:
        write_checkpoint(lightning_model(entry), temporary)
        report = check(entry, load_checkpoint(temporary))
        require_parity(report)
        with atomic_path(f"{path}.parity.json") as beside:
            report.write(beside)
    return report


def lightning_model(entry: Entry) -> LightningModel:
    """An entry as gReLU's `LightningModel`, with everything that its functions read filled in."""
    require_twin(entry)
    register()
    tasks = task_names(entry)
    model = LightningModel(
        model_params={
            "model_type": MODEL_TYPES[entry.family],
            **_plain(entry.zoo.config["model"]),
            "n_tasks": len(tasks),
            "crop_len": entry.window.flank_bins,
            "final_pool_func": None,
            "zoo": description(entry),
        },
        train_params={
            "task": TASKS[entry.family],
            "lr": LEARNING_RATES[entry.family],
            "batch_size": 16,
            # Windows lie in memory: a worker would only have to be started.
            "num_workers": 0,
        },
    )
    fill_from_twin(model.model, build_twin(entry, torch.float64))
    window = entry.window
    model.data_params = {
        "tasks": {"name": tasks},
        "train": {"bin_size": window.bin_bp, "seq_len": window.input_bins, "label_len": window.window_bins},
    }
    model.performance = {"zoo": [_plain(metric.model_dump()) for metric in entry.zoo.metrics]}
    return model


def description(entry: Entry) -> dict[str, Any]:
    """A checkpoint's description of the entry that it was made from: plain values."""
    settings = {key: value for key, value in entry.zoo.config.items() if key != "model"}
    return _plain(
        {
            "name": entry.name,
            "version": entry.version,
            "sha256": entry.sha256,
            "family": entry.family,
            "window_bins": entry.window.window_bins,
            "config": settings,
        }
    )


def task_names(entry: Entry) -> list[str]:
    """Names of gReLU's tasks: the states, or the tag of a peak caller."""
    if isinstance(entry, ChromatinStateEntry):
        return [state.name for state in entry.config.states]
    return [entry.name.partition("/")[2]]


def write_checkpoint(model: LightningModel, path: str | os.PathLike[str]) -> None:
    """Write a model as Lightning does, with arrays turned into lists."""
    checkpoint: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": pytorch_lightning.__version__,
        "state_dict": model.state_dict(),
        "hparams_name": "kwargs",
        "hyper_parameters": _plain({"model_params": model.model_params, "train_params": model.train_params}),
        "data_params": _plain(model.data_params),
        "performance": _plain(model.performance),
    }
    # Given a path, torch takes the archive's name from it, and refuses some.
    with open(path, "wb") as file:
        torch.save(checkpoint, file)


def load_checkpoint(path: str | os.PathLike[str]) -> LightningModel:
    """A model of epizoo from a checkpoint that epizoo or gReLU wrote, on the CPU, ready to predict.

    Args:
        path: the file, or a repository that has a ``model.ckpt``: ``hf://ORG/NAME[/FAMILY/TAG][@REVISION]``.

    Raises:
        InputError: there is no such file, it is no checkpoint, it holds a model of another type, or its weights do not
            fit the model that it describes.
        EntryError: the repository has no ``model.ckpt``, or cannot be reached.
    """
    register()
    path = local_checkpoint(path)
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give a checkpoint that epizoo export --to grelu or gReLU wrote")
    try:
        if not zipfile.is_zipfile(path):
            raise pickle.UnpicklingError("no archive")
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError) as error:
        raise InputError(
            f"{path}: not a checkpoint of tensors and plain values ({' '.join(str(error).split())[:200]}); give one "
            "that epizoo export --to grelu or gReLU wrote"
        ) from error
    parameters = checkpoint.get("hyper_parameters", {}) if isinstance(checkpoint, dict) else {}
    found = parameters.get("model_params", {}).get("model_type")
    if found not in MODELS:
        raise InputError(
            f"{path}: holds {'a model of the type ' + str(found) if found else 'no model of gReLU'}, expected "
            f"{' or '.join(MODELS)}; give a checkpoint that was made from an entry of the zoo"
        )
    try:
        return LightningModel.load_from_checkpoint(path, map_location="cpu")
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: its weights do not fit its own description ({' '.join(str(error).split())[:300]}); the file is "
            "damaged or was edited, make it anew"
        ) from error


def check(entry: Entry, model: LightningModel, task: int = 0) -> ParityReport:
    """Comparison of a model's predictions (of one task of a peak caller) with an entry's, on every export's inputs.

    Bins outside the chromosome, where an entry's posteriors are 0, are left out: gReLU's softmax sums to 1 anywhere.
    """
    checks: list[Check] = []
    reference = entry.with_backend("jax")
    for case, inputs in cases(entry):
        expected = reference.activations({entry.input_name: inputs}, (OUTPUTS[entry.family], *_layers(entry)))
        checks += compare(entry, case, inputs, _as_in_zoo(entry, model, inputs, task), expected)
    return ParityReport(entry.name, entry.sha256, TARGET, tuple(checks))


def predictions(
    model: LightningModel, inputs: Float[np.ndarray, "batch bin channel"]
) -> Float[np.ndarray, "batch bin task"]:
    """Probabilities by gReLU's forward pass, of input as the entry takes it."""
    with torch.no_grad():
        return model(torch.tensor(inputs).mT).mT.numpy()


def require_signal_model(model: LightningModel) -> SignalModel:
    """The model inside, if it is one of the zoo's.

    Raises:
        InputError: it is not.
    """
    inner = getattr(model, "model", model)
    if not isinstance(inner, SignalModel):
        raise InputError(f"model: {type(inner).__name__} found, expected {' or '.join(MODELS)}; load one from the zoo")
    return inner


def _layers(entry: Entry) -> tuple[str, ...]:
    return ("features", "logits") if entry.family == "peak_caller" else ()


def _as_in_zoo(entry: Entry, model: LightningModel, inputs: Float[np.ndarray, "batch bin channel"], task: int) -> Named:
    found = predictions(model, inputs)
    if entry.family == "peak_caller":
        signal = torch.tensor(inputs).mT
        with torch.no_grad():
            logits, features = model(signal, logits=True).mT.numpy(), model.model.embedding(signal).mT.numpy()
        return {"peak_probabilities": found[..., task], "logits": logits[..., task], "features": features}
    flank = entry.window.flank_bins
    outside = (inputs == -1).any(-1)[:, flank : inputs.shape[1] - flank]
    return {"state_posteriors": np.where(outside[..., None], 0, found)}


def _plain(values: Any) -> Any:
    """Plain Python values: tuples and arrays as lists, NumPy's numbers as Python's."""

    def convert(value: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic | torch.Tensor):
            return value.tolist()
        if isinstance(value, Iterable):
            return list(value)
        raise TypeError(f"{type(value).__name__} is no plain value")

    return json.loads(json.dumps(values, default=convert))

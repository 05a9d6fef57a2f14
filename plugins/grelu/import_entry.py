"""Checkpoints that gReLU has fine-tuned as entries of the zoo, proven to be the same model."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from grelu.lightning import LightningModel
from safetensors.numpy import save_file

from epizoo.conversion.parity import require_parity
from epizoo.conversion.torch.to_jax import arrays_from_state
from epizoo.errors import InputError
from epizoo.files import write_json, write_yaml
from epizoo.plugins.grelu.checkpoints import check, load_checkpoint, require_signal_model
from epizoo.plugins.grelu.datasets import CELL_SEPARATOR
from epizoo.plugins.grelu.heads import PeakHead
from epizoo.plugins.grelu.models import SignalModel, twin_state
from epizoo.zoo import load
from epizoo.zoo.entry import ChromatinStateEntry, Entry
from epizoo.zoo.imported_entries import about_tuned_elsewhere, build_proven
from epizoo.zoo.new_entries import example_of, lineage_from, uncalibrated

_KEPT_SETTINGS = ("lr", "optimizer", "max_epochs", "batch_size", "early_stopping", "patience", "grelu_version")


def import_checkpoint(
    path: str | os.PathLike[str],
    name: str,
    output: str | os.PathLike[str],
    *,
    base: Entry | str | None = None,
    task: str | None = None,
    version: str = "1.0.0",
) -> Entry:
    """Make an entry of a checkpoint that was fine-tuned from one; whole or not at all.

    Its predictions equal the checkpoint's to 1e-5, its example files, terms and prose are those of the entry that it
    was fine-tuned from, and its metrics are gReLU's on the validation set.

    Args:
        path: a checkpoint that gReLU wrote.
        name: Name of the new entry, such as muscle (letters, digits, - and _).
        output: Folder of a zoo; the entry is written to ``FOLDER/FAMILY/NAME``.
        base: Entry that the model was fine-tuned from, if the one that the checkpoint names is missing.
        task: Kind of peaks to import, if the model calls several.
        version: Version number of the new entry.

    Raises:
        InputError: the checkpoint is of another model type, says nothing of an entry, or was fine-tuned from other
            weights than the base's; the task is unknown or needed, the name is of another family or exists already,
            or the model is more than an HMM.
        EntryError: the entry's predictions are not those of the checkpoint; nothing is left.
    """
    model = load_checkpoint(path)
    inner = require_signal_model(model)
    origin = _base_of(path, inner, base)
    number = _task_number(path, model, inner, task)
    return build_proven(
        origin.family,
        example_of(origin),
        name,
        output,
        version,
        lambda run: _write_run(run, model, inner, origin, number),
        lambda entry: require_parity(check(entry, model, task=number)),
    )


def _base_of(path: str | os.PathLike[str], model: SignalModel, base: Entry | str | None) -> Entry:
    if model.zoo is None and base is None:
        raise InputError(
            f"{path}: was trained from scratch, so that nothing is known of its example files and terms; name an entry "
            "of the same family as its base"
        )
    named = base if base is not None else str((model.zoo or {})["name"])
    entry = named if isinstance(named, Entry) else load(named)
    if entry.family != model.family:
        raise InputError(f"{entry.name}: is no base of a {type(model).__name__}; name an entry of {model.family}")
    if tuple(entry.channels) != tuple(model.channels) or entry.window.bin_bp != model.bin_bp:
        raise InputError(
            f"{entry.name}: takes {', '.join(entry.channels)} in bins of {entry.window.bin_bp} bp, {path} takes "
            f"{', '.join(model.channels)} in bins of {model.bin_bp} bp; name the entry that it was fine-tuned from"
        )
    if model.zoo is not None and model.zoo["sha256"] != entry.sha256:
        raise InputError(
            f"{path}: was fine-tuned from {model.zoo['name']} {model.zoo['version']} with weights "
            f"{model.zoo['sha256'][:12]}, but {entry.name} {entry.version} has {entry.sha256[:12]}; name the entry "
            "with those weights as base"
        )
    return entry


def _task_number(path: str | os.PathLike[str], model: LightningModel, inner: SignalModel, task: str | None) -> int:
    names = list(model.data_params["tasks"]["name"])
    if isinstance(inner.head, PeakHead) and (len(names) > 1 or task is not None):
        if task not in names:
            found = "no task given" if task is None else f"no task {task}"
            raise InputError(f"{path}: {found}, its tasks are {', '.join(names)}; name the one to import")
        return names.index(task)
    if task is not None:
        raise InputError(f"task: {task!r} given, but an HMM is imported with all of its states; leave it out")
    return 0


def _write_run(run: Path, model: LightningModel, inner: SignalModel, base: Entry, task: int) -> None:
    """The run folder that `epizoo.zoo.build.write_entry` takes."""
    save_file(arrays_from_state(inner.config, twin_state(inner, task)), run / "weights.safetensors")
    settings: dict[str, Any] = {**uncalibrated(base.zoo.config), "model": inner.config.to_dict()}
    train = model.data_params.get("train", {})
    if train.get("transform"):
        settings["transform"] = json.loads(train["transform"])
    if isinstance(base, ChromatinStateEntry):
        settings["states"] = _states(settings["states"], model)
    window_bins = base.window.window_bins
    window = {"window_bins": window_bins, "flank_bins": inner.crop_len}
    write_yaml(run / "config.yaml", {"family": base.family, "window": window, **settings})
    about = about_tuned_elsewhere(
        base,
        f"to {train.get('cell_type') or train.get('source') or 'data that the checkpoint does not name'}",
        "with gReLU",
        "The terms of the data that it was fine-tuned on are not known to the checkpoint.",
        "The metrics are those of the validation set, which chose the checkpoint.",
    )
    write_yaml(run / "about.yaml", about)
    write_json(run / "training.json", _training(base, model))
    write_json(run / "metrics.json", _metrics(model, base, task))


def _states(states: list[dict[str, Any]], model: LightningModel) -> list[dict[str, Any]]:
    """The base's states, renamed where the tasks are called otherwise."""
    names = model.data_params["tasks"]["name"]
    if [state["name"] for state in states] == list(names):
        return list(states)
    return [{**state, "name": name, "description": ""} for state, name in zip(states, names, strict=True)]


def _training(base: Entry, model: LightningModel) -> dict[str, Any]:
    before = base.zoo.trained_on
    train, validation = model.data_params.get("train", {}), model.data_params.get("val", {})
    seen = sorted(set(train.get("intervals", {}).get("chrom", [])))
    chose = sorted(set(validation.get("intervals", {}).get("chrom", [])))
    cells = [cell for cell in (train.get("cell_type") or "").split(CELL_SEPARATOR) if cell]
    source = {
        "name": f"Data of {', '.join(cells)}" if cells else "Data of the fine-tuning",
        "source": train.get("source") or "unknown",
    }
    settings = {name: model.train_params[name] for name in _KEPT_SETTINGS if name in model.train_params}
    return {
        "trained_on": {
            "data": [*(one.model_dump() for one in before.data), source | {"license": "not stated"}],
            "assembly": train.get("assembly") or before.assembly,
            "cell_types": list(dict.fromkeys([*before.cell_types, *cells])),
            "chromosomes": list(dict.fromkeys([*before.chromosomes, *seen])),
            "held_out_chromosomes": [c for c in before.held_out_chromosomes if c not in {*seen, *chose}],
            "held_out_cell_types": [name for name in before.held_out_cell_types if name not in cells],
        },
        "procedure": f"Fine-tuned by gReLU from {base.name} {base.version}, validated on {', '.join(chose) or 'none'}.",
        "lineage": [ancestor.model_dump() for ancestor in lineage_from(base)],
        "grelu": settings,
    }


def _metrics(model: LightningModel, base: Entry, task: int) -> list[dict[str, Any]]:
    """GReLU's own, of one task or averaged over states; none where there was no validation."""
    performance = model.performance
    rows = []
    for split, key in (("test", "test"), ("validation", "val")):
        chroms = sorted(set(model.data_params.get(key, {}).get("intervals", {}).get("chrom", [])))
        for name, values in performance.get(key, {}).items():
            found = np.atleast_1d(np.asarray(values, np.float64)).ravel()
            value = float(found[task] if base.family == "peak_caller" and len(found) > task else np.nanmean(found))
            if np.isfinite(value):
                on = f"{split} set of the fine-tuning, {', '.join(chroms) or 'unknown chromosomes'}, all bins"
                rows.append({"name": name.partition("_")[2], "value": round(value, 4), "on": on})
    return rows

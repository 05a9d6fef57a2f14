"""Models that were fine-tuned in torch as entries of the zoo, proven to be the same model."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from epizoo.conversion.exporting import without_gradients
from epizoo.conversion.metadata import require_twin
from epizoo.conversion.parity import check_parity, require_parity
from epizoo.conversion.torch.programs import Program
from epizoo.conversion.torch.to_jax import read_state, write_weights
from epizoo.files import write_json, write_yaml
from epizoo.zoo import load
from epizoo.zoo.entry import Entry
from epizoo.zoo.imported_entries import about_tuned_elsewhere, build_proven
from epizoo.zoo.new_entries import example_of, lineage_from, uncalibrated


def import_state(
    path: str | os.PathLike[str],
    base: Entry | str,
    name: str,
    output: str | os.PathLike[str],
    *,
    data: str = "",
    version: str = "1.0.0",
) -> Entry:
    """Make an entry of a state dict of an entry's twin that was trained further in torch; whole or not at all.

    Its outputs equal the twin's within `epizoo.conversion.parity.TOLERANCES`. Normalisation, calling rule, states,
    example files and terms are the base's; metrics it has none, since nothing was measured.

    Args:
        path: the state dict, as ``.safetensors`` or written by `torch.save`.
        base: Entry that the model was fine-tuned from.
        name: Name of the new entry, such as muscle (letters, digits, - and _).
        output: Folder of a zoo; the entry is written to ``FOLDER/FAMILY/NAME``.
        data: Training data in a few words, for the card.
        version: Version number of the new entry.

    Raises:
        InputError: there is no such file, it is no state dict, or the name is none or taken.
        EntryError: keys or shapes are not those of the base's twin (all that are wrong are named), or the entry would
            be another model; nothing is left.
    """
    origin = base if isinstance(base, Entry) else load(base)
    require_twin(origin)
    state = read_state(path)
    return build_proven(
        origin.family,
        example_of(origin),
        name,
        output,
        version,
        lambda run: _write_run(run, origin, state, data),
        lambda entry: _prove(entry, state),
    )


def _prove(entry: Entry, state: Mapping[str, Tensor]) -> None:
    program = Program(entry)
    dtype = next(program.model.parameters()).dtype
    program.model.load_state_dict({name: value.to(dtype) for name, value in state.items()})
    require_parity(check_parity(entry, without_gradients(program), "torch"))


def _write_run(run: Path, base: Entry, state: Mapping[str, Tensor], data: str) -> None:
    """The run folder that `epizoo.zoo.build.write_entry` takes."""
    write_weights(base, state, run / "weights.safetensors")
    window = {key: value for key, value in base.window.model_dump().items() if key != "bin_bp"}
    write_yaml(run / "config.yaml", {"family": base.family, "window": window, **uncalibrated(base.zoo.config)})
    about = about_tuned_elsewhere(
        base,
        f"on {data or 'data that were not named'}",
        "in torch",
        "The terms of the data that it was fine-tuned on were not stated.",
        "The model was not evaluated after fine-tuning.",
    )
    write_yaml(run / "about.yaml", about)
    write_json(run / "training.json", _training(base, data))
    write_json(run / "metrics.json", [])


def _training(base: Entry, data: str) -> dict[str, Any]:
    before = base.zoo.trained_on.model_dump()
    source = {"name": data or "Data of the fine-tuning", "source": "unknown", "license": "not stated"}
    return {
        # What the fine-tuning saw is unknown, so that nothing can be said to have been held out.
        "trained_on": before
        | {"data": [*before["data"], source], "held_out_chromosomes": [], "held_out_cell_types": []},
        "procedure": f"Fine-tuned in torch {torch.__version__} from {base.name} {base.version}.",
        "lineage": [ancestor.model_dump() for ancestor in lineage_from(base)],
    }

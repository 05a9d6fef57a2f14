"""The states of an entry in another order, with other names and colours, as a new entry."""

import os
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from epizoo.calling.state_mappings import read_colors, read_mapping
from epizoo.errors import EntryError, InputError
from epizoo.files import atomic_path, write_json, write_yaml
from epizoo.zoo.entry import ChromatinStateEntry, Entry
from epizoo.zoo.imported_entries import build_proven
from epizoo.zoo.loading import load_annotator
from epizoo.zoo.new_entries import example_of, limits_of, lineage_from, write_metrics

File = str | os.PathLike[str]


def edit_states(
    entry: ChromatinStateEntry | File,
    name: str,
    output: File,
    *,
    order: Collection[str] | None = None,
    labels: File | None = None,
    colors: File | None = None,
    version: str = "1.0.0",
) -> ChromatinStateEntry:
    """Save an entry's model with its states reordered, renamed or recoloured, as a new entry.

    The probabilities are the same numbers, so that every bin gets the same state under its new number, name and colour.

    Args:
        entry: A chromatin-state annotator, its name or its folder.
        name: Name of the new entry (letters, digits, '.', '-' and '_').
        output: Folder of a zoo; the entry is ``FOLDER/chromatin_states/NAME``.
        order: All states in their new order, by their numbers or names in the entry, as in 3,1,2.
        labels: New names: a file of lines state, tab, name, as ChromHMM's ``-m`` takes it; states by the numbers or
            names that they have in the entry.
        colors: New colours: a file of lines state, tab, red,green,blue, as ChromHMM's ``-c`` takes it.
        version: Version number of the new entry.

    Raises:
        InputError: nothing is changed, a file or the order cannot be used, two states get one name, or the name of the
            entry is none or taken.
        EntryError: there is no such entry, or its weights are missing or do not match their hash.
    """
    base = load_annotator(entry)
    if order is None and labels is None and colors is None:
        raise InputError(f"{base.name}: nothing to change; give --order, --labels or --colors")
    numbers = _numbers(base, order)
    states = _states(base, labels, colors)
    config = {
        **base.zoo.config,
        "states": [states[number] for number in numbers],
        "order": base.config.order if order is None else "U",
    }
    given = {"order": order and ",".join(order), "labels": labels, "colors": colors}
    words = [word for key, value in given.items() if value is not None for word in (f"--{key}", str(value))]
    command = shlex.join(["epizoo", "edit-states", base.name, *words, "--name", name, "-o", "FOLDER"])
    new = build_proven(
        base.family,
        example_of(base),
        name,
        output,
        version,
        lambda run: _write_run(run, base, numbers, config, command),
        lambda made: _prove(made, base, numbers),
    )
    assert isinstance(new, ChromatinStateEntry)
    return new


def _numbers(base: ChromatinStateEntry, order: Collection[str] | None) -> list[int]:
    """The states of the entry (from 0) in their new order."""
    names = [state.name for state in base.config.states]
    if order is None:
        return list(range(len(names)))
    found = []
    for text in map(str, order):
        number = names.index(text) if text in names else int(text) - 1 if text.isdecimal() else -1
        if not 0 <= number < len(names):
            raise InputError(f"order: {text} is no state of {base.name}; its states are {', '.join(names)}")
        found.append(number)
    if sorted(found) != list(range(len(names))):
        absent = [name for number, name in enumerate(names) if number not in found]
        what = f"without {', '.join(absent)}" if absent else "with a state twice"
        raise InputError(
            f"order: {', '.join(map(str, order))} given, {what}; name each of the {len(names)} states once"
        )
    return found


def _states(base: ChromatinStateEntry, labels: File | None, colors: File | None) -> list[dict[str, Any]]:
    """The states of the config, in the entry's order, with new names and colours."""
    names = [state.name for state in base.config.states]
    states = [dict(state) for state in base.zoo.config["states"]]
    for number, text in (read_mapping(labels, len(names), names) if labels is not None else {}).items():
        # The confidence is that of the name that a rule gave.
        states[number] = {key: value for key, value in states[number].items() if key != "confidence"} | {"name": text}
    for number, text in (read_colors(colors, len(names), names) if colors is not None else {}).items():
        states[number]["color"] = text
    new = [state["name"] for state in states]
    twice = sorted({one for one in new if new.count(one) > 1})
    if twice:
        raise InputError(f"{labels}: {', '.join(twice)} would name several states; give each a name of its own")
    return states


def _write_run(run: Path, base: ChromatinStateEntry, numbers: Sequence[int], config: Any, command: str) -> None:
    arrays = dict(base.weights())
    arrays["initial_logits"] = arrays["initial_logits"][numbers]
    arrays["transition_logits"] = arrays["transition_logits"][np.ix_(numbers, numbers)]
    arrays["emission_logits"] = arrays["emission_logits"][numbers]
    with atomic_path(run / "weights.safetensors") as path:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    window = {key: value for key, value in base.window.model_dump().items() if key != "bin_bp"}
    write_yaml(run / "config.yaml", {"family": base.family, "window": window, **config})
    info, zoo = base.kipoi["info"], base.zoo
    about = {
        "doc": f"{info['doc']} Its states have another order, or other names or colours, than in {base.name}.",
        "license": info["license"],
        "weights_license": zoo.weights_license,
        "limits": limits_of(base),
        "authors": [author["name"] for author in info["authors"]],
        "tags": info.get("tags", []),
        "datasets": zoo.datasets,
        "base_model": base.name,
        "cite_as": info.get("cite_as"),
    }
    write_yaml(run / "about.yaml", {key: value for key, value in about.items() if value is not None})
    training = {
        **zoo.training,
        "trained_on": zoo.trained_on.model_dump(),
        "procedure": f"{base.name} {base.version}, its states edited. {zoo.training.get('procedure', '')}".strip(),
        "command": command,
        "lineage": [ancestor.model_dump() for ancestor in lineage_from(base)],
    }
    write_json(run / "training.json", training)
    write_metrics(run, [metric.model_dump(exclude_defaults=True) for metric in zoo.metrics])


def _prove(made: Entry, base: ChromatinStateEntry, numbers: Sequence[int]) -> None:
    assert isinstance(made, ChromatinStateEntry)
    initial, transition, emission = base.parameters()
    expected = (initial[numbers], transition[np.ix_(numbers, numbers)], emission[numbers])
    for found, wanted in zip(made.parameters(), expected, strict=True):
        # Sums over states in another order differ in their last digits.
        if not np.allclose(found, wanted, rtol=1e-12, atol=0):
            raise EntryError(f"{made.name}: its probabilities differ from those of {base.name}; report this")

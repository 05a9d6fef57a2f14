"""Models that were made elsewhere as entries: built aside, proven to be the same, only then put in place."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from epizoo.errors import InputError
from epizoo.files import scratch_folder
from epizoo.zoo import load
from epizoo.zoo.build import write_entry
from epizoo.zoo.entry import Entry
from epizoo.zoo.new_entries import full_name, limits_of, no_longer_calibrated, require_new


def build_proven(
    family: str,
    example: Mapping[str, Any],
    name: str,
    output: str | os.PathLike[str],
    version: str,
    write_run: Callable[[Path], None],
    prove: Callable[[Entry], None],
) -> Entry:
    """Build an entry of a user's zoo; whole or not at all.

    Args:
        family: of the entry.
        example: its example files, see `epizoo.zoo.build.write_entry`.
        name: ``TAG`` or ``FAMILY/TAG`` of the new entry.
        output: folder of a zoo, made where there is none; the entry is ``OUTPUT/FAMILY/TAG``.
        version: of the new entry.
        write_run: fills the run folder that `epizoo.zoo.build.write_entry` takes.
        prove: raises where the entry is another model than the one that it was made of.

    Raises:
        InputError: the name is none, of another family or taken, or the folder cannot be made.
    """
    folder = Path(output) / full_name(family, name)
    require_new(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
    with scratch_folder(folder.parent) as scratch:
        run = scratch / "run"
        run.mkdir()
        write_run(run)
        zoo = scratch / "zoo"
        entry = write_entry(run, full_name(family, name), example, version=version, zoo_folder=zoo, graph=True)
        prove(entry)
        entry.folder.rename(folder)
    return load(folder)


def about_tuned_elsewhere(base: Entry, what: str, tool: str, terms: str, limit: str) -> dict[str, Any]:
    """``about.yaml`` of an entry whose weights another tool fine-tuned.

    Args:
        base: the entry that was fine-tuned.
        what: that it was fine-tuned on, as ``on muscle``.
        tool: which did, as ``with gReLU``; its last word is a tag.
        terms: a sentence about the licence of the data.
        limit: a sentence about the figures.
    """
    info = base.kipoi["info"]
    about = {
        "doc": f"{info['doc']} Fine-tuned from {base.name} {base.version} {what}, {tool}.",
        "license": info["license"],
        "weights_license": f"Fine-tuned from {base.name} {base.version}: {base.zoo.weights_license} {terms}",
        "limits": [*limits_of(base), limit, *no_longer_calibrated(base)],
        "authors": [author["name"] for author in info["authors"]],
        "tags": list(dict.fromkeys([*info.get("tags", []), "fine-tuned", tool.split()[-1].lower()])),
        "datasets": base.zoo.datasets,
        "base_model": base.name,
        "cite_as": info.get("cite_as"),
    }
    return {key: value for key, value in about.items() if value is not None}

"""New entries of a user's zoo: their folders, their descriptions, and how fine-tuned ones are built."""

import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.numpy import save_file

from epizoo.errors import InputError
from epizoo.files import atomic_path, write_json, write_yaml
from epizoo.finetuning.new_cell_type import PeakData, StateData, file_hashes
from epizoo.zoo.build import write_entry
from epizoo.zoo.description import Ancestor
from epizoo.zoo.entry import Entry
from epizoo.zoo.examples import example_arguments

File = str | os.PathLike[str]
_OF_THE_WEIGHTS = ("calibration", "enrichment", "measured_on", "regulatory_activity", "regulatory_weights")
OF_BASE = "Pretrained entry: "
_TAG = re.compile(r"^[A-Za-z0-9._-]+$")


@dataclass(frozen=True)
class Target:
    """Folders of a new entry: ``FOLDER/FAMILY/TAG``, and ``FOLDER/runs/TAG`` for its run."""

    zoo_folder: Path
    name: str

    @property
    def entry_folder(self) -> Path:
        """Of the new entry."""
        return self.zoo_folder / self.name

    @property
    def run_folder(self) -> Path:
        """Of checkpoints, logs and reports."""
        return self.zoo_folder / "runs" / self.name.split("/")[1]


def make_target(family: str, name: str, output: File, resume: bool) -> Target:
    """The folders of a new entry; makes its run folder.

    Args:
        family: of the entry.
        name: ``TAG`` or ``FAMILY/TAG``.
        output: folder of a zoo, made where there is none.
        resume: whether a run folder of this name may be there.

    Raises:
        InputError: the name is none or of another family, it exists already, or nothing can be resumed.
    """
    target = Target(Path(output), full_name(family, name))
    require_new(target.entry_folder)
    if target.run_folder.exists() and not resume:
        raise InputError(
            f"{target.run_folder}: holds an unfinished run of this name; go on with --resume, or give another --name"
        )
    if resume and not target.run_folder.exists():
        raise InputError(f"{target.run_folder}: no run of this name to resume; leave --resume out")
    try:
        target.run_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.run_folder}: cannot be made ({error.strerror}); give another folder") from error
    return target


def full_name(family: str, name: str) -> str:
    """``FAMILY/TAG`` of what a user calls a new entry.

    Raises:
        InputError: the name is none or of another family.
    """
    given, _, tag = name.rpartition("/")
    if given not in ("", family) or not _TAG.match(tag) or tag.startswith("."):
        raise InputError(f"name: {name!r} found, expected a word such as muscle, or {family}/muscle")
    return f"{family}/{tag}"


def require_new(folder: Path) -> None:
    """Check that nothing is there.

    Raises:
        InputError: something is.
    """
    if folder.exists():
        raise InputError(f"{folder}: exists already, and nothing is overwritten; give another --name")


@contextmanager
def running(target: Target) -> Iterator[None]:
    """Remove the run folder if the run fails before anything is kept, so that the name is free again."""
    try:
        yield
    except BaseException:
        if not any(target.run_folder.iterdir()):
            target.run_folder.rmdir()
        raise


def limits_of(base: Entry) -> list[str]:
    """The limits of the pretrained entry, each headed as such: they are of its data and figures."""
    return [limit if limit.startswith(OF_BASE) else OF_BASE + limit for limit in base.zoo.limits]


def uncalibrated(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without what was fitted to the outputs of other weights, or measured on them."""
    kept = {key: value for key, value in config.items() if key not in _OF_THE_WEIGHTS}
    if "calling" in kept:
        kept["calling"] = {key: value for key, value in kept["calling"].items() if key not in _OF_THE_WEIGHTS}
    if "states" in kept:
        states = kept["states"]
        kept["states"] = [{key: state[key] for key in state if key not in _OF_THE_WEIGHTS} for state in states]
    return kept


def no_longer_calibrated(base: Entry) -> list[str]:
    """A limit that says so, where the base's score was calibrated."""
    if "calibration" not in base.zoo.config.get("calling", {}):
        return []
    return [
        "The score (column 5) ranks peaks and is no probability: the pretrained entry's calibration is of its weights."
    ]


def seen_in_training(base: Entry, chromosomes: Collection[str]) -> list[str]:
    """A limitation that names those chromosomes of the new labels on which the pretrained entry was trained, if any."""
    seen = [chrom for chrom in chromosomes if chrom in base.zoo.trained_on.chromosomes]
    if not seen:
        return []
    where = ", ".join(seen)
    return [f"Labels lie on {where}, which {base.name} was trained on: its figures may be optimistic there."]


@dataclass(frozen=True)
class Tuning:
    """Result of a fine-tuning, for its entry.

    Attributes:
        doc: first paragraph of the card.
        procedure: how it was trained, one or two sentences.
        limits: its limitations.
        held_out: chromosomes that were not trained on.
        details: further plain values, for ``training.json``.
        arrays: the weights.
        config: ``config`` of the new entry.
        metrics: as in `epizoo.zoo.build.write_entry`.
        chromosomes: chromosomes that were trained on.
        loci: loci of the labels that were trained on, as ``chr2:1000-2000``.
    """

    doc: str
    procedure: str
    limits: list[str]
    held_out: list[str]
    details: Mapping[str, Any]
    arrays: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: list[dict[str, Any]]
    chromosomes: Sequence[str] = ()
    loci: Sequence[str] = ()


class Prepared(NamedTuple):
    """A fine-tuning whose input was read and checked: the new data, their YAML file, and the training itself."""

    data: PeakData | StateData
    path: Path
    train: Callable[[Target], Tuning]


def build_tuned_entry(
    target: Target, base: Entry, prepared: Prepared, tuning: Tuning, command: str, seed: int
) -> Entry:
    """Write the run folder and build the entry of it, with the base's example files."""
    run = target.run_folder
    with atomic_path(run / "weights.safetensors") as path:
        save_file(dict(tuning.arrays), path)
    window = {key: value for key, value in base.window.model_dump().items() if key != "bin_bp"}
    write_yaml(run / "config.yaml", {"family": base.family, "window": window, **tuning.config})
    write_yaml(run / "about.yaml", _about(base, prepared.data, tuning))
    write_json(run / "training.json", _training(base, prepared, tuning, command, seed))
    write_metrics(run, tuning.metrics)
    return write_entry(run, target.name, example_of(base), zoo_folder=target.zoo_folder, graph=True)


def write_metrics(run: Path, metrics: list[dict[str, Any]]) -> None:
    """Write ``metrics.json``; what is no finite number, such as the likelihood of bins that a model rules out, as text.

    No file of an entry holds such numbers, and a training of hours must not fail for one.
    """

    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    rows: list[dict[str, Any]] = []
    for row in metrics:
        compared = {tool: plain(value) for tool, value in row.get("compared_with", {}).items()}
        rows.append(row | {"value": plain(row["value"])} | ({"compared_with": compared} if compared else {}))
    write_json(run / "metrics.json", rows)


def example_of(entry: Entry) -> dict[str, Any]:
    """The dataloader's arguments of an entry's example, its files by their full paths.

    Raises:
        EntryError: the entry has no ``dataloader.yaml``.
    """
    return {
        name: str(entry.folder / value) if str(value).startswith("example_files") else value
        for name, value in example_arguments(entry).items()
    }


def lineage_from(base: Entry) -> list[Ancestor]:
    """The lineage of an entry that is made from ``base``: the first ancestor first, ``base`` last."""
    return [*base.zoo.lineage, Ancestor(name=base.name, version=base.version, sha256=base.sha256)]


def _about(base: Entry, data: PeakData | StateData, tuning: Tuning) -> dict[str, Any]:
    info = base.kipoi["info"]
    terms = f"Fine-tuned from {base.name} {base.version}: {base.zoo.weights_license} The new data: {data.license}."
    about = {
        "doc": tuning.doc,
        "license": info["license"],
        "weights_license": terms,
        "limits": tuning.limits,
        "authors": [author["name"] for author in info["authors"]],
        "tags": list(dict.fromkeys([*info.get("tags", []), "fine-tuned"])),
        "datasets": [*base.zoo.datasets, data.source],
        "base_model": base.name,
        "cite_as": info.get("cite_as"),
    }
    return {key: value for key, value in about.items() if value is not None}


def _training(base: Entry, prepared: Prepared, tuning: Tuning, command: str, seed: int) -> dict[str, Any]:
    before, data = base.zoo.trained_on, prepared.data
    source = {"name": f"Data of {data.cell_type}", "source": data.source, "license": data.license}
    trained_on = {
        "data": [*(one.model_dump() for one in before.data), source],
        "assembly": data.assembly if data.assembly != "unknown" else before.assembly,
        "cell_types": [*before.cell_types, data.cell_type],
        "chromosomes": list(dict.fromkeys([*before.chromosomes, *tuning.chromosomes])),
        "held_out_chromosomes": tuning.held_out,
        "held_out_cell_types": [cell for cell in before.held_out_cell_types if cell != data.cell_type],
        "loci": list(dict.fromkeys([*before.loci, *tuning.loci])),
    }
    return {
        "trained_on": trained_on,
        "procedure": tuning.procedure,
        "command": command,
        "seed": seed,
        "lineage": [ancestor.model_dump() for ancestor in lineage_from(base)],
        **tuning.details,
        "sha256": file_hashes(data, prepared.path.parent),
    }

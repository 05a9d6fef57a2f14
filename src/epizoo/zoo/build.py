"""Building an entry of the zoo from the run folder of a training recipe.

``python -m epizoo.zoo.build RUN_FOLDER NAME --example intervals_file=R.bed --example bigwig_file=S.bw``
builds an entry. ``python -m epizoo.zoo.build --render`` writes again what follows from the ``model.yaml`` of the
entries: their cards, and the ``model.yaml`` of the repository's root.
"""

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from safetensors.numpy import save_file

from epizoo.errors import EntryError, EpizooError, InputError
from epizoo.files import atomic_path, scratch_folder, sha256
from epizoo.validation import parse, read_yaml
from epizoo.zoo import kipoi_yaml
from epizoo.zoo.card import render_card
from epizoo.zoo.catalogue import ZOO_FOLDER, list_entries
from epizoo.zoo.description import About, Ancestor, Family, Metric, TrainedOn, Window
from epizoo.zoo.entry import Entry
from epizoo.zoo.loading import AnyEntry, load
from epizoo.zoo.upward import imported

logger = logging.getLogger(__name__)
DEFAULT_ENTRY = "peak_caller/h3k4me3"
WEIGHTS_FILE = "weights.safetensors"
GOLDEN_FILE = "golden.safetensors"
GOLDEN_ROWS = 2
RUN_FILES = (WEIGHTS_FILE, "config.yaml", "training.json", "metrics.json", "about.yaml")


def write_entry(
    run_folder: str | os.PathLike[str],
    name: str,
    example_files: Mapping[str, Any],
    *,
    version: str = "1.0.0",
    zoo_folder: str | os.PathLike[str] = ZOO_FOLDER,
    graph: bool = False,
) -> Entry:
    """Build the folder of an entry, replacing the one that is there; whole or not at all.

    Args:
        run_folder: what a recipe wrote. It holds

            - ``weights.safetensors``: `epizoo.models.parameters.flatten_parameters` of the model, as float32 or
              float64, unchanged;
            - ``config.yaml``: ``family`` (peak_caller or chromatin_states); ``window: {window_bins, flank_bins}``
              (the flank of a peak caller is at least its ``receptive_field_bins``, of states 512); ``model``: the
              keyword arguments of PeakCallerConfig or ChromatinStateConfig (tuples as lists), ``bin_bp`` among them;
              for peak callers ``transform`` (keyword arguments of CoverageTransform) and ``calling`` (of
              PeakCallingConfig); for chromatin states ``states``, a list of ``{name, description, color}``, one for
              each state in the model's order, colours as "r,g,b", optionally with ``confidence`` and ``enrichment``
              (`epizoo.zoo.description.State`), and ``measured_on``, which says what the enrichments are;
            - ``training.json``: ``trained_on: {data: [{name, source, license}], assembly, cell_types, chromosomes,
              held_out_chromosomes, held_out_cell_types}`` (lists of names), ``procedure`` (one or two sentences),
              ``command``, ``seed``, ``lineage`` (of what was fine-tuned, a list of ``{name, version, sha256}``, the
              first ancestor first), and whatever else is worth keeping (plain values);
            - ``metrics.json``: a list of ``{name, value, on, compared_with: {tool: value}}`` measured on held-out
              data, ``compared_with`` optional;
            - ``about.yaml``: the card's prose, the keys of `epizoo.zoo.description.About`: doc, license,
              weights_license, limits, authors, and tags, datasets, base_model, cite_as, card where there are any.

        name: the entry's name, ``family/tag``, such as ``peak_caller/h3k4me3``.
        example_files: value of each dataloader argument for the example; files and folders are copied into
            ``example_files/``. Peak caller: ``intervals_file`` (BED), ``bigwig_file``, optionally ``control_file``,
            ``signal_kind``, ``known_regions_file``. Chromatin states: ``intervals_file``, ``binarized`` (a folder
            of ChromHMM's binarised text, names such as CELL_chr1_binary.txt.gz). Small (together at most
            about 200 kB), licensed for redistribution, a few windows' worth of intervals.
        version: of the entry; at least a minor step whenever the weights change.
        zoo_folder: where the entry goes.
        graph: whether the entry gets its ONNX graph, where ONNX is installed.

    Returns:
        The entry as loaded from its new folder.

    Raises:
        EntryError: a file of the run folder is missing, or a key is missing, unknown or wrong.
        InputError: an example file is missing or cannot be used.
    """
    run = Path(run_folder)
    for file in RUN_FILES:
        if not (run / file).is_file():
            raise EntryError(f"{run / file}: missing; a run folder holds {', '.join(RUN_FILES)}")
    target = Path(zoo_folder) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent) as scratch:
        folder = scratch / target.name
        folder.mkdir()
        _assemble(folder, run, name, example_files, version)
        if graph:
            _add_graph(load(folder))
        _render_card(load(folder))
        if target.exists():
            target.rename(scratch / "replaced")
        folder.rename(target)
    render(zoo_folder)
    return load(target)


def _add_graph(entry: Entry) -> None:
    """Give an entry its ONNX graph, as the zoo's own have, where ONNX is installed."""
    reason = imported("epizoo.conversion.onnx.entry_graph:add_onnx_if_installed")(entry)
    if reason is not None:
        logger.warning("%s has no ONNX graph and computes in JAX: %s", entry.name, reason)


def _render_card(entry: Entry) -> Path:
    path = entry.folder / "README.md"
    with atomic_path(path) as temporary:
        temporary.write_text(render_card(entry), encoding="utf-8")
    return path


def render(zoo_folder: str | os.PathLike[str] = ZOO_FOLDER) -> list[Path]:
    """Write again what follows from the entries' ``model.yaml``.

    That is their cards and, beside a zoo of a clone that holds the default entry, the root's ``model.yaml``.

    Returns:
        The files that were written.
    """
    zoo = Path(zoo_folder)
    written = []
    for name in list_entries(zoo):
        entry = load(zoo / name)
        written.append(_render_card(entry))
        root = zoo.parent / "model.yaml"
        if name == DEFAULT_ENTRY and (zoo.parent / "pyproject.toml").is_file():
            _write_yaml(root, kipoi_yaml.root_model_yaml(entry.kipoi, name))
            written.append(root)
    return written


def _assemble(folder: Path, run: Path, name: str, example_files: Mapping[str, Any], version: str) -> None:
    """Fill ``folder`` with everything that an entry holds."""
    config = read_yaml(run / "config.yaml", EntryError)
    training = _read_json(run / "training.json", dict)
    about = parse(About, read_yaml(run / "about.yaml", EntryError), str(run / "about.yaml"), EntryError)
    of_training = f"{run / 'training.json'}: "
    trained_on = parse(TrainedOn, training.pop("trained_on", None), f"{of_training}trained_on", EntryError)
    lineage = parse(list[Ancestor], training.pop("lineage", []), f"{of_training}lineage", EntryError)
    metrics = _read_json(run / "metrics.json", list)
    metrics = parse(list[Metric], metrics, str(run / "metrics.json"), EntryError)
    family, window = _family_and_window(config, run / "config.yaml")

    shutil.copyfile(run / WEIGHTS_FILE, folder / WEIGHTS_FILE)
    example = _copy_examples(folder, family, example_files)
    settings = {key: value for key, value in config.items() if key not in ("family", "window")}
    model_yaml = kipoi_yaml.model_yaml(family, window, settings, about, trained_on, version)
    zoo = {
        "name": name,
        "family": family,
        "version": version,
        "config": settings,
        "window": window.model_dump(),
        "weights": WEIGHTS_FILE,
        "sha256": sha256(folder / WEIGHTS_FILE),
        "golden": GOLDEN_FILE,
        "golden_sha256": "0" * 64,
        "expect_sha256": "0" * 64,
        "base_model": about.base_model,
        **({"lineage": [ancestor.model_dump() for ancestor in lineage]} if lineage else {}),
        "trained_on": trained_on.model_dump(exclude=None if trained_on.loci else {"loci"}),
        "training": training,
        "metrics": [metric.model_dump() for metric in metrics],
        "backends": ["jax"],
        "weights_license": about.weights_license,
        "limits": about.limits,
        "datasets": about.datasets,
        **({"card": card} if (card := about.card.model_dump(exclude_defaults=True)) else {}),
    }
    dataloader_yaml = kipoi_yaml.dataloader_yaml(family, window, settings, about, example)
    _write_yaml(folder / "dataloader.yaml", dataloader_yaml)
    (folder / "dataloader.py").write_text(kipoi_yaml.dataloader_py(family), encoding="utf-8")
    _write_yaml(folder / "model.yaml", model_yaml | {"zoo": zoo})

    # The goldens are what the entry itself makes of its example, so they come from the entry as it stands by now.
    entry = load(folder)
    _require_flanks(entry)
    zoo |= write_goldens(entry, example)
    _write_yaml(folder / "model.yaml", model_yaml | {"zoo": zoo})


def write_goldens(entry: AnyEntry, example: Mapping[str, Any]) -> dict[str, str]:
    """Write what the model makes of the example: the golden file and the predictions that ``kipoi test`` expects.

    Returns:
        Their hashes, by their keys in the ``zoo`` block.
    """
    arguments = {
        key: entry.folder / value if str(value).startswith("example_files") else value for key, value in example.items()
    }
    # JAX is the reference.
    entry = entry.with_backend("jax")
    windows = entry.windows(**arguments)
    rows = [windows[i] for i in range(min(len(windows), GOLDEN_ROWS))]
    inputs = {entry.input_name: np.stack([row["inputs"][entry.input_name] for row in rows])}
    outputs = entry.activations(inputs, entry.layer_names + entry.output_names)
    save_file({f"inputs.{entry.input_name}": inputs[entry.input_name], **outputs}, entry.folder / GOLDEN_FILE)
    # safetensors writes files that only their owner can read.
    (entry.folder / GOLDEN_FILE).chmod(0o644)
    expect = entry.folder / kipoi_yaml.EXPECT_FILE
    with h5py.File(expect, "w") as file:
        file.create_dataset(f"inputs/{entry.input_name}", data=inputs[entry.input_name], compression="gzip")
        for output in entry.output_names:
            scalar = outputs[output].ndim == 1
            file.create_dataset(f"preds/{output}", data=outputs[output], compression=None if scalar else "gzip")
    return {"golden_sha256": sha256(entry.folder / GOLDEN_FILE), "expect_sha256": sha256(expect)}


def _read_json(path: Path, kind: type) -> Any:
    """The content of a JSON file that holds an object or a list.

    Raises:
        EntryError: it is not JSON, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EntryError(f"{path}: not a JSON file ({error}); run the recipe again") from error
    if not isinstance(content, kind):
        raise EntryError(f"{path}: holds a {type(content).__name__}, expected a {kind.__name__}; run the recipe again")
    return content


def _family_and_window(config: Any, path: Path) -> tuple[Family, Window]:
    if not isinstance(config, dict) or not isinstance(config.get("model"), dict):
        raise EntryError(f"{path}: the key model is missing; it holds the keyword arguments of the model's config")
    family: Family = parse(Family, config.get("family"), f"{path}: family", EntryError)  # type: ignore[arg-type]
    window = config.get("window") or {}
    if not isinstance(window, dict):
        raise EntryError(f"{path}: window is a {type(window).__name__}; expected window_bins and flank_bins")
    window = window | {"bin_bp": config["model"].get("bin_bp")}
    return family, parse(Window, window, f"{path}: window", EntryError)


def _require_flanks(entry: Entry) -> None:
    """Check that what lies beyond the flanks of a window cannot reach its outputs."""
    needed = getattr(entry.model(), "receptive_field_bins", 0)
    if entry.window.flank_bins < needed:
        raise EntryError(
            f"{entry.name}: window.flank_bins is {entry.window.flank_bins}, but the model sees {needed} bins to either "
            f"side; give at least {needed}"
        )


def _copy_examples(folder: Path, family: Family, example_files: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the example's files into ``example_files/``; the dataloader's arguments with the paths of the copies."""
    names = kipoi_yaml.argument_names(family)
    for name in example_files:
        if name not in names:
            raise InputError(f"example {name}: not an argument of the dataloader; it takes {', '.join(names)}")
    target = folder / "example_files"
    target.mkdir()
    example: dict[str, Any] = {}
    for name, value in example_files.items():
        source = Path(value) if isinstance(value, str | os.PathLike) else None
        if source is None or not (source.exists() or name.endswith("_file") or name == "binarized"):
            example[name] = value
        elif source.is_dir():
            shutil.copytree(source, target / source.name)
            example[name] = f"example_files/{source.name}"
        elif source.is_file():
            shutil.copyfile(source, target / source.name)
            example[name] = f"example_files/{source.name}"
        else:
            raise InputError(f"{source}: no such file; {name} names a file of the example")
    return example


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=120)
        temporary.write_text(text, encoding="utf-8")


def main() -> None:
    """The command: build one entry, or render all cards."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.zoo.build", description=__doc__)
    parser.add_argument("run_folder", nargs="?", help="what a recipe wrote")
    parser.add_argument("name", nargs="?", help="the entry's name, family/tag")
    parser.add_argument("--example", action="append", default=[], metavar="ARGUMENT=VALUE", help="repeatable")
    parser.add_argument("--entry-version", default="1.0.0")
    parser.add_argument("--zoo", default=ZOO_FOLDER, help="folder of the zoo (default: the installed one)")
    parser.add_argument("--render", action="store_true", help="write the cards and the root's model.yaml again")
    arguments = parser.parse_args()
    if arguments.render:
        print(*render(arguments.zoo), sep="\n")
        return
    if arguments.name is None:
        parser.error("give RUN_FOLDER and NAME, or --render")
    if not all("=" in example for example in arguments.example):
        parser.error("--example wants ARGUMENT=VALUE")
    example = dict(item.split("=", 1) for item in arguments.example)
    try:
        entry = write_entry(
            arguments.run_folder, arguments.name, example, version=arguments.entry_version, zoo_folder=arguments.zoo
        )
    except EpizooError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(entry.folder)


if __name__ == "__main__":
    main()

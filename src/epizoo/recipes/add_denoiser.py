"""A peak caller's entry with a denoiser of coverage added to it, and not one bit of its peaks changed.

    python -m epizoo.recipes.add_denoiser RUN ENTRY --entry-version 1.1.0 [--metrics benchmarks/peaks/denoising.json]

RUN is what ``python -m epizoo.recipes.denoiser`` wrote. A denoiser that the entry has already is replaced. As after
every build, ``python -m epizoo.conversion.onnx.entry_graph ENTRY`` comes next.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from epizoo.errors import InputError
from epizoo.files import sha256, write_json, write_yaml
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig
from epizoo.recipes.denoiser import ABOUT_FILE, WEIGHTS_FILE, read_denoiser
from epizoo.recipes.run_folder import one_sentence_errors, prose
from epizoo.zoo.build import write_entry
from epizoo.zoo.catalogue import ZOO_FOLDER
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.loading import load
from epizoo.zoo.new_entries import example_of

PREFIX = "denoiser."
METRIC = "denoised coverage"
"""Prefix of the names of its metrics."""


def add_denoiser(
    entry: PeakCallerEntry,
    run_folder: str | os.PathLike[str],
    *,
    version: str,
    metrics: Sequence[Mapping[str, Any]] = (),
    zoo_folder: str | os.PathLike[str] = ZOO_FOLDER,
) -> PeakCallerEntry:
    """Build an entry anew with a denoiser, its peaks' weights being those that it has.

    Args:
        entry: a peak caller.
        run_folder: what ``epizoo.recipes.denoiser`` wrote.
        version: of the new entry.
        metrics: rows about denoising, as in `epizoo.zoo.build.write_entry`; others of the entry are kept.
        zoo_folder: where the entry goes.

    Raises:
        InputError: a file of the run folder is missing, or the denoiser reaches further than the entry's flanks.
        EntryError: the entry's files do not match their hashes.
    """
    arrays, about = read_denoiser(run_folder)
    peaks = {name: array for name, array in entry.weights().items() if not name.startswith(PREFIX)}
    reach = DenoiserConfig.from_dict(about["denoise"]).reach_bins
    if reach > entry.window.flank_bins:
        raise InputError(
            f"{run_folder}: the denoiser sees {reach} bins to either side, {entry.name} has flanks of "
            f"{entry.window.flank_bins}; use narrower windows"
        )
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch)
        save_file(peaks, run / "peaks.safetensors")
        save_file(peaks | {f"{PREFIX}{name}": array for name, array in arrays.items()}, run / "weights.safetensors")
        window = {key: value for key, value in entry.window.model_dump().items() if key != "bin_bp"}
        model = entry.zoo.config["model"] | {"denoise": about["denoise"]}
        write_yaml(run / "config.yaml", {"family": entry.family, "window": window, **entry.zoo.config, "model": model})
        write_yaml(run / "about.yaml", _about(entry))
        write_json(run / "training.json", _training(entry, about, sha256(run / "peaks.safetensors")))
        kept = [row.model_dump() for row in entry.zoo.metrics if not row.name.startswith(METRIC)]
        write_json(run / "metrics.json", [*kept, *map(dict, metrics)])
        built = write_entry(run, entry.name, example_of(entry), version=version, zoo_folder=zoo_folder)
    assert isinstance(built, PeakCallerEntry)
    return built


def _about(entry: PeakCallerEntry) -> dict[str, Any]:
    info, words = entry.kipoi["info"], prose("denoiser")
    about = {
        "doc": f"{info['doc'].replace(words['doc'], '').strip()} {words['doc']}",
        "license": info["license"],
        "weights_license": entry.zoo.weights_license,
        "limits": [*(limit for limit in entry.zoo.limits if limit != words["limit"]), words["limit"]],
        "authors": [author["name"] for author in info["authors"]],
        "tags": list(dict.fromkeys([*info.get("tags", []), "denoising"])),
        "datasets": entry.zoo.datasets,
        "base_model": entry.zoo.base_model,
        "cite_as": info.get("cite_as"),
        "card": entry.zoo.card.model_dump(),
    }
    return {key: value for key, value in about.items() if value is not None}


def _training(entry: PeakCallerEntry, about: dict[str, Any], peaks_sha256: str) -> dict[str, Any]:
    before = entry.zoo.training
    procedure = str(before.get("procedure", ""))
    for known in (before.get("denoising", {}).get("procedure"), about["procedure"]):
        procedure = procedure.replace(f" {known}", "")
    return before | {
        "trained_on": entry.zoo.trained_on.model_dump(),
        "procedure": f"{procedure} {about['procedure']}",
        "denoising": about | {"peaks_sha256": peaks_sha256},
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", help=f"what holds {WEIGHTS_FILE} and {ABOUT_FILE}")
    parser.add_argument("entry", help="name or folder of a peak caller")
    parser.add_argument("--entry-version", required=True)
    parser.add_argument("--metrics", type=Path, help="what benchmarks/peaks/denoising.py wrote")
    parser.add_argument("--zoo", default=ZOO_FOLDER, help="folder of the zoo (default: the installed one)")
    arguments = parser.parse_args()
    with one_sentence_errors():
        entry = load(arguments.entry)
        if not isinstance(entry, PeakCallerEntry):
            raise InputError(f"{entry.name}: is no peak caller; choose one")
        rows = json.loads(arguments.metrics.read_text(encoding="utf-8"))["metrics"] if arguments.metrics else {}
        built = add_denoiser(
            entry,
            arguments.run_folder,
            version=arguments.entry_version,
            metrics=rows.get(entry.name, []),
            zoo_folder=arguments.zoo,
        )
    print(built.folder)


if __name__ == "__main__":
    main()

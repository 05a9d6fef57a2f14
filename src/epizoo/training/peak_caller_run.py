"""What a peak-caller recipe leaves behind: weights, configs, hashes of the data, and honest metrics."""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from safetensors.numpy import save_file

from epizoo.calling.peaks import PeakCallingConfig
from epizoo.files import atomic_path, sha256
from epizoo.genome.coverage import CoverageTransform
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller import PeakCaller
from epizoo.training.label_errors import Interval, compare, region_rates, summarise
from epizoo.training.labelled_calls import Prediction, calibration
from epizoo.training.labelled_stretches import LABELS_FOLDER, Stretch

_PACKAGES = ("epizoo", "flax", "jax", "numpy", "optax")
_KEYS = ["window", "chrom", "start", "end", "annotation"]


class CrossValidation(NamedTuple):
    """Predictions for every stretch by a model that did not see its chromosome, and what came of them."""

    predictions: list[Prediction]
    errors: pd.DataFrame
    """Every label, with `wrong`; each chromosome called by a rule that was chosen on the others."""
    calling: PeakCallingConfig
    """The rule to ship."""


def write_config(
    folder: Path, model: PeakCaller, transform: CoverageTransform, calling: PeakCallingConfig, window_bins: int
) -> None:
    """`weights.safetensors` and `config.yaml`."""
    with atomic_path(folder / "weights.safetensors") as path:
        save_file(flatten_parameters(model), path)
    config = {
        "family": "peak_caller",
        "window": {"window_bins": window_bins, "flank_bins": model.receptive_field_bins},
        "model": model.config.to_dict(),
        "transform": transform.to_dict(),
        "calling": calling.to_dict(),
    }
    write_yaml(folder / "config.yaml", config)


def write_metrics(
    folder: Path, validation: CrossValidation, stretches: list[Stretch], macs3: Path | None, on: str
) -> None:
    """`metrics.json`, the list that a card shows, and `evaluation.json`, every label's outcome behind it."""
    errors = validation.errors
    summary = summarise(errors)
    others = {} if macs3 is None else _macs3_errors(macs3, errors)
    best = {name: summarise(table) for name, table in others.items()}
    calibrated = calibration(validation.predictions, stretches)
    metrics = [
        _metric("wrong labels, mean over regions", summary.mean_over_regions, on, best, "mean_over_regions"),
        _metric("wrong labels, share of all labels", summary.wrong_labels, on, best, "wrong_labels"),
    ]
    for chrom, table in errors.groupby("chrom"):
        there = {name: _counts(other[other["chrom"] == chrom]) for name, other in others.items()}
        row = {"name": f"wrong labels on {chrom}", "value": _counts(table), "on": f"{chrom}, left out of training"}
        metrics.append(row | ({"compared_with": there} if there else {}))
    for name, table in others.items():
        comparison = compare(errors, table)
        metrics.append(
            {
                "name": f"wrong labels, mean over regions, minus that of {name}",
                "value": round(comparison.difference.value, 4),
                "on": f"{on}; {_bounds(comparison.difference)}, better in {comparison.share_better:.1%} of draws",
            }
        )
    metrics += [
        {"name": f"calibration, {name}".replace("_", " "), "value": round(value, 4), "on": f"{on}; one case a label"}
        for name, value in calibrated.items()
    ]
    write_json(folder / "metrics.json", metrics)
    rates = region_rates(errors).to_dict("records")
    write_json(folder / "evaluation.json", {"summary": summary._asdict(), "calibration": calibrated, "regions": rates})


def data_hashes(data: Path, stretches: list[Stretch]) -> dict[str, str]:
    """SHA-256 of the tables and of every bigWig that was read, by path under `data`."""
    windows = pd.read_csv(data / LABELS_FOLDER / "windows.tsv", sep="\t")
    used = {window for stretch in stretches for window in stretch.labels["window"]}
    files = sorted(windows.loc[windows["window"].isin(used), "bw"].unique())
    return {name: sha256(data / LABELS_FOLDER / name) for name in ("labels.tsv", "windows.tsv", *files)}


def versions() -> dict[str, str]:
    """Versions of Python and of what the training rests on."""
    return {"python": sys.version.split()[0]} | {name: importlib.metadata.version(name) for name in _PACKAGES}


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_yaml(path: Path, content: Any) -> None:
    """Write YAML in the order given."""
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, width=120), encoding="utf-8")


def _macs3_errors(path: Path, errors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The outcome of the same labels in a run of benchmarks/peak_caller_labels.py, by setting."""
    results = json.loads(path.read_text(encoding="utf-8"))
    tables = {}
    for name, result in results["settings"].items():
        wrong = {tuple(row) for row in result["wrong_labels"]}
        keys = map(tuple, errors[_KEYS].to_numpy())
        tables[f"{results['tool']} {name}"] = errors.assign(wrong=np.array([key in wrong for key in keys]))
    return tables


def _metric(name: str, interval: Interval, on: str, others: dict[str, Any], field: str) -> dict[str, Any]:
    row = {"name": name, "value": round(interval.value, 4), "on": f"{on}; {_bounds(interval)}"}
    there = {tool: round(getattr(summary, field).value, 4) for tool, summary in others.items()}
    return row | ({"compared_with": there} if there else {})


def _bounds(interval: Interval) -> str:
    return f"95% bootstrap interval over loci {interval.low:.3f} to {interval.high:.3f}"


def _counts(errors: pd.DataFrame) -> str:
    return f"{int(errors['wrong'].sum())}/{len(errors)}"

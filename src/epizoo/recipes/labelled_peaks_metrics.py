"""The metrics of the peak callers that learn from human labels, and the hashes of their data."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.files import sha256, write_json
from epizoo.metrics.calibration import Cases, brier_score, expected_calibration_error
from epizoo.metrics.label_errors import Interval, compare, region_rates, summarise
from epizoo.peaks.labelled_calls import Prediction, calibrated_left_out, decided
from epizoo.peaks.labelled_stretches import LABELS_FOLDER, LabelledStretch
from epizoo.recipes.labelled_peaks_settings import LabelledSet

_KEYS = ["window", "chrom", "start", "end", "annotation"]


class CrossValidation(NamedTuple):
    """Predictions for every stretch by a model that did not see its chromosome, and what came of them."""

    predictions: list[Prediction]
    errors: pd.DataFrame
    """Every label, with `wrong`; each chromosome called by a rule that was chosen on the others."""
    calling: PeakCallingConfig
    """The rule to ship."""
    thinned_errors: pd.DataFrame
    """As `errors`, from a share of the fragments."""


def write_metrics(
    folder: Path,
    validation: CrossValidation,
    stretches: list[LabelledStretch],
    macs3: list[Path],
    labelled: tuple[LabelledSet, ...],
    thinned_to: float,
    not_for_tuning: str,
) -> None:
    """`metrics.json`, the list that a card shows, and `evaluation.json`, every label's outcome behind it."""
    metrics: list[dict[str, Any]] = []
    evaluation: dict[str, Any] = {}
    for part in labelled:
        errors, thinned = (
            table[table["mark"] == part.mark].reset_index(drop=True)
            for table in (validation.errors, validation.thinned_errors)
        )
        pairs = zip(validation.predictions, stretches, strict=True)
        own = [pair for pair in pairs if (pair[1].labels["mark"] == part.mark).all()]
        found = decided([pair[0] for pair in own], [pair[1] for pair in own])
        judged = {"": found.cases}
        if validation.calling.calibration:
            judged[" of the score"] = calibrated_left_out(found, not_for_tuning)
        calibrated = {of: _calibration(cases) for of, cases in judged.items()}
        others = {name: table for path in macs3 for name, table in _macs3_errors(path, part.mark, errors).items()}
        metrics += _error_metrics(errors, others, part.on)
        metrics += _thinned_metrics(errors, thinned, part.on, thinned_to)
        metrics += [
            {
                "name": f"calibration{of}, {name}".replace("_", " "),
                "value": round(value, 4),
                "on": f"{part.on}; one case a label",
            }
            for of, figures in calibrated.items()
            for name, value in figures.items()
        ]
        evaluation[part.mark] = {
            "summary": summarise(errors)._asdict(),
            **{f"calibration{of}".replace(" ", "_"): figures for of, figures in calibrated.items()},
            "regions": region_rates(errors).to_dict("records"),
            "thinned": summarise(thinned)._asdict(),
        }
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "evaluation.json", evaluation)


def data_hashes(data: Path, stretches: list[LabelledStretch]) -> dict[str, str]:
    """SHA-256 of the tables and of every bigWig that was read, by path under `data`."""
    windows = pd.read_csv(data / LABELS_FOLDER / "windows.tsv", sep="\t")
    used = {window for stretch in stretches for window in stretch.labels["window"]}
    files = sorted(windows.loc[windows["window"].isin(used), "bw"].unique())
    return {name: sha256(data / LABELS_FOLDER / name) for name in ("labels.tsv", "windows.tsv", *files)}


def _error_metrics(errors: pd.DataFrame, others: dict[str, pd.DataFrame], on: str) -> list[dict[str, Any]]:
    """Wrong labels of one mark, over all and by chromosome, beside and minus those of other callers."""
    summary = summarise(errors)
    best = {name: summarise(table) for name, table in others.items()}
    mark = errors["mark"].iloc[0]
    metrics = [
        _metric("wrong labels, mean over regions", summary.mean_over_regions, on, best, "mean_over_regions"),
        _metric("wrong labels, share of all labels", summary.wrong_labels, on, best, "wrong_labels"),
    ]
    for chrom, table in errors.groupby("chrom"):
        there = {name: _counts(other[other["chrom"] == chrom]) for name, other in others.items()}
        row = {
            "name": f"wrong labels on {chrom}",
            "value": _counts(table),
            "on": f"{mark}, {chrom} left out of training",
        }
        metrics.append(row | ({"compared_with": there} if there else {}))
    for name, table in others.items():
        comparison = compare(errors, table)
        metrics.append(
            {
                "name": f"wrong labels, mean over regions, minus that of {name}",
                "value": round(comparison.difference.value, 4),
                "on": f"{on}; {comparison.in_words()}",
            }
        )
    return metrics


def _thinned_metrics(errors: pd.DataFrame, thinned: pd.DataFrame, on: str, keep: float) -> list[dict[str, Any]]:
    """Label errors when fragments are drawn at random from each file, and the scale is fitted again."""
    whole, shallow = summarise(errors), summarise(thinned)
    where = f"{on}; each fragment kept with a chance of {keep:g}"
    change = shallow.wrong_labels.value - whole.wrong_labels.value
    return [
        _metric("wrong labels, mean over regions, thinned", shallow.mean_over_regions, where, {}, ""),
        _metric("wrong labels, share of all labels, thinned", shallow.wrong_labels, where, {}, ""),
        {"name": "wrong labels, share of all labels, thinned minus whole", "value": round(change, 4), "on": where},
    ]


def _calibration(cases: Cases) -> dict[str, float]:
    return {"brier": brier_score(cases), "expected_calibration_error": expected_calibration_error(cases)}


def _macs3_errors(path: Path, mark: str, errors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The outcome of the same labels in a run of benchmarks/peaks/macs3_labels.py, by setting; {} of another mark."""
    results = json.loads(path.read_text(encoding="utf-8"))
    if results["mark"] != mark:
        return {}
    tables = {}
    for name, result in results["settings"].items():
        wrong = {tuple(row) for row in result["wrong_labels"]}
        keys = map(tuple, errors[_KEYS].to_numpy())
        tables[f"{results['tool']} {name}"] = errors.assign(wrong=np.array([key in wrong for key in keys]))
    return tables


def _metric(name: str, interval: Interval, on: str, others: dict[str, Any], field: str) -> dict[str, Any]:
    row = {"name": name, "value": round(interval.value, 4), "on": f"{on}; {interval.bounds()}"}
    there = {tool: round(getattr(summary, field).value, 4) for tool, summary in others.items()}
    return row | ({"compared_with": there} if there else {})


def _counts(errors: pd.DataFrame) -> str:
    return f"{int(errors['wrong'].sum())}/{len(errors)}"

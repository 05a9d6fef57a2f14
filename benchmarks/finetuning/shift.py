"""A domain shift of known truth: what peak_caller/h3k4me3 loses to it, and how much of that few labels win back.

    python -m benchmarks.finetuning.shift --shift deep --scratch FOLDER -o benchmarks/finetuning/shift_deep.json

Each seed simulates one experiment as the model was pretrained for and one that is ten times shallower (where much is
lost for good) or four times deeper, of longer fragments and higher background, with 150 loci each. Labels of the first
loci are trained on, all labels of the loci from the 30th on are the test. Accuracy is the share of right labels by
PeakError's rules, with peaks called as users call them.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from epizoo.files import atomic_path
from epizoo.finetuning import self_training as unlabelled
from epizoo.finetuning.cross_validation import Problem
from epizoo.finetuning.label_scale import label_scale_factor, scaled
from epizoo.finetuning.label_tuning import fine_tune
from epizoo.finetuning.labelled_samples import read_sample_labels
from epizoo.finetuning.new_cell_type import PeakData
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.jobs.finetune_peaks import default_train
from epizoo.metrics.label_errors import summarise
from epizoo.simulation.labelled_genome import domain, write_simulated_genome
from epizoo.zoo import load

AS_PRETRAINED = {"depth": 5.0, "fragment_bp": 150, "background_level": 0.4}
SHIFTS = {
    "shallow": {"depth": 0.5, "fragment_bp": 400, "background_level": 0.6},
    "deep": {"depth": 20.0, "fragment_bp": 300, "background_level": 1.0},
}
N_LOCI, FIRST_TEST_LOCUS = 150, 30
N_LABELS = (10, 20)
SEEDS = range(3)
CEILING = "ceiling: the scale chosen on the test labels"


def problem_of(entry, folder: Path, name: str, settings: dict, seed: int) -> Problem:
    genome = write_simulated_genome(folder, name, domain(**settings), N_LOCI, seed)
    genome.labels.to_csv(folder / f"{name}.labels.bed", sep="\t", header=False, index=False)
    sample = {"bigwig": genome.bigwig, "known_regions": genome.known_regions, "signal_kind": "coverage"}
    sample["labels"] = folder / f"{name}.labels.bed"
    data = PeakData.model_validate({"cell_type": "simulated", "samples": [sample]}, context={"folder": folder})
    return Problem(
        model=entry.model(),
        data=data,
        labels=read_sample_labels(data),
        transform=entry.config.transform,
        calling=entry.config.calling,
        settings=TuningSettings(),
    )


def accuracy(problem: Problem, model, stretches) -> float:
    return 1 - float(problem.errors(model, stretches)["wrong"].mean())


def one_seed(entry, folder: Path, shift: str, seed: int) -> dict:
    model = entry.model()
    source = problem_of(entry, folder, f"as_pretrained{seed}", AS_PRETRAINED, seed)
    there = problem_of(entry, folder, f"{shift}{seed}", SHIFTS[shift], 100 + seed)
    row: dict = {"seed": seed}
    parts = [one.labels[one.labels["locus"] >= FIRST_TEST_LOCUS] for one in (source, there)]
    tests = [one.stretches(part, None) for one, part in zip((source, there), parts, strict=True)]
    row["as pretrained"], row["shifted"] = accuracy(source, model, tests[0]), accuracy(there, model, tests[1])
    row["shifted, interval"] = summarise(there.errors(model, tests[1])).wrong_labels
    first = there.labels[there.labels["locus"] < FIRST_TEST_LOCUS]
    for n_labels in N_LABELS:
        training = there.stretches(first.iloc[:n_labels], None)
        defaults = dict.fromkeys(("threshold", default_train(n_labels)))
        for train, with_scale in [(train, False) for train in defaults] + [(train, True) for train in defaults]:
            began = time.monotonic()
            settings = replace(there.settings, train=train, calibrate_scale=with_scale, seed=seed)
            tuned = fine_tune(model, training, settings)
            right = accuracy(there, tuned.model, scaled(tests[1], tuned.scale_factor))
            found = {"accuracy": right, "steps": tuned.n_steps, "factor": round(tuned.scale_factor, 3)}
            row[f"{train}{' and scale' if with_scale else ''}, {n_labels} labels"] = found | {
                "seconds": round(time.monotonic() - began, 1)
            }
    row |= without_labels(there, parts[1], seed)
    row[CEILING] = ceiling(there, parts[1])
    return with_shares(row)


def with_shares(row: dict) -> dict:
    """With the share of the lost accuracy that each method wins back."""
    lost = row["as pretrained"] - row["shifted"]
    for value in row.values():
        if isinstance(value, dict):
            value["won back"] = round((value["accuracy"] - row["shifted"]) / lost, 3)
    print(json.dumps(row), flush=True)
    return row


def ceiling(there: Problem, labels) -> dict:
    """What the best scale would give, had the test labels been known: shallow data cannot be called like deep ones."""
    test = there.stretches(labels, None)
    factor = label_scale_factor(there.model, test, replace(there.settings, train="threshold"))
    return {"accuracy": accuracy(there, there.model, scaled(test, factor)), "factor": round(factor, 3)}


def without_labels(there: Problem, labels, seed: int) -> dict:
    settings = unlabelled.SelfTrainingSettings(seed=seed)
    windows = unlabelled.read_windows(there.data, there.transform, there.model, settings.n_windows, seed)
    factor = unlabelled.find_scale_factor(there.model, windows)
    moved = replace(there, transform=replace(there.transform, scale_factor=factor))
    row = {"no labels, scale": {"accuracy": accuracy(moved, there.model, moved.stretches(labels, None))}}
    row["no labels, scale"]["factor"] = round(factor, 3)
    student = unlabelled.self_train(there.model, windows, settings)
    row["no labels, self-training"] = {"accuracy": accuracy(there, student, there.stretches(labels, None))}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder for the simulated bigWigs")
    parser.add_argument("--shift", choices=SHIFTS, default="shallow")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--complete", action="store_true", help="add the ceiling to what an earlier run wrote")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    entry = load("peak_caller/h3k4me3")
    rows: list[dict] = []
    if options.complete:
        rows = json.loads(options.output.read_text())["seeds"]
        for row in rows:
            settings = SHIFTS[options.shift]
            there = problem_of(entry, options.scratch, f"{options.shift}{row['seed']}", settings, 100 + row["seed"])
            row[CEILING] = ceiling(there, there.labels[there.labels["locus"] >= FIRST_TEST_LOCUS])
            with_shares(row)
        write(options, entry, rows)
        return
    for seed in SEEDS:
        rows.append(one_seed(entry, options.scratch, options.shift, seed))
        write(options, entry, rows)


def write(options: argparse.Namespace, entry, rows: list[dict]) -> None:
    names = [name for name, value in rows[0].items() if isinstance(value, dict)]
    content = {
        "entry": {"name": entry.name, "version": entry.version, "sha256": entry.sha256},
        "as pretrained": AS_PRETRAINED,
        "shifted": SHIFTS[options.shift],
        "mean": {
            "as pretrained": float(np.mean([row["as pretrained"] for row in rows])),
            "shifted": float(np.mean([row["shifted"] for row in rows])),
            **{name: float(np.mean([row[name]["accuracy"] for row in rows])) for name in names},
        },
        "won back": {
            name: {
                "mean": float(np.mean([row[name]["won back"] for row in rows])),
                "least": float(np.min([row[name]["won back"] for row in rows])),
            }
            for name in names
        },
        "seeds": rows,
    }
    with atomic_path(options.output) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

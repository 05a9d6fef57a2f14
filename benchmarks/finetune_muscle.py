"""Fine-tuning peak_caller/h3k4me3 on a cell type that it has never seen: skeletal muscle, chr2, 29 labels, one sample.

    python benchmarks/finetune_muscle.py --data DIR -o benchmarks/results/finetune_muscle.json

Loci are dealt into five folds, each judged by models that were tuned on shares of the labels of the others, with the
scale of the file estimated without it; five seeds draw the folds, the shares and the training. What is trained is the
default: the threshold with fewer than 13 labels, adapters with more. MACS3's errors on the same labels are those that
benchmarks/peak_caller_labels.py wrote. Settings were chosen on simulated data, not here.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.calling.peaks import PeakCallingConfig
from epizoo.files import atomic_path
from epizoo.genome.coverage import CoverageTransform
from epizoo.model_zoo import load
from epizoo.model_zoo.finetuning import default_train
from epizoo.training.finetuning.data import PeakData
from epizoo.training.finetuning.evaluation import PRETRAINED, SCRATCH, TUNED, Problem, cross_validate
from epizoo.training.finetuning.learning_curve import FRACTIONS, Curve, learning_curve, write_curve
from epizoo.training.finetuning.samples import read_labels
from epizoo.training.finetuning.settings import TuningSettings
from epizoo.training.label_errors import compare, summarise

SAMPLE = "H3K4me3.skeletalMuscleMD.McGill0016"
WINDOW = ("chr2", 110_251_337, 149_690_582)
N_FOLDS = 5
SEEDS = range(5)


def write_data(folder: Path, scratch: Path) -> PeakData:
    """The labels of muscle as a user would give them."""
    labels = pd.read_csv(folder / "labels.tsv", sep="\t").query("mark == 'H3K4me3' and celltype == 'skeletalMuscleMD'")
    labels[["chrom", "start", "end", "annotation"]].to_csv(scratch / "labels.bed", sep="\t", header=False, index=False)
    (scratch / "known.bed").write_text("\t".join(map(str, WINDOW)) + "\n")
    sample = {"bigwig": folder / "coverage" / f"{SAMPLE}.bw", "signal_kind": "coverage", "name": "McGill0016"}
    sample |= {"known_regions": scratch / "known.bed", "labels": scratch / "labels.bed"}
    return PeakData.model_validate({"cell_type": "skeletal muscle", "samples": [sample]}, context={"folder": scratch})


def macs3_errors(path: Path, errors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What MACS3 gets wrong of the same labels, by its settings."""
    tables = {}
    for name, result in json.loads(path.read_text())["settings"].items():
        wrong = {tuple(row[1:]) for row in result["wrong_labels"] if "McGill0016.chr2" in row[0]}
        keys = map(tuple, errors[["chrom", "start", "end", "annotation"]].to_numpy())
        tables[f"MACS3 {name}"] = errors.assign(wrong=np.array([key in wrong for key in keys]))
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/histone_labels")
    parser.add_argument("--macs3", type=Path, default=Path("benchmarks/results/macs3_h3k4me3_labels.json"))
    parser.add_argument("--scratch", type=Path, required=True, help="a folder for the labels as files")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    entry = load("peak_caller/h3k4me3")
    data = write_data(options.data / "peaks" / "histone_labels", options.scratch)
    labels = read_labels(data)
    problem = Problem(
        model=entry.model(),
        data=data,
        labels=labels,
        transform=CoverageTransform.from_dict(entry.config["transform"]),
        calling=PeakCallingConfig.from_dict(entry.config["calling"]),
        settings=TuningSettings(),
    )
    began = time.monotonic()
    points, trained = [], []
    for fraction in FRACTIONS:
        train = default_train(round(len(labels) * (1 - 1 / N_FOLDS) * fraction))
        tuned = replace(problem, settings=replace(problem.settings, train=train))
        curve = learning_curve(tuned, n_folds=N_FOLDS, fractions=[fraction], seeds=SEEDS)
        points += curve.points
        trained.append(train)
        print(train, curve.points[0]._asdict(), curve.others, f"{time.monotonic() - began:.0f} s", flush=True)
    whole = replace(problem, settings=replace(problem.settings, train="adapters"))
    found = cross_validate(whole, n_folds=N_FOLDS, methods=(TUNED, PRETRAINED, SCRATCH), seed=0)
    others = macs3_errors(options.macs3, found.errors[PRETRAINED])
    content = {
        "entry": {"name": entry.name, "version": entry.version, "sha256": entry.sha256},
        "labels": len(labels),
        "loci": int(labels["locus"].max()) + 1,
        "seeds": len(SEEDS),
        "folds": N_FOLDS,
        "curve": [point._asdict() | {"train": train} for point, train in zip(points, trained, strict=True)],
        "seed 0, all labels": {name: summarise(errors)._asdict() for name, errors in found.errors.items()},
        "seed 0, fine-tuned minus": {
            name: compare(found.errors[TUNED], errors)._asdict()
            for name, errors in {**found.errors, **others}.items()
            if name != TUNED
        },
        "MACS3": {name: summarise(errors)._asdict() for name, errors in others.items()},
    }
    with atomic_path(options.output) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
    baselines = {PRETRAINED: tuple(summarise(found.errors[PRETRAINED]).mean_over_regions)}
    best = min(others, key=lambda name: summarise(others[name]).mean_over_regions.value)
    baselines[best] = tuple(summarise(others[best]).mean_over_regions)
    whole_curve = Curve(points, baselines, content["loci"], len(labels), len(SEEDS))
    write_curve(whole_curve, options.output.with_suffix("").with_name("finetune_muscle_curve"), "H3K4me3, muscle chr2")


if __name__ == "__main__":
    main()

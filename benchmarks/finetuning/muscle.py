"""Fine-tuning peak_caller/h3k4me3 on a cell type that it has never seen: skeletal muscle, chr2, 29 labels, one sample.

    python -m benchmarks.finetuning.muscle --data DIR --scratch FOLDER -o benchmarks/finetuning/muscle.json

Loci are dealt into five folds, each judged by models that were tuned on shares of the labels of the others, with the
scale of the file estimated without it; five seeds draw the folds, the shares and the training. The curve is that of the
threshold alone; head and adapters are measured on all labels. MACS3's errors on the same labels are those that
benchmarks/peaks/macs3_labels.py wrote. Settings were chosen on simulated data, not here.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.files import atomic_path
from epizoo.finetuning.cross_validation import PRETRAINED, SCRATCH, TUNED, CrossValidation, Problem, cross_validate
from epizoo.finetuning.labelled_samples import read_sample_labels
from epizoo.finetuning.learning_curve import learning_curve, write_curve
from epizoo.finetuning.new_cell_type import PeakData
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.metrics.label_errors import compare, summarise
from epizoo.zoo import load

SAMPLE = "H3K4me3.skeletalMuscleMD.McGill0016"
WINDOW = ("chr2", 110_251_337, 149_690_582)
N_FOLDS = 5
SEEDS = range(5)
# What else is trained on all labels, and with which seeds.
OTHERS = {"head": range(5), "adapters": range(2)}
KEYS = ["chrom", "start", "end", "annotation"]


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
    parser.add_argument("--macs3", type=Path, default=Path("benchmarks/peaks/macs3_labels_h3k4me3.json"))
    parser.add_argument("--scratch", type=Path, required=True, help="a folder for the labels as files")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    entry = load("peak_caller/h3k4me3")
    data = write_data(options.data / "peaks" / "histone_labels", options.scratch)
    labels = read_sample_labels(data)
    problem = Problem(
        model=entry.model(),
        data=data,
        labels=labels,
        transform=entry.config.transform,
        calling=entry.config.calling,
        settings=TuningSettings(train="threshold"),
    )
    began = time.monotonic()
    curve = learning_curve(problem, n_folds=N_FOLDS, seeds=SEEDS)
    content = {
        "entry": {"name": entry.name, "version": entry.version, "sha256": entry.sha256},
        "labels": len(labels),
        "loci": int(labels["locus"].max()) + 1,
        "seeds": len(SEEDS),
        "folds": N_FOLDS,
        "curve, threshold": [point._asdict() for point in curve.points],
        "pretrained": curve.others[PRETRAINED],
        "seconds": round(time.monotonic() - began),
    }
    pretrained = cross_validate(problem, n_folds=N_FOLDS, methods=(PRETRAINED,), seed=0).errors[PRETRAINED]
    others = macs3_errors(options.macs3, pretrained)
    content["MACS3"] = {name: summarise(errors)._asdict() for name, errors in others.items()}
    best = min(others, key=lambda name: summarise(others[name]).mean_over_regions.value)
    baselines = curve.others | {best: tuple(summarise(others[best]).mean_over_regions)}
    write(options.output, content)
    picture = options.output.with_name("muscle_curve")
    write_curve(curve._replace(others=baselines), picture, "H3K4me3, muscle chr2, threshold")
    for train, seeds in OTHERS.items():
        tuned = replace(problem, settings=replace(problem.settings, train=train))
        parts = [cross_validate(tuned, n_folds=N_FOLDS, methods=(TUNED, PRETRAINED), seed=seed) for seed in seeds]
        content[f"all labels, {train}"] = compared(parts, TUNED, others) | {"seeds": len(seeds)}
        content["seconds"] = round(time.monotonic() - began)
        write(options.output, content)
    scratch = cross_validate(problem, n_folds=N_FOLDS, methods=(SCRATCH, PRETRAINED), seed=0)
    content["all labels, from scratch"] = compared([scratch], SCRATCH, {}) | {"seeds": 1}
    write(options.output, content)


def compared(parts: list[CrossValidation], method: str, others: dict[str, pd.DataFrame]) -> dict:
    """All seeds of one method together, and against the pretrained model and MACS3."""
    own, before = (
        pd.concat([part.errors[name] for part in parts]).sort_values(KEYS, kind="stable")
        for name in (method, PRETRAINED)
    )
    tables = {PRETRAINED: before}
    tables |= {name: pd.concat([table] * len(parts)).sort_values(KEYS, kind="stable") for name, table in others.items()}
    minus = {name: compare(own, table)._asdict() for name, table in tables.items()}
    return {"summary": summarise(own)._asdict(), "minus": minus}


def write(path: Path, content: dict) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Fine-tuning peak_caller/h3k4me3 through gReLU on skeletal muscle, chr2: 29 labels in 10 loci of one sample.

    nice python -m benchmarks.finetuning.grelu_muscle --data DIR -o benchmarks/finetuning/grelu_muscle.json

Loci are dealt into five folds, each left out once, in each of five seeds; two of the other loci validate (gReLU stops
early and keeps its best checkpoint by their loss), the rest trains. gReLU learns from bins, so labels of regions are
turned into bins: all bins of ``noPeaks`` are 0, the three around the highest coverage of ``peaks`` are 1, and of
``peakStart`` (``peakEnd``) the outermost bin is 0 and the bin next to the other side is 1. What is trained is the head
alone, and the peaks are called by the entry's own rule. The settings were chosen before any model was tuned, but with
the entry's own errors on these labels in sight. A file's scale is estimated from all of its signal, labelled or not.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from grelu.lightning import LightningModel

from epizoo.conversion.torch.programs import blank_twin
from epizoo.files import atomic_path
from epizoo.metrics.label_errors import compare, summarise
from epizoo.peaks.labelled_calls import Prediction, call_errors
from epizoo.peaks.labelled_stretches import LabelledStretch, crop, read_stretches
from epizoo.plugins.grelu import SignalDataset, export_checkpoint, import_checkpoint, load_checkpoint
from epizoo.plugins.grelu.models import twin_state
from epizoo.zoo import load

ENTRY = "peak_caller/h3k4me3"
MARK, CELL = "H3K4me3", "skeletalMuscleMD"
BIGWIG = "coverage/H3K4me3.skeletalMuscleMD.McGill0016.bw"
TASK = "h3k4me3"
SEEDS = range(5)
N_FOLDS = 5
N_VALIDATION_LOCI = 2
WINDOW_BINS = 256
PAD_BP = 20_000
MARGIN_BINS = 200
SETTINGS = {
    "lr": 0.01,
    "max_epochs": 15,
    "batch_size": 16,
    "early_stopping": True,
    "patience": 3,
    "pos_weight": [10.0],
    "num_workers": 0,
}


def bins_of(stretch: LabelledStretch, bin_bp: int) -> pd.DataFrame:
    """Labelled bins of a locus as intervals, with `peak` saying which."""
    rows = []
    for label in stretch.labels.itertuples():
        first, last = label.start // bin_bp, -(-label.end // bin_bp)
        if label.annotation == "noPeaks":
            rows.append((first, last, False))
        elif label.annotation == "peaks":
            inside = stretch.signal[first - stretch.start_bin : last - stretch.start_bin]
            summit = first + int(np.argmax(inside))
            rows.append((summit - 1, summit + 2, True))
        else:
            outer, inner = (first, last) if label.annotation == "peakStart" else (last - 1, first - 1)
            rows += [(outer, outer + 1, False), (inner, inner + 1, True)]
    table = pd.DataFrame(rows, columns=["start", "end", "peak"])
    table[["start", "end"]] *= bin_bp
    return table.assign(chrom=stretch.chrom)[["chrom", "start", "end", "peak"]]


def dataset_of(model: LightningModel, stretch: LabelledStretch, folder: Path, known: pd.DataFrame) -> SignalDataset:
    """The labelled bins of a locus and their surroundings."""
    bins = bins_of(stretch, model.model.bin_bp)
    labelled = bins[["chrom", "start", "end"]]
    return SignalDataset(
        model,
        labelled.drop_duplicates(),
        [folder / BIGWIG],
        {TASK: bins.loc[bins["peak"], ["chrom", "start", "end"]]},
        labelled=labelled,
        window_bins=WINDOW_BINS,
        signal_kind="coverage",
        known_regions=known,
        rc=True,
        augment_mode="random",
        seed=0,
        cell_type="skeletal muscle",
        assembly="hg19",
    )


def tune(
    checkpoint: Path, train: list[SignalDataset], validation: list[SignalDataset], seed: int, folder: Path
) -> Path:
    """gReLU's `tune_on_dataset`, and the checkpoint that it found best."""
    torch.manual_seed(seed)
    model = load_checkpoint(checkpoint)
    model.train_params |= SETTINGS | {"save_dir": str(folder), "logger": "csv", "name": f"seed{seed}"}
    model.initialize_loss()
    trainer = model.tune_on_dataset(
        SignalDataset.joined(train), SignalDataset.joined(validation), freeze_embedding=True
    )
    return Path(trainer.checkpoint_callback.best_model_path)


def predict(model: LightningModel, stretch: LabelledStretch) -> Prediction:
    """Probabilities of a peak around the labels of a locus."""
    inner = model.model
    twin = blank_twin(inner.config)
    twin.load_state_dict(twin_state(inner))
    bins, flank = list(stretch.labels["bins"]), inner.crop_len
    first = min(label.start_bin for label in bins) - MARGIN_BINS
    n_bins = max(label.end_bin for label in bins) + MARGIN_BINS - first
    coverage = np.arcsinh(crop(stretch.signal, first - flank, n_bins + 2 * flank) / stretch.scale)
    with torch.no_grad():
        probabilities = twin(torch.from_numpy(coverage)[None, :, None]).peak_probabilities[0, flank:-flank].numpy()
    return Prediction(stretch.start_bin + first, probabilities, crop(stretch.signal, first, n_bins))


def cross_validate(
    checkpoint: Path, stretches: list[LabelledStretch], data: list[SignalDataset], seed: int, folder: Path
):
    """A prediction for each locus by a model that did not see it."""
    order = np.random.default_rng(seed).permutation(len(stretches))
    found: dict[int, Prediction] = {}
    for fold in np.array_split(order, N_FOLDS):
        others = [i for i in order if i not in fold]
        validation, train = others[:N_VALIDATION_LOCI], others[N_VALIDATION_LOCI:]
        best = tune(checkpoint, [data[i] for i in train], [data[i] for i in validation], seed, folder)
        model = load_checkpoint(best)
        found |= {i: predict(model, stretches[i]) for i in fold}
    return [found[i] for i in range(len(stretches))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/histone_labels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    entry = load(ENTRY)
    bin_bp, calling = entry.window.bin_bp, entry.config.calling
    transform = entry.config.transform
    stretches = read_stretches(arguments.data, MARK, (CELL,), transform, bin_bp, PAD_BP)
    folder = arguments.data / "peaks" / "histone_labels"
    windows = pd.read_csv(folder / "windows.tsv", sep="\t").query("mark == @MARK and celltype == @CELL")
    known = windows[["chrom", "start", "end"]].reset_index(drop=True)
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        checkpoint = Path(scratch) / "model.ckpt"
        export_checkpoint(entry, checkpoint)
        model = load_checkpoint(checkpoint)
        exported = time.monotonic() - began
        data = [dataset_of(model, stretch, folder, known) for stretch in stretches]
        began = time.monotonic()
        best = tune(checkpoint, data[N_VALIDATION_LOCI:], data[:N_VALIDATION_LOCI], 0, Path(scratch))
        tuned_in = time.monotonic() - began
        imported = import_checkpoint(best, "muscle", Path(scratch) / "zoo")
        whole = time.monotonic() - began + exported
        before = call_errors([predict(model, stretch) for stretch in stretches], stretches, calling, bin_bp)
        tables = []
        for seed in SEEDS:
            predictions = cross_validate(checkpoint, stretches, data, seed, Path(scratch))
            tables.append(call_errors(predictions, stretches, calling, bin_bp))
            print(
                f"seed {seed}: {tables[-1]['wrong'].sum()}/{len(before)} wrong, before {before['wrong'].sum()}",
                flush=True,
            )
    after = pd.concat(tables, ignore_index=True)
    comparison = compare(after, pd.concat([before] * len(tables), ignore_index=True))
    columns = ["chrom", "start", "end", "annotation"]
    result = {
        "entry": f"{entry.name} {entry.version}",
        "data": f"{MARK} {CELL}, {len(before)} labels in {before['locus'].nunique()} loci",
        "settings": SETTINGS | {"freeze_embedding": True, "window_bins": WINDOW_BINS},
        "seconds": {
            "export with its proof": round(exported, 1),
            "tune_on_dataset": round(tuned_in, 1),
            "export, tune and import": round(whole, 1),
        },
        "imported": {"name": imported.name, "base_model": imported.zoo.base_model},
        "before": summarise(before)._asdict(),
        "after, five seeds": summarise(after)._asdict(),
        "wrong labels by seed": [int(table["wrong"].sum()) for table in tables],
        "mean over regions, after minus before": comparison._asdict(),
        "wrong before": before.loc[before["wrong"], columns].to_numpy().tolist(),
        "seeds in which a label is wrong after": [
            [*row, int(sum(table["wrong"].iloc[i] for table in tables))]
            for i, row in enumerate(before[columns].to_numpy().tolist())
            if any(table["wrong"].iloc[i] for table in tables)
        ],
    }
    with atomic_path(arguments.output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

"""Differential peaks by the paired model, and a head for each cell type, where the truth is simulated.

    python -m benchmarks.finetuning.pairs -o benchmarks/finetuning/pairs.json

Pairs: conditions share background and peaks and have some of their own; the second has half of the depth. Measured is
the average precision of bins that are in a peak of the first alone, both directions together, of the product of the
pretrained model's P(peak in the first) and P(none in the second), of the paired model as it begins, and trained on
other pairs. Cell types: two simulated ones of other depth, fragments, background and idea of what a peak is; measured
is the average precision of bins in peaks, of one model for both and of one with two heads, trained on the same windows.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from epizoo.files import atomic_path
from epizoo.finetuning.bin_truth import pair_batch, train_on_truth
from epizoo.metrics.peaks import binned_curve
from epizoo.models.peak_caller.heads import as_pair, with_heads
from epizoo.peaks.training_batches import Windows
from epizoo.simulation.condition_pairs import simulate_pairs
from epizoo.simulation.coverage import SimulationConfig, simulate
from epizoo.zoo import load

SEEDS = range(3)
N_BINS, N_TRAIN, N_TEST, N_STEPS, BATCH = 512, 64, 64, 120, 8
CELL_TYPES = {
    "sharp": SimulationConfig(depth=(5.0, 5.0), background_level=(0.4, 0.4)),
    "broad": SimulationConfig(
        depth=(2.0, 2.0),
        fragment_bp=(300, 300),
        background_level=(0.8, 0.8),
        width_bp=(2_500.0, 0.6, 500.0, 12_000.0),
        enter_level=1.8,
        extend_level=1.5,
        extend_share=0.1,
    ),
}


def average_precision(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    counts = weight > 0
    return binned_curve(scores[counts], truth[counts]).average_precision


def measure_pairs(model, seed: int) -> dict[str, float]:
    random, bin_bp, flank = np.random.default_rng(seed), model.config.bin_bp, model.receptive_field_bins
    train = simulate_pairs(random, N_TRAIN, N_BINS, bin_bp)
    test = simulate_pairs(random, N_TEST, N_BINS, bin_bp)
    both = [pair_batch(test, np.arange(N_TEST), flank, swapped) for swapped in (False, True)]
    coverage, truth, weight = (np.concatenate(parts) for parts in zip(*both, strict=True))

    def batches() -> list[Windows]:
        return [pair_batch(train, random.choice(N_TRAIN, BATCH), flank, swapped=bool(random.random() < 0.5))]

    pair = as_pair(model)
    tuned = train_on_truth(pair, batches, N_STEPS)
    probabilities = [np.asarray(model(coverage[..., [track]]).peak_probabilities) for track in (0, 1)]
    scores = {
        "two calls of the pretrained model": probabilities[0] * (1 - probabilities[1]),
        "paired, as it begins": np.asarray(pair.logits(coverage)),
        "paired, trained on other pairs": np.asarray(tuned.logits(coverage)),
    }
    found = {name: average_precision(values, truth, weight) for name, values in scores.items()}
    return found | {"share of bins that differ": float(truth[weight > 0].mean())}


def cell_type_windows(random: np.random.Generator, name: str, n: int, bin_bp: int, flank: int) -> Windows:
    windows = simulate(random, n, N_BINS, bin_bp, CELL_TYPES[name])
    weight = windows.is_clear.astype(np.float32)
    weight[:, :flank] = 0
    weight[:, -flank:] = 0
    coverage = np.arcsinh(windows.coverage / windows.scale[:, None])[..., None].astype(np.float32)
    return Windows(coverage, windows.is_peak, weight)


def measure_heads(model, seed: int) -> dict[str, dict[str, float]]:
    random, bin_bp, flank = np.random.default_rng(seed), model.config.bin_bp, model.receptive_field_bins
    train = [cell_type_windows(random, name, N_TRAIN, bin_bp, flank) for name in CELL_TYPES]
    test = [cell_type_windows(random, name, N_TEST, bin_bp, flank) for name in CELL_TYPES]

    def draw() -> list[Windows]:
        chosen = [random.choice(N_TRAIN, BATCH) for _ in train]
        return [Windows(*(part[rows] for part in one)) for one, rows in zip(train, chosen, strict=True)]

    def pooled() -> list[Windows]:
        return [Windows(*(np.concatenate(parts) for parts in zip(*draw(), strict=True)))]

    one = train_on_truth(model, pooled, N_STEPS)
    many = train_on_truth(with_heads(model, list(CELL_TYPES)), draw, N_STEPS)
    found: dict[str, dict[str, float]] = {}
    for head, (name, batch) in enumerate(zip(CELL_TYPES, test, strict=True)):
        logits = {"pretrained": model.logits(batch.coverage), "one head for both": one.logits(batch.coverage)}
        logits["a head for each"] = many.logits(batch.coverage, head)
        found[name] = {}
        for method, values in logits.items():
            values = np.asarray(values)
            counts = batch.weight > 0
            found[name][method] = average_precision(values, batch.is_peak, batch.weight)
            found[name][f"{method}, wrong bins"] = float(np.mean((values > 0)[counts] != batch.is_peak[counts]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    entry = load("peak_caller/h3k4me3")
    model = entry.model()
    rows = []
    for seed in SEEDS:
        began = time.monotonic()
        rows.append({"seed": seed, "pairs": measure_pairs(model, seed), "cell types": measure_heads(model, seed)})
        rows[-1]["seconds"] = round(time.monotonic() - began, 1)
        print(json.dumps(rows[-1]), flush=True)
        write(options.output, entry, rows)


def write(path: Path, entry, rows: list[dict]) -> None:
    mean = {name: float(np.mean([row["pairs"][name] for row in rows])) for name in rows[0]["pairs"]}
    heads = {
        cell: {method: float(np.mean([row["cell types"][cell][method] for row in rows])) for method in methods}
        for cell, methods in rows[0]["cell types"].items()
    }
    content = {"entry": {"name": entry.name, "version": entry.version, "sha256": entry.sha256}}
    content |= {"pairs, mean": mean, "cell types, mean": heads, "seeds": rows}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

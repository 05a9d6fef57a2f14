"""The recipe of peak_caller/h3k4me3: simulation, human labels, and leave-one-chromosome-out.

    python -m epizoo.training.peak_caller_h3k4me3 --data DIR --seed 0 -o runs/h3k4me3

A network learns what a peak is from simulated coverage, is then fine-tuned on the human labels of T cells and monocytes
by the likelihood of region labels (while the simulation goes on), and the weights of several fine-tunings are averaged.
Each chromosome is left out once; the rule that makes peaks of probabilities is chosen on such left-out predictions of
the other chromosomes, never on chr9 (one locus). Muscle and chr2 are not touched.
"""

import argparse
import dataclasses
import time
from pathlib import Path

import jax
import pandas as pd
from flax import nnx

from epizoo.genome.coverage import CoverageTransform
from epizoo.models.peak_caller import PeakCaller, PeakCallerConfig
from epizoo.training.batches import Batches
from epizoo.training.fit import FitSettings, fit
from epizoo.training.labelled_calls import (
    Prediction,
    call_errors,
    calling_candidates,
    choose_calling,
    predict_stretches,
)
from epizoo.training.labelled_stretches import CropSettings, Stretch, read_stretches
from epizoo.training.peak_caller_run import (
    CrossValidation,
    data_hashes,
    versions,
    write_config,
    write_json,
    write_metrics,
    write_yaml,
)
from epizoo.training.simulate import SimulationConfig

MARK = "H3K4me3"
CELL_TYPES = ("tcell", "monocyte")
NOT_FOR_TUNING = "chr9"

MODEL = PeakCallerConfig(bin_bp=50, n_filters=16, dilations=(1, 2, 4, 8, 16, 32), summit_window_bins=9)
TRANSFORM = CoverageTransform(peak_weight=0.7)
CROPS = CropSettings(n_bins=512, flank_bins=MODEL.receptive_field_bins, smallest_keep=0.3)
SIMULATION = SimulationConfig()
PRETRAINING = FitSettings(n_steps=500, learning_rate=3e-3, label_weight=0.0)
FINE_TUNING = FitSettings(n_steps=250, learning_rate=1e-3, label_weight=0.5)
N_PRETRAINING_WINDOWS = 16
N_FINE_TUNINGS = 3
# The first of equals is taken: no peak and no gap is shorter than a read, unless the labels say so.
CANDIDATES = calling_candidates(enter=(0.5,), extend=(0.5,), min_width_bp=(100, 0), merge_gap_bp=(100, 0, 150, 200))
WINDOW_BINS = 1_000
ON = "H3K4me3, T cells and monocytes, each chromosome left out once, 37 regions in 9 loci"
SOURCE = {
    "name": "H3K4me3 coverage and human labels, McGill/IHEC",
    "source": "Hocking et al., Bioinformatics 2017, doi:10.1093/bioinformatics/btw672, from tdhock's R packages",
    "license": "GPL-3",
}
ABOUT = {
    "doc": "Calls peaks of narrow histone marks such as H3K4me3 from the coverage of a bigWig: a small convolutional "
    "network in bins of 50 bp, with learned threshold and temperature, that agrees with what people mark as peaks.",
    "license": "GPL-3.0-only",
    "weights_license": "The labels and the coverage come from R packages under GPL-3; on the careful reading the "
    "weights are distributed under GPL-3.0-only, and so are the example files.",
    "limits": [
        "Trained on H3K4me3 of T cells and monocytes alone; other cell types and marks were not measured.",
        "There are only 37 labelled regions in 9 loci, so that the figures have wide intervals.",
        "A file's scale follows its own peaks: two files of very different enrichment are called differently strictly.",
        "The resolution is 50 bp: gaps and peaks narrower than that are not seen.",
        "There is no control track, so that copy number and artefacts of the input are not corrected.",
    ],
    "authors": ["The epizoo authors"],
    "tags": ["ChIP-seq", "H3K4me3", "peak calling"],
    "datasets": ["H3K4me3_TDH_immune"],
    "cite_as": "Hocking et al., Bioinformatics 2017, doi:10.1093/bioinformatics/btw672",
}


class Recipe:
    """All steps of the training, reproducible from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.batches = Batches(seed, MODEL.bin_bp, CROPS, SIMULATION, n_pool=1_500, n_simulated=8, n_real=10)
        self.pretrained: PeakCaller | None = None

    def pretrain(self) -> PeakCaller:
        """A network that knows simulated peaks."""
        start = PeakCaller(MODEL, rngs=nnx.Rngs(self.seed))
        return fit(start, lambda: self.batches.next_simulated(N_PRETRAINING_WINDOWS), PRETRAINING)

    def fine_tune(self, pretrained: PeakCaller, stretches: list[Stretch]) -> PeakCaller:
        """The average of several fine-tunings on the labels of these stretches."""
        tuned = [fit(pretrained, lambda: self.batches.next(stretches), FINE_TUNING) for _ in range(N_FINE_TUNINGS)]
        return average(tuned)

    def cross_validate(self, pretrained: PeakCaller, stretches: list[Stretch]) -> CrossValidation:
        """Predictions for each chromosome by a network that did not see it, and errors of peaks made from them."""
        predictions: dict[int, Prediction] = {}
        for chrom in sorted({stretch.chrom for stretch in stretches}):
            began = time.monotonic()
            model = self.fine_tune(pretrained, [stretch for stretch in stretches if stretch.chrom != chrom])
            left_out = [number for number, stretch in enumerate(stretches) if stretch.chrom == chrom]
            found = predict_stretches(model, [stretches[number] for number in left_out])
            predictions |= dict(zip(left_out, found, strict=True))
            print(f"left out {chrom}: {time.monotonic() - began:.0f} s", flush=True)
        ordered = [predictions[number] for number in range(len(stretches))]
        return score(ordered, stretches)


def average(models: list[PeakCaller]) -> PeakCaller:
    """The model whose parameters are the mean of those of models that were fine-tuned from one start."""
    graphs, states = zip(*(nnx.split(model) for model in models), strict=True)
    return nnx.merge(graphs[0], jax.tree.map(lambda *values: sum(values) / len(values), *states))


def score(predictions: list[Prediction], stretches: list[Stretch]) -> CrossValidation:
    """Errors of left-out predictions, each chromosome called by the rule that suits the other chromosomes best."""
    by_rule = {rule: call_errors(predictions, stretches, rule, MODEL.bin_bp) for rule in CANDIDATES}
    errors = []
    for chrom in sorted({stretch.chrom for stretch in stretches}):
        rule = choose_calling(by_rule, {chrom, NOT_FOR_TUNING})
        errors.append(by_rule[rule].query("chrom == @chrom"))
        print(chrom, rule, f"{errors[-1]['wrong'].sum()}/{len(errors[-1])} wrong", flush=True)
    return CrossValidation(predictions, pd.concat(errors, ignore_index=True), choose_calling(by_rule, {NOT_FOR_TUNING}))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/histone_labels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--macs3", type=Path, help="what benchmarks/peak_caller_labels.py wrote, to stand beside")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the run folder to write")
    arguments = parser.parse_args()
    stretches = read_stretches(arguments.data, MARK, CELL_TYPES, TRANSFORM, MODEL.bin_bp, CROPS.n_bins * MODEL.bin_bp)
    arguments.output.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(arguments.seed)
    pretrained = recipe.pretrain()
    validation = recipe.cross_validate(pretrained, stretches)
    write_metrics(arguments.output, validation, stretches, arguments.macs3, ON)
    final = recipe.fine_tune(pretrained, stretches)
    write_config(arguments.output, final, TRANSFORM, validation.calling, WINDOW_BINS)
    write_yaml(arguments.output / "about.yaml", ABOUT)
    write_json(arguments.output / "training.json", describe_training(arguments, stretches))


def describe_training(arguments: argparse.Namespace, stretches: list[Stretch]) -> dict:
    """What `training.json` says."""
    return {
        "trained_on": {
            "data": [SOURCE],
            "assembly": "hg19; positions are no input, so other assemblies may be used",
            "cell_types": ["T cell (19 samples)", "monocyte (6 samples)"],
            "chromosomes": sorted({stretch.chrom for stretch in stretches}),
            "held_out_chromosomes": ["chr2"],
            "held_out_cell_types": ["skeletal muscle"],
        },
        "procedure": "Pretrained on simulated coverage, fine-tuned on the likelihood of human region labels while the "
        f"simulation goes on; the weights are the mean of {N_FINE_TUNINGS} fine-tunings. The figures come from leaving "
        "one chromosome out, the shipped weights from all of them.",
        "command": f"python -m epizoo.training.peak_caller_h3k4me3 --data DIR --seed {arguments.seed}",
        "seed": arguments.seed,
        "pretraining": PRETRAINING._asdict(),
        "fine_tuning": FINE_TUNING._asdict(),
        "crops": CROPS._asdict(),
        "simulation": {name: _plain(value) for name, value in dataclasses.asdict(SIMULATION).items()},
        "sha256": data_hashes(arguments.data, stretches),
        "versions": versions(),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


if __name__ == "__main__":
    main()

"""The recipe of the peak callers for which there is no human truth: fitted to simulated fragments alone.

    python -m epizoo.recipes.simulated_peaks tf --seed 0 -o runs/tf

The figures are those of windows that were drawn from another seed, at given depths; `--metrics` adds what a benchmark
measured of the entry and of other callers, so that the card shows it.
"""

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from epizoo.calling.peaks import PeakCallingConfig
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.metrics.simulated_sites import predict_windows, site_scores
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.labelled_stretches import CropSettings
from epizoo.peaks.network_fit import FitSettings, fit
from epizoo.peaks.training_batches import FragmentBatches
from epizoo.recipes.peak_caller_run import versions, write_config, write_json, write_yaml
from epizoo.simulation.fragments import FragmentSimulationConfig, simulate_fragments

DEPTHS = (3e6, 3e7)
"""Ten times apart: how much is lost in a tenth of the reads."""
N_TEST_WINDOWS = 1_000
N_BINS = 512
TRANSFORM = CoverageTransform()
FITTING = FitSettings(n_steps=2_000, learning_rate=3e-3, label_weight=0.0)


@dataclass(frozen=True)
class SimulatedSettings:
    """A network, the experiments that it learns from, and the words of its card."""

    name: str
    model: PeakCallerConfig
    simulation: FragmentSimulationConfig
    calling: PeakCallingConfig
    doc: str
    limits: tuple[str, ...]
    tags: tuple[str, ...]
    procedure: str
    transform: CoverageTransform = TRANSFORM
    fitting: FitSettings = FITTING
    n_pool: int = 8_000
    n_windows: int = 24
    window_bins: int = 2_000


TF = SimulatedSettings(
    name="tf",
    model=PeakCallerConfig(
        bin_bp=20,
        n_tracks=2,
        optional_control=True,
        n_filters=16,
        dilations=(1, 2, 4, 8, 16, 32),
        summit_window_bins=9,
    ),
    simulation=FragmentSimulationConfig(control_share=0.65, scale_error_sd=0.4),
    calling=PeakCallingConfig(0.3, 0.3, merge_gap_bp=40, min_width_bp=40, summit_smoothing_bp=100, score_evidence=True),
    fitting=FitSettings(n_steps=4_000, learning_rate=3e-3, label_weight=0.0),
    n_pool=12_000,
    doc="Calls peaks of transcription factors and other point sources from the coverage of a bigWig, with or without "
    "a control: a small convolutional network in bins of 20 bp, fitted to simulated experiments of 1 to 100 million "
    "reads.",
    limits=(
        "Fitted to simulated experiments alone; of real data only CTCF on chr22 of one cell type was measured.",
        "On CTCF it is nowhere better than MACS3 by more than chance, and worse among the best 400 peaks of single "
        "reads without a control; without a control it calls a few artefacts of an input, where MACS3 calls 0 or 1.",
        "Its threshold and its ranking were chosen on simulated experiments, but the ranking was looked into because "
        "that of version 1.0.0 was worse than MACS3's on these very single reads. The pairs were looked at once, "
        "afterwards; they are the same fragments.",
        "The score (column 5) ranks peaks by their evidence and is no probability. Where the signal is not reads piled "
        "up, it takes the background for 2 reads.",
        "A peak is what has the shape of a point source and about 8 fragments or more; it is about 120 bp wide, "
        "whatever the factor, and is no estimate of how wide the factor's domain is.",
        "Fragments of 120 to 280 bp, piled up as pairs, extended reads or reads; other protocols were not simulated.",
        "Which strand a read lies on is lost in coverage, and with it what tells the fragments' length.",
        "Copies of one fragment are told by their shape alone: leave duplicates out.",
    ),
    tags=("ChIP-seq", "transcription factors", "peak calling"),
    procedure="Fitted by cross-entropy to simulated experiments: negative-binomial background with waves of copy "
    "number and mappability, hot spots shared with the control, point sources and wider decoys, single and paired "
    "reads; with no control, an input, one with sharp artefacts that both tracks have, one that is the treatment "
    "again, or the two swapped.",
)
ATAC = SimulatedSettings(
    name="atac",
    model=PeakCallerConfig(bin_bp=50, n_filters=16, dilations=(1, 2, 4, 8, 16, 32), summit_window_bins=9),
    simulation=FragmentSimulationConfig(
        background_share=(0.4, 0.9),
        sites_per_10kb=(0.1, 3.0),
        enrichment=(15.0, 1.0, 1.5, 200.0),
        site_bp=(350.0, 0.7, 120.0, 3_000.0),
        decoys_per_10kb=(0.05, 1.0),
        decoy_bp=(2_000.0, 0.6, 500.0, 8_000.0),
        decoy_enrichment=(0.7, 0.5, 0.2, 2.0),
        peak_bp=0,
        least_enrichment=2.0,
        least_fragments=6.0,
        cuts=True,
        control_share=0.0,
        scale_error_sd=0.3,
    ),
    calling=PeakCallingConfig(
        0.6, 0.5, merge_gap_bp=50, min_width_bp=200, least_evidence=8.0, evident_probability=0.25
    ),
    doc="Calls accessible regions, narrow and broad, from the coverage of ATAC-seq or DNase-seq: a small convolutional "
    "network in bins of 50 bp, fitted to simulated experiments of 1 to 100 million cuts with much background.",
    limits=(
        "Fitted to simulated experiments alone; no real ATAC-seq or DNase-seq was measured.",
        "Which of the simulated regions at 5 million cuts are real it tells as well as MACS3 at q 0.01 does, and no "
        "better by more than chance; its borders are nearer to the truth.",
        "It asks for evidence, as MACS3 does, where single reads can be counted: in reads, and in coverage, CPM and "
        "folds over a flat background per bp. In means over bins, smoothed signal, folds over a local background and "
        "p-values it goes by the probability alone, as version 1.0.0 did, and MACS3 on the reads tells better which "
        "regions are real.",
        "Made for cuts piled up over 100 to 200 bp around each of them (epizoo call-peaks --atac does so); coverage of "
        "whole fragments is seen as wider regions.",
        "A region holds about 6 fragments or more, and twice what the background holds beside its own.",
        "The resolution is 50 bp.",
        "There is no control track, so that copy number and mitochondrial sequence are not corrected.",
    ),
    tags=("ATAC-seq", "DNase-seq", "peak calling"),
    procedure="Fitted by cross-entropy to simulated experiments: cuts at both ends of fragments between and around "
    "nucleosomes, narrow and broad regions, waves and hot spots of background that holds 40% to 90% of the cuts.",
)
ENTRIES = {settings.name: settings for settings in (TF, ATAC)}


def train(settings: SimulatedSettings, seed: int) -> PeakCaller:
    """The fitted network."""
    crops = CropSettings(n_bins=N_BINS, flank_bins=settings.model.receptive_field_bins)
    batches = FragmentBatches(seed, settings.model.bin_bp, crops, settings.simulation, n_pool=settings.n_pool)
    began = time.monotonic()

    def report(step: int, loss: float) -> None:
        if step % 200 == 0:
            print(f"step {step}: loss {loss:.4f}, {time.monotonic() - began:.0f} s", flush=True)

    start = PeakCaller(settings.model, rngs=nnx.Rngs(seed))
    return fit(start, lambda: batches.next(settings.n_windows), settings.fitting, report)


def measure(settings: SimulatedSettings, model: PeakCaller, seed: int) -> list[dict[str, Any]]:
    """Metrics on new windows of each depth, beside the best that a moving average of the coverage can do."""
    metrics = []
    flank = model.receptive_field_bins
    for depth in DEPTHS:
        config = dataclasses.replace(settings.simulation, reads=(depth, depth))
        random = np.random.default_rng([seed, int(depth)])
        windows = simulate_fragments(random, N_TEST_WINDOWS, N_BINS, settings.model.bin_bp, config)
        is_peak, is_clear = windows.is_peak[:, flank:-flank], windows.is_clear[:, flank:-flank]
        threshold = settings.calling.enter_probability
        found = site_scores(predict_windows(model, windows), is_peak, is_clear, threshold)
        on = f"{N_TEST_WINDOWS:,} simulated windows at {depth / 1e6:g} million reads, drawn from another seed"
        values = {
            "average precision over bins": found.average_precision,
            f"share of sites found at probability {threshold:g}, the entry's own": found.recall,
            f"share of calls that are sites at probability {threshold:g}, the entry's own": found.precision,
            "calibration, expected calibration error over bins": found.calibration_error,
        }
        metrics += [{"name": name, "value": round(value, 4), "on": on} for name, value in values.items()]
    return metrics


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", choices=sorted(ENTRIES), help="which entry")
    parser.add_argument("--seed", type=int, default=0)
    help_metrics = "adds the metrics in these files to those of the run, without training"
    parser.add_argument("--metrics", type=Path, nargs="+", help=help_metrics)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the run folder to write")
    arguments = parser.parse_args()
    settings, run = ENTRIES[arguments.entry], arguments.output
    if arguments.metrics is not None:
        own = [row for row in _read(run / "metrics.json") if "simulated windows" in row["on"]]
        measured = [row for path in arguments.metrics for row in _read(path)["metrics"]]
        write_json(run / "metrics.json", measured + own)
        return
    run.mkdir(parents=True, exist_ok=True)
    model = train(settings, arguments.seed)
    write_json(run / "metrics.json", measure(settings, model, arguments.seed))
    write_config(run, model, settings.transform, settings.calling, settings.window_bins)
    write_yaml(run / "about.yaml", describe(settings))
    write_json(run / "training.json", describe_training(settings, arguments.seed))


def describe(settings: SimulatedSettings) -> dict[str, Any]:
    """What `about.yaml` says."""
    return {
        "doc": settings.doc,
        "license": "MIT",
        "weights_license": "Fitted to simulated experiments alone, so that the weights are as free as the code: MIT.",
        "limits": list(settings.limits),
        "authors": ["The epizoo authors"],
        "tags": list(settings.tags),
        "datasets": ["simulated"],
    }


def describe_training(settings: SimulatedSettings, seed: int) -> dict[str, Any]:
    """What `training.json` says."""
    simulation = dataclasses.asdict(settings.simulation)
    source = {"name": "simulated experiments", "source": "epizoo.simulation.fragments", "license": "MIT"}
    return {
        "trained_on": {
            "data": [source],
            "assembly": "none; positions are no input",
            "cell_types": [],
            "chromosomes": [],
            "held_out_chromosomes": [],
            "held_out_cell_types": [],
        },
        "procedure": settings.procedure,
        "command": f"python -m epizoo.recipes.simulated_peaks {settings.name} --seed {seed}",
        "seed": seed,
        "fitting": settings.fitting._asdict(),
        "simulation": {key: list(value) if isinstance(value, tuple) else value for key, value in simulation.items()},
        "versions": versions(),
    }


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""The recipe of the peak callers for which there is no human truth: fitted to simulated fragments alone.

    python -m epizoo.recipes.simulated_peaks tf --seed 0 -o runs/tf

The figures are those of windows that were drawn from another seed, at given depths; `--metrics` adds what a benchmark
measured of the entry and of other callers, so that the card shows it.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.files import write_json
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.metrics.simulated_sites import predict_windows, site_scores
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.labelled_stretches import CropSettings
from epizoo.peaks.network_fit import FitSettings, fit
from epizoo.peaks.training_batches import FragmentBatches
from epizoo.recipes.run_folder import Progress, one_sentence_errors, plain, recipe_parser, recipe_training, write_run
from epizoo.simulation.fragment_windows import simulate_fragments
from epizoo.simulation.fragments import FragmentSimulationConfig

DEPTHS = (3e6, 3e7)
"""Ten times apart: how much is lost in a tenth of the reads."""
N_TEST_WINDOWS = 1_000
N_BINS = 512
TRANSFORM = CoverageTransform()
FITTING = FitSettings(n_steps=2_000, learning_rate=3e-3, label_weight=0.0)


@dataclass(frozen=True)
class SimulatedSettings:
    """A network and the experiments that it learns from; the prose of its card is in ``prose/NAME.yaml``."""

    name: str
    model: PeakCallerConfig
    simulation: FragmentSimulationConfig
    calling: PeakCallingConfig
    transform: CoverageTransform = TRANSFORM
    fitting: FitSettings = FITTING
    n_pool: int = 8_000
    n_windows: int = 24
    n_bins: int = N_BINS
    depths: tuple[float, ...] = DEPTHS
    window_bins: int = 2_000


OPEN_CHROMATIN = FragmentSimulationConfig(
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
)
"""Accessible regions as they are drawn: for the denoiser, examples and benchmarks."""
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
    # A peak as wide as a fragment: those of 60 bp that a probability of 0.3 gives differ between replicates.
    calling=PeakCallingConfig(
        0.05, 0.05, merge_gap_bp=100, min_width_bp=100, summit_smoothing_bp=100, score_evidence=True, most_q=1e-4
    ),
    fitting=FitSettings(n_steps=4_000, learning_rate=3e-3, label_weight=0.0),
    n_pool=12_000,
)
ATAC = SimulatedSettings(
    name="atac",
    model=PeakCallerConfig(bin_bp=50, n_filters=16, dilations=(1, 2, 4, 8, 16, 32), summit_window_bins=9),
    # Peaks are what deep sequencing would show; density, widths and folds are those of human HSCs (docs/experiments).
    simulation=dataclasses.replace(
        OPEN_CHROMATIN,
        background_share=(0.15, 0.9),
        sites_per_10kb=(0.1, 2.0),
        enrichment=(40.0, 1.0, 2.0, 400.0),
        site_bp=(450.0, 0.75, 120.0, 4_000.0),
        decoys_per_10kb=(0.02, 0.3),
        copies_share=0.0,
        deep_reads=8e7,
        deep_log10_p=5.0,
        scale_error_sd=0.2,
    ),
    calling=PeakCallingConfig(0.25, 0.25, merge_gap_bp=50, min_width_bp=200, most_q=0.05),
    fitting=FitSettings(n_steps=4_000, learning_rate=3e-3, label_weight=0.0),
    n_pool=12_000,
)
CUTRUN = SimulatedSettings(
    name="cutrun",
    model=PeakCallerConfig(
        bin_bp=25,
        n_tracks=2,
        optional_control=True,
        n_filters=16,
        dilations=(1, 2, 4, 8, 16, 32, 64),
        summit_window_bins=9,
    ),
    # Lengths, copies and the unevenness of the background are those of an IgG control (docs/experiments/cutrun.md).
    simulation=FragmentSimulationConfig(
        reads=(1e5, 2e7),
        background_share=(0.15, 0.95),
        mean_site_fragments=(3.0, 300.0),
        sites_per_10kb=(0.1, 3.0),
        enrichment=(0.65, 0.9, 0.05, 20.0),
        site_bp=(100.0, 0.7, 20.0, 400.0),
        domain_share=0.5,
        domain_bp=(1_500.0, 0.7, 400.0, 6_000.0),
        decoys_per_10kb=(0.05, 0.5),
        decoy_bp=(150.0, 0.7, 30.0, 1_000.0),
        decoy_enrichment=(12.0, 1.0, 1.0, 100.0),
        peak_bp=0,
        least_peak_bp=250,
        least_enrichment=3.0,
        least_fragments=3.0,
        copies_share=0.3,
        cut_and_run=True,
        duplicated_share=0.3,
        control_share=0.5,
        artefacts_per_10kb=(0.05, 1.0),
        artefact_bp=(150.0, 1.0, 1.0, 2_000.0),
        artefact_enrichment=(20.0, 1.4, 1.0, 2_000.0),
        hot_spot_spacing_bp=60_000,
        wave_sd=0.25,
        scale_error_sd=0.3,
        sparse_scale=True,
    ),
    calling=PeakCallingConfig(
        0.3, 0.3, merge_gap_bp=200, min_width_bp=100, summit_smoothing_bp=150, score_evidence=True, most_q=1e-4
    ),
    fitting=FitSettings(n_steps=6_000, learning_rate=3e-3, label_weight=0.0),
    n_pool=20_000,
    n_bins=1_024,
    n_windows=16,
    depths=(1e5, 1e6, 5e6),
)
ENTRIES = {settings.name: settings for settings in (TF, ATAC, CUTRUN)}


def train(settings: SimulatedSettings, seed: int, progress: Progress | None = None) -> PeakCaller:
    """The fitted network."""
    progress = progress or Progress()
    progress.say(f"simulating {settings.n_pool:,} windows")
    crops = CropSettings(n_bins=settings.n_bins, flank_bins=settings.model.receptive_field_bins)
    batches = FragmentBatches(seed, settings.model.bin_bp, crops, settings.simulation, n_pool=settings.n_pool)
    start = PeakCaller(settings.model, rngs=nnx.Rngs(seed))
    return fit(start, lambda: batches.next(settings.n_windows), settings.fitting, progress.steps("fitting"))


def measure(settings: SimulatedSettings, model: PeakCaller, seed: int) -> list[dict[str, Any]]:
    """Metrics on new windows of each depth, beside the best that a moving average of the coverage can do."""
    metrics = []
    flank = model.receptive_field_bins
    for depth in settings.depths:
        config = dataclasses.replace(settings.simulation, reads=(depth, depth))
        random = np.random.default_rng([seed, int(depth)])
        windows = simulate_fragments(random, N_TEST_WINDOWS, settings.n_bins, settings.model.bin_bp, config)
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


def training_details(settings: SimulatedSettings) -> dict[str, Any]:
    """Settings of the fit and of the simulation, for ``training.json``."""
    return {"fitting": settings.fitting._asdict(), "simulation": plain(dataclasses.asdict(settings.simulation))}


def main() -> None:
    """The command."""
    parser = recipe_parser(__doc__, ENTRIES)
    help_metrics = "only add the metrics in these files to those of the run, without training"
    parser.add_argument("--metrics", type=Path, nargs="+", help=help_metrics)
    arguments = parser.parse_args()
    settings, run = ENTRIES[arguments.entry], arguments.output
    if arguments.metrics is not None:
        own = [row for row in _read(run / "metrics.json") if "simulated windows" in row["on"]]
        measured = [row for path in arguments.metrics for row in _read(path)["metrics"]]
        write_json(run / "metrics.json", measured + own)
        return
    with one_sentence_errors():
        run.mkdir(parents=True, exist_ok=True)
        progress = Progress()
        model = train(settings, arguments.seed, progress)
        progress.say("measuring on new windows")
        write_json(run / "metrics.json", measure(settings, model, arguments.seed))
        training = recipe_training(settings.name, "simulated_peaks", arguments.seed, training_details(settings))
        write_run(run, settings.name, model, settings.transform, settings.calling, settings.window_bins, training)
        progress.say(f"wrote {run}")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

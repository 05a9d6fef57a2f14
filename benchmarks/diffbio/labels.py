"""The part of benchmarks/diffbio/operators.py on human labels: what networks that know simulated coverage get wrong."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from benchmarks.diffbio.contenders import Contender, middles, windows
from benchmarks.diffbio.training import Batch, Trained

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.metrics.label_errors import compare, summarise
from epizoo.peaks.labelled_calls import Prediction, call_errors, calling_candidates, choose_calling
from epizoo.peaks.labelled_stretches import CropSettings, LabelledStretch, read_stretches
from epizoo.peaks.training_batches import SimulatedBatches
from epizoo.recipes.labelled_peaks_settings import BROAD_SIMULATION
from epizoo.simulation.coverage import SimulationConfig

CELL_TYPES = ("tcell", "monocyte")
NOT_FOR_TUNING = "chr9"
N_VALIDATION = 4
_WINDOWS_AT_ONCE = 8


class Mark(NamedTuple):
    """What is simulated for a mark, and how its files are read; as in the entries h3k4me3 1.0.0 and h3k36me3 1.0.0."""

    bin_bp: int
    transform: CoverageTransform
    crops: CropSettings
    simulation: SimulationConfig
    n_pool: int
    n_windows: int
    candidates: list[PeakCallingConfig]


MARKS = {
    "H3K4me3": Mark(
        50,
        CoverageTransform(peak_weight=0.7),
        CropSettings(n_bins=512, flank_bins=78),
        SimulationConfig(),
        1_500,
        16,
        calling_candidates((0.5,), (0.5,), min_width_bp=(100, 0), merge_gap_bp=(100, 0, 150, 200)),
    ),
    "H3K36me3": Mark(
        200,
        CoverageTransform(peak_weight=1.0, peak_fold=2.0),
        CropSettings(n_bins=1_024, flank_bins=78),
        BROAD_SIMULATION,
        800,
        12,
        calling_candidates((0.5,), (0.5,), min_width_bp=(1_000, 2_000), merge_gap_bp=(2_000, 1_000, 5_000)),
    ),
}


class Labels:
    """The labelled coverage of one mark, and the simulated coverage that is learned instead of it."""

    def __init__(self, data: Path, mark: str, seed: int) -> None:
        self.mark = mark_settings = MARKS[mark]
        self.seed = seed
        pad_bp = mark_settings.crops.n_bins * mark_settings.bin_bp
        self.stretches = read_stretches(data, mark, CELL_TYPES, mark_settings.transform, mark_settings.bin_bp, pad_bp)
        self.pool, self.validation_pool = (
            self._simulate(seed, mark_settings.n_pool),
            self._simulate(seed + 1_000, 200),
        )

    def _simulate(self, seed: int, n_pool: int) -> SimulatedBatches:
        mark = self.mark
        return SimulatedBatches(seed, mark.bin_bp, mark.crops, (mark.simulation,), n_pool=n_pool, n_mixed=0, n_real=0)

    def batches(self, _: Contender) -> tuple[Callable[[], Batch], list[Batch]]:
        """Batches of simulated coverage, the same ones for every network, and validation batches."""
        training, validation = self._from_start(self.pool), self._from_start(self.validation_pool)
        return (lambda: self._next(training)), [self._next(validation) for _ in range(N_VALIDATION)]

    def _from_start(self, pool: SimulatedBatches) -> SimulatedBatches:
        again = copy.copy(pool)
        again.random = np.random.default_rng(self.seed)
        return again

    def _next(self, batches: SimulatedBatches) -> Batch:
        batch = batches.next_windows(self.mark.n_windows)
        return Batch(batch.simulated[..., 0], batch.is_peak.astype(np.float32), batch.weight)

    def errors(self, trained: Trained) -> pd.DataFrame:
        """What a network gets wrong, each chromosome's peaks made by the rule that suits the other ones best."""
        predictions = [self._predict(trained, stretch) for stretch in self.stretches]
        by_rule = {
            rule: call_errors(predictions, self.stretches, rule, self.mark.bin_bp) for rule in self.mark.candidates
        }
        chosen = {
            chrom: choose_calling(by_rule, {chrom, NOT_FOR_TUNING})
            for chrom in sorted({stretch.chrom for stretch in self.stretches})
        }
        parts = [by_rule[rule].query("chrom == @chrom") for chrom, rule in chosen.items()]
        return pd.concat(parts, ignore_index=True)

    def _predict(self, trained: Trained, stretch: LabelledStretch) -> Prediction:
        """Probabilities of a stretch, cut into windows as wide as those of training."""
        crops = self.mark.crops
        coverage = np.arcsinh(stretch.signal / stretch.scale).astype(np.float32)
        cut = windows(coverage, crops.n_bins, crops.flank_bins)
        missing = -len(cut) % _WINDOWS_AT_ONCE
        batches = np.pad(cut, ((0, missing), (0, 0))).reshape(-1, _WINDOWS_AT_ONCE, crops.n_bins)
        logits = np.concatenate([np.asarray(trained.logits(batch)) for batch in batches])
        probabilities = 1 / (1 + np.exp(-middles(logits, crops.flank_bins, len(coverage)).astype(np.float64)))
        return Prediction(stretch.start_bin, probabilities, stretch.signal)


def summary(errors: pd.DataFrame, ours: pd.DataFrame) -> dict:
    """Wrong labels, and the difference to ours in the mean over regions with its interval over loci."""
    found = summarise(errors)
    difference = compare(errors, ours).difference
    return {
        "wrong_labels": f"{found.n_wrong} of {found.n_labels}",
        "wrong_share": round(found.wrong_labels.value, 4),
        "wrong_of_regions": round(found.mean_over_regions.value, 4),
        "regions_minus_ours": [round(value, 4) for value in difference],
    }

"""Batches of simulated windows and labelled crops, reproducible from a seed."""

from collections.abc import Sequence

import numpy as np

from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.peaks.distillation import Contig, DistillationSettings, random_windows
from epizoo.peaks.labelled_stretches import CropSettings, Stretch, random_crops
from epizoo.peaks.network_fit import Batch
from epizoo.peaks.region_label_likelihood import LabelBatch, pack_labels
from epizoo.peaks.threshold_rule import ThresholdRule
from epizoo.simulation.coverage import SimulatedCoverage, SimulationConfig, simulate
from epizoo.simulation.fragments import FragmentSimulationConfig, simulate_fragments


class Batches:
    """Gives batches of one shape: `next` with labelled crops, `next_simulated` without.

    The windows of the simulations, as many of each, are drawn once; every use reflects them at random.
    """

    def __init__(
        self,
        seed: int,
        bin_bp: int,
        crops: CropSettings,
        simulations: Sequence[SimulationConfig],
        *,
        n_pool: int,
        n_simulated: int,
        n_real: int,
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.bin_bp = bin_bp
        self.crops = crops
        self.n_simulated = n_simulated
        self.n_real = n_real
        n_each = n_pool // len(simulations)
        drawn = [simulate(self.random, n_each, crops.n_bins, bin_bp, simulation) for simulation in simulations]
        self.pool = SimulatedCoverage(*(np.concatenate(column) for column in zip(*drawn, strict=True)))

    def next_simulated(self, n_windows: int) -> Batch:
        """Simulated windows alone."""
        return Batch(*self._simulated(n_windows), *_no_labels(self.crops.n_bins, 1))

    def next(self, stretches: list[Stretch]) -> Batch:
        """Simulated windows and augmented crops around labels of these stretches."""
        real, labels = random_crops(self.random, stretches, self.n_real, self.crops, self.bin_bp)
        return Batch(*self._simulated(self.n_simulated), real[..., None], labels)

    def _simulated(self, n_windows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self.random.choice(len(self.pool.scale), n_windows, replace=False)
        coverage = scaled_arcsinh(self.pool.coverage[chosen], self.pool.scale[chosen][:, None])
        is_peak, weight = self.pool.is_peak[chosen], self.pool.is_clear[chosen].astype(np.float32)
        flank = self.crops.flank_bins
        weight[:, :flank] = 0
        weight[:, -flank:] = 0
        if self.random.random() < 0.5:
            coverage, is_peak, weight = coverage[:, ::-1], is_peak[:, ::-1], weight[:, ::-1]
        return np.ascontiguousarray(coverage)[..., None], np.ascontiguousarray(is_peak), np.ascontiguousarray(weight)


class DistilledBatches:
    """Gives batches of one shape: windows in which a threshold rule is the truth, alone or beside labelled crops."""

    def __init__(
        self,
        random: np.random.Generator,
        bin_bp: int,
        crops: CropSettings,
        contigs: list[Contig],
        rule: ThresholdRule,
        settings: DistillationSettings,
        *,
        n_mixed: int,
        n_real: int,
    ) -> None:
        self.random = random
        self.bin_bp = bin_bp
        self.crops = crops
        self.n_mixed = n_mixed
        self.n_real = n_real
        self.contigs = contigs
        self.rule = rule
        self.settings = settings

    def next_windows(self) -> Batch:
        """Windows alone."""
        return Batch(*self._windows(self.settings.n_windows), *_no_labels(self.crops.n_bins, 1))

    def next(self, stretches: list[Stretch]) -> Batch:
        """Windows and augmented crops around labels of these stretches."""
        real, labels = random_crops(self.random, stretches, self.n_real, self.crops, self.bin_bp)
        return Batch(*self._windows(self.n_mixed), real[..., None], labels)

    def _windows(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        coverage, truth, weight = random_windows(
            self.random, self.contigs, self.rule, number, self.crops, self.settings
        )
        return coverage[..., None], truth, weight


class FragmentBatches:
    """Gives batches of windows of simulated fragments alone; see `Batches`."""

    def __init__(
        self, seed: int, bin_bp: int, crops: CropSettings, config: FragmentSimulationConfig, *, n_pool: int
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.flank_bins = crops.flank_bins
        self.pool = simulate_fragments(self.random, n_pool, crops.n_bins, bin_bp, config)

    def next(self, n_windows: int) -> Batch:
        """Some windows of the pool, reflected or not."""
        chosen = self.random.choice(len(self.pool.scale), n_windows, replace=False)
        coverage = scaled_arcsinh(self.pool.coverage[chosen], self.pool.scale[chosen][:, None])
        is_peak, weight = self.pool.is_peak[chosen], self.pool.is_clear[chosen].astype(np.float32)
        weight[:, : self.flank_bins] = 0
        weight[:, -self.flank_bins :] = 0
        order = slice(None, None, -1 if self.random.random() < 0.5 else 1)
        ordered = [np.ascontiguousarray(values[:, order]) for values in (coverage, is_peak, weight)]
        return Batch(ordered[0], ordered[1], ordered[2], *_no_labels(*coverage.shape[1:]))


def _no_labels(n_bins: int, n_tracks: int) -> tuple[np.ndarray, LabelBatch]:
    return np.zeros((1, n_bins, n_tracks), np.float32), pack_labels([], 1, 2)

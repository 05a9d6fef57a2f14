"""Batches of simulated windows and labelled crops, reproducible from a seed."""

import numpy as np

from epizoo.training.fit import Batch
from epizoo.training.labelled_stretches import CropSettings, Stretch, random_crops
from epizoo.training.region_label_likelihood import pack_labels
from epizoo.training.simulate import SimulatedCoverage, SimulationConfig, simulate


class Batches:
    """Gives batches of one shape: `next` with labelled crops, `next_simulated` without.

    The windows of the simulation are drawn once; every use reflects them at random.
    """

    def __init__(
        self,
        seed: int,
        bin_bp: int,
        crops: CropSettings,
        simulation: SimulationConfig,
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
        self.pool: SimulatedCoverage = simulate(self.random, n_pool, crops.n_bins, bin_bp, simulation)

    def next_simulated(self, n_windows: int) -> Batch:
        """Simulated windows alone."""
        nothing = np.zeros((1, self.crops.n_bins), np.float32)
        return Batch(*self._simulated(n_windows), nothing, pack_labels([], 1, 2))

    def next(self, stretches: list[Stretch]) -> Batch:
        """Simulated windows and augmented crops around labels of these stretches."""
        real, labels = random_crops(self.random, stretches, self.n_real, self.crops, self.bin_bp)
        return Batch(*self._simulated(self.n_simulated), real, labels)

    def _simulated(self, n_windows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self.random.choice(len(self.pool.scale), n_windows, replace=False)
        coverage = np.arcsinh(self.pool.coverage[chosen] / self.pool.scale[chosen][:, None]).astype(np.float32)
        is_peak, weight = self.pool.is_peak[chosen], self.pool.is_clear[chosen].astype(np.float32)
        flank = self.crops.flank_bins
        weight[:, :flank] = 0
        weight[:, -flank:] = 0
        if self.random.random() < 0.5:
            coverage, is_peak, weight = coverage[:, ::-1], is_peak[:, ::-1], weight[:, ::-1]
        return np.ascontiguousarray(coverage), np.ascontiguousarray(is_peak), np.ascontiguousarray(weight)

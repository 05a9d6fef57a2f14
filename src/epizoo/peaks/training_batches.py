"""Batches of simulated windows and labelled crops, reproducible from a seed."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.peaks.distillation import Taught, random_windows
from epizoo.peaks.labelled_stretches import CropSettings, LabelledStretch, random_crops
from epizoo.peaks.network_fit import TrainingBatch
from epizoo.peaks.region_label_likelihood import LabelBatch, pack_labels
from epizoo.simulation.coverage import SimulatedCoverage, SimulationConfig, simulate
from epizoo.simulation.fragment_windows import SimulatedFragments, simulate_fragments
from epizoo.simulation.fragments import FragmentSimulationConfig


class Windows(NamedTuple):
    """Transformed coverage with a truth in every bin, see `TrainingBatch`."""

    coverage: Float[np.ndarray, "window bin track"]
    is_peak: Shaped[np.ndarray, "window bin"]
    weight: Float[np.ndarray, "window bin"]


class LabelledBatches(ABC):
    """Gives batches of one shape: windows with a truth in every bin, alone or beside labelled crops.

    Args:
        random: source of all draws.
        bin_bp: width of a bin.
        crops: what labelled crops look like.
        n_mixed: number of windows beside labelled crops.
        n_real: number of labelled crops.
    """

    def __init__(
        self, random: np.random.Generator, bin_bp: int, crops: CropSettings, *, n_mixed: int, n_real: int
    ) -> None:
        self.random = random
        self.bin_bp = bin_bp
        self.crops = crops
        self.n_mixed = n_mixed
        self.n_real = n_real

    @abstractmethod
    def windows(self, number: int) -> Windows:
        """Windows with a truth in every bin."""

    def next_windows(self, number: int) -> TrainingBatch:
        """Windows alone."""
        return TrainingBatch(*self.windows(number), *_no_labels(self.crops.n_bins, 1))

    def next(self, stretches: list[LabelledStretch]) -> TrainingBatch:
        """Windows, and augmented crops around labels of these stretches."""
        real, labels = random_crops(self.random, stretches, self.n_real, self.crops, self.bin_bp)
        return TrainingBatch(*self.windows(self.n_mixed), real[..., None], labels)


class SimulatedBatches(LabelledBatches):
    """Windows of simulations, the same number of each, drawn once; every use reflects them at random."""

    def __init__(
        self,
        seed: int,
        bin_bp: int,
        crops: CropSettings,
        simulations: Sequence[SimulationConfig],
        *,
        n_pool: int,
        n_mixed: int,
        n_real: int,
    ) -> None:
        super().__init__(np.random.default_rng(seed), bin_bp, crops, n_mixed=n_mixed, n_real=n_real)
        n_each = n_pool // len(simulations)
        drawn = [simulate(self.random, n_each, crops.n_bins, bin_bp, simulation) for simulation in simulations]
        self.pool = SimulatedCoverage(*(np.concatenate(column) for column in zip(*drawn, strict=True)))

    def windows(self, number: int) -> Windows:
        """Some windows of the pool, reflected or not."""
        drawn = _from_pool(self.random, self.pool, number, self.crops.flank_bins)
        return drawn._replace(coverage=drawn.coverage[..., None])


class DistilledBatches(LabelledBatches):
    """Windows of real coverage in which threshold rules are the truth, as many of each, and simulated ones beside them.

    Args:
        random: see `LabelledBatches`, as for `bin_bp`, `crops`, `n_mixed` and `n_real`.
        taught: the rules, each with its coverage.
        simulated: gives a share of the windows like that of a rule; None: all are real.
    """

    def __init__(
        self,
        random: np.random.Generator,
        bin_bp: int,
        crops: CropSettings,
        taught: Sequence[Taught],
        simulated: SimulatedBatches | None = None,
        *,
        n_mixed: int,
        n_real: int,
    ) -> None:
        super().__init__(random, bin_bp, crops, n_mixed=n_mixed, n_real=n_real)
        self.taught = taught
        self.simulated = simulated

    def windows(self, number: int) -> Windows:
        """Augmented windows; see `random_windows`."""
        n_sources = len(self.taught) + (self.simulated is not None)
        counts = [len(part) for part in np.array_split(np.arange(number), n_sources)]
        parts = []
        for taught, count in zip(self.taught, counts, strict=False):
            coverage, truth, weight = random_windows(self.random, taught, count, self.crops, self.bin_bp)
            parts.append(Windows(coverage[..., None], truth, weight))
        if self.simulated is not None:
            drawn = self.simulated.windows(counts[-1])
            parts.append(drawn._replace(is_peak=drawn.is_peak.astype(np.float32)))
        return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class FragmentBatches:
    """Gives batches of windows of simulated fragments alone, drawn once and reflected at random."""

    def __init__(
        self, seed: int, bin_bp: int, crops: CropSettings, config: FragmentSimulationConfig, *, n_pool: int
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.flank_bins = crops.flank_bins
        self.pool = simulate_fragments(self.random, n_pool, crops.n_bins, bin_bp, config)

    def next(self, n_windows: int) -> TrainingBatch:
        """Some windows of the pool, reflected or not."""
        drawn = _from_pool(self.random, self.pool, n_windows, self.flank_bins)
        return TrainingBatch(*drawn, *_no_labels(*drawn.coverage.shape[1:]))


def _from_pool(
    random: np.random.Generator, pool: SimulatedCoverage | SimulatedFragments, n_windows: int, flank_bins: int
) -> Windows:
    """Some windows, all reflected or none; flanks and bins that are not clear weigh nothing."""
    chosen = random.choice(len(pool.scale), n_windows, replace=False)
    coverage = scaled_arcsinh(pool.coverage[chosen], pool.scale[chosen][:, None])
    weight = pool.is_clear[chosen].astype(np.float32)
    weight[:, :flank_bins] = 0
    weight[:, -flank_bins:] = 0
    order = slice(None, None, -1 if random.random() < 0.5 else 1)
    return Windows(*(np.ascontiguousarray(values[:, order]) for values in (coverage, pool.is_peak[chosen], weight)))


def _no_labels(n_bins: int, n_tracks: int) -> tuple[np.ndarray, LabelBatch]:
    return np.zeros((1, n_bins, n_tracks), np.float32), pack_labels([], 1, 2)

"""A bigWig whose peaks are known, with labels as people give them: fine-tuning measured against the truth."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool

from epizoo.files import atomic_path
from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.simulation.coverage import STEP_BP, SimulationConfig, simulate

CHROM = "sim1"
LOCUS_BP = 24_000
SPACING_BP = 100_000
"""From the start of one locus to that of the next; what lies between is not covered."""
_BORDER_BP = 300
_NO_PEAKS_BP = 3_000


class SimulatedGenome(NamedTuple):
    """Files of one simulated experiment, and its truth.

    Attributes:
        bigwig: the signal of all loci.
        known_regions: BED of the loci.
        labels: chrom, start, end, annotation: what somebody would have labelled.
    """

    bigwig: Path
    known_regions: Path
    labels: pd.DataFrame


def domain(depth: float, fragment_bp: int, background_level: float, wave_sd: float = 0.35) -> SimulationConfig:
    """The settings of one experiment: all loci have one depth, one length of fragments and one background."""
    return SimulationConfig(
        depth=(depth, depth),
        fragment_bp=(fragment_bp, fragment_bp),
        background_level=(background_level, background_level),
        peaks_per_10kb=(0.8, 1.6),
        wave_sd=wave_sd,
    )


def write_simulated_genome(
    folder: Path, name: str, config: SimulationConfig, n_loci: int, seed: int
) -> SimulatedGenome:
    """Simulate loci and write their signal, in steps of 25 bp, and the regions that are known."""
    random = np.random.default_rng(seed)
    n_steps = LOCUS_BP // STEP_BP
    truth = simulate(random, n_loci, n_steps, STEP_BP, config)
    starts = np.arange(n_loci) * SPACING_BP
    bigwig, known = folder / f"{name}.bw", folder / f"{name}.bed"
    with BigWigWriter(bigwig, {CHROM: n_loci * SPACING_BP}, STEP_BP) as writer:
        for start, coverage in zip(starts, truth.coverage, strict=True):
            writer.add(CHROM, int(start) // STEP_BP, coverage)
    with atomic_path(known) as path:
        path.write_text("".join(f"{CHROM}\t{start}\t{start + LOCUS_BP}\n" for start in starts), encoding="utf-8")
    labels = []
    for start, is_peak, is_clear in zip(starts, truth.is_peak, truth.is_clear, strict=True):
        labels += [(CHROM, int(start) + low, int(start) + high, kind) for low, high, kind in _label(is_peak, is_clear)]
    return SimulatedGenome(bigwig, known, pd.DataFrame(labels, columns=["chrom", "start", "end", "annotation"]))


def _label(is_peak: Bool[np.ndarray, " step"], is_clear: Bool[np.ndarray, " step"]) -> list[tuple[int, int, str]]:
    """Labels in bp from the first step: one of no peaks, and the borders of one peak, where both are clear."""
    labels = []
    clear_runs = [run for run in _runs(is_clear & ~is_peak) if (run[1] - run[0]) * STEP_BP >= _NO_PEAKS_BP]
    if clear_runs:
        low, high = max(clear_runs, key=lambda run: run[1] - run[0])
        labels.append((low * STEP_BP, high * STEP_BP, "noPeaks"))
    reach = _BORDER_BP // STEP_BP
    for low, high in _runs(is_peak):
        alone = not is_peak[max(low - 2 * reach, 0) : low].any() and not is_peak[high : high + 2 * reach].any()
        inside = low >= 8 * reach and high <= len(is_peak) - 8 * reach
        if alone and inside and is_clear[low:high].mean() > 0.5:
            half = min(reach, (high - low) // 2)
            labels.append(((low - reach) * STEP_BP, (low + half) * STEP_BP, "peakStart"))
            labels.append(((high - half) * STEP_BP, (high + reach) * STEP_BP, "peakEnd"))
            break
    return labels


def _runs(values: Bool[np.ndarray, " step"]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(values, prepend=False, append=False))
    return [(int(low), int(high)) for low, high in zip(edges[::2], edges[1::2], strict=True)]

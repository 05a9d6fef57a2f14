"""Windows of simulated fragments with their truth, and with the coverage that is expected of them.

Truth is either where sites with enough fragments to call them by were drawn, or what deeper sequencing of the same
library would show: a network that is fitted to it by cross-entropy learns how probable that is.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import poisson

from epizoo.simulation.coverage import close_gaps
from epizoo.simulation.expected_coverage import expected_pile_up
from epizoo.simulation.fragment_draws import Sites, pile_up
from epizoo.simulation.fragments import Experiment, FragmentSimulationConfig, simulate_experiment
from epizoo.simulation.sparse_background import estimated_background

_MARGIN_BP = 1_000
_DEEP_GAP_BP = 100
_DEEP_WIDTH_BP = 200


class SimulatedFragments(NamedTuple):
    """Windows of coverage with their truth."""

    coverage: Float[np.ndarray, "window bin track"]
    """Mean pile-up over each bin's bp; the control, if any, is the second track."""
    scale: Float[np.ndarray, "window track"]
    """An estimate of each track's background, with an error as real ones have; 1 of a control that is not there."""
    is_peak: Bool[np.ndarray, "window bin"]
    is_clear: Bool[np.ndarray, "window bin"]
    """False at sites too weak to judge."""


def simulate_fragments(
    random: np.random.Generator, n_windows: int, n_bins: int, bin_bp: int, config: FragmentSimulationConfig
) -> SimulatedFragments:
    """Independent windows, each with its own depth, background and sites."""
    rows = [_simulate_window(random, n_bins, bin_bp, config) for _ in range(n_windows)]
    return SimulatedFragments(*(np.stack(column) for column in zip(*rows, strict=True)))


def fragment_windows(
    random: np.random.Generator, n_windows: int, n_bins: int, bin_bp: int, config: FragmentSimulationConfig
) -> tuple[Float[np.ndarray, "window bin"], Float[np.ndarray, "window bin"], Float[np.ndarray, " window"]]:
    """Coverage, expected coverage and an estimate of the background of independent windows, without their controls."""
    n_bp = n_bins * bin_bp + 2 * _MARGIN_BP
    inner = slice(_MARGIN_BP, n_bp - _MARGIN_BP)
    columns: tuple[list, list, list] = ([], [], [])
    for _ in range(n_windows):
        experiment = simulate_experiment(random, n_bp, config)
        error = np.exp(config.scale_error_sd * random.normal())
        expected_depth = experiment.copies * expected_pile_up(experiment.intensity)
        for column, values in zip(columns, (pile_up(experiment.treatment, n_bp), expected_depth), strict=False):
            column.append(values[inner].reshape(n_bins, bin_bp).mean(axis=1))
        columns[2].append(experiment.copies * experiment.background[0] * error)
    coverage, expected, scale = (np.asarray(column, np.float32) for column in columns)
    return coverage, expected, scale


def _simulate_window(random: np.random.Generator, n_bins: int, bin_bp: int, config: FragmentSimulationConfig) -> tuple:
    """Coverage, scale, is_peak and is_clear of one window."""
    n_bp = n_bins * bin_bp + 2 * _MARGIN_BP
    experiment = simulate_experiment(random, n_bp, config)
    n_tracks = 2 if config.control_share else 1
    reads = (experiment.treatment, experiment.control)[:n_tracks]
    inner = slice(_MARGIN_BP, n_bp - _MARGIN_BP)
    tracks = [pile_up(part, n_bp)[inner].reshape(n_bins, bin_bp).mean(axis=1) for part in reads]
    error = np.exp(config.scale_error_sd * _correlated(random, n_tracks, config.scale_error_shared))
    scales = np.array(_estimates(random, experiment, config)[:n_tracks]) * error
    is_peak, is_clear = _truth(experiment, n_bp, bin_bp, config)
    coverage = np.stack(tracks, axis=1).astype(np.float32)
    return coverage, scales.astype(np.float32), is_peak, is_clear


def _estimates(
    random: np.random.Generator, experiment: Experiment, config: FragmentSimulationConfig
) -> tuple[float, ...]:
    """The background of both tracks, as it is or as few fragments show it; 1 of a control that is not there."""
    if not config.sparse_scale:
        return tuple(experiment.copies * depth or 1.0 for depth in experiment.background)
    width = experiment.intensity.library.width_bp
    return tuple(
        experiment.copies * estimated_background(random, depth / width, width) if depth else 1.0
        for depth in experiment.background
    )


def _correlated(random: np.random.Generator, n_tracks: int, correlation: float) -> Float[np.ndarray, " track"]:
    """Standard normal numbers, the second correlated with the first."""
    numbers = random.normal(size=n_tracks)
    numbers[1:] = correlation * numbers[:1] + np.sqrt(1 - correlation**2) * numbers[1:]
    return numbers


def _truth(
    experiment: Experiment, n_bp: int, bin_bp: int, config: FragmentSimulationConfig
) -> tuple[Bool[np.ndarray, " bin"], Bool[np.ndarray, " bin"]]:
    """Masks of the bins inside the margins that are peak, and of those that are clear."""
    if config.deep_reads:
        is_peak = deep_truth(experiment, bin_bp, config)[_MARGIN_BP // bin_bp : -_MARGIN_BP // bin_bp]
        return is_peak, np.ones(len(is_peak), bool)
    middle = slice(_MARGIN_BP + bin_bp // 2, n_bp - _MARGIN_BP, bin_bp)
    is_peak, is_clear = site_truth(experiment.sites, n_bp, config)
    return is_peak[middle], is_clear[middle]


def deep_truth(experiment: Experiment, bin_bp: int, config: FragmentSimulationConfig) -> Bool[np.ndarray, " bin"]:
    """Bins that would be called in `config.deep_reads` reads of the same library.

    A peak is a run of at least 200 bp whose expected pile-up at that depth has a Poisson probability of at most
    10^-`config.deep_log10_p` in the experiment's background; gaps of up to 100 bp are closed. Whatever stands out
    counts, hot spots of the background too, as it would in the deep experiment.

    Args:
        experiment: one stretch.
        bin_bp: width of a bin, of which the stretch holds a whole number.
        config: of the experiment.
    """
    deeper = config.deep_reads / experiment.reads
    expected = deeper * expected_pile_up(experiment.intensity).reshape(-1, bin_bp).mean(axis=1)
    least = poisson.isf(10.0**-config.deep_log10_p, deeper * experiment.background[0]) + 1
    is_peak = close_gaps(expected >= least, _DEEP_GAP_BP // bin_bp)
    edges = np.flatnonzero(np.diff(is_peak, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        is_peak[start:end] = (end - start) * bin_bp >= _DEEP_WIDTH_BP
    return is_peak


def site_truth(
    sites: Sites, n_bp: int, config: FragmentSimulationConfig
) -> tuple[Bool[np.ndarray, " bp"], Bool[np.ndarray, " bp"]]:
    """Masks of the bp that are peak, and of those that are clear, as of `SimulatedFragments`."""
    is_peak, is_weak = np.zeros(n_bp, bool), np.zeros(n_bp, bool)
    own = np.maximum(sites.width_bp, config.least_peak_bp)
    width = np.full(len(sites.centre), float(config.peak_bp)) if config.peak_bp else own
    for centre, half, enrichment, fragments in zip(
        sites.centre, width / 2, sites.enrichment, sites.fragments, strict=True
    ):
        if fragments >= config.least_fragments:
            into = is_peak if enrichment >= config.least_enrichment else is_weak
            into[max(int(centre - half), 0) : max(int(centre + half), 0)] = True
    return is_peak, is_peak | ~is_weak

"""Realistic coverage of which the truth is known: background waves, peaks of many shapes, any depth.

Fragments start at Poisson counts whose rate is depth x (waves + peaks) x overdispersion; their pile-up, averaged into
bins, is what a bigWig would hold. Marginally the counts are negative binomial.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

STEP_BP = 25
"""Resolution of the simulation."""
_DOUBT = 0.75


@dataclass(frozen=True)
class SimulationConfig:
    """Ranges that each window draws from; the defaults are for narrow histone marks."""

    depth: tuple[float, float] = (0.05, 30.0)
    """Background pile-up in fragments, log-uniform."""
    fragment_bp: tuple[int, int] = (100, 200)
    peaks_per_10kb: tuple[float, float] = (0.3, 4.0)
    width_bp: tuple[float, float, float, float] = (500.0, 0.9, 120.0, 8_000.0)
    """Median, log standard deviation, smallest and largest."""
    background_level: tuple[float, float] = (0.1, 1.0)
    """Background over the file's scale, log-uniform; low where a file has high peaks."""
    height: tuple[float, float, float, float] = (3.5, 1.1, 0.3, 200.0)
    """Height over the file's scale: median, log standard deviation, smallest and largest."""
    enter_level: float = 2.8
    """A peak is what is at least so high, in expectation and over the scale, …"""
    extend_level: float = 2.3
    """… together with what is connected to it and at least so high …"""
    extend_share: float = 0.3
    """… and at least this share of the highest signal within 2 kb."""
    wave_sd: float = 0.35
    """Largest log standard deviation of each wave of background."""
    scale_error_sd: float = 0.15
    """Log standard deviation of the error in the estimate of a file's scale."""
    knot_bp: int = 400
    """Distance between the knots of a peak's uneven top."""
    dip_bp: tuple[float, float] = (60.0, 150.0)
    """Standard deviation of a dip's Gaussian, uniform."""
    truth_width_bp: int = 0
    """Truth is judged by the mean over so much of what is expected: people overlook ripples of a broad mark."""
    truth_gap_bp: int = 0
    """Peaks with at most this much between them are one."""


class SimulatedCoverage(NamedTuple):
    """Windows of coverage with their truth."""

    coverage: Float[np.ndarray, "window bin"]
    """Mean pile-up over each bin's bp."""
    scale: Float[np.ndarray, " window"]
    """An estimate of the file's scale, with an error as real estimates have."""
    is_peak: Bool[np.ndarray, "window bin"]
    is_clear: Bool[np.ndarray, "window bin"]
    """False where nobody could tell: weak peaks, and the flanks of strong ones."""
    expected: Float[np.ndarray, "window bin"]
    """Expected coverage: that of endless reads of the same library, at the same depth."""


def simulate(
    random: np.random.Generator, n_windows: int, n_bins: int, bin_bp: int, config: SimulationConfig
) -> SimulatedCoverage:
    """Independent windows, each with its own depth, background and peaks."""
    rows = [_simulate_window(random, n_bins, bin_bp, config) for _ in range(n_windows)]
    return SimulatedCoverage(*(np.stack(column) for column in zip(*rows, strict=True)))


def thin(
    random: np.random.Generator, coverage: Float[np.ndarray, " bin"], keep: float, bin_bp: int, fragment_bp: int = 100
) -> Float[np.ndarray, " bin"]:
    """Coverage of a random share of the fragments, from their pile-up alone.

    The fragments that fill a block as long as a fragment are kept or dropped as wholes, so that the variance is that of
    thinned fragments; thinning each bp of the pile-up by itself would give many times too little.
    """
    block = max(fragment_bp // bin_bp, 1)
    missing = -len(coverage) % block
    mean = np.pad(coverage, (0, missing), mode="edge").reshape(-1, block).mean(axis=1)
    fragments = np.maximum(np.rint(mean * block * bin_bp / fragment_bp), 1).astype(np.int64)
    share = random.binomial(fragments, keep) / fragments
    # Between the middles of two blocks fragments of both overlap.
    middles = np.arange(len(mean)) * block + (block - 1) / 2
    return coverage * np.interp(np.arange(len(coverage)), middles, share)


def _simulate_window(random: np.random.Generator, n_bins: int, bin_bp: int, config: SimulationConfig) -> tuple:
    """Coverage, scale, is_peak, is_clear and the expected coverage of one window."""
    per_bin = bin_bp // STEP_BP
    n_steps = n_bins * per_bin
    level = np.exp(random.uniform(*np.log(config.background_level)))
    scale = np.exp(random.uniform(*np.log(config.depth))) / level
    fragment_steps = random.integers(config.fragment_bp[0] // STEP_BP, config.fragment_bp[1] // STEP_BP + 1)

    waves = np.zeros(n_steps)
    for length in (1_000, 10_000, 50_000):
        waves += random.uniform(0, config.wave_sd) * wave(random, n_steps, length / STEP_BP)
    expected = _silence(random, level * np.exp(waves) + _peaks(random, n_steps, config))

    shape = np.exp(random.uniform(np.log(1.0), np.log(50.0)))
    rate = scale / fragment_steps * expected * random.gamma(shape, 1 / shape, n_steps)
    rate += _artefacts(random, n_steps, scale * level)
    starts = np.stack([random.poisson(rate), rate])
    piled = [np.convolve(row, np.ones(fragment_steps))[fragment_steps // 2 :][:n_steps] for row in starts]
    coverage, endless = (row.reshape(n_bins, per_bin).mean(axis=1).astype(np.float32) for row in piled)

    is_peak, is_clear = _truth(expected, config)
    estimate = scale * np.exp(config.scale_error_sd * random.normal())
    middle = slice(per_bin // 2, None, per_bin)
    return coverage, np.float32(estimate), is_peak[middle], is_clear[middle], endless


def wave(random: np.random.Generator, n_steps: int, length: float) -> Float[np.ndarray, " step"]:
    """Smooth noise of unit variance at its knots, `length` steps apart."""
    n_knots = int(n_steps / length) + 3
    offset = random.uniform(0, 1)
    return np.interp(np.arange(n_steps) / length + offset, np.arange(n_knots), random.normal(size=n_knots))


def _peaks(random: np.random.Generator, n_steps: int, config: SimulationConfig) -> Float[np.ndarray, " step"]:
    """Sum of the peaks' expected signal, over the scale."""
    total = np.zeros(n_steps)
    rate = np.exp(random.uniform(*np.log(config.peaks_per_10kb)))
    for _ in range(random.poisson(rate * n_steps * STEP_BP / 10_000)):
        width = _lognormal(random, *config.width_bp) / STEP_BP
        height = _lognormal(random, *config.height)
        total += height * _profile(random, np.arange(n_steps) - random.uniform(0, n_steps), width, config)
    return total


def _profile(
    random: np.random.Generator, x: Float[np.ndarray, " step"], width: float, config: SimulationConfig
) -> Float[np.ndarray, " step"]:
    """One peak around 0, about 1 high: soft edges, an uneven top, and often a dip where nucleosomes are missing."""
    edges = width * random.uniform(0.05, 0.5, size=2)
    rise = 1 / (1 + np.exp(-np.clip(4 * (x + width / 2) / edges[0], -30, 30)))
    fall = 1 / (1 + np.exp(np.clip(4 * (x - width / 2) / edges[1], -30, 30)))
    knots = np.exp(random.uniform(0, 0.8) * random.normal(size=int(width * STEP_BP / config.knot_bp) + 3))
    top = np.interp(x, np.linspace(-0.6, 0.6, len(knots)) * width, knots / knots.max())
    profile = rise * fall * top
    if random.random() < 0.5:
        centre = random.uniform(-0.25, 0.25) * width
        dip = random.uniform(*config.dip_bp) / STEP_BP
        profile = profile * (1 - random.uniform(0.3, 0.95) * np.exp(-0.5 * ((x - centre) / dip) ** 2))
    return profile


def _silence(random: np.random.Generator, expected: Float[np.ndarray, " step"]) -> Float[np.ndarray, " step"]:
    """Stretches without any read, as unmappable ones, and unknown signal beyond the end of what a file covers."""
    known = np.ones(len(expected))
    for _ in range(random.poisson(0.7)):
        start, length = random.integers(len(known)), int(np.exp(random.uniform(np.log(8), np.log(400))))
        known[start : start + length] = 0
    if random.random() < 0.3:
        known[: random.integers(len(known) // 3)] = 0
    if random.random() < 0.3:
        known[len(known) - random.integers(len(known) // 3) :] = 0
    return expected * known


def _artefacts(random: np.random.Generator, n_steps: int, depth: float) -> Float[np.ndarray, " step"]:
    """Piles of reads at one position, no wider than a fragment."""
    rate = np.zeros(n_steps)
    for _ in range(random.poisson(0.5)):
        rate[random.integers(n_steps)] += depth * np.exp(random.uniform(0, 2.5))
    return rate


def _truth(expected: Float[np.ndarray, " step"], config: SimulationConfig) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the steps that are peak, and of those that are clear: no other draw is likely to differ there."""
    if config.truth_width_bp:
        n_mean = config.truth_width_bp // STEP_BP
        expected = np.convolve(expected, np.full(n_mean, 1 / n_mean), mode="same")
    local = config.extend_share * _windowed_max(expected, 2_000 // STEP_BP)
    extend = np.maximum(config.extend_level, local)
    is_peak = close_gaps(expected > extend, config.truth_gap_bp // STEP_BP)
    is_clear = (expected < _DOUBT * extend) | (expected > extend / _DOUBT)
    edges = np.flatnonzero(np.diff(is_peak, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        height = expected[start:end].max()
        is_peak[start:end] = height >= config.enter_level
        if _DOUBT < height / config.enter_level < 1 / _DOUBT:
            is_clear[start:end] = False
        elif height < config.enter_level:
            is_clear[start:end] = True
    return is_peak, is_clear


def close_gaps(inside: Bool[np.ndarray, " step"], longest: int) -> Bool[np.ndarray, " step"]:
    """Runs with at most this many steps between them joined."""
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    joined = inside.copy()
    for end, start in zip(edges[1:-1:2], edges[2::2], strict=True):
        if start - end <= longest:
            joined[end:start] = True
    return joined


def _windowed_max(values: Float[np.ndarray, " step"], half: int) -> Float[np.ndarray, " step"]:
    padded = np.pad(values, half)
    width, done = 2 * half + 1, 1
    while done < width:
        step = min(done, width - done)
        padded = np.maximum(padded[:-step], padded[step:])
        done += step
    return padded


def _lognormal(random: np.random.Generator, median: float, sd: float, low: float, high: float) -> float:
    return float(np.clip(median * np.exp(sd * random.normal()), low, high))

"""Simulated sequencing, fragment by fragment, of point sources and of accessible chromatin, with a control.

Each window has its own depth, copy number, mappability, enrichment, fragment lengths and way of piling up reads: what
the bigWigs of many laboratories look like. Truth is where sites with enough fragments to call them by are expected: a
network that is fitted to it by cross-entropy learns how probable such a site is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from epizoo.training.simulate import wave

GENOME_BP = 2.7e9
_MARGIN_BP = 1_000
_CUT_WIDTH_BP = (100, 200)
_POINTS = 200
_Range = tuple[float, float, float, float]
"""Of a clipped log-normal: median, log standard deviation, smallest and largest."""


@dataclass(frozen=True)
class FragmentSimulationConfig:
    """Ranges that each window draws from; the defaults are for transcription factors."""

    reads: tuple[float, float] = (1e6, 1e8)
    """Sequenced in the genome, log-uniform; the control has its own number."""
    background_share: tuple[float, float] = (0.6, 0.98)
    """Of the reads, how many are background."""
    sites_per_10kb: tuple[float, float] = (0.2, 4.0)
    enrichment: _Range = (8.0, 1.2, 1.0, 300.0)
    """Fragments of a site over those that its width would hold of background: median, log sd, smallest, largest."""
    site_bp: _Range = (20.0, 0.5, 1.0, 100.0)
    """Where the fragments of a site may be anchored: median width, log sd, smallest, largest."""
    decoys_per_10kb: tuple[float, float] = (0.3, 5.0)
    decoy_bp: _Range = (700.0, 0.6, 300.0, 3_000.0)
    """Wider and weaker than sites: what sticks to open chromatin, in the treatment alone, and is no peak."""
    decoy_enrichment: _Range = (2.0, 0.7, 0.3, 15.0)
    peak_bp: int = 120
    """Width of what counts as peak around a point source; 0 where sites have a width of their own."""
    least_enrichment: float = 3.0
    """Weaker sites are not judged, …"""
    least_fragments: float = 8.0
    """… and those with fewer fragments, in expectation, are no peaks: there is nothing to call them by."""
    cuts: bool = False
    """Piles up both ends of each fragment (ATAC) instead of fragments or extended reads."""
    control_share: float = 0.6
    """How many windows have a control; the others have one without any signal. 0: there is no control track."""
    wave_sd: float = 0.35
    """Largest log standard deviation of each wave of background."""
    scale_error_sd: float = 0.15
    """Log standard deviation of the error in the estimate of a file's background."""


class SimulatedFragments(NamedTuple):
    """Windows of coverage with their truth."""

    coverage: Float[np.ndarray, "window bin track"]
    """Mean pile-up over each bin's bp; the control, if any, is the second track."""
    scale: Float[np.ndarray, "window track"]
    """An estimate of each track's background, with an error as real ones have; 1 of a control that is not there."""
    is_peak: Bool[np.ndarray, "window bin"]
    is_clear: Bool[np.ndarray, "window bin"]
    """False at sites too weak to judge."""


class Library(NamedTuple):
    """How fragments are made, and how reads are piled up."""

    lengths: Callable[[np.random.Generator, int], Int[np.ndarray, " fragment"]]
    width_bp: int
    """Of what one read piles up: an extended read, a fragment in the mean, or around a cut."""
    pairs: bool = False
    """Fragments are piled up as they are."""
    cuts: bool = False

    @property
    def per_fragment(self) -> int:
        """Reads of a fragment."""
        return 2 if self.cuts else 1


class Sites(NamedTuple):
    """Where the factor binds, or the chromatin is open; positions in bp."""

    centre: Float[np.ndarray, " site"]
    width_bp: Float[np.ndarray, " site"]
    enrichment: Float[np.ndarray, " site"]
    """See `FragmentSimulationConfig`."""
    fragments: Float[np.ndarray, " site"]
    """How many are expected: the enrichment times those of background over the site."""


class Reads(NamedTuple):
    """What is piled up, half-open; it may reach outside the stretch."""

    start: Int[np.ndarray, " read"]
    end: Int[np.ndarray, " read"]


class Fragments(NamedTuple):
    """Where fragments begin, and how long they are, in bp."""

    left: Int[np.ndarray, " fragment"]
    length: Int[np.ndarray, " fragment"]


class Intensity(NamedTuple):
    """What the treatment's fragments are drawn from, once everything but the reads themselves is fixed."""

    background: Float[np.ndarray, " bp"]
    """Expected background fragments that begin at each bp; many copies of one are chance, and not in it."""
    sites: Float[np.ndarray, " bp"]
    """Expected fragments of sites and decoys that are anchored at each bp."""
    library: Library


class Experiment(NamedTuple):
    """Reads of a simulated experiment, and the truth."""

    treatment: Reads
    control: Reads
    """Empty where there is none."""
    background: tuple[float, float]
    """Expected pile-up of the treatment and of the control outside sites."""
    sites: Sites
    intensity: Intensity
    """Of the treatment; `epizoo.training.expected_coverage` makes its expected pile-up of it."""


def simulate_fragments(
    random: np.random.Generator, n_windows: int, n_bins: int, bin_bp: int, config: FragmentSimulationConfig
) -> SimulatedFragments:
    """Independent windows, each with its own depth, background and sites."""
    rows = [_simulate_window(random, n_bins, bin_bp, config) for _ in range(n_windows)]
    return SimulatedFragments(*(np.stack(column) for column in zip(*rows, strict=True)))


def simulate_experiment(random: np.random.Generator, n_bp: int, config: FragmentSimulationConfig) -> Experiment:
    """One experiment on a stretch of a genome, read by read."""
    library = _draw_library(random, config)
    reads = np.exp(random.uniform(*np.log(config.reads)))
    rate = reads * random.uniform(*config.background_share) / GENOME_BP
    shared = _waves(random, n_bp, config.wave_sd) * _hot_spots(random, n_bp) * _mappable(random, n_bp)
    here = rate * shared
    sites = _draw_sites(random, here, library, config.sites_per_10kb, config.site_bp, config.enrichment)
    decoys = _draw_sites(random, here, library, config.decoys_per_10kb, config.decoy_bp, config.decoy_enrichment)
    background = here * _waves(random, n_bp, config.wave_sd / 2)
    scattered = _background(random, background, library)
    bound, bound_rate = _site_fragments(random, sites, library, n_bp)
    stuck, stuck_rate = _site_fragments(random, decoys, library, n_bp)
    fragments = _join(scattered, bound, stuck)
    intensity = Intensity(background / library.per_fragment, bound_rate + stuck_rate, library)
    control_rate, control = 0.0, Fragments(np.zeros(0, np.int64), np.zeros(0, np.int64))
    if random.random() < config.control_share:
        control_rate = np.exp(random.uniform(*np.log(config.reads))) / GENOME_BP
        control = _background(random, control_rate * shared * _waves(random, n_bp, config.wave_sd / 2), library)
    treatment, control_reads = (piled_reads(random, part, library) for part in (fragments, control))
    depths = (rate * library.width_bp, control_rate * library.width_bp)
    return Experiment(treatment, control_reads, depths, sites, intensity)


def _simulate_window(random: np.random.Generator, n_bins: int, bin_bp: int, config: FragmentSimulationConfig) -> tuple:
    """Coverage, scale, is_peak and is_clear of one window."""
    n_bp = n_bins * bin_bp + 2 * _MARGIN_BP
    experiment = simulate_experiment(random, n_bp, config)
    n_tracks = 2 if config.control_share else 1
    reads = (experiment.treatment, experiment.control)[:n_tracks]
    inner = slice(_MARGIN_BP, n_bp - _MARGIN_BP)
    tracks = [pile_up(part, n_bp)[inner].reshape(n_bins, bin_bp).mean(axis=1) for part in reads]
    error = np.exp(config.scale_error_sd * random.normal(size=n_tracks))
    scales = np.array([depth or 1.0 for depth in experiment.background[:n_tracks]]) * error
    is_peak, is_clear = site_truth(experiment.sites, n_bp, config)
    middle = slice(_MARGIN_BP + bin_bp // 2, n_bp - _MARGIN_BP, bin_bp)
    coverage = np.stack(tracks, axis=1).astype(np.float32)
    return coverage, scales.astype(np.float32), is_peak[middle], is_clear[middle]


def _draw_library(random: np.random.Generator, config: FragmentSimulationConfig) -> Library:
    if config.cuts:
        return Library(_draw_nucleosomes, int(random.integers(*_CUT_WIDTH_BP)), cuts=True)
    mean, sd = random.uniform(120, 280), random.uniform(15, 50)

    def lengths(random: np.random.Generator, n: int) -> Int[np.ndarray, " fragment"]:
        return np.maximum(random.normal(mean, sd, n), 50).astype(np.int64)

    kind = random.random()
    if kind < 0.2:
        return Library(lengths, int(mean), pairs=True)
    # Most people extend to an estimate of the fragments' length, some leave reads as they are.
    return Library(lengths, int(mean * random.uniform(0.7, 1.4)) if kind < 0.85 else int(random.integers(36, 101)))


def _draw_nucleosomes(random: np.random.Generator, n: int) -> Int[np.ndarray, " fragment"]:
    """Lengths of fragments between nucleosomes, or around one or two of them."""
    kind = random.choice(3, n, p=(0.6, 0.3, 0.1))
    free = 40 + random.exponential(50, n)
    wrapped = random.normal(np.where(kind == 1, 195.0, 390.0), 28.0)
    return np.maximum(np.where(kind == 0, free, wrapped), 30).astype(np.int64)


def _waves(random: np.random.Generator, n_bp: int, largest_sd: float) -> Float[np.ndarray, " bp"]:
    """Smooth variation around 1 on several scales: copy number, composition, chromatin."""
    log_rate = np.zeros(n_bp)
    for length in (300, 3_000, 30_000):
        log_rate += random.uniform(0, largest_sd) * wave(random, n_bp, length)
    return np.exp(log_rate)


def _hot_spots(random: np.random.Generator, n_bp: int) -> Float[np.ndarray, " bp"]:
    """What any experiment, its control too, has more of: open chromatin and repeats that the assembly lacks."""
    rate = np.ones(n_bp)
    for _ in range(random.poisson(n_bp / 15_000)):
        centre, sd = random.integers(n_bp), np.exp(random.uniform(np.log(100), np.log(1_500)))
        low, high = max(int(centre - 4 * sd), 0), int(centre + 4 * sd)
        places = np.arange(low, min(high, n_bp))
        rate[low:high] += np.exp(random.uniform(-1, 1.8)) * np.exp(-0.5 * ((places - centre) / sd) ** 2)
    return rate


def _mappable(random: np.random.Generator, n_bp: int) -> Float[np.ndarray, " bp"]:
    """0 in stretches where no read can be placed."""
    mappable = np.ones(n_bp)
    for _ in range(random.poisson(n_bp / 12_000)):
        start, length = random.integers(n_bp), int(np.exp(random.uniform(np.log(50), np.log(3_000))))
        mappable[start : start + length] = 0
    return mappable


def _draw_sites(
    random: np.random.Generator,
    rate: Float[np.ndarray, " bp"],
    library: Library,
    per_10kb: tuple[float, float],
    width_range: _Range,
    enrichment_range: _Range,
) -> Sites:
    """Sites in a stretch with this rate of background reads per bp; those that cannot be mapped hold no fragment."""
    n_sites = random.poisson(np.exp(random.uniform(*np.log(per_10kb))) * len(rate) / 10_000)

    def lognormal(median: float, sd: float, low: float, high: float) -> Float[np.ndarray, " site"]:
        return np.clip(median * np.exp(sd * random.normal(size=n_sites)), low, high)

    centre = random.uniform(0, len(rate), n_sites)
    width, enrichment = lognormal(*width_range), lognormal(*enrichment_range)
    local = rate[np.minimum(centre.astype(np.int64), len(rate) - 1)]
    fragments = enrichment * local * np.maximum(width, library.width_bp) / library.per_fragment
    return Sites(centre, width, enrichment, fragments)


def _background(random: np.random.Generator, rate: Float[np.ndarray, " bp"], library: Library) -> Fragments:
    """Fragments at this rate of reads per bp, and now and then many copies of one."""
    cumulative = np.cumsum(rate) / library.per_fragment
    n_fragments = random.poisson(cumulative[-1])
    lefts = np.searchsorted(cumulative, random.uniform(0, cumulative[-1], n_fragments))
    lengths = library.lengths(random, n_fragments)
    if random.random() < 0.3:
        n_copies = 1 + random.poisson(random.uniform(1, 8) + 200 * rate.mean())
        lefts = np.append(lefts, np.full(n_copies, random.integers(len(rate))))
        lengths = np.append(lengths, np.full(n_copies, library.lengths(random, 1)))
    return Fragments(lefts, lengths)


def _site_fragments(
    random: np.random.Generator, sites: Sites, library: Library, n_bp: int
) -> tuple[Fragments, Float[np.ndarray, " bp"]]:
    """Fragments over the sites, and how many are expected to be anchored at each bp."""
    strength = sites.fragments * random.gamma(10.0, 0.1, len(sites.fragments))
    number = random.poisson(strength)
    site = np.repeat(np.arange(len(number)), number)
    lengths = library.lengths(random, len(site))
    shape = random.uniform(1.0, 2.5)
    anchors = sites.centre[site] + sites.width_bp[site] * (random.beta(shape, shape, len(site)) - 0.5)
    fragments = Fragments((anchors - anchor_offsets(random, len(site), library) * lengths).astype(np.int64), lengths)
    return fragments, _anchor_rate(sites, strength, shape, n_bp)


def anchor_offsets(random: np.random.Generator, n: int, library: Library) -> Float[np.ndarray, " fragment"]:
    """Where in a fragment its anchor lies: a factor anywhere, the transposase around its own middle."""
    return np.full(n, 0.5) if library.cuts else random.random(n)


def _anchor_rate(
    sites: Sites, strength: Float[np.ndarray, " site"], shape: float, n_bp: int
) -> Float[np.ndarray, " bp"]:
    """Expected anchors at each bp: the sites' beta distributions, on equally spaced points of each site."""
    points = (np.arange(_POINTS) + 0.5) / _POINTS
    weights = (points * (1 - points)) ** (shape - 1)
    places = np.floor(sites.centre[:, None] + sites.width_bp[:, None] * (points - 0.5)).astype(np.int64)
    rate = strength[:, None] * (weights / weights.sum())
    inside = (places >= 0) & (places < n_bp)
    return np.bincount(places[inside], weights=rate[inside], minlength=n_bp)


def _join(*parts: Fragments) -> Fragments:
    return Fragments(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def piled_reads(random: np.random.Generator, fragments: Fragments, library: Library) -> Reads:
    """What is piled up of fragments: themselves, their ends extended, or both of their cuts."""
    lefts, rights = fragments.left, fragments.left + fragments.length
    if library.pairs:
        return Reads(lefts, rights)
    if library.cuts:
        starts = np.append(lefts, rights) - library.width_bp // 2
    else:
        is_forward = random.random(len(lefts)) < 0.5
        starts = np.where(is_forward, lefts, rights - library.width_bp)
    return Reads(starts, starts + library.width_bp)


def pile_up(reads: Reads, n_bp: int) -> Float[np.ndarray, " bp"]:
    """Reads over each bp."""
    steps = np.bincount(np.clip(reads.start, 0, n_bp), minlength=n_bp + 1).astype(np.float64)
    steps -= np.bincount(np.clip(reads.end, 0, n_bp), minlength=n_bp + 1)
    return np.cumsum(steps)[:-1]


def site_truth(
    sites: Sites, n_bp: int, config: FragmentSimulationConfig
) -> tuple[Bool[np.ndarray, " bp"], Bool[np.ndarray, " bp"]]:
    """Which bp are peak, and which are clear, as of `SimulatedFragments`."""
    is_peak, is_weak = np.zeros(n_bp, bool), np.zeros(n_bp, bool)
    width = np.full(len(sites.centre), float(config.peak_bp)) if config.peak_bp else sites.width_bp
    for centre, half, enrichment, fragments in zip(
        sites.centre, width / 2, sites.enrichment, sites.fragments, strict=True
    ):
        if fragments >= config.least_fragments:
            into = is_peak if enrichment >= config.least_enrichment else is_weak
            into[max(int(centre - half), 0) : max(int(centre + half), 0)] = True
    return is_peak, is_peak | ~is_weak

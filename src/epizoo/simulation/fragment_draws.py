"""Draws of simulated experiments: libraries, sites, waves and hot spots, and fragments of them, piled up."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from epizoo.simulation.coverage import wave

Range = tuple[float, float, float, float]
"""Of a clipped log-normal: median, log standard deviation, smallest and largest."""

_CUT_WIDTH_BP = (100, 200)
_POINTS = 200
_MEAN_DRAWS = 500
_LEAST_EXPECTED = 1e-9


class Library(NamedTuple):
    """Settings of fragments, and of the pile-up of reads."""

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
    """Sites that the factor binds, or where the chromatin is open; positions in bp."""

    centre: Float[np.ndarray, " site"]
    width_bp: Float[np.ndarray, " site"]
    enrichment: Float[np.ndarray, " site"]
    """See `epizoo.simulation.fragments.FragmentSimulationConfig`."""
    fragments: Float[np.ndarray, " site"]
    """Expected number: the enrichment times those of background over the site."""


class Reads(NamedTuple):
    """Intervals to pile up, half-open; they may reach outside the stretch."""

    start: Int[np.ndarray, " read"]
    end: Int[np.ndarray, " read"]


class Fragments(NamedTuple):
    """Starts and lengths of fragments, in bp."""

    left: Int[np.ndarray, " fragment"]
    length: Int[np.ndarray, " fragment"]


class Intensity(NamedTuple):
    """Intensity of the treatment's fragments, once everything but the reads themselves is fixed."""

    background: Float[np.ndarray, " bp"]
    """Expected background fragments that begin at each bp; many copies of one are chance, and not in it."""
    sites: Float[np.ndarray, " bp"]
    """Expected fragments of sites and decoys that are anchored at each bp."""
    library: Library


def draw_library(random: np.random.Generator, cuts: bool) -> Library:
    """Fragments and a way of piling them up, as of some laboratory."""
    if cuts:
        return Library(_draw_nucleosomes, int(random.integers(*_CUT_WIDTH_BP)), cuts=True)
    mean, sd = random.uniform(120, 280), random.uniform(15, 50)

    def lengths(random: np.random.Generator, n: int) -> Int[np.ndarray, " fragment"]:
        return np.maximum(random.normal(mean, sd, n), 50).astype(np.int64)

    kind = random.random()
    if kind < 0.2:
        return Library(lengths, int(mean), pairs=True)
    # Most people extend to an estimate of the fragments' length, some leave reads as they are.
    return Library(lengths, int(mean * random.uniform(0.7, 1.4)) if kind < 0.85 else int(random.integers(36, 101)))


def draw_cut_and_run_library(random: np.random.Generator) -> Library:
    """Fragments of CUT&RUN or CUT&Tag: shares of those below 120 bp and around nucleosomes that differ by target.

    Short ones alone are what is left where people select them for a factor. A few are much longer than a nucleosome: in
    a sparse file one of them covers as much as several others, and is no peak. Pairs span fragments; a few people
    extend.
    """
    is_short = 1.0 if random.random() < 0.1 else random.uniform(0.1, 0.9)
    single = (1 - is_short) * random.uniform(0.6, 0.9)
    shares = (is_short, single, 1 - is_short - single)
    short_bp, wrapped_bp, sd = random.uniform(25, 60), random.uniform(165, 205), random.uniform(20, 40)
    is_long = 0.0 if is_short == 1 else random.uniform(0, 0.06)

    def lengths(random: np.random.Generator, n: int) -> Int[np.ndarray, " fragment"]:
        kind = random.choice(3, n, p=shares)
        between = np.minimum(25 + random.gamma(2.0, short_bp / 2, n), 140)
        around = random.normal(np.where(kind == 1, wrapped_bp, 1.9 * wrapped_bp), np.where(kind == 1, sd, 1.5 * sd))
        usual = np.clip(np.where(kind == 0, between, around), 20, 700)
        return np.where(random.random(n) < is_long, random.uniform(300, 1_000, n), usual).astype(np.int64)

    if random.random() < 0.85:
        return Library(lengths, int(lengths(random, _MEAN_DRAWS).mean()), pairs=True)
    return Library(lengths, int(random.integers(75, 201)))


def _draw_nucleosomes(random: np.random.Generator, n: int) -> Int[np.ndarray, " fragment"]:
    """Lengths of fragments between nucleosomes, or around one or two of them."""
    kind = random.choice(3, n, p=(0.6, 0.3, 0.1))
    free = 40 + random.exponential(50, n)
    wrapped = random.normal(np.where(kind == 1, 195.0, 390.0), 28.0)
    return np.maximum(np.where(kind == 0, free, wrapped), 30).astype(np.int64)


def waves(random: np.random.Generator, n_bp: int, largest_sd: float) -> Float[np.ndarray, " bp"]:
    """Smooth variation around 1 on several scales: copy number, composition, chromatin."""
    log_rate = np.zeros(n_bp)
    for length in (300, 3_000, 30_000):
        log_rate += random.uniform(0, largest_sd) * wave(random, n_bp, length)
    return np.exp(log_rate)


def hot_spots(random: np.random.Generator, n_bp: int, spacing_bp: int = 15_000) -> Float[np.ndarray, " bp"]:
    """Excess of any experiment, its control too: open chromatin and repeats that the assembly lacks."""
    rate = np.ones(n_bp)
    for _ in range(random.poisson(n_bp / spacing_bp)):
        centre, sd = random.integers(n_bp), np.exp(random.uniform(np.log(100), np.log(1_500)))
        low, high = max(int(centre - 4 * sd), 0), int(centre + 4 * sd)
        places = np.arange(low, min(high, n_bp))
        rate[low:high] += np.exp(random.uniform(-1, 1.8)) * np.exp(-0.5 * ((places - centre) / sd) ** 2)
    return rate


def mappable(random: np.random.Generator, n_bp: int) -> Float[np.ndarray, " bp"]:
    """0 in stretches where no read can be placed."""
    rate = np.ones(n_bp)
    for _ in range(random.poisson(n_bp / 12_000)):
        start, length = random.integers(n_bp), int(np.exp(random.uniform(np.log(50), np.log(3_000))))
        rate[start : start + length] = 0
    return rate


def draw_sites(
    random: np.random.Generator,
    rate: Float[np.ndarray, " bp"],
    library: Library,
    per_10kb: tuple[float, float],
    width_range: Range,
    enrichment_range: Range,
    mean_fragments: float | None = None,
) -> Sites:
    """Sites in a stretch with this rate of background reads per bp; those that cannot be mapped hold no fragment.

    Args:
        random: source of all draws.
        rate: background reads per bp.
        library: of the fragments.
        per_10kb: range of the number of sites, log-uniform.
        width_range: of their widths in bp.
        enrichment_range: of their fragments over those of background or, where given, over `mean_fragments`.
        mean_fragments: fragments of the mean site, whatever the background.
    """
    n_sites = random.poisson(np.exp(random.uniform(*np.log(per_10kb))) * len(rate) / 10_000)

    def lognormal(median: float, sd: float, low: float, high: float) -> Float[np.ndarray, " site"]:
        return np.clip(median * np.exp(sd * random.normal(size=n_sites)), low, high)

    centre = random.uniform(0, len(rate), n_sites)
    width, enrichment = lognormal(*width_range), lognormal(*enrichment_range)
    local = rate[np.minimum(centre.astype(np.int64), len(rate) - 1)]
    expected = local * np.maximum(width, library.width_bp) / library.per_fragment
    if mean_fragments is None:
        return Sites(centre, width, enrichment, enrichment * expected)
    fragments = np.where(expected > 0, enrichment * mean_fragments, 0.0)
    return Sites(centre, width, fragments / np.maximum(expected, _LEAST_EXPECTED), fragments)


def duplicated(random: np.random.Generator, fragments: Fragments, mean_copies: float) -> Fragments:
    """The fragments, each with a geometric number of further copies of this mean: PCR of a library of few molecules."""
    number = random.geometric(1 / (1 + mean_copies), len(fragments.left))
    return Fragments(np.repeat(fragments.left, number), np.repeat(fragments.length, number))


def draw_background(
    random: np.random.Generator, rate: Float[np.ndarray, " bp"], library: Library, copies_share: float = 0.3
) -> Fragments:
    """Fragments at this rate of reads per bp, and in a share of the draws many copies of one."""
    cumulative = np.cumsum(rate) / library.per_fragment
    n_fragments = random.poisson(cumulative[-1])
    lefts = np.searchsorted(cumulative, random.uniform(0, cumulative[-1], n_fragments))
    lengths = library.lengths(random, n_fragments)
    if random.random() < copies_share:
        n_copies = 1 + random.poisson(random.uniform(1, 8) + 200 * rate.mean())
        lefts = np.append(lefts, np.full(n_copies, random.integers(len(rate))))
        lengths = np.append(lengths, np.full(n_copies, library.lengths(random, 1)))
    return Fragments(lefts, lengths)


def site_fragments(
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
    """Offset of the anchor in a fragment: anywhere for a factor, around the middle for the transposase."""
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


def draw_again(random: np.random.Generator, intensity: Intensity, factor: float) -> Fragments:
    """Other fragments of the same intensity, at this many times its depth."""
    library = intensity.library
    scattered = draw_background(random, factor * library.per_fragment * intensity.background, library)
    cumulative = np.cumsum(intensity.sites)
    number = random.poisson(factor * cumulative[-1])
    anchors = np.searchsorted(cumulative, random.uniform(0, cumulative[-1], number))
    lengths = library.lengths(random, number)
    return join(
        scattered, Fragments((anchors - anchor_offsets(random, number, library) * lengths).astype(int), lengths)
    )


def join(*parts: Fragments) -> Fragments:
    """All fragments of these."""
    return Fragments(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def piled_reads(random: np.random.Generator, fragments: Fragments, library: Library) -> Reads:
    """Intervals that fragments are piled up as: themselves, their ends extended, or both of their cuts."""
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

"""Simulated sequencing, fragment by fragment, of point sources, accessible chromatin and domains, with a control.

Each window has its own depth, copy number, mappability, enrichment, fragment lengths and way of piling up reads: what
the bigWigs of many laboratories look like.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from epizoo.simulation.fragment_draws import (
    Fragments,
    Intensity,
    Library,
    Range,
    Reads,
    Sites,
    draw_again,
    draw_background,
    draw_cut_and_run_library,
    draw_library,
    draw_sites,
    duplicated,
    hot_spots,
    join,
    mappable,
    piled_reads,
    site_fragments,
    waves,
)

GENOME_BP = 2.7e9


@dataclass(frozen=True)
class FragmentSimulationConfig:
    """Ranges that each window draws from; the defaults are for transcription factors."""

    reads: tuple[float, float] = (1e6, 1e8)
    """Sequenced in the genome, log-uniform; the control has its own number."""
    background_share: tuple[float, float] = (0.6, 0.98)
    """Share of the reads that are background."""
    sites_per_10kb: tuple[float, float] = (0.2, 4.0)
    enrichment: Range = (8.0, 1.2, 1.0, 300.0)
    """Fragments of a site over those that its width would hold of background: median, log sd, smallest, largest. With
    `mean_site_fragments` over those of the mean site."""
    mean_site_fragments: tuple[float, float] | None = None
    """Fragments of a window's mean site, log-uniform, however sparse the background; None: sites follow that."""
    site_bp: Range = (20.0, 0.5, 1.0, 100.0)
    """Width over which fragments of a site may be anchored: median, log sd, smallest, largest."""
    decoys_per_10kb: tuple[float, float] = (0.3, 5.0)
    decoy_bp: Range = (700.0, 0.6, 300.0, 3_000.0)
    """Wider and weaker than sites: what sticks to open chromatin, in the treatment alone, and is no peak."""
    decoy_enrichment: Range = (2.0, 0.7, 0.3, 15.0)
    domain_share: float = 0.0
    """Share of windows whose sites are domains, `domain_bp` wide instead of `site_bp`."""
    domain_bp: Range = (1_500.0, 0.6, 500.0, 5_000.0)
    peak_bp: int = 120
    """Width of what counts as peak around a point source; 0 where sites have a width of their own."""
    least_peak_bp: int = 0
    """Sites that have a width of their own count as peak over this width at least."""
    least_enrichment: float = 3.0
    """Weaker sites are not judged, …"""
    least_fragments: float = 8.0
    """… and those with fewer fragments, in expectation, are no peaks: there is nothing to call them by."""
    deep_reads: float = 0.0
    """If positive, peaks are not the sites that were drawn, but what stands out at so many reads; see
    `epizoo.simulation.fragment_windows.deep_truth`."""
    deep_log10_p: float = 8.0
    """Least -log10 p of the expected pile-up there, against the background."""
    copies_share: float = 0.3
    """Share of windows with many copies of one fragment."""
    cuts: bool = False
    """Piles up both ends of each fragment (ATAC) instead of fragments or extended reads."""
    cut_and_run: bool = False
    """Fragments of CUT&RUN and CUT&Tag; see `epizoo.simulation.fragment_draws.draw_cut_and_run_library`."""
    duplicated_share: float = 0.0
    """Share of windows in which every fragment, the control's too, has copies: duplicates that were not removed."""
    mean_copies: tuple[float, float] = (0.1, 1.2)
    """Further copies of a fragment there, in the mean."""
    control_share: float = 0.6
    """Share of windows with a control; the others have one without any signal. 0: there is no control track."""
    artefact_share: float = 0.6
    """Share of windows with a control that have artefacts in both tracks, the decoys among them; none is a peak."""
    artefacts_per_10kb: tuple[float, float] = (0.3, 4.0)
    artefact_bp: Range = (60.0, 1.0, 1.0, 1_000.0)
    """From point-shaped, as sites are, to wide."""
    artefact_enrichment: Range = (8.0, 1.2, 1.0, 300.0)
    """Over the background of each track, like that of sites; see there."""
    self_control_share: float = 0.15
    """Share of windows with a control whose control is another draw of the treatment itself: nothing is a peak."""
    swapped_share: float = 0.1
    """Share of the others that have treatment and control the wrong way round: nothing is a peak."""
    hot_spot_spacing_bp: int = 15_000
    """Mean distance between hot spots of the background, which any experiment and its control have."""
    wave_sd: float = 0.35
    """Largest log standard deviation of each wave of background."""
    scale_error_sd: float = 0.15
    """Log standard deviation of the error in the estimate of a file's background."""
    scale_error_shared: float = 0.8
    """Correlation of the errors of treatment and control: both are estimated alike."""
    sparse_scale: bool = False
    """The estimate is the one that few fragments give; see `epizoo.simulation.sparse_background`."""


class Experiment(NamedTuple):
    """Reads of a simulated experiment, and the truth."""

    treatment: Reads
    control: Reads
    """Empty where there is none."""
    background: tuple[float, float]
    """Expected pile-up of the treatment and of the control outside sites."""
    sites: Sites
    intensity: Intensity
    """Intensity of the treatment; `epizoo.simulation.expected_coverage` makes its expected pile-up of it."""
    reads: float
    """Of the treatment, sequenced in the genome, each counted once."""
    copies: float = 1.0
    """How many times each fragment was sequenced, in the mean; `background` and `reads` do not count copies."""


def simulate_experiment(random: np.random.Generator, n_bp: int, config: FragmentSimulationConfig) -> Experiment:
    """One experiment on a stretch of a genome, read by read."""
    library = draw_cut_and_run_library(random) if config.cut_and_run else draw_library(random, config.cuts)
    reads = np.exp(random.uniform(*np.log(config.reads)))
    rate = reads * random.uniform(*config.background_share) / GENOME_BP
    site_bp, mean_fragments = _draw_kind(random, config)
    shared = (
        waves(random, n_bp, config.wave_sd)
        * hot_spots(random, n_bp, config.hot_spot_spacing_bp)
        * mappable(random, n_bp)
    )
    here = rate * shared
    sites = draw_sites(random, here, library, config.sites_per_10kb, site_bp, config.enrichment, mean_fragments)
    decoys = draw_sites(random, here, library, config.decoys_per_10kb, config.decoy_bp, config.decoy_enrichment)
    background = here * waves(random, n_bp, config.wave_sd / 2)
    scattered = draw_background(random, background, library, config.copies_share)
    bound, bound_rate = site_fragments(random, sites, library, n_bp)
    stuck, stuck_rate = site_fragments(random, decoys, library, n_bp)
    intensity = Intensity(background / library.per_fragment, bound_rate + stuck_rate, library)
    samples = _Samples(_Sample(join(scattered, bound, stuck), intensity, rate), _no_sample(library, n_bp), sites)
    # Nothing is drawn for a control where there is none: what is fitted without one stays as its seed made it.
    if random.random() < config.control_share:
        samples = _with_control(random, samples, decoys, shared, config)
    treatment, control = samples.treatment, samples.control
    (of_treatment, of_control), copies = _with_duplicates(random, (treatment.fragments, control.fragments), config)
    return Experiment(
        piled_reads(random, of_treatment, library),
        piled_reads(random, of_control, library),
        (treatment.rate * library.width_bp, control.rate * library.width_bp),
        samples.sites,
        treatment.intensity,
        reads,
        copies,
    )


def _draw_kind(random: np.random.Generator, config: FragmentSimulationConfig) -> tuple[Range, float | None]:
    """Widths of the sites of one experiment, point sources or domains, and the fragments of the mean one.

    Nothing is drawn where the config asks for neither: what is fitted to such windows stays as its seed made it.
    """
    is_domain = bool(config.domain_share) and random.random() < config.domain_share
    site_bp = config.domain_bp if is_domain else config.site_bp
    if config.mean_site_fragments is None:
        return site_bp, None
    return site_bp, float(np.exp(random.uniform(*np.log(config.mean_site_fragments))))


def _with_duplicates(
    random: np.random.Generator, samples: tuple[Fragments, ...], config: FragmentSimulationConfig
) -> tuple[tuple[Fragments, ...], float]:
    """The samples with copies of their fragments, if the window has any, and the mean number of each fragment."""
    if not config.duplicated_share or random.random() >= config.duplicated_share:
        return samples, 1.0
    copies = random.uniform(*config.mean_copies)
    return tuple(duplicated(random, fragments, copies) for fragments in samples), 1 + copies


class _Sample(NamedTuple):
    """One sequenced sample."""

    fragments: Fragments
    intensity: Intensity
    rate: float
    """Background reads per bp, but for waves and hot spots."""


class _Samples(NamedTuple):
    """Treatment, control and the sites that the treatment alone has."""

    treatment: _Sample
    control: _Sample
    sites: Sites


def _no_sample(library: Library, n_bp: int) -> _Sample:
    nothing = Fragments(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return _Sample(nothing, Intensity(np.zeros(n_bp), np.zeros(n_bp), library), 0.0)


def _with_control(
    random: np.random.Generator,
    samples: _Samples,
    decoys: Sites,
    shared: Float[np.ndarray, " bp"],
    config: FragmentSimulationConfig,
) -> _Samples:
    """The treatment and a control of any depth: an input, the treatment drawn again, or the two swapped."""
    treatment, control, sites = samples
    library, n_bp = treatment.intensity.library, len(shared)
    nowhere = Sites(*(column[:0] for column in sites))
    rate = np.exp(random.uniform(*np.log(config.reads))) / GENOME_BP
    if random.random() < config.self_control_share:
        ratio = rate / treatment.rate
        again = draw_again(random, treatment.intensity, ratio)
        own = Intensity(ratio * treatment.intensity.background, ratio * treatment.intensity.sites, library)
        return _Samples(treatment, _Sample(again, own, rate), nowhere)
    background = rate * shared * waves(random, n_bp, config.wave_sd / 2)
    control = _Sample(
        draw_background(random, background, library, config.copies_share),
        control.intensity._replace(background=background / library.per_fragment),
        rate,
    )
    if random.random() < config.artefact_share:
        here = treatment.rate * shared
        ranges = (config.artefacts_per_10kb, config.artefact_bp, config.artefact_enrichment)
        artefacts = draw_sites(random, here, library, *ranges)
        treatment = _with_sites(random, treatment, artefacts)
        for kind in (artefacts, decoys):
            expected = kind.fragments * (rate / treatment.rate)
            control = _with_sites(random, control, kind._replace(fragments=expected))
    if random.random() < config.swapped_share:
        return _Samples(control, treatment, nowhere)
    return _Samples(treatment, control, sites)


def _with_sites(random: np.random.Generator, sample: _Sample, sites: Sites) -> _Sample:
    """The sample with the fragments of further sites."""
    intensity = sample.intensity
    fragments, rate = site_fragments(random, sites, intensity.library, len(intensity.sites))
    joined = join(sample.fragments, fragments)
    return sample._replace(fragments=joined, intensity=intensity._replace(sites=intensity.sites + rate))

"""Simulated CUT&RUN: fragment lengths, sites that do not follow the background, duplicates and sparse backgrounds."""

import dataclasses

import numpy as np
import pytest

from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.recipes.simulated_peaks import CUTRUN
from epizoo.simulation.fragment_draws import Fragments, draw_cut_and_run_library, duplicated
from epizoo.simulation.fragment_windows import fragment_windows, simulate_fragments, site_truth
from epizoo.simulation.fragments import GENOME_BP, Sites, simulate_experiment
from epizoo.simulation.sparse_background import estimated_background

PLAIN = dataclasses.replace(
    CUTRUN.simulation,
    background_share=(1.0, 1.0),
    sites_per_10kb=(1e-9, 1e-9),
    decoys_per_10kb=(1e-9, 1e-9),
    wave_sd=0.0,
    scale_error_sd=0.0,
    copies_share=0.0,
    duplicated_share=0.0,
    control_share=1.0,
    artefact_share=0.0,
    self_control_share=0.0,
    swapped_share=0.0,
)


def test_fragments_are_short_or_nucleosomal_and_a_pile_up_is_as_wide_as_their_mean():
    random = np.random.default_rng(0)
    libraries = [draw_cut_and_run_library(random) for _ in range(60)]
    lengths = [library.lengths(random, 4_000) for library in libraries]
    assert all(part.min() >= 20 and part.max() <= 1_000 for part in lengths)
    short = np.array([(part < 150).mean() for part in lengths])
    assert short.max() > 0.99
    assert short.min() < 0.35
    is_paired = [library.pairs for library in libraries]
    assert 0.7 < np.mean(is_paired) < 0.97
    for library, part in zip(libraries, lengths, strict=True):
        if library.pairs:
            assert library.width_bp == pytest.approx(part.mean(), rel=0.1)


@pytest.mark.parametrize("reads", [1e5, 2e7])
def test_a_site_holds_as_many_fragments_however_sparse_the_background_is(reads):
    config = dataclasses.replace(
        PLAIN,
        reads=(reads, reads),
        sites_per_10kb=(0.2, 0.2),
        mean_site_fragments=(50.0, 50.0),
        enrichment=(1.0, 1e-9, 1.0, 1.0),
        domain_share=0.0,
    )
    random, counts = np.random.default_rng(1), []
    for _ in range(10):
        experiment = simulate_experiment(random, 200_000, config)
        start = experiment.treatment.start
        for centre, fragments, enrichment in zip(*(experiment.sites[i] for i in (0, 3, 2)), strict=True):
            if fragments == 0:
                assert enrichment == 0
            elif 1_000 < centre < 199_000 and (np.abs(experiment.sites.centre - centre) < 2_000).sum() == 1:
                counts.append((np.abs(start - centre) < 1_000).sum() - 2_000 * reads / GENOME_BP)
    assert len(counts) > 10
    assert np.median(counts) == pytest.approx(50, rel=0.25)


def test_domains_are_peaks_over_their_width_and_narrow_sites_over_the_least():
    sites = Sites(np.array([5_000.0, 15_000.0]), np.array([3_000.0, 20.0]), np.full(2, 50.0), np.full(2, 50.0))
    is_peak, is_clear = site_truth(sites, 20_000, CUTRUN.simulation)
    edges = np.flatnonzero(np.diff(is_peak, prepend=False, append=False))
    assert edges.tolist() == [3_500, 6_500, 14_875, 15_125]
    assert is_clear.all()


def test_windows_have_domains_where_they_are_asked_for():
    widths = {}
    for share in (0.0, 1.0):
        config = dataclasses.replace(PLAIN, domain_share=share, sites_per_10kb=(5.0, 5.0))
        widths[share] = simulate_experiment(np.random.default_rng(2), 100_000, config).sites.width_bp
    assert widths[0.0].max() <= 400 <= widths[1.0].min()


def test_duplicates_keep_the_ends_of_fragments_and_have_the_mean_that_was_asked_for():
    random = np.random.default_rng(3)
    fragments = Fragments(np.arange(20_000), 50 + np.arange(20_000) % 7)
    copies = duplicated(random, fragments, 0.8)
    np.testing.assert_array_equal(np.unique(copies.left), fragments.left)
    np.testing.assert_array_equal(copies.length, 50 + copies.left % 7)
    assert len(copies.left) / len(fragments.left) == pytest.approx(1.8, rel=0.03)


@pytest.mark.parametrize("sparse_scale", [True, False])
def test_a_window_with_duplicates_counts_them_in_its_scale(sparse_scale):
    config = dataclasses.replace(
        PLAIN, reads=(1e8, 1e8), duplicated_share=1.0, mean_copies=(1.0, 1.0), sparse_scale=sparse_scale
    )
    experiment = simulate_experiment(np.random.default_rng(4), 300_000, config)
    assert experiment.copies == 2
    assert len(experiment.treatment.start) == pytest.approx(2 * 3e5 * 1e8 / GENOME_BP, rel=0.3)
    windows = simulate_fragments(np.random.default_rng(5), 30, 400, 25, config)
    fold = windows.coverage.mean(axis=1) / windows.scale
    # Hot spots and unmappable stretches move the mean but little.
    assert np.median(fold) == pytest.approx(1, rel=0.25)
    coverage, expected, scale = fragment_windows(np.random.default_rng(5), 30, 400, 25, config)
    assert np.median(coverage.mean(axis=1) / expected.mean(axis=1)) == pytest.approx(1, rel=0.1)
    assert np.median(coverage.mean(axis=1) / scale) == pytest.approx(1, rel=0.25)


@pytest.mark.parametrize("per_kb", [0.02, 0.1, 0.4, 0.9, 3.0, 20.0])
def test_the_background_of_few_fragments_is_estimated_as_the_transform_does(per_kb):
    random, n_bp, width = np.random.default_rng(6), 20_000_000, 150
    starts = random.integers(0, n_bp - width, int(per_kb * n_bp / 1_000))
    track = ReadCoverage(["reads.bam"], {"chr1": n_bp}, {"chr1": (starts, starts + width)})
    expected = CoverageTransform().fit(track).background
    found = estimated_background(random, per_kb / 1_000, width)
    # A fragment that lies in two stretches makes the real one finer.
    assert found == pytest.approx(expected, rel=0.35)


def test_no_background_at_all_is_one_fragment_in_ten_kilobases():
    assert estimated_background(np.random.default_rng(0), 0.0, 200) == pytest.approx(0.02)

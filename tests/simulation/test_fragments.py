"""Simulated experiments against their own parameters: depth, enrichment, where fragments lie, and what is truth."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import poisson

from epizoo.recipes.simulated_peaks import OPEN_CHROMATIN
from epizoo.simulation.fragment_draws import draw_again, piled_reads
from epizoo.simulation.fragment_windows import deep_truth, simulate_fragments, site_truth
from epizoo.simulation.fragments import GENOME_BP, FragmentSimulationConfig, Sites, simulate_experiment

PLAIN = FragmentSimulationConfig(
    reads=(1e8, 1e8),
    background_share=(1.0, 1.0),
    sites_per_10kb=(1e-9, 1e-9),
    decoys_per_10kb=(1e-9, 1e-9),
    control_share=1.0,
    wave_sd=0.0,
    scale_error_sd=0.0,
    artefact_share=0.0,
    self_control_share=0.0,
    swapped_share=0.0,
)
CUTS = dataclasses.replace(PLAIN, cuts=True, control_share=0.0, peak_bp=0, site_bp=(400.0, 0.5, 100.0, 2_000.0))


def coverage_of(reads, n_bp):
    """Pile-up, read by read."""
    covered = np.zeros(n_bp)
    for start, end in zip(reads.start, reads.end, strict=True):
        covered[max(start, 0) : max(end, 0)] += 1
    return covered


def test_the_same_seed_gives_the_same_windows():
    first, second = (
        simulate_fragments(np.random.default_rng(3), 4, 200, 20, FragmentSimulationConfig()) for _ in range(2)
    )
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("config", [PLAIN, CUTS])
def test_background_has_the_depth_of_its_reads(config):
    config = dataclasses.replace(config, reads=(2e9, 2e9))
    random = np.random.default_rng(0)
    for _ in range(4):
        experiment = simulate_experiment(random, 100_000, config)
        width = np.median(experiment.treatment.end - experiment.treatment.start)
        median = np.median(coverage_of(experiment.treatment, 100_000))
        assert experiment.background[0] == pytest.approx(2e9 / GENOME_BP * width, rel=0.1)
        # Hot spots, unmappable stretches and copies of reads move the median but little.
        assert median == pytest.approx(experiment.background[0], rel=0.3)


@pytest.mark.parametrize("config", [PLAIN, CUTS])
def test_a_site_holds_as_many_fragments_as_its_enrichment_says(config):
    config = dataclasses.replace(
        config, sites_per_10kb=(1.0, 1.0), enrichment=(40.0, 1e-9, 40.0, 40.0), reads=(3e8, 3e8)
    )
    random, folds = np.random.default_rng(1), []
    for _ in range(10):
        experiment = simulate_experiment(random, 100_000, config)
        coverage = coverage_of(experiment.treatment, 100_000) / experiment.background[0]
        for centre, width in zip(experiment.sites.centre, experiment.sites.width_bp, strict=True):
            low, high = int(centre - 2 * width - 400), int(centre + 2 * width + 400)
            if low > 0 and high < 100_000 and (np.abs(experiment.sites.centre - centre) < 6_000).sum() == 1:
                reach = max(width, np.median(experiment.treatment.end - experiment.treatment.start))
                folds.append((coverage[low:high].sum() - (high - low)) / reach)
    assert len(folds) > 10
    assert np.median(folds) == pytest.approx(40, rel=0.25)


def test_coverage_of_a_point_source_is_highest_at_the_source():
    config = dataclasses.replace(
        PLAIN, sites_per_10kb=(2.0, 2.0), enrichment=(60.0, 0.1, 30.0, 100.0), site_bp=(5.0, 0.1, 1.0, 10.0)
    )
    windows = simulate_fragments(np.random.default_rng(2), 60, 400, 20, config)
    fold = windows.coverage[..., 0] / windows.scale[:, :1]
    assert np.median(fold[windows.is_peak]) > 5 * np.median(fold[~windows.is_peak])
    # Truth is 120 bp wide, six bins.
    lengths = np.diff(np.flatnonzero(np.diff(windows.is_peak.ravel(), prepend=False, append=False)))[::2]
    assert np.median(lengths) == 6


def test_a_window_without_control_has_an_empty_track():
    config = dataclasses.replace(PLAIN, control_share=0.5)
    windows = simulate_fragments(np.random.default_rng(4), 30, 100, 20, config)
    empty = ~windows.coverage[..., 1].any(axis=1)
    assert 5 < empty.sum() < 25
    np.testing.assert_array_equal(windows.scale[empty, 1], 1)


def test_what_has_no_control_stays_as_its_seed_made_it():
    # Drawn before controls had artefacts; entries without a control are made again from these very windows.
    windows = simulate_fragments(np.random.default_rng(5), 40, 200, 50, OPEN_CHROMATIN)
    assert float(windows.coverage.sum()) == pytest.approx(11146.84, abs=0.01)
    assert float(windows.scale.sum()) == pytest.approx(30.759424, abs=1e-5)
    assert int(windows.is_peak.sum()) == 169


SITES = dataclasses.replace(
    PLAIN, reads=(3e8, 3e8), sites_per_10kb=(1.0, 1.0), enrichment=(40.0, 1e-9, 40.0, 40.0), site_bp=(5.0, 0.1, 1, 10)
)


def correlation(experiment, n_bp):
    return np.corrcoef(*(coverage_of(reads, n_bp) for reads in (experiment.treatment, experiment.control)))[0, 1]


def test_a_control_drawn_from_the_treatment_itself_has_its_peaks_at_its_own_depth_and_leaves_no_truth():
    config = dataclasses.replace(SITES, self_control_share=1.0)
    random = np.random.default_rng(6)
    for _ in range(3):
        experiment = simulate_experiment(random, 100_000, config)
        assert not len(experiment.sites.centre)
        treatment, control = experiment.treatment.start, experiment.control.start
        assert len(control) == pytest.approx(len(treatment), rel=0.2)
        assert experiment.background[1] == pytest.approx(experiment.background[0], rel=0.01)
        # Peaks of 40 backgrounds in both; an input has none of them.
        assert correlation(experiment, 100_000) > 0.95
    windows = simulate_fragments(random, 5, 100, 20, config)
    assert not windows.is_peak.any()
    assert windows.is_clear.all()


def test_artefacts_stand_in_both_tracks_at_one_fold_over_the_background_of_each():
    config = dataclasses.replace(
        SITES,
        sites_per_10kb=(1e-9, 1e-9),
        artefact_share=1.0,
        artefacts_per_10kb=(1.0, 1.0),
        artefact_bp=(5.0, 0.1, 1.0, 10.0),
        artefact_enrichment=(40.0, 1e-9, 40.0, 40.0),
    )
    random, ratios = np.random.default_rng(7), []
    for _ in range(5):
        experiment = simulate_experiment(random, 100_000, config)
        assert not len(experiment.sites.centre)
        tracks = (experiment.treatment, experiment.control)
        folds = [
            coverage_of(reads, 100_000) / depth for reads, depth in zip(tracks, experiment.background, strict=True)
        ]
        # The gamma spread of each track is all that parts them.
        high = folds[0] > 15
        assert high.any()
        ratios.append(np.median(folds[1][high] / folds[0][high]))
    assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1, rel=0.25)


def test_what_only_a_swapped_control_has_is_no_peak_of_the_treatment():
    experiment = simulate_experiment(np.random.default_rng(8), 200_000, dataclasses.replace(SITES, swapped_share=1.0))
    folds = [
        coverage_of(reads, 200_000).max() / depth
        for reads, depth in zip((experiment.treatment, experiment.control), experiment.background, strict=True)
    ]
    assert folds[1] > 2 * folds[0]
    assert not len(experiment.sites.centre)
    np.testing.assert_array_equal(experiment.intensity.sites, 0)


def test_errors_of_both_scales_are_as_correlated_as_said():
    config = dataclasses.replace(PLAIN, reads=(1e6, 1e6), scale_error_sd=0.4, scale_error_shared=0.8)
    windows = simulate_fragments(np.random.default_rng(9), 400, 2, 20, config)
    errors = np.log(windows.scale)
    error = errors - np.log(windows.scale).mean(axis=0)
    assert np.std(error[:, 1] - error[:, 0]) == pytest.approx(0.4 * np.sqrt(2 - 2 * 0.8), rel=0.2)


def test_weak_sites_are_not_judged_and_those_with_few_fragments_are_background():
    enrichment, fragments = np.array([1.5, 20.0, 20.0]), np.array([30.0, 30.0, 3.0])
    sites = Sites(np.array([500.0, 1_500.0, 2_500.0]), np.full(3, 10.0), enrichment, fragments)
    is_peak, is_clear = site_truth(sites, 3_000, FragmentSimulationConfig())
    assert np.flatnonzero(is_peak).tolist() == list(range(1_440, 1_560))
    assert np.flatnonzero(~is_clear).tolist() == list(range(440, 560))


def test_estimates_of_the_background_are_off_by_the_error_that_was_asked_for():
    config = dataclasses.replace(PLAIN, reads=(1e6, 1e6), control_share=0.0)
    exact, rough = (
        simulate_fragments(np.random.default_rng(10), 300, 2, 20, dataclasses.replace(config, scale_error_sd=sd)).scale
        for sd in (0.0, 0.4)
    )
    errors = np.log(rough / exact)
    assert np.std(errors) == pytest.approx(0.4, rel=0.1)
    assert np.mean(errors) == pytest.approx(0, abs=0.07)


def test_deep_truth_is_where_a_deeper_draw_stands_out():
    config = dataclasses.replace(
        OPEN_CHROMATIN, reads=(5e6, 5e6), sites_per_10kb=(1.0, 1.0), deep_reads=2e9, copies_share=0.0
    )
    n_bp, bin_bp, agree, n_peak = 40_000, 50, 0, 0
    for seed in range(6):
        experiment = simulate_experiment(np.random.default_rng(seed), n_bp, config)
        is_peak = deep_truth(experiment, bin_bp, config)
        ratio = config.deep_reads / experiment.reads
        library = experiment.intensity.library
        again = draw_again(np.random.default_rng(100 + seed), experiment.intensity, ratio)
        deep = coverage_of(piled_reads(np.random.default_rng(200 + seed), again, library), n_bp)
        deep = deep.reshape(-1, bin_bp).mean(axis=1)
        stands_out = poisson.logsf(np.floor(deep) - 1, ratio * experiment.background[0]) < -5 * np.log(10)
        agree += (stands_out == is_peak).sum()
        n_peak += is_peak.sum()
        runs = np.flatnonzero(np.diff(is_peak, prepend=False, append=False)).reshape(-1, 2)
        assert (runs[:, 1] - runs[:, 0] >= 4).all()
    assert n_peak > 200
    assert agree / (6 * n_bp // bin_bp) > 0.95

"""The expectation of simulated coverage against many reads: a Poisson variable is as far off as its mean says."""

import dataclasses

import numpy as np
import pytest

from epizoo.simulation.coverage import SimulationConfig, simulate
from epizoo.simulation.expected_coverage import expected_pile_up
from epizoo.simulation.fragment_draws import pile_up
from epizoo.simulation.fragment_windows import fragment_windows
from epizoo.simulation.fragments import FragmentSimulationConfig, simulate_experiment

N_BP = 40_000
INNER = slice(2_000, -2_000)
# Many, so that the ends of stretches without reads and the widths of sites would show.
FACTORS = FragmentSimulationConfig(reads=(1e9, 1e9), sites_per_10kb=(3.0, 3.0))
CUTS = dataclasses.replace(FACTORS, cuts=True, control_share=0.0, site_bp=(400.0, 0.5, 100.0, 2_000.0))


@pytest.mark.parametrize(("config", "most"), [(FACTORS, 1.5), (CUTS, 2.5)])
def test_reads_lie_around_their_expectation_as_a_poisson_process_does(config, most):
    spreads, totals = [], []
    for seed in range(8):
        experiment = simulate_experiment(np.random.default_rng(seed), N_BP, config)
        expected = expected_pile_up(experiment.intensity)[INNER]
        found = pile_up(experiment.treatment, N_BP)[INNER]
        clear = expected > 1
        spreads.append(np.mean((found - expected)[clear] ** 2 / expected[clear]))
        totals.append(found.sum() / expected.sum())
    # Both cuts of a short fragment may cover one bp, so that cuts vary more.
    assert 0.8 < np.median(spreads) < most
    assert np.mean(totals) == pytest.approx(1, abs=0.02)


def test_nothing_is_expected_where_nothing_is_sequenced():
    experiment = simulate_experiment(np.random.default_rng(0), N_BP, FACTORS)
    silent = experiment.intensity._replace(background=np.zeros(N_BP), sites=np.zeros(N_BP))
    assert not expected_pile_up(silent).any()
    one = silent._replace(background=np.eye(1, N_BP, 20_000)[0])
    # One fragment covers as much as it is long, or reads are extended to.
    width = np.mean(experiment.treatment.end - experiment.treatment.start)
    assert expected_pile_up(one).sum() == pytest.approx(width, rel=0.02)


def test_expected_windows_are_the_mean_of_what_is_drawn():
    windows = simulate(np.random.default_rng(0), 200, 200, 50, SimulationConfig(depth=(10.0, 10.0)))
    ratio = windows.coverage[:, 10:-10].sum(axis=1) / windows.expected[:, 10:-10].sum(axis=1)
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    smooth = np.abs(np.diff(windows.expected)).mean() / np.abs(np.diff(windows.coverage)).mean()
    assert smooth < 0.8


def test_estimates_of_the_background_are_off_by_the_error_that_was_asked_for():
    config = dataclasses.replace(FACTORS, reads=(1e6, 1e6), sites_per_10kb=(1e-9, 1e-9), control_share=0.0)
    exact, rough = (
        fragment_windows(np.random.default_rng(1), 60, 2, 50, dataclasses.replace(config, scale_error_sd=sd))[2]
        for sd in (0.0, 0.4)
    )
    assert np.std(np.log(rough / exact)) == pytest.approx(0.4, rel=0.2)

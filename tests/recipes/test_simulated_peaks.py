"""The recipe without human truth repeats itself, and its metrics come from windows that training did not see."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from epizoo.genome.signal import BigWig
from epizoo.models.parameters import flatten_parameters
from epizoo.peaks.network_fit import FitSettings
from epizoo.recipes import simulated_peaks as peak_caller_simulated
from epizoo.recipes.peak_caller_examples import (
    SIMULATED_BP,
    simulated_cutrun,
    write_atac_examples,
    write_cutrun_examples,
)
from epizoo.recipes.simulated_peaks import ATAC, CUTRUN, TF, main, measure, train
from epizoo.simulation.fragment_windows import site_truth

SMALL_FIT = {"n_pool": 12, "n_windows": 4, "fitting": FitSettings(n_steps=3, learning_rate=1e-3, label_weight=0.0)}
SMALL = [
    dataclasses.replace(
        settings, model=dataclasses.replace(settings.model, n_filters=2, dilations=(1,), kernel_sizes=(3,)), **SMALL_FIT
    )
    for settings in (TF, ATAC, CUTRUN)
]


@pytest.mark.parametrize("settings", SMALL, ids=["tf", "atac", "cutrun"])
def test_training_repeats_itself(settings):
    first, second, other = (flatten_parameters(train(settings, seed)) for seed in (0, 0, 1))
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    assert any((value != other[name]).any() for name, value in first.items())


def test_metrics_are_of_each_depth_and_within_bounds(monkeypatch):
    monkeypatch.setattr(peak_caller_simulated, "N_TEST_WINDOWS", 20)
    rows = measure(SMALL[1], train(SMALL[1], 0), seed=0)
    assert len(rows) == 8
    assert {"3 million" in row["on"] or "30 million" in row["on"] for row in rows} == {True}
    assert all(0 <= row["value"] <= 1 for row in rows)


def test_metrics_of_a_benchmark_stand_before_the_runs_own_and_are_replaced_by_newer_ones(tmp_path, monkeypatch):
    own = {"name": "recall", "value": 0.5, "on": "10 simulated windows"}
    (tmp_path / "metrics.json").write_text(json.dumps([own]))
    for value in (1, 2):
        measured = {"name": "motifs", "value": value, "on": "CTCF"}
        (tmp_path / "benchmark.json").write_text(json.dumps({"metrics": [measured]}))
        command = ["recipe", "tf", "--metrics", str(tmp_path / "benchmark.json"), "-o", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", command)
        main()
        assert json.loads((tmp_path / "metrics.json").read_text()) == [measured, own]


def test_the_example_of_atac_is_a_pile_up_of_the_simulated_cuts(tmp_path):
    path, _ = write_atac_examples(tmp_path)
    with BigWig(path) as bigwig:
        values = bigwig.values("simulated", 0, SIMULATED_BP)
    covered = np.nan_to_num(values)
    np.testing.assert_array_equal(covered, np.rint(covered))
    # 20 million cuts in the genome, piled up over 100 to 200 bp each, background and regions.
    assert 0.3 < covered.mean() < 6


def test_the_example_of_cutrun_is_a_pile_up_of_fragments_and_of_its_igg(tmp_path):
    treatment, igg, _ = write_cutrun_examples(tmp_path)
    is_peak, _ = site_truth(simulated_cutrun().sites, SIMULATED_BP, CUTRUN.simulation)
    assert is_peak.any()
    means = []
    for path in (treatment, igg):
        with BigWig(path) as bigwig:
            covered = np.nan_to_num(bigwig.values("simulated", 0, SIMULATED_BP))
        np.testing.assert_array_equal(covered, np.rint(covered))
        means.append(covered[is_peak].mean() / covered.mean())
        # Sparse: most of the stretch is bare.
        assert (covered == 0).mean() > 0.5
    # Domains stand in the treatment alone.
    assert means[0] > 5
    assert means[1] < 2


def test_depths_of_cutrun_are_its_own(monkeypatch):
    monkeypatch.setattr(peak_caller_simulated, "N_TEST_WINDOWS", 5)
    rows = measure(SMALL[2], train(SMALL[2], 0), seed=0)
    assert [row["on"].split(" at ")[1].split(" reads")[0] for row in rows[::4]] == [
        "0.1 million",
        "1 million",
        "5 million",
    ]

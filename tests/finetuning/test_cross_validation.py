import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from finetuning_files import write_experiment, write_new_yaml
from flax import nnx

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.errors import InputError
from epizoo.finetuning.cross_validation import (
    MEAN,
    PRETRAINED,
    SCRATCH,
    TUNED,
    Problem,
    cross_validate,
    make_folds,
    measure_test_samples,
    split,
    subset,
)
from epizoo.finetuning.labelled_samples import loci_table, read_sample_labels
from epizoo.finetuning.leakage import LeakageError
from epizoo.finetuning.learning_curve import different_shares, learning_curve
from epizoo.finetuning.new_cell_type import read_peak_data
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.metrics.label_errors import label_errors
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

CONFIG = PeakCallerConfig(n_filters=3, kernel_sizes=(3, 5), dilations=(), summit_window_bins=5)
QUICK = TuningSettings(train="threshold", max_steps=4, check_every=2, n_crops=2, n_folds=2)
KEYS = ["chrom", "start", "end", "annotation"]


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    return folder, write_experiment(folder)


@pytest.fixture(scope="module")
def problem(experiment):
    folder, genome = experiment
    (folder / "true.bed").write_text("sim1\t10\t20\nsim1\t15\t30\nsim1\t200000\t224000\n")
    data = read_peak_data(write_new_yaml(folder, genome, calls={"another tool": "true.bed"}))
    data = data.model_copy(update={"other_cell_types": [genome.bigwig]})
    model = PeakCaller(CONFIG, rngs=nnx.Rngs(0))
    return Problem(model, data, read_sample_labels(data), CoverageTransform(), PeakCallingConfig(), QUICK)


@pytest.fixture(scope="module")
def evaluation(problem):
    return cross_validate(problem, n_folds=2)


def test_every_label_is_judged_once_by_every_method(problem, evaluation):
    expected = problem.labels[KEYS].sort_values(KEYS).to_numpy().tolist()
    assert set(evaluation.errors) == {TUNED, PRETRAINED, SCRATCH, MEAN, "another tool"}
    for errors in evaluation.errors.values():
        assert errors[KEYS].to_numpy().tolist() == expected


def test_other_tools_are_judged_by_the_peaks_of_their_file(problem, evaluation):
    peaks = pd.DataFrame([["sim1", 10, 30], ["sim1", 200_000, 224_000]], columns=["chrom", "start", "end"])
    expected = label_errors(problem.labels, peaks).sort_values(KEYS)["wrong"]
    assert evaluation.errors["another tool"]["wrong"].tolist() == expected.tolist()


def test_the_report_says_what_the_tables_say(evaluation):
    told = evaluation.to_dict()
    assert told["methods"][PRETRAINED]["n_wrong"] == int(evaluation.errors[PRETRAINED]["wrong"].sum())
    assert set(told["fine_tuned_minus"]) == set(evaluation.errors) - {TUNED}
    difference = evaluation.errors[TUNED]["wrong"].mean() - evaluation.errors[PRETRAINED]["wrong"].mean()
    # One label a region, so that the mean over regions is the share of labels.
    assert told["fine_tuned_minus"][PRETRAINED]["difference"]["value"] == pytest.approx(difference)


@pytest.mark.parametrize("scheme", ["locus", "chromosome"])
def test_folds_never_share_a_locus(problem, scheme):
    labels = problem.labels.assign(chrom=np.where(problem.labels["locus"] < 3, "sim1", "sim2"))
    folds = make_folds(labels, scheme, 3, 0)
    assert sorted(np.concatenate(folds).tolist()) == sorted(loci_table(labels).index.tolist())
    if scheme == "chromosome":
        assert [labels[labels["locus"].isin(fold)]["chrom"].unique().tolist() for fold in folds] == [["sim1"], ["sim2"]]


def test_smaller_shares_are_parts_of_larger_ones_and_hold_both_kinds(problem):
    parts = [subset(problem.labels, fraction, 3) for fraction in (0.05, 0.3, 0.6, 1.0)]
    keys = [set(map(tuple, part[KEYS].to_numpy())) for part in parts]
    assert all(small <= large for small, large in itertools.pairwise(keys))
    assert len(keys[-1]) == len(problem.labels)
    for part in parts:
        assert {(kind == "noPeaks") for kind in part["annotation"]} == {True, False}


@pytest.mark.parametrize(("scheme", "n_chromosomes"), [("locus", 1), ("chromosome", 3)])
def test_the_curve_counts_the_labels_that_were_trained_on(problem, scheme, n_chromosomes):
    labels = problem.labels.assign(chrom=[f"sim{locus % n_chromosomes}" for locus in problem.labels["locus"]])
    kept = [
        np.mean([len(train) for seed in (0, 1) for train, _ in split(labels, scheme, 2, fraction, seed)])
        for fraction in (0.01, 0.6, 1.0)
    ]
    # One of each kind that there is, however small the share.
    assert 1 < kept[0] <= 2
    assert kept[2] == pytest.approx(len(labels) * (1 - 1 / (2 if scheme == "locus" else n_chromosomes)))
    assert different_shares(labels, scheme, 2, (1.0, 0.6, 0.01, 0.02), (0, 1)) == [0.01, 0.6, 1.0]
    if scheme == "locus":
        curve = learning_curve(problem, n_folds=2, fractions=(0.01, 0.02, 0.6), seeds=(0, 1))
        found = [(point.fraction, point.n_labels) for point in curve.points]
        assert found == [(0.01, round(kept[0], 2)), (0.6, round(kept[1], 2))]


def test_one_fold_is_refused_as_such(problem):
    with pytest.raises(InputError, match=r"folds: 1\b.*\b2\b"):
        cross_validate(problem, n_folds=1)


def test_one_locus_or_chromosome_cannot_be_left_out(problem):
    one = replace(problem, labels=problem.labels[problem.labels["locus"] == 0])
    with pytest.raises(InputError, match=r"one locus"):
        cross_validate(one)
    with pytest.raises(InputError, match=r"one chromosome"):
        cross_validate(problem, "chromosome")
    with pytest.raises(InputError, match=r"scheme: 'sample'.*locus or chromosome"):
        cross_validate(problem, "sample")


def test_a_scale_of_the_whole_file_needs_its_allowance(problem):
    with pytest.raises(LeakageError, match=r"signal.bw: .*--allow normalisation"):
        cross_validate(problem, n_folds=2, whole_file_scale=True)
    allowed = {"allow": {"normalisation"}, "methods": (PRETRAINED,)}
    cross_validate(problem, n_folds=2, whole_file_scale=True, **allowed)


def test_test_samples_must_lie_elsewhere(problem):
    with pytest.raises(LeakageError, match=r"--allow locus"):
        measure_test_samples(problem, problem.model, problem)
    here = problem.labels["locus"] < 3
    training = replace(problem, labels=problem.labels[here])
    found = measure_test_samples(training, problem.model, replace(problem, labels=problem.labels[~here]))
    assert len(found.errors[TUNED]) == int((~here).sum())
    assert found.errors[TUNED]["wrong"].tolist() == found.errors[PRETRAINED]["wrong"].tolist()

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from finetuning_files import write_experiment, write_new_yaml
from flax import nnx

from epizoo.errors import InputError
from epizoo.finetuning.label_crops import crop_settings, fixed_crops
from epizoo.finetuning.label_steps import balanced_mean, label_loss
from epizoo.finetuning.label_tuning import fine_tune, fold_loci
from epizoo.finetuning.labelled_samples import read_sample_labels, read_stretches
from epizoo.finetuning.new_cell_type import read_peak_data
from epizoo.finetuning.trainable import TRAIN, Trainables, model_arrays, with_arrays
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig
from epizoo.peaks.labelled_stretches import LabelledStretch
from epizoo.peaks.region_label_likelihood import label_bins

CONFIG = PeakCallerConfig(n_filters=3, kernel_sizes=(3, 5), dilations=(2,), summit_window_bins=5)
QUICK = {"max_steps": 12, "check_every": 4, "n_crops": 3, "n_folds": 2}


@pytest.fixture(scope="module")
def model():
    return PeakCaller(CONFIG, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def stretches(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitting")
    data = read_peak_data(write_new_yaml(folder, write_experiment(folder)))
    return read_stretches(data, read_sample_labels(data), CoverageTransform(), CONFIG.bin_bp, 30_000)


class KilledError(Exception):
    pass


def same(first, second):
    one, other = flatten_parameters(first), flatten_parameters(second)
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("train", TRAIN)
def test_no_change_is_the_pretrained_model_and_zero_steps_keep_it(model, stretches, train):
    graph, paths, base = model_arrays(model)
    trainables = Trainables(train, rank=2)
    assert same(model, with_arrays(graph, paths, trainables.apply(base, trainables.start(base, 1))))
    assert same(model, fine_tune(model, stretches, TuningSettings(train=train, steps=0, **QUICK)).model)


@pytest.mark.parametrize(
    ("train", "moves"),
    [
        ("threshold", ("threshold", "temperature")),
        ("head", ("threshold", "temperature", "output_conv")),
        ("adapters", ("threshold", "temperature", "kernel", "output_conv.bias")),
        ("all", ("",)),
    ],
)
def test_only_what_is_trained_moves(model, stretches, train, moves):
    before = flatten_parameters(model)
    after = flatten_parameters(fine_tune(model, stretches, TuningSettings(train=train, steps=6, rank=1)).model)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved
    assert all(any(part in name for part in moves) for name in moved)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_temperature_stays_within_bounds_and_keeps_its_sign(model, sign):
    base = model_arrays(model)[2]
    base["temperature"] = np.float32(sign * 0.9)
    trainables = Trainables("threshold")

    def temperature(change):
        return float(trainables.apply(base, {"temperature": jnp.float32(change)})["temperature"])

    # Small changes are what they say, whatever large ones are.
    assert temperature(0.01) == pytest.approx(sign * 0.9 + 0.01, abs=2e-4)
    found = [abs(temperature(change)) for change in (-100.0, -1.0, 0.0, 1.0, 100.0)]
    assert found == sorted(found, reverse=sign < 0)
    assert found[0 if sign > 0 else -1] == pytest.approx(0.9 / 4)
    assert found[-1 if sign > 0 else 0] == pytest.approx(0.9 * 4)
    assert all(temperature(change) * sign > 0 for change in (-100.0, -1.0, 0.0, 1.0, 100.0))


def test_labels_that_one_threshold_parts_do_not_make_probabilities_of_0_and_1(model, stretches):
    settings = TuningSettings(train="threshold", steps=400, learning_rate=1.0, pull=0.0)
    tuned = fine_tune(model, stretches, settings).model
    ratio = float(tuned.temperature[...] / model.temperature[...])
    assert 1 / 4 <= ratio <= 4


def test_adapters_change_kernels_by_matrices_of_their_rank(model, stretches):
    before = flatten_parameters(model)
    settings = TuningSettings(train="adapters", steps=8, rank=1, learning_rate=0.1)
    after = flatten_parameters(fine_tune(model, stretches, settings).model)
    change = (after["combine_conv.kernel"] - before["combine_conv.kernel"]).reshape(-1, CONFIG.n_filters)
    values = np.linalg.svd(change.astype(np.float64), compute_uv=False)
    assert values[0] > 1e-3
    assert values[1] < 1e-4 * values[0]


def test_first_layers_learn_slower_than_the_last(model, stretches):
    before = flatten_parameters(model)
    after = flatten_parameters(fine_tune(model, stretches, TuningSettings(train="all", steps=5, pull=0.0)).model)
    largest = {name: np.abs(after[name] - before[name]).max() for name in before}
    assert 2 * largest["scale_convs.0.kernel"] < largest["combine_conv.kernel"] < 0.5 * largest["output_conv.kernel"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(model, stretches):
    settings = TuningSettings(train="all", **QUICK)
    first, second = (fine_tune(model, stretches, settings) for _ in range(2))
    assert same(first.model, second.model)
    assert first.history == second.history
    fixed = [fine_tune(model, stretches, TuningSettings(train="all", steps=3, seed=seed)).model for seed in (0, 1)]
    assert not same(*fixed)


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_killed_training_goes_on_to_the_same_weights(model, stretches, tmp_path, n_rows):
    settings = TuningSettings(train="all", learning_rate=0.02, caution=-1e9, **QUICK)
    whole = fine_tune(model, stretches, settings)
    rows = []

    def die_later(row):
        rows.append(row)
        if len(rows) > n_rows:
            raise KilledError

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KilledError):
        fine_tune(model, stretches, settings, checkpoint=checkpoint, log=die_later)
    resumed = fine_tune(model, stretches, settings, checkpoint=checkpoint)
    assert same(whole.model, resumed.model)
    assert resumed.history == whole.history


def test_a_checkpoint_of_another_training_is_refused(model, stretches, tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    fine_tune(model, stretches, TuningSettings(train="head", **QUICK), checkpoint=checkpoint)
    with pytest.raises(InputError, match=r"checkpoint.*other data"):
        fine_tune(model, stretches, TuningSettings(train="head", seed=5, **QUICK), checkpoint=checkpoint)
    checkpoint.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"checkpoint"):
        fine_tune(model, stretches, TuningSettings(train="head", **QUICK), checkpoint=checkpoint)


def test_held_out_loci_never_lose_by_the_choice_of_steps(model, stretches):
    for train in ("threshold", "all"):
        tuned = fine_tune(model, stretches, TuningSettings(train=train, **QUICK))
        assert tuned.held_out_after <= tuned.held_out_before
        losses = [row["held_out_loss"] for row in tuned.history if row["stage"] == "held-out loci"]
        assert tuned.held_out_after == min(losses)
        assert tuned.n_steps == 4 * int(np.argmin(losses))


def test_much_caution_keeps_the_pretrained_model(model, stretches):
    tuned = fine_tune(model, stretches, TuningSettings(train="all", caution=1e9, **QUICK))
    assert tuned.n_steps == 0
    assert same(tuned.model, model)


def test_one_locus_alone_is_refused_unless_the_steps_are_given(model, stretches):
    with pytest.raises(InputError, match=r"one locus"):
        fine_tune(model, stretches[:1], TuningSettings())
    assert fine_tune(model, stretches[:1], TuningSettings(steps=2)).n_steps == 2


def test_training_lowers_the_loss_of_what_it_sees(model, stretches):
    settings = crop_settings(stretches, model.receptive_field_bins)
    crops = fixed_crops(stretches, settings)

    def loss(one):
        losses = label_loss(one.logits(crops.coverage[..., None]), crops.labels, 1.0, 0.02)
        return float(balanced_mean(losses, jnp.asarray(crops.labels.annotation), jnp.asarray(crops.weight)))

    tuned = fine_tune(model, stretches, TuningSettings(train="all", steps=80, learning_rate=0.05, pull=0.0)).model
    assert loss(tuned) < 0.95 * loss(model)


def test_the_gradient_of_the_loss_is_its_finite_difference(model, stretches):
    import jax

    with jax.enable_x64(True):
        crops = fixed_crops(stretches, crop_settings(stretches, model.receptive_field_bins))
        graph, paths, base = model_arrays(model)
        base = {name: value.astype(np.float64) for name, value in base.items()}
        trainables = Trainables("threshold")

        def loss(changes):
            one = with_arrays(graph, paths, trainables.apply(base, changes))
            logits = one.logits(crops.coverage.astype(np.float64)[..., None])
            return (label_loss(logits, crops.labels, 1.0, 0.02) * crops.weight).sum()

        start = trainables.start(base, 0)
        gradient = jax.grad(loss)(start)
        for name in start:
            step = 1e-5
            ends = [float(loss(start | {name: start[name] + sign * step})) for sign in (1, -1)]
            assert float(gradient[name]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize(("n_loci", "n_folds"), [(2, 5), (5, 2), (12, 3)])
def test_folds_are_a_partition_of_almost_one_size(n_loci, n_folds):
    folds = fold_loci(np.arange(n_loci), n_folds, 0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(n_loci))
    assert max(map(len, folds)) - min(map(len, folds)) <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": "everything"}, "train: 'everything'.*threshold, head, adapters, all"),
        ({"max_steps": 0}, r"max_steps: 0\b.*\b1\b"),
        ({"doubt": 0.0}, r"doubt: 0\.0\b"),
        ({"rank": 0}, r"rank: 0\b.*\b1\b"),
        ({"learning_rate": -1.0}, r"learning_rate: -1\.0\b"),
    ],
)
def test_settings_out_of_range_are_refused(model, stretches, change, message):
    with pytest.raises(InputError, match=message):
        fine_tune(model, stretches, TuningSettings(**change))


@pytest.mark.parametrize("train", ["threshold", "head"])
def test_a_frozen_trunk_gives_the_losses_of_the_whole_network(model, stretches, train):
    tuned = fine_tune(model, stretches, TuningSettings(train=train, max_steps=4, check_every=2, n_folds=2))
    crops = fixed_crops(stretches, crop_settings(stretches, model.receptive_field_bins))
    losses = label_loss(model.logits(crops.coverage[..., None]), crops.labels, 1.0, 0.02)
    expected = balanced_mean(losses, jnp.asarray(crops.labels.annotation), jnp.asarray(crops.weight))
    assert tuned.held_out_before == pytest.approx(float(expected), rel=1e-5)


def test_crops_that_fill_up_weigh_nothing(stretches, model):
    crops = fixed_crops(stretches, crop_settings(stretches, model.receptive_field_bins))
    filling = crops.locus < 0
    assert len(crops.locus) % 32 == 0
    assert not crops.weight[filling].any()
    assert not crops.labels.weight[filling].any()
    assert crops.weight.sum() == pytest.approx(sum(stretch.labels["share"].sum() for stretch in stretches))


def locus(number, truth, n_labels=6):
    """Peaks of height 100 every 60 bins on a background of 1; that many labels say so, the others the contrary."""
    signal = np.ones(460, np.float32)
    rows = []
    for i in range(n_labels):
        start = 40 + 60 * i
        signal[start : start + 20] = 100
        says = ("peaks", "noPeaks") if i < truth else ("noPeaks", "peaks")
        rows += [(says[0], start, start + 20), (says[1], start + 30, start + 50)]
    bins = [label_bins(annotation, 50 * start, 50 * end, 50) for annotation, start, end in rows]
    labels = pd.DataFrame({"annotation": [row[0] for row in rows], "chrom": "chr1", "locus": number, "share": 1.0})
    return LabelledStretch("chr1", 0, 23_000, signal, 2.0, labels.assign(bins=pd.Series(bins, dtype=object)))


ONE_LOOK = {"train": "head", "max_steps": 30, "check_every": 30, "learning_rate": 0.1, "pull": 0.0, "n_folds": 2}


def test_held_out_loci_that_contradict_what_is_learned_lose_by_it(model):
    tuned = fine_tune(model, [locus(0, 6), locus(1, 0)], TuningSettings(**ONE_LOOK))
    before, after = (row["held_out_loss"] for row in tuned.history if row["stage"] == "held-out loci")
    assert after > 1.2 * before
    assert tuned.n_steps == 0
    assert tuned.held_out_after == tuned.held_out_before == before


def test_loci_that_gain_alike_leave_nothing_to_be_cautious_about(model):
    tuned = fine_tune(model, [locus(0, 6), locus(1, 6)], TuningSettings(caution=1e6, **ONE_LOOK))
    assert tuned.n_steps == 30
    assert tuned.held_out_after < 0.5 * tuned.held_out_before


def test_caution_asks_for_so_many_standard_errors_over_loci(model):
    loci = [locus(0, 6), locus(1, 4)]

    def loss(one, stretch):
        crops = fixed_crops([stretch], crop_settings(loci, model.receptive_field_bins))
        losses = label_loss(one.logits(crops.coverage[..., None]), crops.labels, 1.0, 0.02)
        return float(balanced_mean(losses, jnp.asarray(crops.labels.annotation), jnp.asarray(crops.weight)))

    gains = []
    for own, other in (loci, loci[::-1]):
        learned = fine_tune(model, [other], TuningSettings(steps=30, **ONE_LOOK)).model
        gains.append(loss(model, own) - loss(learned, own))
    # Of two numbers: the standard error is half of their difference.
    most = (gains[0] + gains[1]) / abs(gains[0] - gains[1])
    assert 0 < most < 100
    found = [fine_tune(model, loci, TuningSettings(caution=factor * most, **ONE_LOOK)) for factor in (0.9, 1.1)]
    assert [tuned.n_steps for tuned in found] == [30, 0]

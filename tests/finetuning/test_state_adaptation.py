import numpy as np
import pandas as pd
import pytest
from hmm_oracles import random_model

from epizoo.errors import InputError
from epizoo.finetuning.state_adaptation import (
    LEARNING,
    StateSettings,
    annotation_states,
    take_blocks,
    tune_states,
    tune_states_on_annotation,
)
from epizoo.finetuning.state_movement import MOVED, divergences, movement, rename_moved
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.decoding import decode
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.states.em import expectation_maximization, log_prior
from epizoo.states.priors import centred_prior


@pytest.fixture
def random():
    return np.random.default_rng(0)


def sequences(random, n=3, n_bins=900, n_marks=3):
    draw = [np.repeat(random.integers(0, 2, (n_bins // 6, n_marks)), 6, axis=0) for _ in range(n)]
    return [runs.from_values(values) for values in draw]


def test_without_a_prior_it_is_em_from_the_pretrained_model(random):
    model, data = runs.in_float64(random_model(random, 3, 3)), sequences(random)
    tuned = tune_states(model, data, StateSettings("emissions", strength=0))
    plain = expectation_maximization(RunCounter(data), model, LEARNING)
    for found, expected in zip(tuned.parameters, plain.parameters, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_stronger_prior_moves_less_and_an_overwhelming_one_not_at_all(random):
    model, data = runs.in_float64(random_model(random, 3, 3)), sequences(random)
    moved = [
        sum(
            part.sum()
            for part in divergences(model, tune_states(model, data, StateSettings("emissions", strength=s)).parameters)
        )
        for s in (1, 100, 1e12)
    ]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] < 1e-9


@pytest.mark.parametrize("restarts", [0, 2])
def test_emissions_stay_to_the_bit_and_transitions_are_those_of_em_under_them(random, restarts):
    model, data = runs.in_float64(random_model(random, 3, 3)), sequences(random)
    counter = RunCounter(data)
    tuned = tune_states(model, data, StateSettings(strength=0, restarts=restarts))
    np.testing.assert_array_equal(tuned.parameters.emission, model.emission)
    assert tuned.log_likelihood > counter.count(model).log_likelihood
    # A fixed point of the transitions' own update: expected steps by row.
    steps = counter.count(tuned.parameters).transition
    np.testing.assert_allclose(tuned.parameters.transition, steps / steps.sum(axis=1, keepdims=True), atol=2e-2)
    free = tune_states(model, data, StateSettings("emissions", strength=0, restarts=restarts))
    assert free.log_likelihood > tuned.log_likelihood


def test_restarts_never_lower_the_posterior(random):
    model, data = runs.in_float64(random_model(random, 3, 3)), sequences(random)
    prior = centred_prior(model, 5.0)
    found = [tune_states(model, data, StateSettings("emissions", strength=5.0, restarts=n)) for n in (0, 3)]
    values = [one.log_likelihood + log_prior(one.parameters, LEARNING, prior) for one in found]
    assert values[1] >= values[0]


def test_what_is_impossible_stays_impossible_whatever_the_start(random):
    model = runs.in_float64(random_model(random, 3, 3))
    transition = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])
    emission = model.emission.copy()
    emission[1, 2] = 0.0
    model = model._replace(transition=transition, emission=emission)
    tuned = tune_states(model, sequences(random), StateSettings("emissions", strength=1.0, restarts=2)).parameters
    assert tuned.transition[0, 2] == 0
    assert tuned.emission[1, 2] == 0


def test_an_annotation_gives_the_counts_that_a_loop_counts(random):
    model = runs.in_float64(random_model(random, 3, 3))
    data = dict(zip(("a", "b"), sequences(random, 2, 60), strict=True))
    states = {chrom: random.integers(-1, 3, 60).astype(np.int16) for chrom in data}
    strength = 7.0
    steps, present, bins = strength * model.transition, strength * model.emission, np.full((3, 3), strength)
    for chrom, known in states.items():
        values = data[chrom].marks[data[chrom].codes]
        for i, state in enumerate(known):
            if state >= 0:
                present[state] += values[i]
                bins[state] += 1
                if i and known[i - 1] >= 0:
                    steps[known[i - 1], state] += 1
    tuned = tune_states_on_annotation(model, data, states, StateSettings(strength=strength))
    np.testing.assert_allclose(tuned.parameters.emission, present / bins)
    np.testing.assert_allclose(tuned.parameters.transition, steps / steps.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(tuned.parameters.initial, model.initial, atol=1e-8)
    assert tuned.n_bins == sum(int((known >= 0).sum()) for known in states.values())


def test_bins_belong_to_the_segment_that_holds_them_whole():
    table = pd.DataFrame([["c", 100, 650, "Tss"], ["c", 650, 800, "Quies"]], columns=["chrom", "start", "end", "name"])
    found = annotation_states(table, ["Quies", "Tss"], {"c": 5}, 200, "x.bed")
    assert found["c"].tolist() == [-1, 1, 1, -1, -1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["c", 0, 400, "Enh"]], r"x\.bed: .*'Enh'.*Quies, Tss"),
        ([["d", 0, 400, "Tss"]], r"x\.bed: .*chromosomes"),
        ([["c", 0, 400]], r"x\.bed: .*names of states"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(rows, message):
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "name"][: len(rows[0])])
    with pytest.raises(InputError, match=message):
        annotation_states(table, ["Quies", "Tss"], {"c": 5}, 200, "x.bed")


@pytest.mark.parametrize("fraction", [0.1, 0.35, 1.0])
def test_blocks_are_about_the_share_asked_for_and_stretches_of_the_sequences(random, fraction):
    data = [runs.CodedMarks(np.arange(n) + 10_000 * i, np.zeros((1, 1), np.uint8)) for i, n in enumerate((900, 1234))]
    blocks = take_blocks(data, fraction, 10, 3)
    assert sum(len(block.codes) for block in blocks) == pytest.approx(fraction * 2134, abs=15)
    bins = np.concatenate([block.codes for block in blocks])
    assert len(set(bins.tolist())) == len(bins)
    assert all((np.diff(block.codes) == 1).all() for block in blocks)


def test_movement_is_what_both_models_say_of_every_bin(random):
    from scipy.stats import bernoulli, entropy

    old, new = (runs.in_float64(random_model(random, 3, 3)) for _ in range(2))
    data = sequences(random)
    found = movement(old, new, data)
    states = [np.concatenate([decode(m, one.marks[one.codes]).states for one in data]) for m in (old, new)]
    likelihoods = [sum(decode(m, one.marks[one.codes]).log_likelihood for one in data) for m in (old, new)]
    n = len(states[0])
    assert found.changed == pytest.approx(np.mean(states[0] != states[1]))
    np.testing.assert_allclose(found.share_before, np.bincount(states[0], minlength=3) / n)
    np.testing.assert_allclose(found.share_after, np.bincount(states[1], minlength=3) / n)
    assert [found.log_likelihood_before, found.log_likelihood_after] == pytest.approx([x / n for x in likelihoods])
    np.testing.assert_allclose(found.transition_kl, entropy(new.transition, old.transition, axis=1))
    both = [np.stack([bernoulli.pmf(k, model.emission) for k in (0, 1)]) for model in (new, old)]
    np.testing.assert_allclose(found.emission_kl, entropy(*both, axis=0).sum(axis=1))
    told = found.to_dict(["a", "b", "c"])
    assert [state["name"] for state in told["states"]] == ["a", "b", "c"]
    assert sum(move["bins"] for move in told["largest_moves"]) == round(found.changed * n)


@pytest.mark.parametrize("change", [{"fraction": 0}, {"fraction": 1.5}, {"strength": -1}, {"restarts": -1}])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(InputError, match=f"{next(iter(change))}: .* found, expected"):
        StateSettings(**change)


MARKS = ("H3K27ac", "H3K36me3", "H3K4me1", "H3K4me3")
NAMES = ["TssA", "Enh", "Tx", "Mine", "Quies"]
BEFORE = np.array(
    [[0.9, 0.0, 0.2, 0.95], [0.42, 0.2, 0.85, 0.2], [0.0, 0.5, 0.0, 0.0], [0.2, 0.2, 0.2, 0.2], [1e-3] * 4]
)


def renamed(**rows):
    after = BEFORE.copy()
    for name, row in rows.items():
        after[NAMES.index(name)] = row
    return {state: one.state.name for state, one in rename_moved(NAMES, MARKS, BEFORE, after).items()}


def test_a_state_that_lost_its_marks_loses_its_name():
    found = rename_moved(NAMES, MARKS, BEFORE, np.vstack([BEFORE[0], [0.002, 0.001, 0.002, 0.001], BEFORE[2:]]))
    ((state, one),) = found.items()
    assert state == 1
    assert one.state.name == "Quies2"
    assert (one.mark, one.before, one.after) == ("H3K4me1", 0.85, 0.002)


def test_states_that_moved_little_or_are_still_what_they_were_keep_their_names():
    assert renamed() == {}
    assert renamed(Tx=[0.0, 0.5 - 0.99 * MOVED, 0.0, 0.0]) == {}
    assert renamed(Tx=[0.0, 0.9, 0.0, 0.0]) == {}
    assert renamed(Mine=[0.2, 0.9, 0.0, 0.0]) == {3: "Tx2"}
    assert renamed(Tx=[0.0, 0.002, 0.0, 0.0], Quies=[0.0, 0.8, 0.0, 0.0]) == {2: "Quies", 4: "Tx"}


def test_a_state_that_became_unclear_has_its_number():
    assert renamed(TssA=[0.3, 0.3, 0.3, 0.3]) == {0: "E1"}


def test_an_unknown_part_to_train_is_refused():
    with pytest.raises(InputError, match=r"train: 'all'.*transitions or emissions"):
        StateSettings("all")

"""Known states: their likelihood by enumeration, what they teach, the places that they take in first parameters."""

import numpy as np
import pytest
from hmm_oracles import emission_rows, enumerate_paths, random_model

from epizoo.errors import InputError
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.decoding import decode
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.states.count_gradients import AdamConfig, learn_by_gradient
from epizoo.states.initialization import random_parameters
from epizoo.states.known_states import known_as_marks, mark_frequencies, require_possible, seat_known_states


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_of_known_states_sums_the_paths_that_agree_with_them(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, 2)
    values = rng.integers(0, 2, (6, 2)).astype(np.uint8)
    known = np.where(rng.random(6) < 0.5, rng.integers(0, 3, 6), -1).astype(np.int16)
    paths, weights = enumerate_paths(model, emission_rows(model, values.astype(float)))
    agrees = ((paths == known) | (known == -1)).all(axis=1)
    shown = known_as_marks(runs.from_values(values), known, 3)
    extended = runs.Float64Parameters(model.initial, model.transition, np.hstack([model.emission, np.eye(3)]))
    assert RunCounter([shown]).count(extended).log_likelihood == pytest.approx(np.log(weights[agrees].sum()), rel=1e-9)
    unknown = known_as_marks(runs.from_values(values), None, 3)
    assert RunCounter([unknown]).count(extended).log_likelihood == pytest.approx(np.log(weights.sum()), rel=1e-9)


def test_known_states_place_the_first_parameters_and_the_others_follow():
    emission = np.array([[0.1, 0.1], [0.9, 0.2], [0.2, 0.9]])
    start = runs.Float64Parameters(np.array([0.5, 0.3, 0.2]), np.arange(9.0).reshape(3, 3), emission)
    marks = runs.from_values(np.array([[0, 1]] * 4 + [[1, 0]] * 4 + [[1, 1], [2, 1]], np.uint8))
    known = np.array([0] * 4 + [1] * 4 + [-1, 1], np.int16)
    found = seat_known_states(start, [marks, marks], [known, None])
    # State 0 is like the start's last one, state 1 like its second: (1, 0) in 4 of 4 measured, 1 of 5 bins.
    assert found.initial.tolist() == [0.2, 0.3, 0.5]
    assert found.transition.tolist() == start.transition[np.ix_([2, 1, 0], [2, 1, 0])].tolist()
    np.testing.assert_allclose(found.emission, [[0.01, 0.99], [0.99, 0.01 + 0.98 / 5], [0.1, 0.1]])
    assert mark_frequencies([marks], [known], emission)[0].tolist() == [4, 5]
    for one, same in zip(seat_known_states(start, [marks], [None]), start, strict=True):
        np.testing.assert_array_equal(one, same)


def test_a_tenth_of_known_bins_gives_the_states_their_numbers_and_the_rest_follows():
    rng = np.random.default_rng(1)
    emission = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.3], [0.05, 0.1, 0.1]])
    states = rng.integers(0, 3, 3000)[np.cumsum(rng.random(3000) < 0.1)]
    marks = runs.from_values((rng.random((3000, 3)) < emission[states]).astype(np.uint8))
    known = np.where(np.arange(3000) < 300, states, -1).astype(np.int16)
    start = seat_known_states(random_parameters(3, 3, rng), [marks], [known])
    learned = learn_by_gradient([marks], start, AdamConfig(n_steps=150), known=[known])
    found = decode(learned.parameters, marks.marks[marks.codes]).states
    np.testing.assert_allclose(learned.parameters.emission, emission, atol=0.05)
    assert (found == states)[300:].mean() > 0.9


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (np.zeros(3, np.int16), r"\b3\b.*\b0 to 0\b.*\b2 states\b.*\b4 bins"),
        (np.array([0, 2, 0, 0], np.int16), r"\b4\b.*\b0 to 2\b"),
        (np.array([0, -2, 0, 0], np.int16), r"\b4\b.*-2 to 0\b"),
    ],
)
def test_known_states_that_do_not_fit_are_refused(known, message):
    with pytest.raises(InputError, match=message):
        known_as_marks(runs.from_values(np.zeros((4, 1), np.uint8)), known, 2)


def test_more_known_states_than_the_start_has_and_known_ones_without_a_bin_are_refused():
    start = random_parameters(2, 1, np.random.default_rng(0))
    marks = runs.from_values(np.zeros((3, 1), np.uint8))
    with pytest.raises(InputError, match=r"\b3 states\b.*\b1, 1, 1 bins\b.*\b2\b"):
        seat_known_states(start, [marks], [np.array([0, 1, 2], np.int16)])
    with pytest.raises(InputError, match=r"\b2 states\b.*\b0, 1 bins"):
        seat_known_states(start, [marks], [np.array([-1, 1, -1], np.int16)])


def test_known_states_that_the_start_rules_out_are_named():
    marks = runs.from_values(np.array([[0, 1], [1, 0], [2, 0], [0, 0]], np.uint8))  # 2 is missing.
    transition = np.array([[1.0, 0.0], [0.5, 0.5]])
    start = runs.Float64Parameters(np.array([0.5, 0.5]), transition, np.array([[0.5, 1.0], [0.0, 0.3]]))
    cases = {
        r"chr1: bin 1\b.*state 2\b.*marks": [1, 1, -1, 0],
        r"chr1: bin 1\b.*state 1\b.*marks": [0, 0, -1, -1],
        r"chr1: bins 0 and 1\b.*states 1 and 2\b.*step": [0, 1, 1, 1],
    }
    start_of_step = start._replace(emission=np.full((2, 2), 0.5))
    for message, known in cases.items():
        first = start_of_step if "step" in message else start
        with pytest.raises(InputError, match=message):
            learn_by_gradient([marks], first, AdamConfig(n_steps=2), known=[np.array(known, np.int16)], names=["chr1"])
    # A missing mark rules nothing out, nor does a step over bins that are not known.
    fine = np.array([0, -1, 1, -1], np.int16)
    require_possible(marks, fine, start, "chr1")

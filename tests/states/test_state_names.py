"""The rule that names learned states."""

import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.recipes.state_data import read_published
from epizoo.states.state_names import (
    INSULATOR_COLOR,
    ReferenceStates,
    name_states,
)

REFERENCE = ReferenceStates(
    marks=("H3K4me3", "H3K4me1", "H3K9me3"),
    emission=np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.0], [0.0, 0.0, 0.8], [0.0, 0.0, 0.0]]),
    names=("TssA", "Enh", "Het", "Quies"),
    descriptions=("Active TSS", "Enhancers", "Heterochromatin", "Quiescent/Low"),
    colors=("255,0,0", "255,255,0", "138,145,208", "255,255,255"),
)
MARKS = ("CTCF", "H3K27ac", "H3K4me1", "H3K4me3")


def names(rows):
    named, order = name_states(np.array(rows), MARKS, REFERENCE)
    return [state.name for state in named], order.tolist(), named


def test_states_get_the_name_and_colour_of_the_nearest_published_state():
    found, order, named = names([[0.0, 0.0, 0.0, 0.0], [0.1, 0.2, 0.7, 0.2], [0.0, 0.9, 0.0, 1.0]])
    assert found == ["Quies", "Enh", "TssA"]
    assert order == [2, 1, 0]
    assert [state.color for state in named] == ["255,255,255", "255,255,0", "255,0,0"]
    assert named[1].distance == pytest.approx(0.1)


def test_a_mark_that_the_published_model_lacks_names_a_state_without_shared_marks():
    found, order, named = names([[0.9, 0.1, 0.1, 0.0], [0.0, 0.0, 0.0, 0.0], [0.9, 0.1, 0.3, 0.0]])
    assert found == ["CTCF", "Quies", "Quies_CTCF"]
    assert order == [1, 2, 0]
    assert named[0].color == INSULATOR_COLOR


def test_states_of_one_match_are_told_apart():
    found, _, _ = names(
        [
            [0.0, 0.1, 0.8, 0.1],
            [0.0, 0.7, 0.7, 0.1],
            [0.0, 0.6, 0.6, 0.1],
            [0.0, 0.0, 0.5, 0.0],
        ]
    )
    assert found == ["Enh", "Enh_H3K27ac", "Enh_H3K27ac2", "EnhWk"]


def test_states_known_by_a_mark_that_is_not_there_are_no_match():
    assert "Het" not in names(np.random.default_rng(0).random((50, 4)))[0]


def test_names_are_unique_whatever_the_emissions():
    for seed in range(20):
        found, order, _ = names(np.random.default_rng(seed).random((30, 4)))
        assert len(set(found)) == 30
        assert sorted(order) == list(range(30))


def test_models_without_a_shared_mark_are_refused():
    with pytest.raises(InputError, match="named"):
        name_states(np.zeros((2, 1)), ("H2A.Z",), REFERENCE)


@pytest.mark.data
def test_roadmaps_own_states_keep_their_names(data_dir):
    _, reference = read_published(data_dir, 15)
    assert reference.names[0] == "TssA"
    assert reference.colors[4] == "0,100,0"
    named, order = name_states(reference.emission, reference.marks, reference)
    assert tuple(state.name for state in named) == reference.names
    assert order.tolist() == list(range(15))


def test_variants_of_a_state_have_colors_of_their_own():
    emission = np.array([[0.9, 0.9, 0.1, 0.1], [0.8, 0.9, 0.1, 0.1], [0.7, 0.8, 0.1, 0.1]])
    reference = ReferenceStates(
        marks=("A", "B", "C", "D"),
        emission=np.array([[0.9, 0.9, 0.1, 0.1], [0.0, 0.0, 0.9, 0.9]]),
        names=("Tss", "Repr"),
        descriptions=("Start", "Repressed"),
        colors=("255,0,0", "128,128,128"),
    )
    named, _ = name_states(emission, ("A", "B", "C", "D"), reference)
    assert [state.color for state in named] == ["255,0,0", "191,0,0", "143,0,0"]

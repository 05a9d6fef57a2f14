"""The rule that names states from their emissions."""

import numpy as np
import pytest

import epizoo
from epizoo.calling.state_colors import default_colors
from epizoo.states.chromhmm_models import read_model
from epizoo.states.name_table import KINDS, LOOKS, PATTERNS
from epizoo.states.state_names import LOW, base_name, name_scores, name_states

HISTONES = ("H3K27ac", "H3K27me3", "H3K36me3", "H3K4me1", "H3K4me3", "H3K9ac", "H3K9me3", "H4K20me1")
MARKS = ("CTCF", "H2A.Z", *HISTONES, "WCE")


def state(**levels):
    return [levels.get(mark.replace(".", ""), 0.001) for mark in MARKS]


def named(*rows, marks=MARKS, **options):
    return name_states(np.array(rows), marks, **options)[0]


@pytest.mark.parametrize(
    ("levels", "name"),
    [
        ({"H3K4me3": 0.99, "H3K27ac": 0.91, "H3K9ac": 0.98, "H3K4me1": 0.5}, "TssA"),
        ({"H3K4me3": 0.9, "H3K4me1": 0.8}, "TssFlnk"),
        ({"H3K4me3": 0.9, "H3K27me3": 0.8}, "TssBiv"),
        ({"H3K4me1": 0.9, "H3K27ac": 0.8}, "EnhA"),
        ({"H3K4me1": 0.95, "H3K27ac": 0.95, "H3K4me3": 0.9}, "EnhA"),
        ({"H3K4me1": 0.9}, "EnhWk"),
        ({"H3K4me1": 0.9, "H3K36me3": 0.8, "H3K27ac": 0.4}, "EnhG"),
        ({"H3K4me1": 0.9, "H3K27me3": 0.8}, "EnhBiv"),
        ({"H3K36me3": 0.8}, "Tx"),
        ({"H3K36me3": 0.05}, "TxWk"),
        ({"H3K27me3": 0.8}, "ReprPC"),
        ({"H3K27me3": 0.06}, "ReprPCWk"),
        ({"H3K9me3": 0.4}, "Het"),
        ({"H3K9me3": 0.8, "H3K36me3": 0.5}, "ZNF/Rpts"),
        ({"H3K9me3": 0.8, "H3K36me3": 0.03}, "Het"),
        ({"CTCF": 0.95}, "CTCF"),
        ({"H2AZ": 0.8}, "H2A.Z"),
        ({"H4K20me1": 0.8}, "H4K20me1"),
        ({"WCE": 0.6, "H3K4me3": 0.75, "H3K36me3": 0.7, "H3K27me3": 0.6}, "Artefact"),
        ({"WCE": 0.6}, "Artefact"),
        ({}, "Quies"),
    ],
)
def test_states_of_the_textbook_have_its_names(levels, name):
    (found,) = named(state(**levels))
    assert found.name == name
    assert found.confidence >= LOW
    assert found.color == (LOOKS[name].color if name in LOOKS else found.color)


def test_a_name_depends_on_no_other_state_and_on_no_order_of_the_marks():
    rows = [state(H3K4me3=0.9, H3K27ac=0.9), state(H3K4me1=0.7), state(H3K4me1=0.9, H3K27ac=0.9), state()]
    alone = [named(row)[0] for row in rows]
    together = named(*rows)
    assert [one.name for one in together] == [one.name for one in alone]
    assert [one.confidence for one in together] == [one.confidence for one in alone]
    turned = named(*[row[::-1] for row in rows], marks=MARKS[::-1])
    assert [one.name for one in turned] == [one.name for one in alone]


def test_names_of_marks_are_known_in_any_capitals():
    rows = [state(H3K4me3=0.9, H3K27ac=0.9), state(WCE=0.9)]
    assert [one.name for one in named(*rows, marks=[mark.upper() for mark in MARKS])] == ["TssA", "Artefact"]
    assert [one.name for one in named(*rows, marks=[mark.lower() for mark in MARKS])] == ["TssA", "Artefact"]


def test_other_acetylations_stand_for_h3k27ac_where_it_lacks():
    marks = ("H3K4me3", "H3K4me1", "H3K9ac", "H4K8ac")
    assert [one.name for one in named([0.9, 0.1, 0.9, 0.7], [0.02, 0.9, 0.8, 0.8], marks=marks)] == ["TssA", "EnhA"]


def test_without_acetylation_active_and_weak_enhancers_are_enhancers():
    assert [one.name for one in named([0.01, 0.9], [0.9, 0.05], marks=("H3K4me3", "H3K4me1"))] == ["Enh", "TssA"]


def test_without_h3k4me3_acetylation_alone_names_nothing_of_promoters():
    (found,) = named([0.9, 0.01], marks=("H3K27ac", "H3K27me3"))
    assert found.name == "E1"
    assert "TssA" in found.description
    assert "EnhA" in found.description


def test_without_an_input_marks_that_exclude_each_other_are_an_artefact():
    assert named([0.75, 0.7, 0.6, 0.4], marks=("H3K4me3", "H3K36me3", "H3K27me3", "H3K4me1"))[0].name == "Artefact"


def test_an_unclear_state_has_its_number_and_says_what_it_may_be():
    order_first = state(H3K4me3=0.9, H3K27ac=0.9)
    unclear = state(H3K4me3=0.3, H3K36me3=0.3, H3K4me1=0.3, H3K27ac=0.3, H3K27me3=0.3)
    first, second = named(order_first, unclear)
    assert first.name == "TssA"
    assert second.name == "E2"
    assert second.confidence < LOW
    assert second.description.startswith("Unclear (")
    (numbered,) = named(unclear, numbers=[7])
    assert numbered.name == "E7"
    (other,) = named(unclear, numbers=[7], taken=["E7"])
    assert other.name != "E7"


def test_two_names_of_one_family_that_tie_give_the_familys_name():
    (found,) = named(state(H3K4me1=0.9, H3K27ac=0.3))
    assert found.name == "Enh"
    assert "EnhA" in found.description
    assert "EnhWk" in found.description


def test_states_of_one_name_are_numbered_by_their_marks_and_darker():
    weaker, stronger = state(H3K4me1=0.8, H3K27ac=0.7), state(H3K4me1=0.9, H3K27ac=0.9)
    found = named(weaker, stronger)
    assert [one.name for one in found] == ["EnhA2", "EnhA1"]
    assert [one.color for one in found] == ["191,146,57", "255,195,77"]
    assert {base_name(one.name) for one in found} == {"EnhA"}
    twice = named(state(H2AZ=0.8), state(H2AZ=0.9))
    assert {base_name(one.name) for one in twice} == {"H2A.Z"}
    assert len({one.name for one in twice}) == 2


def test_a_refused_name_gives_its_part_to_its_family():
    poised = state(H3K4me3=0.9, H3K4me1=0.3, H3K27me3=0.3)
    assert named(poised)[0].name == "Tss"
    (found,) = named(poised, refused=[{"TssBiv", "TssFlnk"}])
    assert found.name == "TssWk"
    (found,) = named(poised, refused=[{"TssBiv", "TssFlnk", "TssWk", "TssA"}])
    assert found.name == "Tss"
    (found,) = named(poised, refused=[{"TssBiv", "TssFlnk", "TssWk", "TssA", "Tss"}])
    assert found.name == "E1"


def test_names_are_unique_whatever_the_emissions():
    for seed in range(20):
        random = np.random.default_rng(seed)
        emission = random.random((40, len(MARKS))) ** random.integers(1, 6)
        states, order = name_states(emission, MARKS, taken=["E3", "TssA"])
        assert len({one.name for one in states} | {"E3", "TssA"}) == 42
        assert sorted(order) == list(range(40))


def test_marks_that_the_table_does_not_know_give_plain_numbers_with_chromhmms_colours():
    found = named([0.9, 0.1], [0.1, 0.9], marks=("A", "CTCF"))
    assert [one.name for one in found] == ["E1", "E2"]
    assert [one.color for one in found] == [",".join(map(str, color)) for color in default_colors(2)]
    assert name_scores(np.array([0.9, 0.1]), ("A", "CTCF")) == {}


def test_the_table_is_consistent():
    assert all(len(pattern.marks) == len(KINDS) for pattern in PATTERNS)
    assert {pattern.name for pattern in PATTERNS} - {"other"} <= set(LOOKS)
    assert {look.family for look in LOOKS.values() if look.family} <= set(LOOKS)
    assert len({look.color for look in LOOKS.values()}) == len(LOOKS)


def emissions(name):
    entry = epizoo.load(f"chromatin_states/{name}")
    return entry, np.asarray(entry.parameters().emission)


def test_roadmaps_core_states_are_named_as_roadmap_named_them_or_not_at_all():
    entry, rows = emissions("roadmap-15")
    states = named(*rows, marks=entry.channels)
    found = {old.name: one.name for old, one in zip(entry.config.states, states, strict=True)}
    unclear = {"TssAFlnk": "E6"}
    assert {old: new for old, new in found.items() if old != new} == unclear


def test_roadmaps_states_with_acetylation_are_named_as_roadmap_named_them_where_that_is_clear():
    entry, rows = emissions("roadmap-18")
    states = named(*rows, marks=entry.channels)
    found = {old.name: base_name(one.name) for old, one in zip(entry.config.states, states, strict=True)}
    # Without the letters and numbers that tell Roadmap's variants apart.
    roadmap = {name: {"TssFlnkU": "TssFlnk", "TssFlnkD": "TssFlnk"}.get(name, base_name(name)) for name in found}
    differ = {name: found[name] for name in found if found[name] != roadmap[name]}
    # The families of two, and one that Roadmap names otherwise: in K562 57% of the elements that regulate a gene lie in
    # TssFlnkU, and 31% of its bins within 2 kb of a TSS in use.
    assert differ == {"TssFlnk": "Tss", "EnhG2": "Enh", "TssFlnkU": "EnhA"}


@pytest.mark.data
def test_chromhmms_own_sample_has_sensible_names(data_dir):
    model = read_model(data_dir / "states" / "chromhmm_reference" / "model_10.txt")
    states, order = name_states(np.asarray(model.parameters.emission), model.marks)
    expected = ["TssFlnk", "TssA", "EnhA", "EnhWk", "EnhG", "Tx", "Artefact", "CTCF", "Quies", "ReprPCWk"]
    assert [one.name for one in states] == expected
    assert order[0] == 1
    assert order[-1] == 6

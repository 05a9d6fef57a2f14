"""Names that evidence contradicts."""

import pytest

from epizoo.states.name_evidence import PROMISES, StateEvidence, contradictions, refused_names
from epizoo.states.name_table import LOOKS

PROMOTER = StateEvidence(0.007, 110, 6, 85, 3, 3.6, 9.8, 9.5, 106, 0.12, 0.12)
ENHANCER = StateEvidence(0.006, 6, 3, 18, 4.3, 4.2, 63, 111, 560, 0.22, 0.12)
WEAK = StateEvidence(0.024, 0.2, 2.3, 1.7, 2.4, 2.9, 5.9, 1.1, 200, 0.02, 0.12)
BODY = StateEvidence(0.076, 0.2, 1.1, 0.2, 5.4, 2.9, 0.1, 0.04, 9, 0.06, 0.12)
BIVALENT = StateEvidence(0.002, 0.7, 14, 1.2, 0.7, 1.4)
SILENT = StateEvidence(0.1, 0.03, 2.0, 0.07, 0.4, 0.9)
QUIET = StateEvidence(0.75, 0.02, 0.6, 0.07, 0.5, 0.6, 0.06, 0.004, 60, 0.01, 0.12)


@pytest.mark.parametrize(
    ("evidence", "kept", "refused"),
    [
        (PROMOTER, ["TssA", "Tss"], ["TssFlnk", "EnhA", "TssBiv", "Tx", "Quies"]),
        (ENHANCER, ["EnhA", "EnhA2", "Enh"], ["TssFlnk", "TssA", "TssBiv", "EnhWk", "Quies"]),
        (WEAK, ["EnhWk", "Enh"], ["EnhA", "EnhG", "TssFlnk", "Quies"]),
        (BODY, ["Tx", "TxWk"], ["TssA", "Enh", "Quies"]),
        (BIVALENT, ["TssBiv"], ["TssA", "TssFlnk", "Tx"]),
        (SILENT, ["ReprPC", "ReprPCWk1"], ["TssBiv", "Tx"]),
        (QUIET, ["Quies"], ["Enh", "TxWk", "Tss"]),
    ],
)
def test_names_are_refused_that_promise_what_the_state_does_not_hold(evidence, kept, refused):
    for name in kept:
        assert contradictions(name, [evidence]) == []
    for name in refused:
        assert contradictions(name, [evidence])
    assert not refused_names([evidence]) & set(kept)
    assert refused_names([evidence]) >= set(refused)


def test_one_cell_type_that_contradicts_a_name_is_enough():
    assert contradictions("EnhA", [ENHANCER, WEAK])
    assert refused_names([ENHANCER, WEAK]) == refused_names([ENHANCER]) | refused_names([WEAK])


def test_what_was_not_measured_contradicts_nothing():
    of_elements = ("tested", "regulating", "n_tested", "regulate", "regulate_anywhere")
    unknown = ENHANCER._replace(**dict.fromkeys(of_elements, float("nan")))
    assert contradictions("EnhA", [unknown]) == []
    assert contradictions("EnhWk", [unknown]) == []


def test_few_elements_say_little():
    several, few = WEAK._replace(n_tested=200.0, regulate=0.25), WEAK._replace(n_tested=4.0, regulate=0.25)
    assert contradictions("EnhWk", [several])
    assert contradictions("EnhWk", [few]) == []


def test_every_promise_is_of_a_name_of_the_table():
    assert set(PROMISES) <= set(LOOKS)

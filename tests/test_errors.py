"""What errors quote of a file is short, and harmless to a terminal."""

import pickle

import pytest

from epizoo.errors import EntryError, InputError


@pytest.mark.parametrize("kind", [InputError, EntryError])
def test_what_is_quoted_cannot_act_on_a_terminal(kind):
    assert str(kind("x.bed: found \x1b[31mred\x07\n  \u202e")) == "x.bed: found \\x1b[31mred\\x07 \\u202e"


def test_a_long_quotation_is_shortened_in_its_middle():
    text = str(InputError(f"x.bed: line 3: found {'y' * 70_000}; correct it"))
    assert text.startswith("x.bed: line 3: found yyy")
    assert text.endswith("yyy; correct it")
    assert len(text) < 1_000


def test_other_messages_stay_as_they_are():
    text = "Zelltyp.bed: größer als 5 – correct it"
    assert str(InputError(text)) == text
    assert str(pickle.loads(pickle.dumps(InputError(text)))) == text

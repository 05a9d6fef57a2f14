"""Mapping files of states: numbers, letters before them, and names, which come first."""

import pytest

from epizoo.calling.state_mappings import read_mapping
from epizoo.errors import InputError


def test_a_state_is_named_by_its_number_with_or_without_a_letter_or_by_its_name(tmp_path):
    path = tmp_path / "mapping.txt"
    path.write_text("2\tsecond\nE3\tthird\n\nQuies\tfirst\n")
    assert read_mapping(path, 3, ["Quies", "Tx", "Enh"]) == {0: "first", 1: "second", 2: "third"}


def test_a_name_that_looks_like_a_number_is_the_state_of_that_name(tmp_path):
    path = tmp_path / "mapping.txt"
    path.write_text("E1\tthe second\n")
    assert read_mapping(path, 2, ["E2", "E1"]) == {1: "the second"}


@pytest.mark.parametrize("line", ["0\tzero", "4\tfour", "Tss\tnone", "2", "2\t"])
def test_a_line_without_a_state_or_a_value_is_refused(tmp_path, line):
    path = tmp_path / "mapping.txt"
    path.write_text(f"1\tone\n{line}\n")
    with pytest.raises(InputError, match=r"mapping\.txt: line 2: .*expected a state from 1 to 3"):
        read_mapping(path, 3)

"""The book's checks fail where a page would lie."""

import pytest

from epizoo.book import check


@pytest.mark.parametrize(
    ("value", "stated"),
    [
        (0.9, {"equals": 0.9}),
        (0.91, {"equals": 0.9, "within": 0.02}),
        (3, {"at_least": 3}),
        (3, {"at_most": 3}),
        (3, {"at_least": 2, "at_most": 4}),
    ],
)
def test_a_number_that_holds_is_printed(value, stated, capsys):
    check("peaks", value, **stated)
    assert f"peaks: {value}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "stated"),
    [
        (0.9, {"equals": 0.91}),
        (0.93, {"equals": 0.9, "within": 0.02}),
        (2, {"at_least": 3}),
        (4, {"at_most": 3}),
        (5, {"at_least": 2, "at_most": 4}),
        (float("nan"), {"at_least": 0}),
        (float("inf"), {"at_least": 0}),
    ],
)
def test_a_number_that_does_not_hold_fails_the_page(value, stated):
    with pytest.raises(AssertionError, match=r"^peaks: "):
        check("peaks", value, **stated)


def test_large_numbers_are_printed_in_full(capsys):
    check("fragments", 96177, equals=96177)
    assert capsys.readouterr().out == "fragments: 96,177 (stated: 96,177)\n"


def test_a_check_without_a_statement_is_refused():
    with pytest.raises(ValueError, match="peaks"):
        check("peaks", 3)

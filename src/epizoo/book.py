"""The one helper of the book's chapters: a number on a page is checked when the page is built."""

import math


def check(
    what: str,
    value: float,
    *,
    equals: float | None = None,
    within: float = 0.0,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    """Print a measured number, and fail if it is not what the text says.

    Args:
        what: name of the number, as the text calls it.
        value: the number as measured.
        equals: the number that the text states.
        within: how far from `equals` it may lie, in the number's own unit.
        at_least: lowest number for which the text holds.
        at_most: highest number for which the text holds.

    Raises:
        ValueError: nothing was stated to hold the number to.
        AssertionError: the number is not finite, or not what was stated.

    >>> check("share of peaks at a TSS", 0.514, equals=0.51, within=0.01)
    share of peaks at a TSS: 0.514 (stated: 0.51 ± 0.01)
    """
    stated = []
    if equals is not None:
        stated.append(f"{_number(equals)} ± {_number(within)}" if within else _number(equals))
    if at_least is not None:
        stated.append(f"at least {_number(at_least)}")
    if at_most is not None:
        stated.append(f"at most {_number(at_most)}")
    if not stated:
        raise ValueError(f"{what}: state what it equals, or the least or most that it may be")
    holds = (
        math.isfinite(value)
        and (equals is None or abs(value - equals) <= within)
        and (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
    )
    line = f"{what}: {_number(value)} (stated: {', '.join(stated)})"
    if not holds:
        raise AssertionError(line)
    print(line)


def _number(value: float) -> str:
    """Large numbers in full, others to four digits.

    >>> _number(96177), _number(0.59361), _number(1e-9)
    ('96,177', '0.5936', '1e-09')
    """
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"

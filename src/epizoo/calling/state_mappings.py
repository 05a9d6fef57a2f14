"""ChromHMM's mapping files of states: a state, a tab, and its name (``-m``), colour (``-c``) or new number."""

import os
import re
from collections.abc import Sequence

from epizoo.calling.chromhmm_files import read_lines
from epizoo.errors import InputError

File = str | os.PathLike[str]

_STATE = re.compile(r"^[A-Za-z]?(\d+)$")
_COLOR = re.compile(r"^\d{1,3},\d{1,3},\d{1,3}$")


def read_mapping(path: File, n_states: int, names: Sequence[str] = ()) -> dict[int, str]:
    """The value of each state (from 0) that a file names by its number, a letter before which is dropped, or its name.

    Raises:
        InputError: the file cannot be read, or a line names no state or no value.
    """
    found: dict[int, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        state, _, text = (part.strip() for part in line.partition("\t"))
        matched = _STATE.match(state)
        place = names.index(state) + 1 if state in names else int(matched[1]) if matched else 0
        if not text or not 1 <= place <= n_states:
            raise InputError(
                f"{path}: line {number}: {line.strip()[:60]!r} found, expected a state from 1 to {n_states}, a tab and "
                "its name or colour"
            )
        found[place - 1] = text
    return found


def read_colors(path: File, n_states: int, names: Sequence[str] = ()) -> dict[int, str]:
    """Colours as ``red,green,blue`` of the states (from 0) that a file names.

    Raises:
        InputError: as `read_mapping`, or a value is no colour.
    """
    found = read_mapping(path, n_states, names)
    for state, text in found.items():
        if not _COLOR.match(text) or max(map(int, text.split(","))) > 255:
            raise InputError(f"{path}: {text!r} found for state {state + 1}, expected a colour such as 255,0,0")
    return found

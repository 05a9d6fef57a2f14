"""Models of chromatin states from wherever they are: an entry of the zoo, or ChromHMM's model and emissions files."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epizoo.calling.chromhmm_files import ORDERS, read_lines
from epizoo.calling.state_colors import Color
from epizoo.errors import InputError
from epizoo.metrics.state_comparison import Emissions
from epizoo.states.chromhmm_models import read_model, read_table
from epizoo.zoo import find_entry, load
from epizoo.zoo.entry import ChromatinStateEntry


class StateModel(NamedTuple):
    """A model with the names that its tables and pictures show.

    Attributes:
        emissions: of each state and mark.
        transition: probabilities, from the row's state to the column's; None where only emissions are known.
        colors: of the states, where they are known.
    """

    emissions: Emissions
    transition: Float64[np.ndarray, "state state"] | None
    colors: list[Color] | None


def read_state_model(source: str | os.PathLike[str]) -> StateModel:
    """Read a model: ChromHMM's ``model_N.txt`` or ``emissions_N.txt``, plain or gzipped, or an entry's name or folder.

    Raises:
        InputError: the file is in neither format, or the entry is no model of states.
        EntryError: there is no such file and no such entry.
    """
    path = Path(source)
    if not path.is_file():
        if path.suffix in (".txt", ".gz"):
            raise InputError(f"{path}: no such file; give a model_N.txt or emissions_N.txt, or an entry's name")
        return _of_entry(source)
    first = next(iter(read_lines(path)), "")
    if first.split("\t")[0].strip().isdecimal():
        model = read_model(path)
        states = tuple(str(number) for number in range(1, len(model.parameters.initial) + 1))
        heading = f"State ({ORDERS[model.order]} order)"
        emission, transition = (np.asarray(array) for array in (model.parameters.emission, model.parameters.transition))
        return StateModel(Emissions(path.name, states, model.marks, emission, heading), transition, None)
    table = read_table(path)
    return StateModel(Emissions(path.name, table.rows, table.columns, table.values, first.split("\t")[0]), None, None)


def _of_entry(source: str | os.PathLike[str]) -> StateModel:
    find_entry(source)
    entry = load(source)
    if not isinstance(entry, ChromatinStateEntry):
        raise InputError(f"{entry.name}: is no model of chromatin states; give an entry chromatin_states/…")
    parameters, styles = entry.parameters(), [state.style for state in entry.config.states]
    states = tuple(f"{number}_{style.name}" for number, style in enumerate(styles, start=1))
    emissions = Emissions(entry.name, states, entry.channels, np.asarray(parameters.emission, np.float64))
    return StateModel(emissions, np.asarray(parameters.transition, np.float64), [style.color for style in styles])

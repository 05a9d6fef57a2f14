"""Models of chromatin states from an entry of the zoo, or from ChromHMM's model and emissions files."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epizoo.calling.chromhmm_files import ORDERS, read_lines
from epizoo.calling.state_colors import Color
from epizoo.errors import InputError
from epizoo.metrics.state_comparison import Emissions
from epizoo.models.hmm.run_lengths import Float64Parameters
from epizoo.states.chromhmm_models import read_model, read_table
from epizoo.zoo.catalogue import find_entry
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load


class StateModel(NamedTuple):
    """A model with the names that tables and pictures show.

    Attributes:
        emissions: probability that each state shows each mark.
        parameters: all probabilities; None where only emissions are known.
        names: names of the states: those of the entry, or E1, E2, … of a ``model_N.txt``.
        colors: colours of the states, where they are known.
    """

    emissions: Emissions
    parameters: Float64Parameters | None
    names: tuple[str, ...]
    colors: list[Color] | None


def read_state_model(source: str | os.PathLike[str]) -> StateModel:
    """Read a model: ChromHMM's ``model_N.txt`` or ``emissions_N.txt``, plain or gzipped, or an entry's name or folder.

    Raises:
        InputError: the file is in neither format, or the entry has no chromatin states.
        EntryError: there is no such file and no such entry.
    """
    path = Path(source)
    if not path.is_file():
        if path.suffix in (".txt", ".gz"):
            raise InputError(f"{path}: no such file; give a model_N.txt or emissions_N.txt, or an entry's name")
        return _of_entry(source)
    first = next(iter(read_lines(path)), "")
    if first.split("\t")[0].strip().isdecimal():
        (initial, transition, emission), marks, order, *_ = read_model(path)
        parameters = Float64Parameters(np.asarray(initial), np.asarray(transition), np.asarray(emission))
        states = tuple(str(number) for number in range(1, len(parameters.initial) + 1))
        emissions = Emissions(path.name, states, marks, parameters.emission, f"State ({ORDERS[order]} order)")
        return StateModel(emissions, parameters, tuple(f"{order}{state}" for state in states), None)
    table = read_table(path)
    emissions = Emissions(path.name, table.rows, table.columns, table.values, first.split("\t")[0])
    return StateModel(emissions, None, table.rows, None)


def _of_entry(source: str | os.PathLike[str]) -> StateModel:
    find_entry(source)
    entry = load(source)
    if not isinstance(entry, ChromatinStateEntry):
        raise InputError(f"{entry.name}: has no chromatin states; give an entry chromatin_states/…")
    parameters = Float64Parameters(*(np.asarray(array, np.float64) for array in entry.parameters()))
    styles = [state.style for state in entry.config.states]
    states = tuple(f"{number}_{style.name}" for number, style in enumerate(styles, start=1))
    emissions = Emissions(entry.name, states, entry.channels, parameters.emission)
    return StateModel(emissions, parameters, tuple(style.name for style in styles), [style.color for style in styles])

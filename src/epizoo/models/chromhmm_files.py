"""ChromHMM's model files (``model_N.txt``), read and written in float64."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.models.runs import Float64Parameters, Parameters, in_float64


class ChromHMMModel(NamedTuple):
    """A model and the names of its marks, in the order of the emissions' columns."""

    parameters: Float64Parameters
    marks: tuple[str, ...]


def read_chromhmm_model(path: str | os.PathLike[str]) -> ChromHMMModel:
    """Read a model file: tab-separated, states from 1, marks from 0, values 0 and 1.

    Raises:
        InputError: the file is missing, a line is not in this format, or a parameter is not there.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a model file of ChromHMM") from None
    number = 1
    try:
        header = lines[0].split("\t")
        n_states, n_marks = int(header[0]), int(header[1])
        parameters = Float64Parameters(
            *(np.full(shape, np.nan) for shape in (n_states, (n_states, n_states), (n_states, n_marks)))
        )
        marks = [""] * n_marks
        for line in lines[1:]:
            number += 1
            if line:
                _read_line(line.split("\t"), parameters, marks)
    except (IndexError, ValueError):
        raise InputError(f"{path}: line {number} is not in the format of ChromHMM's model files; correct it") from None
    for name, values in zip(parameters._fields, parameters, strict=True):
        if np.isnan(values).any():
            raise InputError(
                f"{path}: {np.isnan(values).sum()} {name} probabilities are missing; was the file cut short?"
            )
    return ChromHMMModel(in_float64(parameters), tuple(marks))


def write_chromhmm_model(path: str | os.PathLike[str], parameters: Parameters, marks: tuple[str, ...]) -> None:
    """Write a model file that ChromHMM loads and that `read_chromhmm_model` reads back to the last bit; atomic.

    Raises:
        InputError: the parameters do not fit the marks, or the path cannot be written.
    """
    model = in_float64(parameters)
    if model.emission.shape[1] != len(marks):
        raise InputError(f"{path}: the model has {model.emission.shape[1]} marks, {len(marks)} names were given")
    lines = [f"{len(model.initial)}\t{len(marks)}\tU"]
    lines += [f"probinit\t{state}\t{p!r}" for state, p in enumerate(model.initial.tolist(), 1)]
    for state, row in enumerate(model.transition.tolist(), 1):
        lines += [f"transitionprobs\t{state}\t{other}\t{p!r}" for other, p in enumerate(row, 1)]
    for state, row in enumerate(model.emission.tolist(), 1):
        for index, (mark, p) in enumerate(zip(marks, row, strict=True)):
            lines += [f"emissionprobs\t{state}\t{index}\t{mark}\t{value}\t{q!r}" for value, q in ((0, 1 - p), (1, p))]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_line(fields: list[str], parameters: Float64Parameters, marks: list[str]) -> None:
    state = int(fields[1]) - 1
    if state < 0:
        raise ValueError
    if fields[0] == "probinit":
        parameters.initial[state] = float(fields[2])
    elif fields[0] == "transitionprobs":
        parameters.transition[state, int(fields[2]) - 1] = float(fields[3])
    elif fields[0] == "emissionprobs":
        mark = int(fields[2])
        marks[mark] = fields[3]
        if fields[4] == "1":
            parameters.emission[state, mark] = float(fields[5])
    else:
        raise ValueError

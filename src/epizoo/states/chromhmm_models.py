"""ChromHMM's models as text: ``model_N.txt``, ``emissions_N.txt`` and ``transitions_N.txt``, read and written.

Values are float64 from end to end, since published models hold exact zeros and numbers far below float32's range. What
is written is what ChromHMM 1.27 writes, down to Java's way of printing numbers, and loads there. Its files of
segments, states and posteriors are in `epizoo.calling.chromhmm_files`.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epizoo.calling.chromhmm_files import ORDERS, read_lines
from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.models.hmm.reference import HMMParameters

File = str | os.PathLike[str]

# How far the probabilities of a row may be from one in sum: rounded tables pass, lost rows do not.
_ROW_TOLERANCE = 1e-3


class ChromHMMModel(NamedTuple):
    """A model as ChromHMM stores it.

    Attributes:
        parameters: NumPy arrays in float64.
        marks: names, in the order of the columns of ``parameters.emission``.
        order: letter of `epizoo.calling.chromhmm_files.ORDERS`, by what the states were ordered.
        log_likelihood: that of the last iteration of training, in nats; as a rule not exactly that of this model.
        iterations: number of iterations of training.
    """

    parameters: HMMParameters
    marks: tuple[str, ...]
    order: str = "E"
    log_likelihood: float | None = None
    iterations: int | None = None


def read_model(path: File) -> ChromHMMModel:
    """Read a ``model_N.txt``, plain or gzipped.

    Raises:
        InputError: the file is missing, not in this format, or truncated, or its rows do not sum to one.
    """
    lines = read_lines(path)
    n_states, n_marks, order, log_likelihood, iterations = _parse_header(path, lines[0] if lines else "")
    # A damaged first line must not ask for more memory than a few times the file.
    if n_states * (1 + n_states + 2 * n_marks) > 10 * len(lines) + 1000:
        raise InputError(
            f"{path}: {len(lines):,} lines, too few for the {n_states:,} states and {n_marks:,} marks that the first "
            "one tells; the file is truncated or its first line damaged, fetch it again"
        )
    tables = {
        "probinit": np.full(n_states, np.nan),
        "transitionprobs": np.full((n_states, n_states), np.nan),
        "emissionprobs": np.full((n_states, n_marks, 2), np.nan),
    }
    marks: dict[int, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            _parse_line(f"{path}: line {number}", line, tables, marks)
    for kind, table in tables.items():
        missing = int(np.isnan(table).sum())
        if missing:
            raise InputError(
                f"{path}: {missing} of {table.size} {kind} lines are missing for the {n_states} states and {n_marks} "
                "marks that its first line tells; the file is truncated, fetch it again"
            )
        _require_rows_of_one(path, kind, table)
    parameters = HMMParameters(tables["probinit"], tables["transitionprobs"], tables["emissionprobs"][:, :, 1])
    return ChromHMMModel(parameters, tuple(marks[index] for index in range(n_marks)), order, log_likelihood, iterations)


def write_model(path: File, model: ChromHMMModel) -> None:
    """Write a ``model_N.txt`` that ChromHMM loads; atomic.

    Raises:
        InputError: the arrays do not fit the marks, the order is unknown, or the path cannot be written.
    """
    initial, transition, emission = _checked_arrays(path, model)
    header = [str(len(initial)), str(len(model.marks)), model.order]
    if model.log_likelihood is not None and model.iterations is not None:
        header += [java_double(model.log_likelihood), str(model.iterations)]
    lines = ["\t".join(header)]
    lines += [f"probinit\t{state}\t{java_double(value)}" for state, value in enumerate(initial, 1)]
    for (start, end), value in np.ndenumerate(transition):
        lines.append(f"transitionprobs\t{start + 1}\t{end + 1}\t{java_double(value)}")
    for (state, mark), value in np.ndenumerate(emission):
        for shown, probability in ((0, 1 - value), (1, value)):
            name = model.marks[mark]
            lines.append(f"emissionprobs\t{state + 1}\t{mark}\t{name}\t{shown}\t{java_double(probability)}")
    _write_lines(path, lines)


def write_emissions(path: File, model: ChromHMMModel, names: Sequence[str] | None = None) -> None:
    """Write an ``emissions_N.txt``: a row a state, the marks reordered by similarity as ChromHMM does it; atomic.

    Args:
        path: the file.
        model: the model.
        names: names of the states, put behind their numbers (``1_TssA``).

    Raises:
        InputError: as `write_model`.
    """
    emission = np.asarray(_checked_arrays(path, model).emission)
    columns = similarity_order(emission.T)
    head = [f"State ({ORDERS[model.order]} order)", *(model.marks[column] for column in columns)]
    _write_table(path, head, _state_labels(len(emission), names), emission[:, columns])


def write_transitions(path: File, model: ChromHMMModel, names: Sequence[str] | None = None) -> None:
    """Write a ``transitions_N.txt``: a row the state from which, a column the state to which; arguments as above.

    Raises:
        InputError: as `write_model`.
    """
    transition = np.asarray(_checked_arrays(path, model).transition)
    labels = _state_labels(len(transition), names)
    _write_table(path, [f"State (from\\to) ({ORDERS[model.order]} order)", *labels], labels, transition)


class Table(NamedTuple):
    """An emissions or transitions table: labels of the rows (states) and columns, and the probabilities."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Float64[np.ndarray, "row column"]


def read_table(path: File) -> Table:
    """Read an ``emissions_N.txt`` or ``transitions_N.txt``, plain or gzipped.

    Raises:
        InputError: the file is missing, empty, or holds a line that does not fit its first.
    """
    lines = [line.split("\t") for line in read_lines(path) if line.strip()]
    if len(lines) < 2 or len(lines[0]) < 2:
        raise InputError(
            f"{path}: holds no table; expected a line of names, then a line of probabilities for each state"
        )
    rows, values = [], []
    for number, (label, *fields) in enumerate(lines[1:], start=2):
        if len(fields) != len(lines[0]) - 1:
            raise InputError(
                f"{path}: line {number} holds {len(fields)} probabilities where the first line names "
                f"{len(lines[0]) - 1} columns; the file is damaged, fetch it again"
            )
        rows.append(label)
        values.append([_probability(f"{path}: line {number}", field) for field in fields])
    return Table(tuple(rows), tuple(lines[0][1:]), np.array(values))


def similarity_order(vectors: Float64[np.ndarray, "vector value"]) -> list[int]:
    """An order in which neighbours are alike, found greedily from each vector in turn, as ChromHMM orders marks.

    Alike are those whose correlation is high; the order with the smallest sum of sqrt(1 - correlation) is taken.

    >>> similarity_order(np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.1], [0.1, 1.0, 0.5]]))
    [0, 2, 1]
    """
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=1))
    products = np.outer(norms, norms)
    # A mark of one value in all states correlates with none.
    correlations = np.divide(centred @ centred.T, products, out=np.zeros_like(products), where=products > 0)
    distances = np.sqrt(np.maximum(1 - correlations, 0))
    best, smallest = list(range(len(vectors))), np.inf
    for first in range(len(vectors)):
        order, total, left = [first], 0.0, [index for index in range(len(vectors)) if index != first]
        while left:
            nearest = min(left, key=lambda index: distances[index, order[-1]])
            total += distances[nearest, order[-1]]
            left.remove(nearest)
            order.append(nearest)
        if total < smallest:
            best, smallest = order, total
    return best


def java_double(value: float) -> str:
    """A number as Java prints it: the fewest digits that tell it apart, powers of ten outside 0.001 to 10,000,000.

    >>> [java_double(x) for x in (0.0, 1.0, 0.25, 0.00075, 1e-133, -742603.5, -294180470.25)]
    ['0.0', '1.0', '0.25', '7.5E-4', '1.0E-133', '-742603.5', '-2.9418047025E8']
    """
    value = float(value)
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    digits, exponent = np.format_float_scientific(value, unique=True, trim="0").split("e")
    return f"{digits}E{int(exponent)}"


def _parse_header(path: File, line: str) -> tuple[int, int, str, float | None, int | None]:
    fields = line.split("\t")
    try:
        n_states, n_marks, order = int(fields[0]), int(fields[1]), fields[2].strip()
        likelihood, iterations = (float(fields[3]), int(fields[4])) if len(fields) > 4 else (None, None)
    except (ValueError, IndexError):
        n_states = n_marks = 0
        order, likelihood, iterations = "", None, None
    if n_states < 1 or n_marks < 1 or order not in ORDERS:
        raise InputError(
            f"{path}: its first line is {line[:80]!r} where a model has the number of states, the number of marks and "
            f"one of {', '.join(ORDERS)}, between tabs; give a model_N.txt of ChromHMM"
        )
    return n_states, n_marks, order, likelihood, iterations


def _parse_line(where: str, line: str, tables: dict[str, Float64[np.ndarray, "..."]], marks: dict[int, str]) -> None:
    kind, *fields = line.split("\t")
    try:
        table = tables[kind]
        if kind == "emissionprobs":
            index: tuple[int, ...] = (int(fields[0]) - 1, int(fields[1]), int(fields[3]))
            name = marks.setdefault(index[1], fields[2])
        else:
            index, name = tuple(int(field) - 1 for field in fields[:-1]), ""
        if len(index) != table.ndim or not all(0 <= at < size for at, size in zip(index, table.shape, strict=True)):
            raise ValueError
    except (KeyError, ValueError, IndexError):
        n_states, n_marks, _ = tables["emissionprobs"].shape
        raise InputError(
            f"{where} is {line[:80]!r}, which is no probinit, transitionprobs or emissionprobs line of a model of "
            f"{n_states} states and {n_marks} marks; give a model_N.txt of ChromHMM"
        ) from None
    if kind == "emissionprobs" and name != fields[2]:
        raise InputError(
            f"{where} names mark {index[1]} {fields[2]}, but before it was {name}; keep one name for a mark"
        )
    if not np.isnan(table[index]):
        raise InputError(f"{where} gives {kind} {' '.join(fields[:-1])} a second time; keep one of the lines")
    table[index] = _probability(where, fields[-1])


def _probability(where: str, field: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise InputError(f"{where} holds {field!r} where a probability between 0 and 1 is expected; correct the file")
    return value


def _require_rows_of_one(path: File, kind: str, table: Float64[np.ndarray, "..."]) -> None:
    sums = table.sum(axis=-1)
    off = np.abs(sums - 1)
    if off.max() > _ROW_TOLERANCE:
        row = np.unravel_index(int(np.argmax(off)), sums.shape)
        state = f" of state {row[0] + 1}" if row else ""
        raise InputError(
            f"{path}: the {kind}{state} sum to {sums[row]:.6g} where probabilities sum to 1; the file is damaged, "
            "fetch it again"
        )


def _checked_arrays(path: File, model: ChromHMMModel) -> HMMParameters:
    arrays = HMMParameters(*(np.asarray(array, dtype=np.float64) for array in model.parameters))
    n_states, n_marks = len(arrays.initial), len(model.marks)
    if arrays.transition.shape != (n_states, n_states) or arrays.emission.shape != (n_states, n_marks):
        raise InputError(
            f"{path}: cannot be written, transition {arrays.transition.shape} and emission {arrays.emission.shape} do "
            f"not fit {n_states} states and {n_marks} marks; give arrays of one model and a name for each of its marks"
        )
    if model.order not in ORDERS:
        raise InputError(f"{path}: cannot be written, the order {model.order!r} is none of {', '.join(ORDERS)}")
    return arrays


def _state_labels(n_states: int, names: Sequence[str] | None) -> list[str]:
    if names is None:
        return [str(state) for state in range(1, n_states + 1)]
    if len(names) != n_states:
        raise InputError(f"names: {len(names)} names were given for {n_states} states; give one for each")
    return [f"{state}_{name}" for state, name in enumerate(names, 1)]


def _write_table(path: File, head: list[str], labels: list[str], values: Float64[np.ndarray, "row column"]) -> None:
    rows = ("\t".join([label, *map(java_double, row)]) for label, row in zip(labels, values, strict=True))
    _write_lines(path, ["\t".join(head), *rows])


def _write_lines(path: File, lines: list[str]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

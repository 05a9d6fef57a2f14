"""Sequences of binarised marks as runs of equal bins: what the compiled kernels work on."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, Num, UInt8, UInt32

from epizoo.errors import InputError
from epizoo.mark_values import MISSING
from epizoo.models.hmm import run_kernels
from epizoo.models.hmm.floors import FLOOR, LOG_FLOOR, LOG_ZERO

_MAX_CODED_MARKS = 16
_COLUMNS_AT_ONCE = 20
# Keys of fewer kinds are numbered by a table, which is several times faster than by sorting them.
_MAX_TABLE = 1 << 22
_MAX_STATES = 255
# Rows of published models sum to one only to the digits printed.
_ROUNDING = 1e-6


class Parameters(Protocol):
    """Probabilities of the model, such as `epizoo.models.hmm.reference.HMMParameters`, as NumPy or JAX arrays."""

    @property
    def initial(self) -> Any:
        """Probability of each state in the first bin, "state"."""

    @property
    def transition(self) -> Any:
        """Transition probabilities, "state state" (from, to)."""

    @property
    def emission(self) -> Any:
        """Probability that a state shows a mark, "state mark"."""


class Float64Parameters(NamedTuple):
    """The same as NumPy arrays in float64."""

    initial: Float64[np.ndarray, " state"]
    transition: Float64[np.ndarray, "state state"]
    emission: Float64[np.ndarray, "state mark"]


class CodedMarks(NamedTuple):
    """One sequence, such as a chromosome of one cell type.

    ``codes`` are a code per bin; ``marks`` are the marks that each code stands for (0, 1, or 2 where missing).
    """

    codes: Integer[np.ndarray, " bin"]
    marks: UInt8[np.ndarray, "code mark"]


class Symbols(NamedTuple):
    """Distinct observations in some sequences.

    ``marks`` are the marks of each symbol that occurs; ``lookups`` give, for each sequence, the symbol of each of its
    codes.
    """

    marks: UInt8[np.ndarray, "symbol mark"]
    lookups: tuple[Int64[np.ndarray, " code"], ...]


class PieceTable(NamedTuple):
    """Entries: each symbol with each length of its pieces, symbol by symbol, from one bin upwards."""

    offsets: Int64[np.ndarray, " symbol"]
    longest: Int64[np.ndarray, " symbol"]
    entry_symbol: Int64[np.ndarray, " entry"]
    entry_length: Int64[np.ndarray, " entry"]
    entry_first: Int64[np.ndarray, " entry"]


class PiecePowers(NamedTuple):
    """Powers of T diag(e) for the entries of a table, each symbol's emissions scaled to at most one.

    ``matrices`` and ``transposed`` are the powers; ``emissions`` the scaled emissions; ``log_scales`` the logarithm of
    what each entry's matrix was divided by; ``usable`` how long the pieces of each symbol may be lest messages
    underflow.
    """

    matrices: Float64[np.ndarray, "entry state state"]
    transposed: Float64[np.ndarray, "entry state state"]
    emissions: Float64[np.ndarray, "symbol state"]
    log_scales: Float64[np.ndarray, " entry"]
    usable: Int64[np.ndarray, " symbol"]


def reorder(parameters: Float64Parameters, order: Integer[np.ndarray, " state"]) -> Float64Parameters:
    """Parameters with their states in another order."""
    initial, transition, emission = parameters
    return Float64Parameters(initial[order], transition[np.ix_(order, order)], emission[order])


def in_float64(parameters: Parameters) -> Float64Parameters:
    """Parameters as NumPy arrays in float64, checked.

    Raises:
        InputError: shapes do not fit each other, there are more than 255 states, or a value is no probability.
    """
    arrays = (parameters.initial, parameters.transition, parameters.emission)
    model = Float64Parameters(*(np.array(array, np.float64, order="C") for array in arrays))
    n_states = len(model.initial)
    if not 1 <= n_states <= _MAX_STATES:
        raise InputError(f"the model has {n_states} states, expected 1 to {_MAX_STATES}")
    if model.transition.shape != (n_states, n_states) or model.emission.ndim != 2 or len(model.emission) != n_states:
        raise InputError(
            f"transition has shape {model.transition.shape} and emission {model.emission.shape}, expected a row for "
            f"each of the {n_states} states of the initial distribution"
        )
    for name, values in zip(model._fields, model, strict=True):
        if not ((values >= 0) & (values <= 1 + _ROUNDING)).all():
            raise InputError(f"{name} holds values from {values.min()} to {values.max()}, expected probabilities")
    return model


def observe(
    marks: CodedMarks | Integer[np.ndarray, " bin"] | Num[np.ndarray, "bin mark"],
    n_marks: int,
    present_marks: Bool[np.ndarray, " mark"] | None = None,
) -> CodedMarks | Float64[np.ndarray, "bin mark"]:
    """Marks as codes where they are 0, 1 or missing, else as soft values with NaN where missing.

    Args:
        marks: coded ones, a code per bin (the first mark as the highest bit), or a column per mark: 0, 1, missing (2
            in integers, NaN in floats), or soft values between 0 and 1.
        n_marks: the number of marks.
        present_marks: False for marks that were not measured.

    Raises:
        InputError: the marks are none of these.
    """
    if isinstance(marks, CodedMarks):
        table = observe(marks.marks, n_marks, present_marks)
        assert isinstance(table, CodedMarks)
        return marks._replace(marks=table.marks[table.codes])
    marks = np.asarray(marks)
    if marks.ndim == 1:
        return from_codes(marks, n_marks, present_marks)
    if marks.ndim != 2 or marks.shape[1] != n_marks:
        raise InputError(f"marks have shape {marks.shape}, expected a code per bin or {n_marks} columns, one per mark")
    if present_marks is not None:
        missing = np.nan if np.issubdtype(marks.dtype, np.floating) else MISSING
        marks = np.where(np.asarray(present_marks, bool), marks, missing)
    if np.issubdtype(marks.dtype, np.floating):
        if not (np.isnan(marks) | ((marks >= 0) & (marks <= 1))).all():
            raise InputError(
                f"marks hold {np.nanmin(marks)} to {np.nanmax(marks)}, expected 0 to 1, or NaN where missing"
            )
        if not (np.isnan(marks) | (marks == 0) | (marks == 1)).all():
            return np.array(marks, np.float64)
    return from_values(marks)


def from_codes(
    codes: Integer[np.ndarray, " bin"], n_marks: int, present_marks: Bool[np.ndarray, " mark"] | None = None
) -> CodedMarks:
    """Marks packed into one code per bin, the first mark as the highest bit.

    Args:
        codes: the codes.
        n_marks: number of marks, at most 16.
        present_marks: False for marks that were not measured; their bits are ignored.

    Raises:
        InputError: there are more than 16 marks, a code that is none, or `present_marks` does not fit.
    """
    codes = np.asarray(codes)
    if n_marks > _MAX_CODED_MARKS:
        raise InputError(
            f"{n_marks} marks do not fit codes of {_MAX_CODED_MARKS} bits; give the values, a column per mark"
        )
    if codes.ndim != 1 or not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"codes are {codes.dtype} of shape {codes.shape}, expected one integer per bin")
    if codes.size and (codes.min() < 0 or codes.max() >= 1 << n_marks):
        raise InputError(
            f"code {codes.max()} is none of {n_marks} marks; give the codes of the model's marks, in its order"
        )
    shifts = np.arange(n_marks - 1, -1, -1)
    marks = ((np.arange(1 << n_marks)[:, None] >> shifts) & 1).astype(np.uint8)
    if present_marks is not None:
        present = np.asarray(present_marks, bool)
        if present.shape != (n_marks,):
            raise InputError(f"present_marks has shape {present.shape}, expected one value for each of {n_marks} marks")
        marks[:, ~present] = MISSING
    return CodedMarks(np.ascontiguousarray(codes, np.uint16), marks)


def from_values(values: Num[np.ndarray, "bin mark"]) -> CodedMarks:
    """Marks given as values 0, 1, or missing (2 in integers, NaN in floats) in any bin.

    Raises:
        InputError: a value is something else.
    """
    values = np.asarray(values)
    if np.issubdtype(values.dtype, np.floating):
        values = np.where(np.isnan(values), MISSING, values)
    if np.issubdtype(values.dtype, np.unsignedinteger):
        valid = values.max(initial=0) <= MISSING
    else:
        valid = ((values == 0) | (values == 1) | (values == MISSING)).all()
    if values.ndim != 2 or not valid:
        raise InputError(f"values of shape {values.shape} are not 0, 1 or missing in a column per mark; binarise them")
    codes, marks = np.zeros(len(values), np.uint32), np.zeros((min(len(values), 1), 0), np.uint8)
    # Numbers are told apart much faster than rows; so many columns fit one number together with the codes so far.
    for begin in range(0, values.shape[1], _COLUMNS_AT_ONCE):
        columns = values[:, begin : begin + _COLUMNS_AT_ONCE].astype(np.uint8, copy=False)
        places = 3 ** np.arange(columns.shape[1] + 1)
        n_keys = len(marks) * int(places[-1])
        kind = np.int32 if n_keys < 1 << 31 else np.int64
        keys = codes.astype(kind) * int(places[-1]) + np.einsum("ij,j->i", columns, places[:-1].astype(kind))
        kinds, codes = _numbered(keys, n_keys)
        digits = kinds[:, None] // places[:-1] % 3
        marks = np.hstack([marks[kinds // places[-1]], digits.astype(np.uint8)])
    return CodedMarks(codes, marks)


def _numbered(
    keys: Integer[np.ndarray, " bin"], n_keys: int
) -> tuple[Integer[np.ndarray, " kind"], UInt32[np.ndarray, " bin"]]:
    """The keys that occur, sorted, and the place of each among them."""
    if n_keys > _MAX_TABLE:
        kinds, places = np.unique(keys, return_inverse=True)
        return kinds, places.reshape(-1).astype(np.uint32)
    occurs = np.bincount(keys, minlength=n_keys) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1).astype(np.uint32)[keys]


def tabulate(sequences: Sequence[CodedMarks], n_marks: int, pool: Executor) -> tuple[Symbols, PieceTable]:
    """Symbols that occur in any of the sequences, and the entries that they need; a pool of threads reads them."""
    longest = list(pool.map(lambda sequence: run_kernels.longest_runs(sequence.codes, len(sequence.marks)), sequences))
    used = [np.flatnonzero(lengths) for lengths in longest]
    none = np.zeros((0, n_marks), np.uint8)
    rows = np.concatenate([none] + [sequence.marks[codes] for sequence, codes in zip(sequences, used, strict=True)])
    marks, inverse = np.unique(rows, axis=0, return_inverse=True)
    lengths = np.ones(len(marks), np.int64)
    lookups = []
    begin = 0
    for codes, longest_by_code in zip(used, longest, strict=True):
        symbols = inverse.reshape(-1)[begin : begin + len(codes)]
        np.maximum.at(lengths, symbols, longest_by_code[codes])
        lookup = np.zeros(len(longest_by_code), np.int64)
        lookup[codes] = symbols
        lookups.append(lookup)
        begin += len(codes)
    return Symbols(marks, tuple(lookups)), _piece_table(lengths)


def emission_products(
    emission: Float64[np.ndarray, "state mark"], marks: UInt8[np.ndarray, "symbol mark"]
) -> Float64[np.ndarray, "symbol state"]:
    """p(marks | state), the product over the marks that are not missing.

    Where it is below 1e-300 in all states it is set to 1e-300 in all, as ChromHMM does.
    """
    factors = np.where(marks[:, None, :] == 1, emission, np.where(marks[:, None, :] == 0, 1 - emission, 1.0))
    products = factors.prod(axis=-1)
    products[(products < FLOOR).all(axis=-1)] = FLOOR
    return products


def soft_log_emissions(
    emission: Float64[np.ndarray, "state mark"], values: Float64[np.ndarray, "bin mark"]
) -> Float64[np.ndarray, "bin state"]:
    """The logarithm of p(values | state): x log p + (1 - x) log(1 - p), summed over the marks that are not NaN."""
    missing = np.isnan(values)
    present, absent = np.where(missing, 0, values), np.where(missing, 0, 1 - values)
    with np.errstate(divide="ignore"):
        # -inf times a weight of 0 would be NaN.
        logs = np.maximum(np.log(emission), LOG_ZERO), np.maximum(np.log1p(-emission), LOG_ZERO)
    sums = present @ logs[0].T + absent @ logs[1].T
    sums[(sums < LOG_FLOOR).all(axis=-1)] = LOG_FLOOR
    return np.where(sums < LOG_ZERO / 1e6, -np.inf, sums)


def piece_powers(
    transition: Float64[np.ndarray, "state state"], products: Float64[np.ndarray, "symbol state"], table: PieceTable
) -> PiecePowers:
    """Powers for all entries of a table, given the emissions of each symbol."""
    scales = products.max(axis=1, keepdims=True, initial=0)
    emissions = products / scales
    matrices, transposed, usable = run_kernels.powers(transition, emissions, table.offsets, table.longest)
    log_scales = np.log(scales[table.entry_symbol, 0]) * table.entry_length
    return PiecePowers(matrices, transposed, emissions, log_scales, usable)


def _piece_table(lengths: Int64[np.ndarray, " symbol"]) -> PieceTable:
    """Entries for all lengths up to each symbol's longest."""
    offsets = np.cumsum(lengths) - lengths
    entry_symbol = np.repeat(np.arange(len(lengths)), lengths)
    first = offsets[entry_symbol]
    return PieceTable(offsets, lengths, entry_symbol, np.arange(len(first)) - first + 1, first)

"""Chromatin states of whole genomes from a hidden Markov model: exact, in float64, fast.

Runs of equal bins are decoded at once (`epizoo.models.hmm.message_kernels`): time goes with the number of runs, memory
with the sequences that are being decoded at the moment.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, Int64, Integer, Num, UInt8

from epizoo.compilation import usable_cores
from epizoo.models.hmm import bin_kernels, run_kernels
from epizoo.models.hmm import message_kernels as hmm_kernels
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.run_lengths import CodedMarks, Float64Parameters, Parameters

Marks = CodedMarks | Integer[np.ndarray, " bin"] | Num[np.ndarray, "bin mark"]
"""See `epizoo.models.hmm.run_lengths.observe`."""


class Decoding(NamedTuple):
    """The states of one sequence.

    ``states`` are the best posterior states from 0, ties to the lowest; ``log_likelihood`` is in nats; ``posteriors``
    and the most probable path, ``viterbi_path``, are None unless asked for.
    """

    states: UInt8[np.ndarray, " bin"]
    log_likelihood: float
    posteriors: Float32[np.ndarray, "bin state"] | None
    viterbi_path: UInt8[np.ndarray, " bin"] | None


def decode(
    parameters: Parameters,
    marks: Marks,
    present_marks: Bool[np.ndarray, " mark"] | None = None,
    *,
    posteriors: bool = False,
    viterbi: bool = False,
) -> Decoding:
    """States of one sequence, such as a chromosome.

    ChromHMM's conventions: segments are the best posterior state; the factor of a missing mark is left out; emissions
    of a bin that are below 1e-300 in all states are 1e-300 in all. A bin that no state within reach allows counts as
    unobserved and costs log(1e-300); ChromHMM's posteriors are NaN from there on.

    Args:
        parameters: the model.
        marks: coded ones, a code per bin (the first mark as the highest bit), or a column per mark: 0, 1, missing (2
            in integers, NaN in floats), or soft values between 0 and 1.
        present_marks: False for marks that were not measured.
        posteriors: also return the posteriors.
        viterbi: also return the most probable path.

    Raises:
        InputError: the marks do not fit the model.
    """
    return decode_all(parameters, [marks], present_marks, posteriors=posteriors, viterbi=viterbi)[0]


def decode_all(
    parameters: Parameters,
    sequences: Sequence[Marks],
    present_marks: Bool[np.ndarray, " mark"] | None = None,
    *,
    posteriors: bool = False,
    viterbi: bool = False,
    threads: int | None = None,
) -> list[Decoding]:
    """States of many sequences, such as the chromosomes of a genome, decoded side by side; see `decode_each`."""
    return list(
        decode_each(parameters, sequences, present_marks, posteriors=posteriors, viterbi=viterbi, threads=threads)
    )


def decode_each(
    parameters: Parameters,
    sequences: Sequence[Marks],
    present_marks: Bool[np.ndarray, " mark"] | None = None,
    *,
    posteriors: bool = False,
    viterbi: bool = False,
    threads: int | None = None,
) -> Iterator[Decoding]:
    """Yield the states of many sequences in their order, each while those after it are being decoded.

    Args:
        parameters: the model.
        sequences: as ``marks`` of `decode`.
        present_marks: as in `decode`, for all sequences.
        posteriors: also return the posteriors.
        viterbi: also return the most probable paths.
        threads: number of sequences to work on at once; None for one per core.

    Raises:
        InputError: the marks do not fit the model.
    """
    model = runs.in_float64(parameters)
    n_marks = model.emission.shape[1]
    observed = [runs.observe(sequence, n_marks, present_marks) for sequence in sequences]
    coded = [marks for marks in observed if isinstance(marks, CodedMarks)]
    with ThreadPoolExecutor(threads or usable_cores()) as pool:
        symbols, table = runs.tabulate(coded, n_marks, pool)
        lookups = iter(symbols.lookups)
        jobs = [(marks, next(lookups) if isinstance(marks, CodedMarks) else None) for marks in observed]
        products = runs.emission_products(model.emission, symbols.marks)
        powers = runs.piece_powers(model.transition, products, table)
        decoder = _Decoder(model, products, table, powers, posteriors, viterbi)
        yield from pool.map(decoder.decode, *zip(*jobs, strict=True)) if jobs else ()


def load_kernels(parameters: Parameters, *, viterbi: bool = False) -> None:
    """Load the compiled kernels, which takes a third of a second, or some seconds where they must be compiled first.

    They are loaded when they are first called anyway; a thread can do it while something else is done.
    """
    decode(parameters, np.zeros(2, np.uint16), viterbi=viterbi)


class _Decoder(NamedTuple):
    """Everything that the sequences share, and which results are wanted."""

    model: Float64Parameters
    products: Float64[np.ndarray, "symbol state"]
    table: runs.PieceTable
    powers: runs.PiecePowers
    wants_posteriors: bool
    wants_viterbi: bool

    def decode(
        self, marks: CodedMarks | Float64[np.ndarray, "bin mark"], lookup: Int64[np.ndarray, " code"] | None
    ) -> Decoding:
        """Decode one sequence: over runs where it is coded and possible under the model, else bin by bin."""
        n_bins = len(marks.codes if isinstance(marks, CodedMarks) else marks)
        states = np.zeros(n_bins, np.uint8)
        posteriors = np.zeros((n_bins if self.wants_posteriors else 0, len(self.model.initial)), np.float32)
        log_likelihood, path = 0.0, states
        if n_bins:
            log_likelihood = np.nan
            if isinstance(marks, CodedMarks):
                log_likelihood = self._over_runs(marks.codes, lookup, states, posteriors)
            if np.isnan(log_likelihood) or self.wants_viterbi:
                symbols, logs = self._log_emissions(marks, lookup)
            if np.isnan(log_likelihood):
                log_likelihood = bin_kernels.smooth(
                    self.model.initial, self.model.transition, symbols, logs, states, posteriors
                )
            if self.wants_viterbi:
                path = self._viterbi_path(symbols, logs)
        return Decoding(
            states,
            float(log_likelihood),
            posteriors if self.wants_posteriors else None,
            path if self.wants_viterbi else None,
        )

    def _over_runs(
        self,
        codes: Integer[np.ndarray, " bin"],
        lookup: Int64[np.ndarray, " code"] | None,
        states: UInt8[np.ndarray, " bin"],
        posteriors: Float32[np.ndarray, "bin state"],
    ) -> float:
        """Decode over runs; NaN where the sequence is impossible under the model or underflows."""
        table, powers = self.table, self.powers
        pieces = run_kernels.cut(codes, lookup, table.offsets, powers.usable)
        start = self.model.initial * powers.emissions[table.entry_symbol[pieces[0]]]
        checkpoints, log_likelihood = hmm_kernels.forward_checkpoints(start, powers.matrices, pieces, powers.log_scales)
        if not np.isnan(log_likelihood):
            hmm_kernels.decode_pieces(
                powers.matrices,
                powers.transposed,
                pieces,
                table.entry_first,
                table.entry_length,
                checkpoints,
                states,
                posteriors,
            )
        return log_likelihood

    def _log_emissions(
        self, marks: CodedMarks | Float64[np.ndarray, "bin mark"], lookup: Int64[np.ndarray, " code"] | None
    ) -> tuple[Int[np.ndarray, " bin"], Float64[np.ndarray, "symbol state"]]:
        """A symbol per bin, and log p(symbol | state); each bin of soft values is a symbol of its own."""
        if isinstance(marks, CodedMarks) and lookup is not None:
            with np.errstate(divide="ignore"):
                return lookup.astype(np.int32)[marks.codes], np.log(self.products)
        values = np.asarray(marks)
        return np.arange(len(values), dtype=np.int32), runs.soft_log_emissions(self.model.emission, values)

    def _viterbi_path(
        self, symbols: Int[np.ndarray, " bin"], logs: Float64[np.ndarray, "symbol state"]
    ) -> UInt8[np.ndarray, " bin"]:
        with np.errstate(divide="ignore"):
            return bin_kernels.viterbi(np.log(self.model.initial), np.log(self.model.transition), symbols, logs)

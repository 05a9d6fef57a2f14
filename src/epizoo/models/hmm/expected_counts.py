"""Expected counts of a hidden Markov model: the E step of learning, exact, over runs of equal bins."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, UInt8

from epizoo.compilation import usable_cores
from epizoo.errors import InputError
from epizoo.models.hmm import message_kernels as hmm_kernels
from epizoo.models.hmm import run_kernels
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.run_lengths import CodedMarks, Parameters


class ExpectedCounts(NamedTuple):
    """Sums of the posteriors of all sequences.

    ``initial`` counts first bins by state, ``transition`` steps from state to state, ``occupancy`` bins by symbol and
    state; ``log_likelihood`` is that of all sequences under the parameters, in nats.
    """

    initial: Float64[np.ndarray, " state"]
    transition: Float64[np.ndarray, "state state"]
    occupancy: Float64[np.ndarray, "symbol state"]
    log_likelihood: float


class RunCounter:
    """Sequences cut into runs once, to be counted under many parameters.

    Args:
        sequences: marks of each sequence, such as a chromosome of a cell type.
        threads: number of sequences to work on at once; None for one per core. The result does not depend on it.

    Attributes:
        marks: the marks (0, 1, or 2 where missing) of each symbol that occurs.
        n_bins: bins of all sequences.

    Raises:
        InputError: there is no bin, or sequences differ in their number of marks.
    """

    def __init__(self, sequences: Sequence[CodedMarks], *, threads: int | None = None) -> None:
        self._sequences = [sequence for sequence in sequences if len(sequence.codes)]
        widths = {sequence.marks.shape[1] for sequence in self._sequences}
        if len(widths) != 1:
            raise InputError(
                f"{len(sequences)} sequences have bins of {sorted(widths)} marks, expected one number of marks"
            )
        self.n_bins = sum(len(sequence.codes) for sequence in self._sequences)
        self._threads = threads or usable_cores()
        with ThreadPoolExecutor(self._threads) as pool:
            self._symbols, self._table = runs.tabulate(self._sequences, widths.pop(), pool)
        self.marks: UInt8[np.ndarray, "symbol mark"] = self._symbols.marks
        self._cut(self._table.longest)

    def digest(self) -> str:
        """A hash of all sequences, by which a checkpoint knows its data."""
        found = hashlib.blake2b(digest_size=16)
        for sequence in self._sequences:
            found.update(np.ascontiguousarray(sequence.marks).tobytes())
            found.update(np.ascontiguousarray(sequence.codes).view(np.uint8).data)
        return found.hexdigest()

    def _cut(self, longest) -> None:
        with ThreadPoolExecutor(self._threads) as pool:
            self._longest = longest
            self._pieces: list[Int32[np.ndarray, " piece"]] = list(
                pool.map(
                    lambda sequence, lookup: run_kernels.cut(sequence.codes, lookup, self._table.offsets, longest),
                    self._sequences,
                    self._symbols.lookups,
                )
            )

    def count(self, parameters: Parameters) -> ExpectedCounts:
        """Expected counts under some parameters.

        Raises:
            InputError: the parameters do not fit the marks, or a sequence is impossible under them.
        """
        model = runs.in_float64(parameters)
        if model.emission.shape[1] != self.marks.shape[1]:
            raise InputError(f"the model has {model.emission.shape[1]} marks, the sequences have {self.marks.shape[1]}")
        table = self._table
        powers = runs.piece_powers(model.transition, runs.emission_products(model.emission, self.marks), table)
        if (powers.usable < self._longest).any():
            self._cut(np.minimum(powers.usable, self._longest))
        weights = np.zeros_like(powers.matrices)
        occupancy = np.zeros((len(self.marks), len(model.initial)))
        initial = np.zeros(len(model.initial))
        log_likelihood = 0.0

        def count_one(pieces):
            first = powers.emissions[table.entry_symbol[pieces[0]]]
            checkpoints, likelihood = hmm_kernels.forward_checkpoints(
                model.initial * first, powers.matrices, pieces, powers.log_scales
            )
            added = np.zeros_like(weights)
            if np.isnan(likelihood):
                return added, initial, likelihood
            return added, hmm_kernels.count_pieces(*powers[:2], pieces, checkpoints, added), likelihood

        with ThreadPoolExecutor(self._threads) as pool:
            # Added up in the order of the sequences, so that threads do not change the rounding.
            for pieces, (added, start, likelihood) in zip(self._pieces, pool.map(count_one, self._pieces), strict=True):
                weights += added
                initial = initial + start
                occupancy[table.entry_symbol[pieces[0]]] += start
                log_likelihood += likelihood
        if np.isnan(log_likelihood):
            raise InputError("a sequence is impossible under the parameters; start from others, without zeros")
        transition = np.zeros_like(model.transition)
        hmm_kernels.spread(*powers[:2], table.offsets, self._longest, weights, transition, occupancy)
        return ExpectedCounts(initial, transition, occupancy, log_likelihood)

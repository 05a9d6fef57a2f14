"""Decoding of whole chromosomes by an entry: by the kernels for genomes, or window by window by its own backend."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from epizoo.compilation import usable_cores
from epizoo.genome.mark_sources import Chromosomes
from epizoo.mark_values import MISSING, OUTSIDE

if TYPE_CHECKING:
    from epizoo.models.hmm.decoding import Decoding
    from epizoo.zoo.entry import ChromatinStateEntry

_BATCH_WINDOWS = 16


@contextmanager
def loading_kernels(entry: "ChromatinStateEntry", viterbi: bool) -> Iterator[None]:
    """Load in a thread, while marks are being read, what `decode_chromosomes` needs; the thread ends with the block.

    `decode_chromosomes` meets any error of the thread itself.
    """
    is_abandoned = threading.Event()

    def load() -> None:
        from epizoo.models.hmm.decoding import load_kernels

        parameters = entry.parameters()
        if not is_abandoned.is_set():
            load_kernels(parameters, viterbi=viterbi)

    # Waited for: a thread that outlived its caller would import, read and compile in the middle of what comes next.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(load)
        try:
            yield
        except BaseException:
            is_abandoned.set()
            raise


def decode_chromosomes(
    entry: "ChromatinStateEntry", chromosomes: Chromosomes, viterbi: bool, posteriors: bool
) -> Iterator[tuple[str, "Decoding"]]:
    """Decoded chromosomes sorted by name; side by side, but one by one where posteriors would fill the memory."""
    from epizoo.models.hmm.decoding import decode_each
    from epizoo.models.hmm.run_lengths import from_values

    parameters = entry.parameters()
    chroms = sorted(chromosomes)
    with ThreadPoolExecutor(usable_cores()) as pool:
        coded = list(pool.map(from_values, map(chromosomes.__getitem__, chroms)))
    for group in [[sequence] for sequence in coded] if posteriors else [coded]:
        decoded = decode_each(parameters, group, posteriors=posteriors, viterbi=viterbi)
        yield from zip(chroms, decoded, strict=False)
        chroms = chroms[len(group) :]


def decode_by_windows(
    entry: "ChromatinStateEntry", chromosomes: Chromosomes, posteriors: bool
) -> Iterator[tuple[str, "Decoding"]]:
    """The same from the entry's `predict`, whatever computes it, over windows with flanks.

    States differ from `decode_chromosomes` only where two posteriors are equal in float32.
    """
    from epizoo.models.hmm.decoding import Decoding

    for chrom, values in sorted(chromosomes.items()):
        found, log_likelihood = [], 0.0
        for batch in _batches(values, entry.window.window_bins, entry.window.flank_bins):
            predicted = entry.activations({"marks": batch}, ("state_posteriors", "log_likelihood"))
            found.append(predicted["state_posteriors"].reshape(-1, predicted["state_posteriors"].shape[-1]))
            log_likelihood += float(predicted["log_likelihood"].sum())
        n_states = entry.config.model.n_states
        of_bins = np.concatenate([np.zeros((0, n_states), np.float32), *found])[: len(values)].astype(np.float32)
        states = of_bins.argmax(axis=1).astype(np.uint8)
        yield chrom, Decoding(states, log_likelihood, of_bins if posteriors else None, None)


def _batches(
    values: UInt8[np.ndarray, "bin mark"], window_bins: int, flank_bins: int
) -> Iterator[Float32[np.ndarray, "window windowbin mark"]]:
    """Windows with flanks; bins outside the chromosome are -1, missing marks NaN."""
    n_windows = -(-len(values) // window_bins)
    padded = np.full((n_windows * window_bins + 2 * flank_bins, values.shape[1]), OUTSIDE, np.float32)
    padded[flank_bins : flank_bins + len(values)] = np.where(values == MISSING, np.nan, values)
    for first in range(0, n_windows, _BATCH_WINDOWS):
        numbers = range(first, min(first + _BATCH_WINDOWS, n_windows))
        starts = [number * window_bins for number in numbers]
        yield np.stack([padded[start : start + window_bins + 2 * flank_bins] for start in starts])

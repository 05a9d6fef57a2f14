"""A model over a whole stretch of a chromosome, chunk by chunk, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Read = Callable[[int, int], Float[np.ndarray, "bin track"]]
Predict = Callable[[Float[np.ndarray, "bin track"]], Mapping[str, np.ndarray]]


class Piece(NamedTuple):
    """Consecutive bins with what went into the model and what came out."""

    start_bin: int
    inputs: Float[np.ndarray, "bin track"]
    outputs: dict[str, np.ndarray]
    """Each (bin, ...)."""


def predict_track(
    predict: Predict,
    read: Read,
    *,
    start_bin: int,
    end_bin: int,
    flank_bins: int,
    chunk_bins: int,
    silent: dict[str, np.ndarray] | None = None,
) -> Iterator[Piece]:
    """The model's outputs for the bins of `[start_bin, end_bin)`, in order.

    The model always sees `chunk_bins + 2 * flank_bins` bins, so that it is compiled once. Where an output depends on at
    most `flank_bins` bins to either side, the result does not depend on `chunk_bins`. A window without any signal goes
    through the model once for the whole call, or for all calls that share `silent`.

    Args:
        predict: Any function of a window alone; its outputs are for the `chunk_bins` bins between the flanks.
        read: Gives the signal of `[start, end)`, 0 for bins outside the chromosome (numbers below 0 occur).
        start_bin: The first bin wanted.
        end_bin: The bin after the last one wanted.
        flank_bins: Context on both sides of a chunk, without output.
        chunk_bins: Bins per piece; the last one may be shorter.
        silent: An empty dict, filled with the outputs for a window without signal; for calls of equal `chunk_bins`.
    """
    silent = {} if silent is None else silent
    for start in range(start_bin, end_bin, chunk_bins):
        window = read(start - flank_bins, start + chunk_bins + flank_bins)
        n_kept = min(chunk_bins, end_bin - start)
        if window.any():
            outputs = predict(window)
        else:
            if not silent:
                silent.update(predict(window))
            outputs = silent
        inputs = window[flank_bins : flank_bins + n_kept]
        yield Piece(start, inputs, {name: np.asarray(array)[:n_kept] for name, array in outputs.items()})

"""A model over stretches of chromosomes, long ones chunk by chunk and short ones side by side, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

Read = Callable[[int, int], Float[np.ndarray, "bin track"]]
Predict = Callable[[Float[np.ndarray, "bin track"]], Mapping[str, np.ndarray]]
_Item = TypeVar("_Item")


class Piece(NamedTuple):
    """Consecutive bins with what went into the model and what came out."""

    start_bin: int
    inputs: Float[np.ndarray, "bin track"]
    outputs: dict[str, np.ndarray]
    """Each (bin, ...)."""


class Track(NamedTuple):
    """Bins of which a model's outputs are wanted, and what reads them; see `predict_track`."""

    read: Read
    start_bin: int
    end_bin: int


_MOST_TRACKS = 4096


def predict_tracks(
    predict: Predict, tracks: Iterable[Track], *, flank_bins: int, chunk_bins: int
) -> Iterator[Iterator[Piece]]:
    """The pieces of each track, in order, as `predict_track` gives them.

    Tracks of at most `chunk_bins` are one piece, and go through the model with others in one window: each with its own
    flanks, so that none sees another. A draft assembly then costs what its bases cost, however many scaffolds it has.

    Args:
        predict: See `predict_track`.
        tracks: What to predict.
        flank_bins: Context on both sides of a track.
        chunk_bins: Bins of a window without its flanks.
    """
    silent: dict[str, np.ndarray] = {}
    window = _SharedWindow(predict, flank_bins, chunk_bins, silent)
    for track in tracks:
        if track.end_bin - track.start_bin > chunk_bins:
            yield from window.pieces()
            yield predict_track(
                predict,
                track.read,
                start_bin=track.start_bin,
                end_bin=track.end_bin,
                flank_bins=flank_bins,
                chunk_bins=chunk_bins,
                silent=silent,
            )
            continue
        signal = track.read(track.start_bin - flank_bins, track.end_bin + flank_bins)
        if not window.has_room(signal):
            yield from window.pieces()
        window.add(track.start_bin, signal)
    yield from window.pieces()


class _SharedWindow:
    """Tracks that go through a model side by side."""

    def __init__(self, predict: Predict, flank_bins: int, chunk_bins: int, silent: dict[str, np.ndarray]) -> None:
        self._predict = predict
        self._flank, self._chunk = flank_bins, chunk_bins
        self._silent = silent
        self._tracks: list[tuple[int, int | None, Float[np.ndarray, "bin track"]]] = []
        self._next, self._ends_silent = 0, True

    def has_room(self, signal: Float[np.ndarray, "bin track"]) -> bool:
        """True if a track fits, given with its flanks."""
        n_bins = len(signal) - 2 * self._flank
        return len(self._tracks) < _MOST_TRACKS and self._place(signal) + n_bins <= self._chunk

    def add(self, start_bin: int, signal: Float[np.ndarray, "bin track"]) -> None:
        """Take in a track that fits; without any signal it takes no room."""
        place = None
        if signal.any():
            place = self._place(signal)
            self._next = place + len(signal) - self._flank
            self._ends_silent = not signal[len(signal) - self._flank :].any()
        self._tracks.append((start_bin, place, signal))

    def pieces(self) -> Iterator[Iterator[Piece]]:
        """The piece of each track; the window is empty afterwards."""
        outputs: Mapping[str, np.ndarray] = {}
        if self._next:
            outputs = self._predict(self._joined())
        for start_bin, place, signal in self._tracks:
            inputs = signal[self._flank : len(signal) - self._flank]
            if place is None and not self._silent:
                self._silent.update(
                    self._predict(np.zeros((self._chunk + 2 * self._flank, signal.shape[1]), np.float32))
                )
            of, first = (self._silent, 0) if place is None else (outputs, place)
            found = {name: np.asarray(array)[first : first + len(inputs)] for name, array in of.items()}
            yield iter([Piece(start_bin, inputs, found)])
        self._tracks, self._next, self._ends_silent = [], 0, True

    def _place(self, signal: Float[np.ndarray, "bin track"]) -> int:
        """Start of a track's outputs: silent flanks, as beyond the ends of chromosomes, are shared by neighbours."""
        if not self._next or (self._ends_silent and not signal[: self._flank].any()):
            return self._next
        return self._next + self._flank

    def _joined(self) -> Float[np.ndarray, "bin track"]:
        n_tracks = self._tracks[0][2].shape[1]
        joined = np.zeros((self._chunk + 2 * self._flank, n_tracks), np.float32)
        for _, place, signal in self._tracks:
            if place is not None:
                # Flanks that are shared hold zeros in both.
                joined[place : place + len(signal)] += signal
        return joined


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
        predict: Any function of a window alone; its outputs are for the `chunk_bins` bins between the flanks; called in
            another thread, for one chunk ahead.
        read: Gives the signal of `[start, end)`, 0 for bins outside the chromosome (numbers below 0 occur); called in
            another thread, up to two chunks ahead.
        start_bin: The first bin wanted.
        end_bin: The bin after the last one wanted.
        flank_bins: Context on both sides of a chunk, without output.
        chunk_bins: Bins per piece; the last one may be shorter.
        silent: An empty dict, filled with the outputs for a window without signal; for calls of equal `chunk_bins`.
    """
    silent = {} if silent is None else silent
    starts = range(start_bin, end_bin, chunk_bins)
    windows = _one_ahead(read(start - flank_bins, start + chunk_bins + flank_bins) for start in starts)

    def outputs_of(window: Float[np.ndarray, "bin track"]) -> Mapping[str, np.ndarray]:
        if window.any():
            return predict(window)
        if not silent:
            silent.update(predict(window))
        return silent

    predicted = _one_ahead((window, outputs_of(window)) for window in windows)
    for start, (window, outputs) in zip(starts, predicted, strict=True):
        n_kept = min(chunk_bins, end_bin - start)
        inputs = window[flank_bins : flank_bins + n_kept]
        yield Piece(start, inputs, {name: np.asarray(array)[:n_kept] for name, array in outputs.items()})


def _one_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The items, of which a thread makes the next one while this one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item

"""A model over stretches of chromosomes, long ones chunk by chunk and short ones side by side, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float, Int

from epizoo.calling.stretches import Locus, Stretch

Read = Callable[[Sequence[Locus]], Float[np.ndarray, "bin track"]]
Predict = Callable[[Float[np.ndarray, "bin track"]], Mapping[str, np.ndarray]]
_Item = TypeVar("_Item")


class Piece(NamedTuple):
    """Bins with what went into the model and what came out."""

    loci: list[Locus]
    """Where they lie, one after another."""
    inputs: Float[np.ndarray, "bin track"]
    outputs: dict[str, np.ndarray]
    """Each (bin, ...)."""


_MOST_CHUNKS = 2


def predict_stretches(
    predict: Predict,
    read: Read,
    stretches: Iterable[Stretch],
    *,
    flank_bins: int,
    chunk_bins: int,
    most_stretches: int = 4096,
) -> Iterator[tuple[list[Stretch], Iterator[Piece]]]:
    """A model over many stretches: one that is long in pieces, as `predict_track` gives them, or several in one piece.

    Stretches of at most `chunk_bins` are read at once and go through the model side by side: each with its own flanks,
    so that none sees another. A draft assembly then costs what its bases and flanks cost, however many parts it has.

    Args:
        predict: See `predict_track`.
        read: See `predict_track`; called with several loci at once.
        stretches: Where the outputs are wanted.
        flank_bins: Context on both sides of a stretch.
        chunk_bins: Bins of a window without its flanks.
        most_stretches: How many are one piece at most.

    Yields:
        The next stretches, and their pieces. The bins of several are one piece, one stretch after another.
    """
    silent: dict[str, np.ndarray] = {}
    model = _SideBySide(predict, read, flank_bins, chunk_bins, silent)
    for group in _groups(stretches, chunk_bins, most_stretches):
        if len(group) > 1 or group[0].n_bins <= chunk_bins:
            yield group, iter([model([stretch.locus for stretch in group])])
            continue
        pieces = predict_track(
            predict, read, group[0].locus, flank_bins=flank_bins, chunk_bins=chunk_bins, silent=silent
        )
        yield group, pieces


def _groups(stretches: Iterable[Stretch], chunk_bins: int, most: int) -> Iterator[list[Stretch]]:
    """Each long stretch by itself, and short ones that follow each other together."""
    group: list[Stretch] = []
    n_bins = 0
    for stretch in stretches:
        n_bins += stretch.n_bins
        if group and (n_bins > _MOST_CHUNKS * chunk_bins or len(group) == most):
            yield group
            group, n_bins = [], stretch.n_bins
        if stretch.n_bins <= chunk_bins:
            group.append(stretch)
            continue
        if group:
            yield group
        yield [stretch]
        group, n_bins = [], 0
    if group:
        yield group


class _SideBySide(NamedTuple):
    """A model over short loci, in as few windows as they fit in."""

    predict: Predict
    read: Read
    flank_bins: int
    chunk_bins: int
    silent: dict[str, np.ndarray]

    def __call__(self, loci: list[Locus]) -> Piece:
        flank, chunk = self.flank_bins, self.chunk_bins
        n_bins = np.array([end - start for _, start, end in loci])
        signal = self.read([(chrom, start - flank, end + flank) for chrom, start, end in loci])
        first = np.cumsum(n_bins + 2 * flank) - (n_bins + 2 * flank)
        of_bin = np.repeat(np.arange(len(loci)), n_bins)
        # Where the bins without flanks lie in the signal, and in their locus.
        within = np.arange(len(of_bin)) - (np.cumsum(n_bins) - n_bins)[of_bin]
        inner = first[of_bin] + flank + within
        window, place = self._places(signal, first, n_bins)
        outputs: dict[str, np.ndarray] = {}

        def keep(bins: np.ndarray, found: Mapping[str, np.ndarray], places: np.ndarray) -> None:
            for name, array in found.items():
                values = np.asarray(array)
                whole = outputs.setdefault(name, np.zeros((len(of_bin), *values.shape[1:]), values.dtype))
                whole[bins] = values[places]

        for number in range(window.max() + 1):
            joined = np.zeros((chunk + 2 * flank, signal.shape[1]), np.float32)
            for i in np.flatnonzero(window == number).tolist():
                width = n_bins[i] + 2 * flank
                # Flanks that are shared hold zeros in both.
                joined[place[i] : place[i] + width] += signal[first[i] : first[i] + width]
            bins = np.flatnonzero(window[of_bin] == number)
            keep(bins, self.predict(joined), place[of_bin[bins]] + within[bins])
        bins = np.flatnonzero(window[of_bin] < 0)
        if len(bins):
            if not self.silent:
                self.silent.update(self.predict(np.zeros((chunk + 2 * flank, signal.shape[1]), np.float32)))
            keep(bins, self.silent, within[bins])
        return Piece(loci, signal[inner], outputs)

    def _places(
        self,
        signal: Float[np.ndarray, "bin track"],
        first: Int[np.ndarray, " locus"],
        n_bins: Int[np.ndarray, " locus"],
    ) -> tuple[Int[np.ndarray, " locus"], Int[np.ndarray, " locus"]]:
        """Window and place in it of each locus; one without any signal takes no room, and its window is -1.

        Silent flanks, as beyond the ends of chromosomes, are shared by neighbours.
        """
        flank = self.flank_bins
        n_on = np.concatenate([[0], np.cumsum(signal.any(axis=1))])
        inner, end = first + flank, first + flank + n_bins
        is_on = n_on[end + flank] > n_on[first]
        begins_on, ends_on = n_on[inner] > n_on[first], n_on[end + flank] > n_on[end]
        window, place = np.full(len(n_bins), -1), np.zeros(len(n_bins), np.int64)
        number, following, is_apart = 0, 0, True
        for i in np.flatnonzero(is_on).tolist():
            at = following if (is_apart and not begins_on[i]) or not following else following + flank
            if at + n_bins[i] > self.chunk_bins:
                number, at = number + 1, 0
            window[i], place[i] = number, at
            following, is_apart = at + n_bins[i] + flank, not ends_on[i]
        return window, place


def predict_track(
    predict: Predict,
    read: Read,
    locus: Locus,
    *,
    flank_bins: int,
    chunk_bins: int,
    silent: dict[str, np.ndarray] | None = None,
) -> Iterator[Piece]:
    """The model's outputs for the bins of a locus, in order.

    The model always sees `chunk_bins + 2 * flank_bins` bins, so that it is compiled once. Where an output depends on at
    most `flank_bins` bins to either side, the result does not depend on `chunk_bins`. A window without any signal goes
    through the model once for the whole call, or for all calls that share `silent`.

    Args:
        predict: Any function of a window alone; its outputs are for the `chunk_bins` bins between the flanks; called in
            another thread, for one chunk ahead.
        read: Gives the signal of loci, one after another, 0 for bins outside the chromosome (numbers below 0 occur);
            called in another thread, up to two chunks ahead.
        locus: What is wanted.
        flank_bins: Context on both sides of a chunk, without output.
        chunk_bins: Bins per piece; the last one may be shorter.
        silent: An empty dict, filled with the outputs for a window without signal; for calls of equal `chunk_bins`.
    """
    silent = {} if silent is None else silent
    chrom, start_bin, end_bin = locus
    starts = range(start_bin, end_bin, chunk_bins)
    windows = _one_ahead(read([(chrom, start - flank_bins, start + chunk_bins + flank_bins)]) for start in starts)

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
        yield Piece(
            [(chrom, start, start + n_kept)],
            inputs,
            {name: np.asarray(array)[:n_kept] for name, array in outputs.items()},
        )


def _one_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The items, of which a thread makes the next one while this one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item

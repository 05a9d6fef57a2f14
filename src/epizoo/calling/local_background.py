"""The mean of bins around a place or a stretch, from chromosomes that arrive in pieces."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int


def reached_bins(start_bin: int, end_bin: int, background_bp: int, bin_bp: int) -> tuple[int, int]:
    """The bins that the backgrounds of what lies in ``[start_bin, end_bin)`` are made of, whole blocks.

    >>> reached_bins(100, 105, 1_000, 50)
    (80, 126)
    """
    block, reach = _blocks(background_bp, bin_bp)
    return (start_bin // block - reach) * block, ((end_bin - 1) // block + reach + 1) * block


def line_starts(start_bin: int, n_bins: Sequence[int], background_bp: int, bin_bp: int) -> Int[np.ndarray, " stretch"]:
    """First bin of each of several stretches on one line, with whole blocks and a bin at least between them.

    Args:
        start_bin: first bin of the first stretch, on the line too.
        n_bins: bins of each stretch.
        background_bp: see `LocalBackground`.
        bin_bp: width of a bin.

    >>> line_starts(7, [3, 20, 5], 1_000, 100).tolist()
    [7, 11, 32]
    """
    block, _ = _blocks(background_bp, bin_bp)
    widths = (np.array(n_bins, np.int64) // block + 1) * block
    return start_bin + np.cumsum(widths) - widths


def block_bins(background_bp: int, bin_bp: int) -> int:
    """Bins of a block, of which each stretch on a line takes whole ones."""
    return _blocks(background_bp, bin_bp)[0]


def _blocks(background_bp: int, bin_bp: int) -> tuple[int, int]:
    """Bins of a block, and how many blocks a background reaches on both sides."""
    n_bins = max(1, background_bp // (10 * bin_bp))
    return n_bins, round(background_bp / (n_bins * bin_bp))


class LocalBackground:
    """Sums of background bins in blocks, so that a chromosome takes a few MB and pieces cannot change them.

    Several stretches lie on one line of bins, and none reaches into another.

    Args:
        starts: number of each stretch's first bin on the line; whole blocks lie between them.
        background_bp: how far on both sides the background is taken from, in blocks of about a tenth of it.
        bin_bp: width of a bin.
    """

    def __init__(self, starts: Int[np.ndarray, " stretch"], background_bp: int, bin_bp: int) -> None:
        self.starts = starts
        self.block_bins, self.reach_blocks = _blocks(background_bp, bin_bp)
        self._sums: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []
        # Bins of a block that is not full yet are kept as they came: adding part sums would round differently.
        self._values = np.zeros(0)
        self._keep = np.zeros(0, dtype=bool)

    def add(self, values: Float[np.ndarray, " bin"], keep: Bool[np.ndarray, " bin"]) -> None:
        """Take in the next bins and which of them are background."""
        kept = values.astype(np.float64)
        kept *= keep
        self._values = np.concatenate([self._values, kept])
        self._keep = np.concatenate([self._keep, keep])
        full = len(self._values) // self.block_bins * self.block_bins
        self._push(self._values[:full], self._keep[:full])
        self._values, self._keep = self._values[full:], self._keep[full:]

    def around(
        self, first: Int[np.ndarray, " place"], last: Int[np.ndarray, " place"] | None = None
    ) -> Float[np.ndarray, " place"]:
        """Mean of the background bins in the blocks around each place; 0 where there are none near.

        Args:
            first: the first bin of each place.
            last: its last bin; the first where None.
        """
        missing = -len(self._values) % self.block_bins
        self._push(np.pad(self._values, (0, missing)), np.pad(self._keep, (0, missing)))
        self._values, self._keep = self._values[:0], self._keep[:0]
        sums = np.concatenate([[0.0], np.cumsum(np.concatenate([np.zeros(0), *self._sums]))])
        counts = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *self._counts]))])
        edges = np.append((self.starts - self.starts[0]) // self.block_bins, len(sums) - 1)
        of = np.searchsorted(self.starts, first, side="right") - 1
        begin, end = edges[of], edges[of + 1]
        first_block = (first - self.starts[0]) // self.block_bins
        last_block = first_block if last is None else (last - self.starts[0]) // self.block_bins
        low = np.clip(first_block - self.reach_blocks, begin, end)
        high = np.clip(last_block + self.reach_blocks + 1, begin, end)
        n_near = counts[high] - counts[low]
        return (sums[high] - sums[low]) / np.maximum(n_near, 1)

    def _push(self, values: np.ndarray, keep: np.ndarray) -> None:
        if not len(values):
            return
        # For short blocks several times as fast as the sum of an axis.
        edges = np.arange(0, len(values), self.block_bins)
        self._sums.append(np.add.reduceat(values, edges))
        self._counts.append(np.add.reduceat(keep, edges, dtype=np.int64))

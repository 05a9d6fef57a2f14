"""The mean of bins around a place or a stretch, from a chromosome that arrives in pieces."""

import numpy as np
from jaxtyping import Bool, Float, Int


def reached_bins(start_bin: int, end_bin: int, background_bp: int, bin_bp: int) -> tuple[int, int]:
    """The bins that the backgrounds of what lies in ``[start_bin, end_bin)`` are made of, whole blocks.

    >>> reached_bins(100, 105, 1_000, 50)
    (80, 126)
    """
    block, reach = _blocks(background_bp, bin_bp)
    return (start_bin // block - reach) * block, ((end_bin - 1) // block + reach + 1) * block


def _blocks(background_bp: int, bin_bp: int) -> tuple[int, int]:
    """Bins of a block, and how many blocks a background reaches on both sides."""
    block_bins = max(1, background_bp // (10 * bin_bp))
    return block_bins, round(background_bp / (block_bins * bin_bp))


class LocalBackground:
    """Sums of background bins in blocks, so that a chromosome takes a few MB and pieces cannot change them.

    Args:
        start_bin: number of the first bin on the chromosome's grid.
        background_bp: how far on both sides the background is taken from, in blocks of about a tenth of it.
        bin_bp: width of a bin.
    """

    def __init__(self, start_bin: int, background_bp: int, bin_bp: int) -> None:
        self.start_bin = start_bin
        self.block_bins, self.reach_blocks = _blocks(background_bp, bin_bp)
        self._sums: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []
        # Bins of a block that is not full yet are kept as they came: adding part sums would round differently.
        self._values = np.zeros(0)
        self._keep = np.zeros(0, dtype=bool)

    def add(self, values: Float[np.ndarray, " bin"], keep: Bool[np.ndarray, " bin"]) -> None:
        """Take in the next bins and which of them are background."""
        self._values = np.concatenate([self._values, values.astype(np.float64) * keep])
        self._keep = np.concatenate([self._keep, keep])
        full = len(self._values) // self.block_bins * self.block_bins
        self._push(self._values[:full], self._keep[:full])
        self._values, self._keep = self._values[full:], self._keep[full:]

    def around(
        self, first: Int[np.ndarray, " place"], last: Int[np.ndarray, " place"] | None = None
    ) -> Float[np.ndarray, " place"]:
        """Mean of the background bins in the blocks around each stretch; of all where there are none so near.

        Args:
            first: the first bin of each stretch.
            last: its last bin; the first where None.
        """
        missing = -len(self._values) % self.block_bins
        self._push(np.pad(self._values, (0, missing)), np.pad(self._keep, (0, missing)))
        self._values, self._keep = self._values[:0], self._keep[:0]
        sums = np.concatenate([[0.0], np.cumsum(np.concatenate(self._sums))])
        counts = np.concatenate([[0], np.cumsum(np.concatenate(self._counts))])
        first_block = (first - self.start_bin) // self.block_bins
        last_block = first_block if last is None else (last - self.start_bin) // self.block_bins
        low = np.clip(first_block - self.reach_blocks, 0, len(sums) - 1)
        high = np.clip(last_block + self.reach_blocks + 1, 0, len(sums) - 1)
        n_near = counts[high] - counts[low]
        near = (sums[high] - sums[low]) / np.maximum(n_near, 1)
        return np.where(n_near > 0, near, sums[-1] / max(counts[-1], 1))

    def _push(self, values: np.ndarray, keep: np.ndarray) -> None:
        self._sums.append(values.reshape(-1, self.block_bins).sum(axis=1))
        self._counts.append(keep.reshape(-1, self.block_bins).sum(axis=1))

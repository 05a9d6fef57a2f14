"""The number of reads in a signal, told by the reads themselves, by the steps of the signal or by its noise."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from epizoo.genome.coverage_transform import FittedTransform
from epizoo.genome.signal import SignalTrack
from epizoo.genome.signal_kinds import sample_blocks

_N_BLOCKS, _MAX_BLOCKS = 16, 128
_PIECE_BP, _TILE_BP = 10_000, 1_000
_LEAST_CLEAN, _TOLERANCE = 0.9, 0.02
_MOST_RAMPS = 0.75
_MOST_SIGNAL = 2.0


class ReadDepth(NamedTuple):
    """The reads of a signal.

    Attributes:
        per_area: reads for each unit of signal over 1 bp, such as 1 / 150 where each read piles up over 150 bp.
        source: ``reads`` where the reads are at hand, ``steps`` where single ones were seen in the signal, ``noise``
            where so many independent reads would make its noise.
    """

    per_area: float
    source: Literal["reads", "steps", "noise"]


def read_depth(track: SignalTrack, fitted: FittedTransform, excluded: frozenset[str] = frozenset()) -> ReadDepth | None:
    """The reads of a signal, as its pieces of 10 kb outside peaks show them, in 16 blocks of 1 Mb.

    Steps: each read is a step up where it starts and one down where it ends. The height of a read is 1 in coverage,
    whose median step it must be; else that of the usual step: steps up to it make half of the sum of all. All but a
    tenth of the sum of steps must be of whole multiples of it, and not in ramps, or single reads cannot be seen: in
    means over bins or running windows, in folds over a background that varies, in p-values. The width of a read is such
    that the reads make the steps that there are.

    Noise: reads that are independent of each other make the variance between the ten stretches of 1 kb of a piece equal
    to their mean number, so that variance over mean is the area of one read. The median over pieces is taken. Signal
    that varies by more than its reads is said to hold fewer of them, which makes peaks less significant, not more.

    Args:
        track: the signal.
        fitted: its transform.
        excluded: sequences that are not looked at.

    Returns:
        The reads; None where the sampled blocks hold no signal, or too little to see its noise.
    """
    if track.reads_per_area is not None:
        return ReadDepth(track.reads_per_area, "reads")
    pieces = _sparse_pieces(track, excluded)
    per_area = None if fitted.kind == "log10_p" else _by_steps(pieces, is_coverage=fitted.kind == "coverage")
    if per_area is not None:
        return ReadDepth(per_area, "steps")
    per_area = _by_noise([fitted.inverse(fitted(piece)) for piece in pieces])
    return None if per_area is None else ReadDepth(per_area, "noise")


def _sparse_pieces(track: SignalTrack, excluded: frozenset[str]) -> list[Float[np.ndarray, " bp"]]:
    """Values of the pieces with signal, without those of more than twice the median: there are peaks in them."""
    pieces: list[np.ndarray] = []
    n_blocks = 0
    for chrom, start, end in _spread(sample_blocks(track, _MAX_BLOCKS, excluded=excluded)):
        values = np.nan_to_num(track.values(chrom, start, end), nan=0.0).astype(np.float64)
        if values.any():
            pieces += [piece for piece in np.split(values, range(_PIECE_BP, len(values), _PIECE_BP)) if piece.any()]
            n_blocks += 1
        if n_blocks == _N_BLOCKS:
            break
    means = np.array([piece.mean() for piece in pieces])
    most = _MOST_SIGNAL * np.median(means) if pieces else 0
    return [piece for piece, mean in zip(pieces, means, strict=True) if mean <= most]


def _by_steps(pieces: list[Float[np.ndarray, " bp"]], *, is_coverage: bool) -> float | None:
    area, ramps, heights = 0.0, 0.0, [np.zeros(0)]
    for piece in pieces:
        steps = np.diff(piece)
        area, ramps = area + piece.sum(), ramps + _in_ramps(steps)
        heights.append(np.abs(steps[steps != 0]))
    ordered = np.sort(np.concatenate(heights))
    if not len(ordered):
        return None
    total = np.cumsum(ordered)
    usual = float(np.median(ordered)) if is_coverage else float(ordered[np.searchsorted(total, total[-1] / 2)])
    multiples = np.maximum(np.round(ordered / usual), 1)
    is_clean = np.abs(ordered / usual - multiples) <= _TOLERANCE * multiples
    is_blurred = ordered[is_clean].sum() < _LEAST_CLEAN * total[-1] or ramps > _MOST_RAMPS * total[-1]
    if is_blurred or (is_coverage and usual != 1):
        return None
    return float(total[-1] / (2 * usual * area))


def _by_noise(pieces: list[Float[np.ndarray, " bp"]]) -> float | None:
    whole = [piece for piece in pieces if len(piece) == _PIECE_BP]
    if not whole:
        return None
    tiles = np.stack(whole).reshape(len(whole), -1, _TILE_BP).sum(axis=2, dtype=np.float64)
    area = float(np.median(tiles.var(axis=1, ddof=1) / tiles.mean(axis=1)))
    return 1 / area if area > 0 else None


def _in_ramps(steps: Float[np.ndarray, " bp"]) -> float:
    """The sum of steps that the next one, at the shortest distance that occurs, goes on with in the same direction."""
    place = np.flatnonzero(steps)
    if len(place) < 2:
        return 0.0
    gap, height = np.diff(place), steps[place]
    goes_on = (gap == gap.min()) & (height[:-1] * height[1:] > 0)
    return float(np.abs(height[:-1][goes_on]).sum())


def _spread(blocks: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """All blocks, so ordered that the first ones are evenly spaced."""
    stride = max(-(-len(blocks) // _N_BLOCKS), 1)
    return [block for first in range(stride) for block in blocks[first::stride]]

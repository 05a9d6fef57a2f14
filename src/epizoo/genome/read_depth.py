"""How many reads a signal holds, told by its grain: each is a step up where it starts and one down where it ends."""

import numpy as np
from jaxtyping import Float

from epizoo.genome.coverage_transform import FittedTransform
from epizoo.genome.signal import SignalTrack
from epizoo.genome.signal_kinds import sample_blocks

_N_BLOCKS, _MAX_BLOCKS = 16, 128
_LEAST_CLEAN, _TOLERANCE = 0.9, 0.02
_MOST_RAMPS = 0.75


def reads_per_area(track: SignalTrack, fitted: FittedTransform) -> float | None:
    """Reads for each unit of signal over 1 bp: 1 over a read's height and width, as 16 blocks of 1 Mb show them.

    The height is that of the usual step: steps up to it make half of the sum of all. All but a tenth of the sum must be
    of whole multiples of it (1 in coverage), and not in ramps, or single reads cannot be seen: in means over bins or
    running windows, in folds over a background that varies, in p-values. The width is such that the reads make the
    steps that there are.

    Args:
        track: the signal.
        fitted: its transform.

    Returns:
        More than 0; None where reads cannot be seen, or the sampled blocks hold no signal.
    """
    if fitted.kind == "log10_p":
        return None
    area, ramps, heights = 0.0, 0.0, []
    for block in _spread(sample_blocks(track, _MAX_BLOCKS)):
        values = np.nan_to_num(track.values(*block), nan=0.0).astype(np.float64)
        if values.any():
            steps = np.diff(values, prepend=0, append=0)
            area, ramps = area + values.sum(), ramps + _in_ramps(steps)
            heights.append(np.abs(steps[steps != 0]))
        if len(heights) == _N_BLOCKS:
            break
    if not heights:
        return None
    ordered = np.sort(np.concatenate(heights))
    total = np.cumsum(ordered)
    usual = float(ordered[np.searchsorted(total, total[-1] / 2)])
    multiples = np.maximum(np.round(ordered / usual), 1)
    is_clean = np.abs(ordered / usual - multiples) <= _TOLERANCE * multiples
    is_blurred = ordered[is_clean].sum() < _LEAST_CLEAN * total[-1] or ramps > _MOST_RAMPS * total[-1]
    if is_blurred or (fitted.kind == "coverage" and usual != 1):
        return None
    return float(total[-1] / (2 * usual * area))


def _in_ramps(steps: Float[np.ndarray, " bp"]) -> float:
    """The sum of steps that the next one, at the shortest distance that occurs, goes on with in the same direction."""
    place = np.flatnonzero(steps)
    gap, height = np.diff(place), steps[place]
    goes_on = (gap == gap.min()) & (height[:-1] * height[1:] > 0)
    return float(np.abs(height[:-1][goes_on]).sum())


def _spread(blocks: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """All blocks, so ordered that the first ones are evenly spaced."""
    stride = -(-len(blocks) // _N_BLOCKS)
    return [block for first in range(stride) for block in blocks[first::stride]]

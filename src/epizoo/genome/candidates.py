"""Candidate peaks, as LanceOtron finds them: where smoothed signal rises above multiples of its mean.

Source: Hentges et al., Bioinformatics 2022, and lanceotron 1.2.7, whose candidates these are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int64
from pydantic import Field

from epizoo.validation import Config, Size

Read = Callable[[int, int], Float[np.ndarray, " bp"]]
"""Signal of each bp from a start to an end, counted from the start of a stretch; 0 where there is none."""
RPKM_DEPTH = 200.0
"""Depth to which other signal is scaled: the sum of the signal of a genome in units of 1e9.

In RPKM it is the mean length of the fragments in bp.
"""
RPKM_DEPTHS = (50.0, 350.0)
"""Depths that are left as they are: LanceOtron's network learnt from 199 +- 78."""
_PIECE_BP = 1 << 22


@dataclass(frozen=True)
class CandidateConfig(Config):
    """The rule of candidates; the defaults are LanceOtron's.

    Attributes:
        fold: a candidate's smoothed signal lies above this many times the mean over the bp of its chromosome that have
            a value.
        smoothing_bp: width of the moving average.
        min_width_bp: narrower candidates are left out.
        max_width_bp: wider candidates are cut to what lies above one mean more, again and again.
        most_cuts: how often they are cut at most.
    """

    title: ClassVar[str] = "candidates"

    fold: Annotated[float, Field(gt=0, le=1e6)] = 4.0
    smoothing_bp: Annotated[Size, Field(gt=0)] = 400
    min_width_bp: Annotated[Size, Field(gt=0)] = 50
    max_width_bp: Annotated[Size, Field(gt=0)] = 2000
    most_cuts: Annotated[int, Field(ge=0, le=100)] = 50


def find_candidates(
    read: Read, length_bp: int, mean: float, config: CandidateConfig
) -> tuple[Int64[np.ndarray, " candidate"], Int64[np.ndarray, " candidate"]]:
    """Starts and ends of the candidates of a stretch of a genome, sorted, counted from its start.

    Args:
        read: the signal.
        length_bp: length of the stretch.
        mean: the mean that the signal is held to, above 0.
        config: the rule.

    >>> signal = np.repeat([0.0, 20.0, 0.0], [1000, 400, 1000])
    >>> starts, ends = find_candidates(lambda start, end: signal[start:end], 2400, 2.0, CandidateConfig())
    >>> starts.tolist(), ends.tolist()
    ([960], [1439])
    """
    threshold = config.fold * mean
    found: list[tuple[int, int]] = []
    for start, end in _runs_of_stretch(read, length_bp, threshold, config):
        if end - start > config.max_width_bp and config.most_cuts:
            signal = smoothed(read, start, end, length_bp, config.smoothing_bp)
            found += _cut(signal, start, threshold + mean, mean, config, config.most_cuts - 1)
        elif end - start >= config.min_width_bp:
            found.append((start, end))
    starts, ends = np.array(found, np.int64).reshape(-1, 2).T
    return starts, ends


def smoothed(read: Read, start: int, end: int, length_bp: int, width_bp: int) -> Float[np.ndarray, " bp"]:
    """Moving average of the signal of some bp of a stretch, float64.

    Half a width from either end of the stretch it is the mean of that half. A width beyond the stretch's length becomes
    a tenth of it.
    """
    width = width_bp if width_bp <= length_bp else max(length_bp // 10, 1)
    if width == length_bp:
        return np.full(end - start, read(0, length_bp).mean(dtype=np.float64))
    before, after = width // 2, width - width // 2
    first, last = min(max(start, before), end), max(min(end, length_bp - after), start)
    means = np.zeros(end - start)
    if first < last:
        signal = read(first - before + 1, last + after)
        if signal.any():
            sums = np.concatenate([[0.0], np.cumsum(signal, dtype=np.float64)])
            np.subtract(sums[width:], sums[:-width], out=means[first - start : last - start])
            means /= width
    if start < first:
        means[: first - start] = read(0, before).mean(dtype=np.float64)
    if last < end:
        means[last - start :] = read(length_bp - after, length_bp).mean(dtype=np.float64)
    return means


def _runs_of_stretch(
    read: Read, length_bp: int, threshold: float, config: CandidateConfig
) -> Iterator[tuple[int, int]]:
    """Starts and ends of the runs of smoothed signal above a threshold, read piece by piece."""
    start = end = -1
    for low in range(0, length_bp, _PIECE_BP):
        high = min(low + _PIECE_BP, length_bp)
        for first, after in _runs(smoothed(read, low, high, length_bp, config.smoothing_bp) > threshold):
            if low + first > end:
                if end > 0:
                    yield start, end
                start = low + first
            end = low + after
    if end > 0:
        yield start, end


def _cut(
    signal: Float[np.ndarray, " bp"],
    start: int,
    threshold: float,
    step: float,
    config: CandidateConfig,
    cuts_left: int,
) -> Iterator[tuple[int, int]]:
    """The rest of a candidate above a higher threshold; all of it where nothing wide enough is."""
    parts = [(a, b) for a, b in _runs(signal > threshold) if b - a >= config.min_width_bp]
    for a, b in parts or [(0, len(signal))]:
        if parts and b - a > config.max_width_bp and cuts_left:
            yield from _cut(signal[a:b], start + a, threshold + step, step, config, cuts_left - 1)
        else:
            yield start + a, start + b


def _runs(is_inside: Bool[np.ndarray, " bp"]) -> list[list[int]]:
    edges = np.flatnonzero(np.diff(is_inside, prepend=False, append=False))
    runs: list[list[int]] = edges.reshape(-1, 2).tolist()
    return runs

"""Fragments of a pile-up, and the pile-up of a random share of them: what a shallower experiment would have given."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from epizoo.errors import InputError
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.genome.signal import SignalTrack


def fragments(coverage: Float[np.ndarray, " bp"]) -> tuple[Int[np.ndarray, " fragment"], Int[np.ndarray, " fragment"]]:
    """Starts and ends of intervals whose pile-up is the coverage, the first to start being the first to end.

    A fragment that ends where another starts cannot be told from one long one. Fragments that reach over a border of
    the coverage are cut there.

    Raises:
        InputError: the coverage is not made of whole numbers.

    >>> starts, ends = fragments(np.array([1.0, 2.0, 1.0]))
    >>> starts.tolist(), ends.tolist()
    ([0, 1], [2, 3])
    """
    whole = np.rint(coverage).astype(np.int32)
    if not np.allclose(whole, coverage, atol=1e-3):
        raise InputError("thinning: the coverage holds fractions; expected a pile-up of whole fragments")
    steps = np.diff(whole, prepend=0, append=0)
    up, down = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    return np.repeat(up, steps[up]), np.repeat(down, -steps[down])


def thinned(source: SignalTrack, windows: pd.DataFrame, keep: float, seed: int) -> ReadCoverage:
    """The pile-up of a random share of the fragments in some windows; see `split`."""
    return split(source, windows, keep, seed)[0]


def split(source: SignalTrack, windows: pd.DataFrame, keep: float, seed: int) -> tuple[ReadCoverage, ReadCoverage]:
    """The pile-up of a random share of the fragments in some windows, and that of all others.

    Of a Poisson process the two are independent, so that one tells how well something made of the other predicts.

    Args:
        source: whole numbers of fragments per bp.
        windows: an interval table of non-overlapping windows; what lies outside is left out.
        keep: each fragment's chance to be in the first.
        seed: of the draw.

    Raises:
        InputError: the source is not a pile-up of whole fragments.
    """
    random = np.random.default_rng(seed)
    parts: tuple[dict[str, list[np.ndarray]], dict[str, list[np.ndarray]]] = ({}, {})
    for chrom, start, end in sorted(zip(windows["chrom"], windows["start"], windows["end"], strict=True)):
        starts, ends = fragments(np.nan_to_num(source.values(chrom, int(start), int(end))))
        chosen = random.random(len(starts)) < keep
        for part, mask in zip(parts, (chosen, ~chosen), strict=True):
            part.setdefault(chrom, []).append(np.stack([starts[mask], ends[mask]]) + int(start))
    return _coverage(source, parts[0]), _coverage(source, parts[1])


def _coverage(source: SignalTrack, parts: dict[str, list[np.ndarray]]) -> ReadCoverage:
    joined = {chrom: np.concatenate(arrays, axis=1) for chrom, arrays in parts.items()}
    return ReadCoverage(
        [source.path], source.chrom_sizes, {chrom: (both[0], both[1]) for chrom, both in joined.items()}
    )

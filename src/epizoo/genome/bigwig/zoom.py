"""Zoom levels of a bigWig: what viewers draw where single values are narrower than a pixel."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Shaped

from epizoo.genome.bigwig.records import ZOOM_RECORD, Records


def summarise(number: int, records: Records, reduction_bp: int) -> Shaped[np.ndarray, " summary"]:
    """Summaries of a chromosome's records over each stretch of `reduction_bp` that holds a value.

    Args:
        number: the chromosome's number in the file.
        records: in order and apart.
        reduction_bp: width of a stretch; the first begins at 0.

    >>> found = summarise(0, Records(np.array([5]), np.array([25]), np.array([2], np.float32)), 10)
    >>> found["start"].tolist(), found["covered_bp"].tolist(), found["total"].tolist()
    ([5, 10, 20], [5, 10, 5], [10.0, 20.0, 10.0])
    """
    first, last = records.start // reduction_bp, (records.end - 1) // reduction_bp
    n_parts = last - first + 1
    source = np.repeat(np.arange(len(n_parts)), n_parts)
    # Stretches of one record follow each other.
    stretch = first[source] + np.arange(len(source)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    parts = np.empty(len(source), ZOOM_RECORD)
    parts["chrom"] = number
    parts["start"] = np.maximum(records.start[source], stretch * reduction_bp)
    parts["end"] = np.minimum(records.end[source], (stretch + 1) * reduction_bp)
    parts["covered_bp"] = parts["end"] - parts["start"]
    value = records.value[source].astype(np.float64)
    parts["minimum"] = parts["maximum"] = value
    return _merged(parts, stretch, value * parts["covered_bp"], value**2 * parts["covered_bp"])


def zoom_levels(
    finest: Shaped[np.ndarray, " summary"], reductions_bp: Sequence[int]
) -> Iterator[Shaped[np.ndarray, " summary"]]:
    """Each level of whole chromosomes, made from the one before.

    Args:
        finest: summaries over stretches of the first width, of which neighbours may share one.
        reductions_bp: width of the stretches of each level, of which each divides the next.
    """
    level = finest
    for reduction_bp in reductions_bp:
        level = _merged(level, level["start"] // reduction_bp, level["total"], level["squares"])
        yield level


def _merged(
    parts: Shaped[np.ndarray, " part"],
    stretch: Shaped[np.ndarray, " part"],
    total: Shaped[np.ndarray, " part"],
    squares: Shaped[np.ndarray, " part"],
) -> Shaped[np.ndarray, " summary"]:
    """One summary of all neighbouring parts of a chromosome's same stretch; sums are taken in float64."""
    if not len(parts):
        return parts
    chrom = parts["chrom"]
    is_next = (stretch[1:] != stretch[:-1]) | (chrom[1:] != chrom[:-1])
    begins = np.flatnonzero(np.concatenate([[True], is_next]))
    found = parts[begins]
    found["end"] = parts["end"][np.concatenate([begins[1:], [len(parts)]]) - 1]
    found["covered_bp"] = np.add.reduceat(parts["covered_bp"], begins)
    found["minimum"] = np.minimum.reduceat(parts["minimum"], begins)
    found["maximum"] = np.maximum.reduceat(parts["maximum"], begins)
    with np.errstate(over="ignore"):
        found["total"] = np.add.reduceat(total.astype(np.float64), begins)
        found["squares"] = np.add.reduceat(squares.astype(np.float64), begins)
    return found

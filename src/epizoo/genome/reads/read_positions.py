"""Positions of a file's reads: 5' ends of single reads, outer ends of pairs, and what was left out."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64


class ReadPositions(NamedTuple):
    """Positions of the reads of one chromosome, unsorted: edges between bases, 0-based.

    Attributes:
        forward: 5' ends of single reads on the forward strand (their start).
        reverse: 5' ends of single reads on the reverse strand (their end).
        pair_start, pair_end: outermost positions of paired reads, or of fragments.
    """

    forward: Int64[np.ndarray, " read"]
    reverse: Int64[np.ndarray, " read"]
    pair_start: Int64[np.ndarray, " pair"]
    pair_end: Int64[np.ndarray, " pair"]

    @property
    def n_reads(self) -> int:
        """Number of single reads and pairs."""
        return len(self.forward) + len(self.reverse) + len(self.pair_start)


Genome = dict[str, ReadPositions]
"""Reads by chromosome."""


class ReadFile(NamedTuple):
    """The reads of one file.

    Attributes:
        genome: positions by chromosome.
        sizes: chromosome lengths in bp, where the file states them.
        left_out: number of reads (of pairs, where both mates were seen) that are not used, by reason.
    """

    genome: Genome
    sizes: dict[str, int] | None
    left_out: Counter[str]


def joined(parts: list[ReadPositions]) -> ReadPositions:
    """The reads of several parts of a file, or of several files."""
    return ReadPositions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def singles(forward: Int64[np.ndarray, " read"], reverse: Int64[np.ndarray, " read"]) -> ReadPositions:
    """Single reads alone."""
    nothing = np.zeros(0, np.int64)
    return ReadPositions(forward, reverse, nothing, nothing)


def pairs(start: Int64[np.ndarray, " pair"], end: Int64[np.ndarray, " pair"]) -> ReadPositions:
    """Pairs or fragments alone."""
    nothing = np.zeros(0, np.int64)
    return ReadPositions(nothing, nothing, start, end)

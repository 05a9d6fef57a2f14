"""Records in the blocks of a bigWig: stretches with a value, and summaries of zoom levels."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64, Shaped

BLOCK_HEADER = np.dtype(
    [
        *(("chrom", "<u4"), ("start", "<u4"), ("end", "<u4"), ("step", "<u4"), ("span", "<u4")),
        *(("kind", "u1"), ("reserved", "u1"), ("count", "<u2")),
    ]
)
STRETCH = np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")])
_PLACE = np.dtype([("start", "<u4"), ("value", "<f4")])
_VALUE = np.dtype([("value", "<f4")])
_KINDS = {1: STRETCH, 2: _PLACE, 3: _VALUE}
ZOOM_RECORD = np.dtype(
    [
        *(("chrom", "<u4"), ("start", "<u4"), ("end", "<u4"), ("covered_bp", "<u4")),
        *(("minimum", "<f4"), ("maximum", "<f4"), ("total", "<f4"), ("squares", "<f4")),
    ]
)


class Records(NamedTuple):
    """Stretches of one chromosome with their values, in order and apart."""

    start: Int64[np.ndarray, " record"]
    end: Int64[np.ndarray, " record"]
    value: Float32[np.ndarray, " record"]


class BadBlockError(ValueError):
    """A block's content contradicts itself or the index."""


def read_block(content: bytes, entry: Shaped[np.ndarray, ""]) -> Records:
    """The records of a block of signal, which the index describes.

    Raises:
        BadBlockError: its length is not that of its records, or these are not in order or not where the index says.
    """
    if len(content) < BLOCK_HEADER.itemsize:
        raise BadBlockError("it is too short")
    # Plain numbers: fields of NumPy's records take longer than all else here.
    chrom, first, _, step, span, number, _, count = np.frombuffer(content, BLOCK_HEADER, 1).item()
    first_chrom, low, last_chrom, high, *_ = entry.item()
    kind = _KINDS.get(number)
    if kind is None or len(content) != BLOCK_HEADER.itemsize + count * kind.itemsize:
        raise BadBlockError(f"{len(content):,} bytes for {count:,} records")
    rows = np.frombuffer(content, kind, count, BLOCK_HEADER.itemsize)
    start = first + step * np.arange(count, dtype=np.int64) if kind is _VALUE else rows["start"].astype(np.int64)
    end = rows["end"].astype(np.int64) if kind is STRETCH else start + span
    if not count:
        return joined([])
    if not (chrom == first_chrom == last_chrom and low <= start[0] and end[-1] <= high):
        raise BadBlockError("its records are not where the index says")
    if (start >= end).any() or (start[1:] < end[:-1]).any():
        raise BadBlockError("its records are not in order")
    return Records(start, end, rows["value"])


def joined(parts: Iterable[Records]) -> Records:
    """The records of several blocks."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    nothing = Records(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    return Records(*(np.concatenate(column) for column in zip(nothing, *parts, strict=True)))


def within(records: Records, start: int, end: int) -> Records:
    """The records that overlap ``[start, end)``."""
    low, high = np.searchsorted(records.end, start, side="right"), np.searchsorted(records.start, end, side="left")
    return Records(*(column[low:high] for column in records))


def spread(records: Records, start: int, end: int, absent: float = np.nan) -> Float[np.ndarray, " bp"]:
    """The value of each bp of ``[start, end)`` that records which overlap it give, `absent` between them.

    >>> spread(Records(np.array([2, 5]), np.array([4, 9]), np.array([1, 2], np.float32)), 3, 7).tolist()
    [1.0, nan, 2.0, 2.0]
    """
    # Stretches without and with a value take turns.
    edges = np.empty(2 * len(records.start) + 2, np.int64)
    edges[0], edges[-1] = start, end
    edges[1:-1:2] = np.maximum(records.start, start)
    edges[2:-1:2] = np.minimum(records.end, end)
    values = np.full(len(edges) - 1, absent, np.float32)
    values[1::2] = records.value
    return np.repeat(values, np.diff(edges))

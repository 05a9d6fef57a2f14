"""Values of a bigWig file, in plain NumPy, safe whatever the file holds."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from epizoo.genome.bigwig.format import BigWigStructure
from epizoo.genome.bigwig.records import ZOOM_RECORD, BadBlockError, Records, joined, read_block, within

_KEPT_BLOCKS = 4
_ROUNDING = 1e-6


class Summary(NamedTuple):
    """The summary of all values of a track, as a bigWig's header states it.

    Attributes:
        covered_bp: base pairs that have a value.
        minimum: smallest value.
        total: sum of the values of all bp; None where it is not known, or cannot be by the other figures.
    """

    covered_bp: int
    minimum: float
    total: float | None = None


class BigWigReader:
    """An open bigWig.

    Args:
        path: the file, which is known to be a little-endian bigWig.

    Raises:
        InputError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._structure = BigWigStructure(path)
        self.chrom_sizes = self._structure.chrom_sizes
        self._blocks = self._structure.blocks
        number = self._blocks["first_chrom"].astype(np.int64)
        edges = np.searchsorted(number, np.arange(len(self.chrom_sizes) + 1))
        self._of_chrom = {chrom: (int(edges[i]), int(edges[i + 1])) for i, chrom in enumerate(self.chrom_sizes)}
        self._is_checked = np.zeros(len(self._blocks), bool)
        # Stretches that follow each other share blocks.
        self._block = functools.lru_cache(_KEPT_BLOCKS)(self._decode)

    def close(self) -> None:
        """Close the file."""
        self._structure.close()

    def summary(self) -> Summary:
        """The header's summary; of files that have none (of version 1), bounds by the index and the zoom levels."""
        covered, minimum = self._structure.covered_bp, self._structure.minimum
        if covered is None or minimum is None:
            lows = self._zoom_records(0)["minimum"] if self._structure.zooms else np.zeros(0, np.float32)
            return Summary(len(self._blocks), float(np.nanmin(lows, initial=np.inf)))
        low, high = minimum * covered, self._structure.maximum * covered
        is_possible = low - _ROUNDING * abs(low) <= self._structure.total <= high + _ROUNDING * abs(high)
        total = self._structure.total if is_possible else None
        return Summary(covered if len(self._blocks) else 0, minimum, total)

    def records(self, chrom: str, start: int, end: int) -> Records:
        """The records that overlap ``[start, end)``.

        Raises:
            InputError: the file is damaged there.
        """
        first, after = self._of_chrom[chrom]
        of_chrom = self._blocks[first:after]
        low = first + int(np.searchsorted(of_chrom["end"], start, side="right"))
        high = first + int(np.searchsorted(of_chrom["start"], end, side="left"))
        # A block may be found beside its place in a damaged index, so that neighbours are looked into, once.
        low -= low > first and not self._is_checked[low - 1]
        high += high < after and not self._is_checked[high]
        return within(joined(self._read(low, max(high, low))), start, end)

    def whole(self, chroms: Sequence[str]) -> list[Records]:
        """All records of each of some chromosomes.

        Raises:
            InputError: the file is damaged there.
        """
        return [joined(map(self._decode, range(*self._of_chrom[chrom]))) for chrom in chroms]

    def count(self) -> tuple[int, int]:
        """All records, and the bp that they cover, block by block.

        Raises:
            InputError: the file is damaged.
        """
        n_records, n_bp = 0, 0
        for found in self._read(0, len(self._blocks)):
            n_records, n_bp = n_records + len(found.start), n_bp + int((found.end - found.start).sum())
        return n_records, n_bp

    def positive_stretches(
        self, width_bp: int
    ) -> dict[str, tuple[Int64[np.ndarray, " stretch"], Int64[np.ndarray, " stretch"]]]:
        """Starts and ends of stretches of at most half the width that hold a value above 0, by chromosome.

        Raises:
            InputError: the file is damaged.
        """
        levels = [zoom.reduction_bp for zoom in self._structure.zooms]
        fitting = [number for number, reduction in enumerate(levels) if reduction <= width_bp / 2]
        if not fitting:
            return {chrom: found for chrom in self.chrom_sizes if len((found := self._positive_records(chrom))[0])}
        records = self._zoom_records(max(fitting, key=levels.__getitem__))
        records = records[self._is_positive(records)]
        names = list(self.chrom_sizes)
        number, start, end = (records[name].astype(np.int64) for name in ("chrom", "start", "end"))
        # The last bin of a fixed width may end past its chromosome.
        end = np.minimum(end, np.array([*self.chrom_sizes.values()], np.int64)[number])
        edges = np.searchsorted(number, np.arange(len(names) + 1)).tolist()
        return {
            names[i]: (start[edges[i] : edges[i + 1]], end[edges[i] : edges[i + 1]]) for i in np.unique(number).tolist()
        }

    def _is_positive(self, summaries: Shaped[np.ndarray, " record"]) -> Bool[np.ndarray, " record"]:
        """True for summaries of values above 0; where one is NaN, the highest is NaN too, and says nothing."""
        is_positive = summaries["maximum"] > 0
        names = list(self.chrom_sizes)
        for place in np.flatnonzero(np.isnan(summaries["maximum"])).tolist():
            chrom, start, end = (int(summaries[name][place]) for name in ("chrom", "start", "end"))
            is_positive[place] = bool((self.records(names[chrom], start, end).value > 0).any())
        return is_positive

    def _positive_records(self, chrom: str) -> tuple[Int64[np.ndarray, " record"], Int64[np.ndarray, " record"]]:
        """Starts and ends of the records of a chromosome with values above 0."""
        found = joined(self._read(*self._of_chrom[chrom]))
        is_positive = found.value > 0
        return found.start[is_positive], np.minimum(found.end[is_positive], self.chrom_sizes[chrom])

    def _read(self, first: int, after: int) -> Iterator[Records]:
        for number in range(first, after):
            yield self._block(number)
        self._is_checked[first:after] = True

    def _decode(self, number: int) -> Records:
        """The records of a block, by its number in the index."""
        (content,) = self._structure.data(self._blocks[number : number + 1])
        try:
            return read_block(content, self._blocks[number])
        except BadBlockError as error:
            place = int(self._blocks["offset"][number])
            raise self._structure.damaged(f"a block at byte {place:,}: {error}") from None

    def _zoom_records(self, level: int) -> Shaped[np.ndarray, " record"]:
        """All summaries of a zoom level, in the order of the genome."""
        parts = []
        for content in self._structure.data(self._structure.read_index(self._structure.zooms[level].index_offset)):
            if len(content) % ZOOM_RECORD.itemsize:
                raise self._structure.damaged("a zoom level of parts of records")
            parts.append(np.frombuffer(content, ZOOM_RECORD))
        found = np.concatenate([np.zeros(0, ZOOM_RECORD), *parts])
        sizes = np.array([*self.chrom_sizes.values(), 0])
        is_known = found["chrom"] < len(self.chrom_sizes)
        is_inside = is_known & (found["start"] < sizes[np.where(is_known, found["chrom"], 0)])
        is_same = found["chrom"][1:] == found["chrom"][:-1]
        is_later = (found["chrom"][1:] > found["chrom"][:-1]) | (is_same & (found["start"][1:] >= found["end"][:-1]))
        if not (is_inside & (found["start"] < found["end"])).all() or not is_later.all():
            raise self._structure.damaged("a zoom level whose records are not in order")
        return found

"""Signal per base pair from bigWig files and the like, averaged into bins."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float

from epizoo.errors import InputError
from epizoo.genome.bigwig.format import MAGIC
from epizoo.genome.bigwig.reader import BigWigReader, Summary
from epizoo.genome.bigwig.records import Records, spread

_CHUNK_BP = 1 << 20
_BIGBED_MAGIC = b"\xeb\xf2\x89\x87"


class SignalTrack(ABC):
    """Signal along the chromosomes of a genome, to be read bin by bin; a value that it does not hold is 0.

    Attributes:
        path: the file that it comes from.
        chrom_sizes: length of each chromosome in bp, in the file's order.
        summary: what is known of all its values.
        kind: the kind of signal where the format fixes it, else None.
        reads_per_area: reads for each unit of signal over 1 bp, where the track is made of reads, else None.
    """

    path: Path
    chrom_sizes: Mapping[str, int]
    summary: Summary
    kind: str | None = None
    reads_per_area: float | None = None

    @property
    def sources(self) -> tuple[Path, ...]:
        """All the files that it comes from."""
        return (self.path,)

    @abstractmethod
    def values(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"]:
        """Raw values of each bp of ``[start, end)`` within the chromosome, NaN where there is none."""

    def runs(self, chrom: str, start: int, end: int) -> Records:
        """The same as stretches of one value each, without those that have none."""
        values = self.values(chrom, start, end)
        is_same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        edges = np.concatenate([[0], np.flatnonzero(~is_same) + 1, [len(values)]])[: len(values) + 1] + start
        has_value = ~np.isnan(values[edges[:-1] - start])
        return Records(*(part[has_value] for part in (edges[:-1], edges[1:], values[edges[:-1] - start])))

    def stretch_means(self, chrom: str, start: int, end: int, width_bp: int) -> Float[np.ndarray, " stretch"]:
        """Mean signal over stretches of a width from `start` on, as many as are whole; float32.

        Raises:
            InputError: a value is infinite, or the file is damaged there.
        """
        values = self.values(chrom, start, end)
        np.copyto(values, 0, where=np.isnan(values))
        if not np.isfinite(values).all():
            # One infinite value would make the scale of a file infinite and so hide every peak.
            raise infinite_value(self.path, f"{chrom}:{start + int(np.flatnonzero(~np.isfinite(values))[0])}")
        n_whole = len(values) // width_bp
        return values[: n_whole * width_bp].reshape(n_whole, width_bp).mean(axis=1)

    @abstractmethod
    def covered_blocks(self, block_bp: int) -> list[tuple[str, int, int]]:
        """Blocks (chrom, start, end in bp) of about this width that hold a value above 0, to choose where to look."""

    def binned(self, chrom: str, start_bin: int, end_bin: int, bin_bp: int) -> Float[np.ndarray, " bin"]:
        """Mean signal over each bin of ``[start_bin, end_bin)``, float32.

        The last bin of a chromosome is averaged over the bp that exist; bins outside the chromosome are 0.

        Raises:
            InputError: the chromosome is unknown, a value is infinite, or the file is damaged there.
        """
        size = self._size(chrom)
        means = np.zeros(max(end_bin - start_bin, 0), np.float32)
        first, last = max(start_bin, 0), min(end_bin, -(-size // bin_bp))
        step = max(_CHUNK_BP // bin_bp, 1)
        for low in range(first, last, step):
            high = min(low + step, last)
            means[low - start_bin : high - start_bin] = self._chunk(chrom, low, high, bin_bp)
        if not np.isfinite(means).all():
            where = (start_bin + int(np.flatnonzero(~np.isfinite(means))[0])) * bin_bp
            raise infinite_value(self.path, f"{chrom}:{where}")
        return means

    def binned_loci(self, loci: Sequence[tuple[str, int, int]], bin_bp: int) -> Float[np.ndarray, " bin"]:
        """The bins of many loci (chromosome, first bin, end bin), one after another, as `binned` gives them."""
        return np.concatenate([self.binned(*locus, bin_bp) for locus in loci])

    def close(self) -> None:  # noqa: B027
        """Give back what the track holds open, if anything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def _size(self, chrom: str) -> int:
        if chrom not in self.chrom_sizes:
            some = ", ".join(list(self.chrom_sizes)[:5])
            raise InputError(f"{self.path}: has no chromosome {chrom}; it has {some}: give intervals with these names")
        return self.chrom_sizes[chrom]

    def _chunk(self, chrom: str, first_bin: int, end_bin: int, bin_bp: int) -> Float[np.ndarray, " bin"]:
        size = self.chrom_sizes[chrom]
        start, end = first_bin * bin_bp, min(end_bin * bin_bp, size)
        values = self._filled(chrom, start, end)
        if values is None:
            return np.zeros(end_bin - first_bin, np.float32)
        missing = -len(values) % bin_bp
        means = _means(np.pad(values, (0, missing)) if missing else values, bin_bp)
        means[-1:] *= _last_weight(end, bin_bp)
        return means

    def _filled(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"] | None:
        """The value of each bp, 0 where there is none; None where there is none at all."""
        values = self.values(chrom, start, end)
        absent = np.isnan(values)
        if absent.all():
            return None
        np.copyto(values, 0, where=absent)
        return values


class BigWig(SignalTrack):
    """A bigWig file. The constructor checks it; it can be pickled and forked.

    Raises:
        InputError: the file is missing, empty, damaged, a bigBed or of another format, or holds no value.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        _check_readable(self.path)
        self._open: BigWigReader | None = None
        self.chrom_sizes: dict[str, int] = self._reader.chrom_sizes
        self.summary = self._reader.summary()
        if not self.chrom_sizes or self.summary.covered_bp == 0:
            self.close()
            raise InputError(f"{self.path}: this bigWig holds no value at all; was it written to its end?")

    def covered_blocks(self, block_bp: int) -> list[tuple[str, int, int]]:
        """Blocks (chrom, start, end in bp) that hold a value above 0, from the file's zoom levels.

        Zeros that are stored count as little as those that are not: the same signal gives the same blocks.

        Fast with blocks of 100 kb or more; only to choose where to look, since zoom levels are approximate.

        Raises:
            InputError: the file is damaged.
        """
        blocks = []
        positive = self._reader.positive_stretches(block_bp)
        for chrom, size in self.chrom_sizes.items():
            if chrom not in positive:
                continue
            n_blocks = max(size // block_bp, 1)
            if n_blocks == 1:
                blocks.append((chrom, 0, size))
                continue
            edges = np.arange(n_blocks + 1) * size // n_blocks
            starts, ends = positive[chrom]
            first = np.searchsorted(edges, starts, side="right") - 1
            after = np.searchsorted(edges, ends, side="left")
            steps = np.bincount(first, minlength=n_blocks + 1) - np.bincount(after, minlength=n_blocks + 1)
            blocks += [(chrom, int(edges[i]), int(edges[i + 1])) for i in np.flatnonzero(np.cumsum(steps)[:-1])]
        return blocks

    def values(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"]:
        """Raw values of each bp of ``[start, end)`` within the chromosome, NaN where the file holds none.

        Raises:
            InputError: the file is damaged there.
        """
        return spread(self._reader.records(chrom, start, end), start, end)

    def runs(self, chrom: str, start: int, end: int) -> Records:
        """The records of ``[start, end)``, cut to it, without those of no value.

        Raises:
            InputError: the file is damaged there.
        """
        found = self._reader.records(chrom, start, end)
        has_value = ~np.isnan(found.value)
        low, high = np.maximum(found.start, start), np.minimum(found.end, end)
        return Records(low[has_value], high[has_value], found.value[has_value])

    def _filled(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"] | None:
        found = self._reader.records(chrom, start, end)
        if not len(found.value):
            return None
        return spread(found._replace(value=np.where(np.isnan(found.value), 0, found.value)), start, end, absent=0)

    def binned_loci(self, loci: Sequence[tuple[str, int, int]], bin_bp: int) -> Float[np.ndarray, " bin"]:
        """See `SignalTrack.binned_loci`; whole chromosomes, as of draft assemblies, are read at once.

        Raises:
            InputError: see `binned`.
        """
        size = np.array([self._size(chrom) for chrom, _, _ in loci], np.int64)
        chroms, first, end = (np.array(column) for column in zip(*loci, strict=True))
        n_bins = -(-size // bin_bp)
        if len(loci) == 1 or (first > 0).any() or (end < n_bins).any():
            return super().binned_loci(loci, bin_bp)
        # All of them on one line, whole bins each.
        line = (np.cumsum(n_bins) - n_bins) * bin_bp
        found = self._reader.whole(chroms.tolist())
        of_record = np.repeat(np.arange(len(found)), [len(records.start) for records in found])
        start, end_bp, value = (np.concatenate(column) for column in zip(*found, strict=True))
        # A file may hold records beyond the end of a chromosome.
        inside = start < size[of_record]
        of_record, start, value = of_record[inside], start[inside], value[inside]
        end_bp = np.minimum(end_bp[inside], size[of_record])
        on_line = Records(start + line[of_record], end_bp + line[of_record], np.where(np.isnan(value), 0, value))
        inner = _means(spread(on_line, 0, int(n_bins.sum()) * bin_bp, absent=0), bin_bp)
        inner[np.cumsum(n_bins) - 1] *= _last_weight(size, bin_bp)
        if not np.isfinite(inner).all():
            return super().binned_loci(loci, bin_bp)
        means = np.zeros(int((end - first).sum()), np.float32)
        shift = np.cumsum(end - first) - (end - first) - first - (np.cumsum(n_bins) - n_bins)
        means[np.arange(len(inner)) + np.repeat(shift, n_bins)] = inner
        return means

    def close(self) -> None:
        """Close the file; it opens again when needed."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    @property
    def _reader(self) -> BigWigReader:
        if self._open is None:
            self._open = BigWigReader(self.path)
        return self._open


@runtime_checkable
class PyBigWigFile(Protocol):
    """A file that ``pyBigWig.open`` gave."""

    def isBigWig(self) -> bool:  # noqa: N802
        """True for a bigWig, False for a bigBed."""
        ...


class OpenBigWig(SignalTrack):
    """A bigWig that pyBigWig has open, as it reads it: damaged files are not recognised. It stays open.

    Raises:
        InputError: it is a bigBed, or holds no value.
    """

    def __init__(self, file: Any) -> None:
        self.path = Path("the open bigWig")
        self._file = file
        if not file.isBigWig():
            raise InputError(f"{self.path}: is a bigBed (intervals), expected a bigWig (signal)")
        self.chrom_sizes: dict[str, int] = dict(file.chroms())
        # The header's own lowest value is cut to a whole number.
        lowest = [file.stats(chrom, 0, size, type="min")[0] for chrom, size in self.chrom_sizes.items()]
        self.summary = Summary(
            int(file.header()["nBasesCovered"]), min((low for low in lowest if low is not None), default=0.0)
        )
        if not self.summary.covered_bp:
            raise InputError(f"{self.path}: holds no value at all; was it written to its end?")

    @property
    def sources(self) -> tuple[Path, ...]:
        """No file is known."""
        return ()

    def covered_blocks(self, block_bp: int) -> list[tuple[str, int, int]]:
        """Blocks (chrom, start, end in bp) that hold a value above 0, from the file's zoom levels."""
        blocks = []
        for chrom, size in self.chrom_sizes.items():
            n_blocks = max(size // block_bp, 1)
            edges = (np.arange(n_blocks + 1) * size // n_blocks).tolist()
            highest = self._file.stats(chrom, 0, size, type="max", nBins=n_blocks)
            blocks += [
                (chrom, edges[i], edges[i + 1]) for i, high in enumerate(highest) if high is not None and high > 0
            ]
        return blocks

    def values(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"]:
        """Raw values of each bp of ``[start, end)`` within the chromosome, NaN where the file holds none."""
        return self._file.values(chrom, start, end, numpy=True)


def open_signal(source: str | os.PathLike[str] | SignalTrack | PyBigWigFile) -> SignalTrack:
    """The track itself, the bigWig of this path, or one that pyBigWig has open."""
    if isinstance(source, SignalTrack):
        return source
    return OpenBigWig(source) if isinstance(source, PyBigWigFile) else BigWig(source)


def infinite_value(path: Path, locus: str) -> InputError:
    """The error of a file that holds an infinite value near a locus."""
    return InputError(f"{path}: holds an infinite value near {locus}; cap or remove such values")


def _means(values: Float[np.ndarray, " bp"], bin_bp: int) -> Float[np.ndarray, " bin"]:
    """The mean of each whole bin, float32."""
    means = np.empty(len(values) // bin_bp, np.float32)
    # Several times faster than mean(axis=1) on rows of tens of bp.
    np.einsum("ij->i", values.reshape(-1, bin_bp), out=means)
    means /= bin_bp
    return means


def _last_weight(end: Any, bin_bp: int) -> Any:
    """Weight of the last bin, whose mean is that of the bp that exist, where a chromosome ends at `end`."""
    return np.float32(bin_bp) / np.asarray(bin_bp - -end % bin_bp, np.float32)


def _check_readable(path: Path) -> None:
    """Check that a file is a bigWig, by its first bytes."""
    if not path.exists():
        raise InputError(f"{path}: no such file; give the path of a bigWig file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a bigWig file; name the file itself")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read it; change its permissions")
    with open(path, "rb") as file:
        magic = file.read(4)
    if not magic:
        raise InputError(f"{path}: the file is empty (0 bytes), expected a bigWig; download or write it again")
    if magic == _BIGBED_MAGIC:
        raise InputError(f"{path}: is a bigBed (intervals), expected a bigWig (signal); give the signal track")
    if magic[:2] == b"\x1f\x8b" or magic == b"CRAM":
        raise InputError(f"{path}: holds reads or compressed text, expected a bigWig; give reads with --reads")
    if magic != MAGIC:
        raise InputError(f"{path}: is not a bigWig (it begins with {magic!r}); convert it, as with bedGraphToBigWig")

"""Signal per base pair from bigWig files and the like, averaged into bins."""

import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyBigWig
from jaxtyping import Float

from epizoo.errors import InputError

_CHUNK_BP = 1 << 20
# libBigWig reads little-endian files alone.
_BIGWIG_MAGIC = b"\x26\xfc\x8f\x88"
_BIGBED_MAGIC = b"\xeb\xf2\x89\x87"
_HEADER_BYTES = 64
_SUMMARY_POINTER = 44
_ZOOM_HEADER_BYTES = 24
_INDEX_HEADER_BYTES = 48


class Summary(NamedTuple):
    """The summary of all values in a bigWig's header.

    It is read here, since pyBigWig truncates it to integers and crashes on an infinite one.

    Attributes:
        covered_bp: base pairs that have a value.
        minimum: smallest value.
    """

    covered_bp: int
    minimum: float


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
        values = self.values(chrom, start, end)
        absent = np.isnan(values)
        if absent.all():
            return np.zeros(end_bin - first_bin, np.float32)
        np.copyto(values, 0, where=absent)
        n_whole = (end - start) // bin_bp
        means = np.empty(end_bin - first_bin, np.float32)
        # Several times faster than mean(axis=1) on rows of tens of bp.
        np.einsum("ij->i", values[: n_whole * bin_bp].reshape(n_whole, bin_bp), out=means[:n_whole])
        means[:n_whole] /= bin_bp
        if n_whole < len(means):
            means[n_whole] = values[n_whole * bin_bp :].mean()
        return means


class BigWig(SignalTrack):
    """A bigWig file. The constructor checks it; it can be pickled and forked: every process opens its own handle.

    Raises:
        InputError: the file is missing, empty, damaged, a bigBed or of another format, or holds no value.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._handles: dict[int, Any] = {}
        self.summary = _read_summary(self.path)
        self.chrom_sizes: dict[str, int] = dict(self._handle.chroms())
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
        for chrom, size in self.chrom_sizes.items():
            n_blocks = max(size // block_bp, 1)
            try:
                highest = self._handle.stats(chrom, 0, size, nBins=n_blocks, type="max")
            except RuntimeError:
                raise _damaged(self.path) from None
            edges = [size * block // n_blocks for block in range(n_blocks + 1)]
            blocks += [(chrom, edges[i], edges[i + 1]) for i, value in enumerate(highest) if value and value > 0]
        return blocks

    def values(self, chrom: str, start: int, end: int) -> Float[np.ndarray, " bp"]:
        """Raw values of each bp of ``[start, end)`` within the chromosome, NaN where the file holds none.

        Raises:
            InputError: the file is damaged there.
        """
        try:
            return np.asarray(self._handle.values(chrom, start, end, numpy=True))
        except RuntimeError:
            raise _damaged(self.path) from None

    def close(self) -> None:
        """Close this process's handle; it opens again when needed."""
        handle = self._handles.pop(os.getpid(), None)
        if handle is not None:
            handle.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handles": {}}

    @property
    def _handle(self) -> Any:
        # A handle from before a fork shares its file offset with the parent, so it is neither used nor closed here.
        handle = self._handles.get(os.getpid())
        if handle is None:
            try:
                handle = pyBigWig.open(str(self.path))
            except RuntimeError:
                raise _damaged(self.path) from None
            self._handles[os.getpid()] = handle
        return handle


def open_signal(source: str | os.PathLike[str] | SignalTrack) -> SignalTrack:
    """The track itself, or the bigWig of this path."""
    return source if isinstance(source, SignalTrack) else BigWig(source)


def infinite_value(path: Path, locus: str) -> InputError:
    """The error of a file that holds an infinite value near a locus."""
    return InputError(f"{path}: holds an infinite value near {locus}; cap or remove such values")


def _read_summary(path: Path) -> Summary:
    """Check a file's header and read its summary (Kent et al., Bioinformatics 2010, supplement, tables 5 to 8)."""
    if not path.exists():
        raise InputError(f"{path}: no such file; give the path of a bigWig file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a bigWig file; name the file itself")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read it; change its permissions")
    with open(path, "rb") as file:
        header = file.read(_HEADER_BYTES)
        _check_magic(path, header[:4])
        if len(header) < _HEADER_BYTES:
            raise _damaged(path)
        zooms = file.read(_ZOOM_HEADER_BYTES * struct.unpack_from("<H", header, 6)[0])
        # An index stands behind the data it points to, so a file that was cut short lacks its last one.
        indices = [struct.unpack_from("<Q", header, 24)[0], *(zoom[3] for zoom in struct.iter_unpack("<IIQQ", zooms))]
        file.seek(struct.unpack_from("<Q", header, _SUMMARY_POINTER)[0])
        summary = file.read(16)
    if len(summary) < 16 or max(indices) + _INDEX_HEADER_BYTES > path.stat().st_size:
        raise _damaged(path)
    return Summary(*struct.unpack("<Qd", summary))


def _check_magic(path: Path, magic: bytes) -> None:
    if not magic:
        raise InputError(f"{path}: the file is empty (0 bytes), expected a bigWig; download or write it again")
    if magic == _BIGBED_MAGIC:
        raise InputError(f"{path}: is a bigBed (intervals), expected a bigWig (signal); give the signal track")
    if magic[:2] == b"\x1f\x8b" or magic == b"CRAM":
        raise InputError(f"{path}: holds reads or compressed text, expected a bigWig; give reads with --reads")
    if magic != _BIGWIG_MAGIC:
        raise InputError(f"{path}: is not a bigWig (it begins with {magic!r}); convert it, as with bedGraphToBigWig")


def _damaged(path: Path) -> InputError:
    return InputError(f"{path}: this bigWig is damaged or cut short; copy or write it again")

"""bigWig files from values per bin, written whole or not at all."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from jaxtyping import Float

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.bigwig.reader import BigWigReader
from epizoo.genome.bigwig.records import Records
from epizoo.genome.bigwig.stream import BigWigStream
from epizoo.genome.signal import SignalTrack

_SUFFIXES = ("", ".bw", ".bigwig")
# Width of the finest zoom level's stretches, at least; viewers read the values themselves where they show less.
_ZOOM_BP, _ZOOM_BINS = 1000, 80
_FEW_EQUAL = 0.3
_PIECE_BP = 1 << 20


def check_bigwigs(paths: Iterable[str | os.PathLike[str] | None]) -> None:
    """Check, before any work is done, that the suffixes of files are those of bigWigs; files without one are too.

    >>> check_bigwigs(["probabilities.bw", "a.bigWig", "coverage", None])

    Args:
        paths: the files; None stands for one that is not wanted.

    Raises:
        InputError: a suffix is another one.
    """
    for path in (path for path in paths if path is not None):
        suffix = Path(path).suffix
        if suffix.lower() not in _SUFFIXES:
            raise InputError(f"{path}: is a bigWig, and {suffix} is not its suffix; name it .bw or .bigWig")


def write_track(
    path: str | os.PathLike[str], track: SignalTrack, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write any track as a bigWig, its values of each bp to 4 decimals; stretches of 1 Mb without signal are left out.

    Raises:
        InputError: the track cannot be read or the file cannot be written.
    """
    blocks = sorted(track.covered_blocks(_PIECE_BP))
    total = sum(end - start for _, start, end in blocks)
    done = 0
    with BigWigWriter(path, track.chrom_sizes, bin_bp=1) as writer:
        for chrom, start, end in blocks:
            writer.add(chrom, start, track.values(chrom, start, end))
            done += end - start
            if progress is not None:
                progress(done, total)


class BigWigWriter:
    """A context manager that writes a bigWig piece by piece; on any failure no file is left.

    What was written is read again and counted before the file gets its name.

    Values are rounded to `decimals` and equal neighbours within a piece are stored as one, which keeps files of
    probabilities small.

    Args:
        path: The file to write.
        chrom_sizes: Length in bp of every chromosome; the header lists them sorted by name.
        bin_bp: Width of a bin.
        decimals: Digits kept after the point.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], chrom_sizes: Mapping[str, int], bin_bp: int, decimals: int = 4
    ) -> None:
        self.path = path
        self.chrom_sizes = dict(sorted(chrom_sizes.items()))
        self.bin_bp = bin_bp
        self.decimals = decimals
        self._stack = ExitStack()
        self._n_records = self._covered_bp = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._temporary = stack.enter_context(atomic_path(self.path))
            with self._full_disk():
                self._file = BigWigStream(self._temporary, self.chrom_sizes, max(_ZOOM_BP, _ZOOM_BINS * self.bin_bp))
            # Closed before the file is renamed or removed, because the callbacks run in reverse.
            stack.push(self._close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _close(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._file.abandon()
            return
        with self._full_disk():
            self._file.finish()
        try:
            found = self._count()
        except InputError as error:
            raise self._failed(str(error)) from None
        if found != (self._n_records, self._covered_bp):
            raise self._failed(f"{found[0]:,} of {self._n_records:,} records are there")

    def _count(self) -> tuple[int, int]:
        """Records, and the bp that they cover, that are in the file."""
        reader = BigWigReader(self._temporary)
        try:
            return reader.count()
        finally:
            reader.close()

    @contextmanager
    def _full_disk(self) -> Iterator[None]:
        """Turn an error of the operating system into one that names the file."""
        try:
            yield
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from None

    def _failed(self, reason: str) -> InputError:
        return InputError(f"{self.path}: was not written to its end ({reason}); is the disk full?")

    def add(self, chrom: str, start_bin: int, values: Float[np.ndarray, " bin"]) -> None:
        """Append the values of consecutive bins, which must follow all bins added before (chromosomes by name).

        Bins past the end of the chromosome are left out.
        """
        size = self.chrom_sizes[chrom]
        rounded = np.round(values[: max(-(-size // self.bin_bp) - start_bin, 0)].astype(np.float64), self.decimals)
        if np.count_nonzero(np.diff(rounded)) > _FEW_EQUAL * len(rounded):
            # Several times faster than runs, and no larger where few neighbours are equal.
            n_whole = min(len(rounded), size // self.bin_bp - start_bin)
            self._add_whole_bins(chrom, start_bin, rounded[:n_whole])
            start_bin, rounded = start_bin + n_whole, rounded[n_whole:]
        self._add_runs(chrom, start_bin, rounded)

    def _add_whole_bins(self, chrom: str, start_bin: int, values: Float[np.ndarray, " bin"]) -> None:
        self._n_records += len(values)
        self._covered_bp += len(values) * self.bin_bp
        with self._full_disk():
            self._file.add_fixed(chrom, start_bin * self.bin_bp, self.bin_bp, values)

    def _add_runs(self, chrom: str, start_bin: int, values: Float[np.ndarray, " bin"]) -> None:
        if not len(values):
            return
        changes = np.flatnonzero(np.diff(values)) + 1
        first = np.concatenate([[0], changes])
        after = np.concatenate([changes, [len(values)]])
        starts = (first + start_bin) * self.bin_bp
        ends = np.minimum((after + start_bin) * self.bin_bp, self.chrom_sizes[chrom])
        self._n_records += len(starts)
        self._covered_bp += int((ends - starts).sum())
        with self._full_disk():
            self._file.add(chrom, Records(starts, ends, values[first].astype(np.float32)))

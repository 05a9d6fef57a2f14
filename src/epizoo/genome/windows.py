"""Windows of coverage or marks as plain dicts of NumPy arrays: rows for Kipoi, training and export.

Everything that can be checked is checked by the constructors. Windows can be read in forked and in spawned workers.
"""

import functools
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, Shaped, UInt8

from epizoo.errors import InputError
from epizoo.genome.binarize_bigwigs import BigWigBinarization, binarize_bigwigs, common_sizes
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.intervals import check_blacklist, check_intervals, read_bed, subtract_blacklist, tile, whole_genome
from epizoo.genome.loci import is_region, parse_region
from epizoo.genome.marks import arrange_marks, find_one_cell, read_chromosomes
from epizoo.genome.signal import BigWig, SignalTrack, open_signal
from epizoo.mark_values import MISSING

Intervals = pd.DataFrame | str | os.PathLike[str]
"""An interval table, or the BED file to read it from."""


class WindowShape(NamedTuple):
    """The shape of a window.

    Attributes:
        window_bins: bins that a model gives output for.
        flank_bins: bins more on each side, which are cropped from the output.
        bin_bp: width of a bin.
    """

    window_bins: int
    flank_bins: int
    bin_bp: int

    @property
    def width_bp(self) -> int:
        """Width of a window without its flanks."""
        return self.window_bins * self.bin_bp

    @property
    def input_bins(self) -> int:
        """Bins of a window with its flanks."""
        return self.window_bins + 2 * self.flank_bins


class _Tiles(NamedTuple):
    """Positions of windows."""

    chrom: Shaped[np.ndarray, " window"]
    start_bin: Int64[np.ndarray, " window"]
    valid_bins: Int64[np.ndarray, " window"]
    interval: Int64[np.ndarray, " window"]


class _Windows(ABC):
    """Windows over checked intervals: a sequence of rows. Subclasses read the signal.

    Args:
        intervals: the interval table.
        shape: bins of a window.
        n_bins: the bins of each chromosome that have a value.
    """

    def __init__(self, intervals: pd.DataFrame, shape: WindowShape, n_bins: Mapping[str, int]) -> None:
        self.shape = shape
        self.intervals = intervals
        self._n_bins = n_bins

    @functools.cached_property
    def _tiles(self) -> _Tiles:
        """Made when a window is first asked for: whoever reads chromosomes from end to end needs none."""
        bin_bp = self.shape.bin_bp
        table = tile(self.intervals, self.shape.width_bp, bin_bp)
        inside = table["chrom"].map(dict(self._n_bins)).to_numpy(np.int64) - table["start"].to_numpy() // bin_bp
        table["valid_bins"] = np.minimum(table["valid_bins"].to_numpy(), inside)
        table = table[table["valid_bins"] > 0]
        starts, valid, interval = (table[name].to_numpy() for name in ("start", "valid_bins", "interval"))
        return _Tiles(table["chrom"].to_numpy(object), starts // bin_bp, valid, interval)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._tiles.chrom)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def _locus(self, index: int) -> tuple[str, int, int]:
        """Chromosome, first and end bin of a window with its flanks."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        first = int(self._tiles.start_bin[index]) - self.shape.flank_bins
        return self._tiles.chrom[index], first, first + self.shape.input_bins

    def _metadata(self, index: int) -> dict[str, Any]:
        """Ranges of the valid bins (in bp, on the grid of bins) and how many there are."""
        chrom, first_bin, valid, row = (column[index] for column in self._tiles)
        start = int(first_bin) * self.shape.bin_bp
        columns = self.intervals.columns
        name = self.intervals["name"].iloc[row] if "name" in columns else str(row)
        strand = self.intervals["strand"].iloc[row] if "strand" in columns else "."
        ranges = {
            "chr": chrom,
            "start": start,
            "end": min(start + int(valid) * self.shape.bin_bp, self._chrom_end(chrom)),
            "id": name,
            "strand": strand if strand in ("+", "-") else "*",
        }
        return {"ranges": ranges, "valid_bins": int(valid)}

    @abstractmethod
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @abstractmethod
    def _chrom_end(self, chrom: str) -> int:
        """End of the chromosome for metadata, in bp."""


class CoverageWindows(_Windows):
    """Windows of transformed coverage, one track for the treatment and one for an optional control.

    Args:
        bigwig: the treatment, a bigWig or another track.
        intervals: where; the whole genome of the track where None.
        shape: bins of a window.
        transform: how coverage is transformed; fitted here, once per file.
        control: an optional control, which becomes the second track.
        kind: kind of signal of the treatment (`epizoo.genome.signal_kinds.SIGNAL_KINDS`); detected where None.
        control_kind: the same for the control; that of the treatment where None.
        known_regions: where an absent value means 0; elsewhere it is unknown.
        blacklist: stretches to leave out.
        n_tracks: how many tracks a window has; those that are not given hold 0. None: as many as are given.
        excluded: sequences that the scale is not estimated from.
        scale_blacklist: stretches that it is not estimated from either.

    Raises:
        InputError: a file cannot be used, an interval is not in the bigWig, or control and treatment are of different
            assemblies.
    """

    def __init__(
        self,
        bigwig: str | os.PathLike[str] | SignalTrack,
        intervals: Intervals | None,
        shape: WindowShape,
        transform: CoverageTransform,
        *,
        control: str | os.PathLike[str] | SignalTrack | None = None,
        kind: str | None = None,
        control_kind: str | None = None,
        known_regions: Intervals | None = None,
        blacklist: Intervals | None = None,
        n_tracks: int | None = None,
        excluded: Collection[str] = (),
        scale_blacklist: pd.DataFrame | None = None,
    ) -> None:
        self.bigwigs = [open_signal(source) for source in (bigwig, control) if source is not None]
        sizes, name = self.bigwigs[0].chrom_sizes, str(self.bigwigs[0].path)
        table = checked_intervals(whole_genome(sizes) if intervals is None else intervals, sizes, name, blacklist)
        if control is not None:
            _check_control(self.bigwigs[1], self.bigwigs[0], table["chrom"].unique())
        known = None if known_regions is None else interval_table(known_regions, "the known regions")
        if known is not None:
            check_intervals(known, sizes, known.attrs["name"], name)
        self.known, self.transform = known, transform
        # The treatment's kind says nothing of a control whose format fixes its own.
        kinds = (kind, control_kind or (kind if self.bigwigs[-1].kind is None else None))[: len(self.bigwigs)]
        self.fitted = [
            transform.fit(
                track,
                kind=stated,
                # A control may lack sequences of the treatment.
                known_regions=known if known is None else known[known["chrom"].isin(list(track.chrom_sizes))],
                excluded=excluded,
                blacklist=scale_blacklist,
            )
            for track, stated in zip(self.bigwigs, kinds, strict=True)
        ]
        self.n_tracks = n_tracks or len(self.bigwigs)
        super().__init__(table, shape, {chrom: -(-size // shape.bin_bp) for chrom, size in sizes.items()})

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One window: ``inputs.coverage`` (window + 2 * flank, track) float32, 0 outside the chromosome."""
        return {"inputs": {"coverage": self.coverage(*self._locus(index))}, "metadata": self._metadata(index)}

    def coverage(self, chrom: str, start_bin: int, end_bin: int) -> Float[np.ndarray, "bin track"]:
        """Transformed coverage of any bins, float32, 0 outside the chromosome and of tracks that were not given."""
        return self.coverage_of([(chrom, start_bin, end_bin)])

    def coverage_of(self, loci: Sequence[tuple[str, int, int]]) -> Float[np.ndarray, "bin track"]:
        """The same of many loci (chromosome, first bin, end bin), one after another."""
        coverage = np.zeros((sum(end - start for _, start, end in loci), self.n_tracks), np.float32)
        for track in range(min(self.n_tracks, len(self.bigwigs))):
            coverage[:, track] = self._transformed(track, loci)
        return coverage

    def folds(
        self, loci: Sequence[tuple[str, int, int]], coverage: Float[np.ndarray, "bin track"]
    ) -> list[Float[np.ndarray, " bin"]]:
        """Linear signal of each file in multiples of its background, the control's too where the model takes none.

        Args:
            loci: chromosomes, first and end bins, one after another.
            coverage: the transformed coverage of these bins, as `coverage_of` gives it.
        """
        tracks = [coverage[:, track] for track in range(min(self.n_tracks, len(self.bigwigs)))]
        others = range(len(tracks), len(self.bigwigs))
        tracks += [self._transformed(track, loci) for track in others]
        return [fitted.inverse(track, fitted.background) for fitted, track in zip(self.fitted, tracks, strict=True)]

    def _transformed(self, track: int, loci: Sequence[tuple[str, int, int]]) -> Float[np.ndarray, " bin"]:
        bigwig = self.bigwigs[track]
        # Writers of bigWigs leave out sequences without signal.
        held = [locus for locus in loci if not track or locus[0] in bigwig.chrom_sizes]
        if len(held) == len(loci):
            return self.fitted[track](bigwig.binned_loci(loci, self.shape.bin_bp))
        is_held = np.repeat(
            [chrom in bigwig.chrom_sizes for chrom, _, _ in loci], [end - start for _, start, end in loci]
        )
        values = np.zeros(len(is_held), np.float32)
        if held:
            values[is_held] = self.fitted[track](bigwig.binned_loci(held, self.shape.bin_bp))
        return values

    def _chrom_end(self, chrom: str) -> int:
        return self.bigwigs[0].chrom_sizes[chrom]


class MarkWindows(_Windows):
    """Windows of binarised marks, in a model's order.

    Args:
        chromosomes: marks of each chromosome, (bin, mark), 0, 1 or 2 (missing).
        intervals: where; all of the chromosomes that hold a whole bin where None.
        shape: bins of a window; its ``bin_bp`` is that of the marks.
        name: what the marks come from, for messages.
        blacklist: stretches to leave out.
        all_chroms: names of the chromosomes of the source, where ``chromosomes`` holds only some of them.

    Raises:
        InputError: an interval is not inside the chromosomes, none holds a whole bin, or no chromosome of the blacklist
            is known.
    """

    def __init__(
        self,
        chromosomes: Mapping[str, UInt8[np.ndarray, "bin mark"]],
        intervals: Intervals | None,
        shape: WindowShape,
        *,
        name: str = "the binarised marks",
        blacklist: Intervals | None = None,
        all_chroms: Collection[str] | None = None,
    ) -> None:
        self.chromosomes = dict(chromosomes)
        n_bins = {chrom: len(values) for chrom, values in chromosomes.items()}
        # Marks cover floor(length / bin_bp) bins: the end of the chromosome lies somewhere in the next bin.
        longest = {chrom: (n + 1) * shape.bin_bp - 1 for chrom, n in n_bins.items()}
        if intervals is None:
            intervals = whole_genome({chrom: n * shape.bin_bp for chrom, n in n_bins.items() if n})
        table = checked_intervals(intervals, longest, name, blacklist, all_chroms)
        super().__init__(table, shape, n_bins)
        if not len(self):
            raise InputError(f"{name}: no interval holds a whole bin of {shape.bin_bp} bp; give wider intervals")

    @classmethod
    def from_binarized(
        cls,
        folder: str | os.PathLike[str],
        marks: Sequence[str],
        intervals: Intervals | None,
        shape: WindowShape,
        *,
        cell: str | None = None,
        allow_missing: bool = False,
        blacklist: Intervals | None = None,
    ) -> Self:
        """Windows over a folder of ChromHMM's binarised text.

        Args:
            folder: the folder.
            marks: the model's marks, in its order; columns are found by their names.
            intervals: where; everything in the folder where None.
            shape: bins of a window.
            cell: the cell type, needed where the folder holds several.
            allow_missing: whether marks of the model may be absent; they become NaN.
            blacklist: stretches to leave out.

        Raises:
            InputError: a file cannot be read, the cell type is ambiguous, or a mark is absent and that is not allowed.
        """
        table = None if intervals is None else interval_table(intervals, "the intervals")
        files = find_one_cell(folder, cell)
        all_chroms = [file.chrom for file in files]
        if table is not None:
            # Lengths are known once the files are read; unknown chromosomes are found before.
            check_intervals(table, {file.chrom: sys.maxsize for file in files}, table.attrs["name"], str(folder))
            files = [file for file in files if file.chrom in set(table["chrom"])]
        chromosomes = read_chromosomes(files, marks, allow_missing)
        return cls(chromosomes, table, shape, name=str(folder), blacklist=blacklist, all_chroms=all_chroms)

    @classmethod
    def from_bigwigs(
        cls,
        bigwigs: Mapping[str, str | os.PathLike[str]],
        marks: Sequence[str],
        intervals: Intervals | None,
        shape: WindowShape,
        *,
        binarization: BigWigBinarization,
        allow_missing: bool = False,
        blacklist: Intervals | None = None,
    ) -> Self:
        """Windows over marks that are binarised here from one bigWig per mark; see `binarize_bigwigs`.

        Args:
            bigwigs: mark to bigWig.
            marks: the model's marks, in its order.
            intervals: where; the whole genome of the bigWigs where None.
            shape: bins of a window.
            binarization: kind of signal and threshold.
            allow_missing: whether marks of the model may be absent; they become NaN.
            blacklist: stretches to leave out.

        Raises:
            InputError: as `binarize_bigwigs`, or a mark is absent and that is not allowed.
        """
        table = None if intervals is None else interval_table(intervals, "the intervals")
        found = [mark for mark in marks if mark in bigwigs]
        name = ", ".join(f"{mark}={path}" for mark, path in bigwigs.items())
        # Also refuses absent marks, before the work of binarising begins.
        arrange_marks(np.zeros((0, len(bigwigs)), np.uint8), list(bigwigs), marks, name, allow_missing)
        tracks = {mark: bigwigs[mark] for mark in found}
        sizes = common_sizes([BigWig(path) for path in tracks.values()])
        if table is not None:
            check_intervals(table, sizes, table.attrs["name"], name)
        chroms = None if table is None else list(table["chrom"].unique())
        chromosomes = {
            chrom: arrange_marks(values, found, marks, name, allow_missing)
            for chrom, values in binarize_bigwigs(tracks, binarization, chroms).items()
        }
        return cls(chromosomes, table, shape, name=name, blacklist=blacklist, all_chroms=list(sizes))

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One window: ``inputs.marks`` (window + 2 * flank, mark) float32: 0, 1, NaN missing, -1 outside."""
        chrom, first, end = self._locus(index)
        values = self.chromosomes[chrom]
        marks = np.full((end - first, values.shape[1]), -1, np.float32)
        low, high = max(first, 0), min(end, len(values))
        marks[low - first : high - first] = values[low:high]
        marks[marks == MISSING] = np.nan
        return {"inputs": {"marks": marks}, "metadata": self._metadata(index)}

    def _chrom_end(self, chrom: str) -> int:
        return len(self.chromosomes[chrom]) * self.shape.bin_bp


def interval_table(intervals: Intervals, name: str) -> pd.DataFrame:
    """The table itself, a browser's region, or a BED file's table; ``attrs["name"]`` is its name in messages.

    Raises:
        InputError: a column is missing, positions are no whole numbers, or the file cannot be read.
    """
    if is_region(intervals):
        table = pd.DataFrame([parse_region(str(intervals))])
    else:
        if not isinstance(intervals, pd.DataFrame) and not os.path.exists(intervals):
            raise InputError(f"{intervals}: no such file; check the path, or write a region as chr1:1,000-2,000")
        table = intervals.copy() if isinstance(intervals, pd.DataFrame) else read_bed(intervals)
    table.attrs.setdefault("name", name if isinstance(intervals, pd.DataFrame) else str(intervals))
    _require_positions(table)
    return table


def _require_positions(table: pd.DataFrame) -> None:
    for column in ("chrom", "start", "end"):
        if column not in table.columns:
            found = ", ".join(map(str, table.columns))
            raise InputError(f"{table.attrs['name']}: has the columns {found}; expected chrom, start and end")
        if column != "chrom" and table[column].dtype.kind not in "iu":
            kind, value = table[column].dtype, next(iter(table[column]), None)
            raise InputError(
                f"{table.attrs['name']}: {column} holds {value!r} ({kind}), expected whole numbers of bp; "
                f'convert the column with .astype("int64")'
            )


def checked_intervals(
    intervals: Intervals,
    chrom_sizes: Mapping[str, int],
    sizes_name: str,
    blacklist: Intervals | None,
    all_chroms: Collection[str] | None = None,
) -> pd.DataFrame:
    """The table of intervals that lie in their chromosomes, less a blacklist.

    Args:
        intervals: what is asked for.
        chrom_sizes: length of each chromosome in bp.
        sizes_name: what they come from, for messages.
        blacklist: stretches to leave out.
        all_chroms: names of the chromosomes of the source, where ``chrom_sizes`` holds only some of them.

    Raises:
        InputError: an interval lies outside its chromosome, or no chromosome of the blacklist is known.
    """
    table = interval_table(intervals, "the intervals")
    check_intervals(table, chrom_sizes, table.attrs["name"], sizes_name)
    if blacklist is None:
        return table
    excluded = interval_table(blacklist, "the blacklist")
    check_blacklist(excluded, chrom_sizes if all_chroms is None else all_chroms, excluded.attrs["name"], sizes_name)
    return subtract_blacklist(table, excluded)


def _check_control(control: SignalTrack, treatment: SignalTrack, chroms: Iterable[str]) -> None:
    """Refuse a control of another assembly; one without some of the treatment's sequences has no signal there."""
    shared = [chrom for chrom in chroms if chrom in control.chrom_sizes]
    for chrom in shared:
        found, expected = control.chrom_sizes[chrom], treatment.chrom_sizes[chrom]
        if found != expected:
            raise InputError(
                f"{control.path}: has {found:,} bp of {chrom}, but {treatment.path} has {expected:,} bp; give a "
                "control of the same assembly"
            )
    if not shared:
        some, others = ", ".join(list(control.chrom_sizes)[:3]), ", ".join(list(chroms)[:3])
        raise InputError(
            f"{control.path}: has {some}, but none of the sequences of {treatment.path} that are asked for ({others}); "
            "give a control of the same assembly"
        )

"""The signal that peaks are called in: bigWigs, or reads that are piled up."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.assemblies import check_blacklist_fits, read_blacklist
from epizoo.genome.assemblies import chrom_sizes as sizes_of
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import ReadCoverage, ReadTally, check_distinct, pile_up
from epizoo.genome.signal import PyBigWigFile, SignalTrack, open_signal
from epizoo.genome.windows import Intervals
from epizoo.wording import counted

File = str | os.PathLike[str]
Signal = File | SignalTrack | PyBigWigFile
"""A bigWig's path, a bigWig that pyBigWig has open, or a track."""
Reads = File | Sequence[File]
"""One file of reads, or several that are pooled."""
Progress = Callable[[int, int], None]
"""Called now and then with what is done and what there is to do."""
_LOGGER = logging.getLogger("epizoo")
SATURATED = 0.1
"""Share of duplicates by chance from which on a warning is given."""


@dataclass(frozen=True)
class PeakInputs:
    """Sources of the signal of a treatment and its control; see `epizoo.jobs.call_peaks.call_peaks`.

    Raises:
        InputError: not just one source of the treatment is given, two of the control, or options of reads without any.
    """

    bigwig: Signal | None
    control: Signal | None
    reads: Reads | None
    control_reads: Reads | None
    chrom_sizes: File | None
    coverage: File | None
    handling: Mapping[str, Any]
    """The settings of `PileUpConfig` that were given."""
    replicates: Reads | None = None

    def __post_init__(self) -> None:
        sources = {"--bigwig": self.bigwig, "--reads": self.reads, "--replicates": self.replicates}
        given = [name for name, source in sources.items() if source is not None and source != []]
        if len(given) != 1:
            raise InputError(f"{', '.join(sources)}: {' and '.join(given) or 'none'} given, expected one of them")
        if self.replicates is not None and len(_files(self.replicates)) < 2:
            raise InputError(
                "--replicates: one file given, expected two or more; give a single experiment with --reads"
            )
        if self.control is not None and self.control_reads:
            raise InputError("--control, --control-reads: both given, expected at most one of the two")
        if self.coverage is not None and self.bigwig is not None:
            raise InputError("--coverage: given without --reads; a bigWig is coverage already, leave it out")
        settings = [*(["chrom_sizes"] if self.chrom_sizes is not None else []), *self.handling]
        if settings and self.bigwig is not None and not self.control_reads:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in settings)
            raise InputError(f"{names}: given, but about reads; leave out, or give --reads")
        check_distinct(_files(self.reads) + _files(self.replicates) + _files(self.control_reads))
        check_distinct([path for path in (self.bigwig, self.control) if isinstance(path, str | os.PathLike)])
        _ = self.piling

    @property
    def piling(self) -> PileUpConfig:
        """Settings by which reads become coverage."""
        return PileUpConfig(**self.handling)

    @property
    def first_of_control(self) -> Signal | None:
        """The first file of the control, if there is one."""
        return next(iter(_files(self.control_reads)), self.control)

    def paths(self) -> list[File]:
        """All files that are read."""
        paths = [*_files(self.reads), *_files(self.replicates), *_files(self.control_reads), *_files(self.chrom_sizes)]
        paths += _files(self.handling.get("reference"))
        return [*paths, *_paths(self.bigwig), *_paths(self.control)]

    def open(self, progress: Progress | None) -> tuple[SignalTrack, SignalTrack | None, tuple[str, ...]]:
        """Treatment and control with reads piled up, and sentences on the reads.

        Raises:
            InputError: reads cannot be used.
        """
        notes: list[str] = []
        if self.replicates:
            treatment: SignalTrack | None = self._pile_up_replicates(notes, progress)
        else:
            treatment = self._track(self.bigwig, self.reads, notes, progress)
        assert treatment is not None
        return treatment, self._track(self.control, self.control_reads, notes, progress), tuple(notes)

    def _track(
        self, signal: Signal | None, reads: Reads | None, notes: list[str], progress: Progress | None
    ) -> SignalTrack | None:
        if reads:
            return self._pile_up(reads, notes, progress)
        return None if signal is None else open_signal(signal)

    def _pile_up_replicates(self, notes: list[str], progress: Progress | None) -> ReadCoverage:
        """All replicates together; each file's duplicates are its own."""
        parts = [self._pile_up(path, notes, progress) for path in _files(self.replicates)]
        first = parts[0]
        for part in parts[1:]:
            other = next((c for c, n in part.chrom_sizes.items() if first.chrom_sizes.get(c, n) != n), None)
            if other is not None or not set(part.chrom_sizes) & set(first.chrom_sizes):
                found = "no chromosome of the same name" if other is None else f"{other} of another length"
                raise InputError(f"{part.path}: has {found} as {first.path}; give replicates of one assembly")
        return ReadCoverage.together(parts)

    def _pile_up(self, reads: Reads, notes: list[str], progress: Progress | None) -> ReadCoverage:
        sizes = None if self.chrom_sizes is None else sizes_of(self.chrom_sizes)
        coverage = pile_up(reads, self.piling, chrom_sizes=sizes, progress=progress)
        what = "around each cut site" if self.piling.atac else "a single read, pairs from end to end"
        notes.append(
            f"Read {', '.join(map(str, _files(reads)))}: {counted(coverage.n_fragments, 'fragment')} piled up, "
            f"{self.piling.width_bp} bp {what}."
        )
        notes.append(_on_duplicates(coverage.tally))
        notes += [f"Left out {counted(number, 'read')} {reason}." for reason, number in coverage.tally.left_out.items()]
        if coverage.left_out:
            names = ", ".join([*list(coverage.left_out)[:3], *(["…"] if len(coverage.left_out) > 3 else [])])
            n_reads = sum(coverage.left_out.values())
            notes.append(f"Left out {counted(n_reads, 'read')} on chromosomes of unknown length: {names}.")
        return coverage


def _on_duplicates(tally: ReadTally) -> str:
    """A sentence on the share of duplicates; warns where chance alone makes many."""
    if not tally.n_reads:
        return "These are fragments of single cells, of which every row counts."
    if tally.most_kept is None:
        return "All duplicates were kept."
    if tally.by_chance >= SATURATED:
        _LOGGER.warning(
            "the reads are so many for this genome that %.0f%% of them would share their position by chance, and peaks "
            "are flattened; consider --keep-duplicates auto",
            100 * tally.by_chance,
        )
    share = tally.n_duplicates / tally.n_reads
    return (
        f"Left out {tally.n_duplicates:,} of {counted(tally.n_reads, 'read')} ({share:.1%}) as duplicates: at most "
        f"{tally.most_kept} kept per position."
    )


def blacklist_table(blacklist: Intervals, track: SignalTrack) -> pd.DataFrame:
    """A blacklist by name, file or table as an interval table in the track's names of chromosomes.

    Raises:
        InputError: there is none of this name, or it is of another assembly.
    """
    if not isinstance(blacklist, pd.DataFrame):
        return read_blacklist(blacklist, track.chrom_sizes, str(track.path))
    check_blacklist_fits(blacklist, track.chrom_sizes, "the blacklist", str(track.path))
    return blacklist


def _files(files: Reads | None) -> list[File]:
    if files is None:
        return []
    return [files] if isinstance(files, str | os.PathLike) else list(files)


def _paths(signal: Signal | None) -> Sequence[File]:
    if signal is None or isinstance(signal, str | os.PathLike):
        return _files(signal)
    return signal.sources if isinstance(signal, SignalTrack) else []

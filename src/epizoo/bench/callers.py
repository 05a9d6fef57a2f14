"""Callers of peaks: entries, and files of anybody's peaks."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.bench.experiments import ASSAYS, Experiment, Stretch
from epizoo.bench.fingerprints import fingerprint
from epizoo.calling.peak_reader import peak_rank, read_peaks
from epizoo.errors import InputError
from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.overlaps import merged
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.genome.signal import BigWig, SignalTrack, open_signal
from epizoo.jobs.call_peaks import call_peaks
from epizoo.zoo.entry import PeakCallerEntry, PeakScorerEntry
from epizoo.zoo.loading import load_any_caller

BIN_BP = 50
_KNOWN_BLOCK_BP = 10_000
"""Where reads are of a part of the genome, blocks without any are unknown, as in `epizoo.genome.coverage_transform`."""
_SUFFIXES = (".narrowPeak", ".broadPeak", ".bed", ".narrowPeak.gz", ".broadPeak.gz", ".bed.gz")
_ANY = "any"


class Call(NamedTuple):
    """Result of a caller on an experiment.

    Attributes:
        peaks: with the columns of `epizoo.calling.peak_reader.read_peaks`.
        bins: a score of each bin of `BIN_BP` of the experiment's only region, where true peaks are known.
    """

    peaks: pd.DataFrame
    bins: Float[np.ndarray, " bin"] | None = None


class BenchCaller(Protocol):
    """Somebody who calls peaks."""

    @property
    def name(self) -> str:
        """Name in tables."""

    def call(self, experiment: Experiment, data: Path) -> Call | None:
        """Its peaks; None where the experiment is not one for it."""

    def about(self) -> dict[str, Any]:
        """Description in plain values."""


@dataclass(frozen=True)
class EntryCaller:
    """Entries of the zoo: one for all experiments, or one for each assay."""

    name: str
    entries: Mapping[str, PeakCallerEntry | PeakScorerEntry]

    def call(self, experiment: Experiment, data: Path) -> Call | None:
        """See `BenchCaller`."""
        entry = self.entries.get(experiment.assay, self.entries.get(_ANY))
        if entry is None:
            return None
        given = _arguments(experiment, data)
        if isinstance(entry, PeakScorerEntry):
            return _call_scorer(entry, experiment, given)
        if experiment.true_peaks is None:
            return Call(call_peaks(entry, **given))
        with tempfile.TemporaryDirectory() as folder:
            track = Path(folder) / "probabilities.bw"
            peaks = call_peaks(entry, probabilities=track, **given)
            with BigWig(track) as bigwig:
                return Call(peaks, binned(bigwig, experiment.regions[0]))

    def about(self) -> dict[str, Any]:
        """The entries by assay, each with its fingerprint."""
        return {"kind": "entries", "entries": {assay: fingerprint(entry) for assay, entry in self.entries.items()}}


@dataclass(frozen=True)
class FilesOfPeaks:
    """A folder that holds a file of peaks for each experiment, ``NAME.narrowPeak``, by `Experiment.name`.

    A bigWig ``NAME.bw`` beside it holds the scores by which bp are ranked, where true peaks are known.
    """

    name: str
    folder: Path
    used: list[str] = field(default_factory=list)

    def call(self, experiment: Experiment, data: Path) -> Call | None:
        """See `BenchCaller`; a file that is not there means no call."""
        files = [self.folder / f"{experiment.name}{suffix}" for suffix in _SUFFIXES]
        there = [file for file in files if file.is_file()]
        if not there:
            return None
        peaks, track = read_peaks(there[0]), self.folder / f"{experiment.name}.bw"
        self.used.append(there[0].name)
        if experiment.true_peaks is None:
            return Call(peaks)
        if track.is_file():
            with BigWig(track) as bigwig:
                return Call(peaks, binned(bigwig, experiment.regions[0]))
        return Call(peaks, painted(peaks, experiment.regions[0]))

    def about(self) -> dict[str, Any]:
        """The files that were read."""
        return {"kind": "files", "files": sorted(self.used)}


def entry_caller(text: str, backend: str | None = None) -> EntryCaller:
    """The caller that a text names: an entry, or ``NAME=ASSAY:ENTRY,ASSAY:ENTRY`` for an entry of each assay.

    Raises:
        InputError: the text is of another form, an assay is unknown, or the entry calls no peaks.
        EntryError: there is no such entry.
    """
    name, separator, choices = text.partition("=")
    if not separator:
        return EntryCaller(text, {_ANY: load_any_caller(text, backend)})
    chosen: dict[str, PeakCallerEntry | PeakScorerEntry] = {}
    for choice in choices.split(","):
        found = re.fullmatch(r"(\w+):(.+)", choice)
        if not name or found is None or found[1] not in ASSAYS or found[1] in chosen:
            raise InputError(
                f"--entry: {text!r} found, expected an entry, or NAME=ASSAY:ENTRY,ASSAY:ENTRY with the assays "
                f"{', '.join(ASSAYS)}, each at most once"
            )
        chosen[found[1]] = load_any_caller(found[2], backend)
    return EntryCaller(name, chosen)


def binned(bigwig: BigWig, region: Stretch) -> Float[np.ndarray, " bin"]:
    """Means of the bins of `BIN_BP` of a region."""
    return bigwig.binned(region.chrom, region.start // BIN_BP, region.end // BIN_BP, BIN_BP).astype(np.float64)


def painted(peaks: pd.DataFrame, region: Stretch) -> Float[np.ndarray, " bin"]:
    """The rank of the peak that each bin of a region touches, for callers without a score of bins; 0 elsewhere.

    >>> peaks = pd.DataFrame({"chrom": ["c"], "start": [60], "end": [110], "pValue": [3.0]})
    >>> painted(peaks, Stretch("c", 0, 200)).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    found = np.zeros(-(-(region.end - region.start) // BIN_BP))
    here = peaks[(peaks["chrom"] == region.chrom) & (peaks["end"] > region.start) & (peaks["start"] < region.end)]
    rank = peak_rank(here)
    values = np.ones(len(here)) if rank is None else 1 + rank - rank.min(initial=np.inf)
    low = (here["start"].to_numpy() - region.start).clip(min=0) // BIN_BP
    high = -(-(here["end"].to_numpy() - region.start) // BIN_BP)
    for first, after, value in zip(low, high, values, strict=True):
        found[first:after] = np.maximum(found[first:after], value)
    return found


def region_table(stretches: tuple[Stretch, ...]) -> pd.DataFrame:
    """Stretches as an interval table."""
    return pd.DataFrame(stretches, columns=["chrom", "start", "end"])


def _call_scorer(entry: PeakScorerEntry, experiment: Experiment, given: dict[str, Any]) -> Call | None:
    """Peaks of an entry that takes no control, and whose depth is the genome's: excerpts are known to be such."""
    if experiment.control is not None:
        return None
    known = _blocks_with_signal(given) if given["regions"] is None else given["regions"]
    given |= {"known_regions": known}
    peaks = call_peaks(entry, **given)
    if experiment.true_peaks is None:
        return Call(peaks)
    # Candidates below the threshold have scores too, by which their bp are ranked.
    return Call(peaks, painted(call_peaks(entry, enter_probability=0, **given), experiment.regions[0]))


def _blocks_with_signal(given: Mapping[str, Any]) -> pd.DataFrame:
    """The union of the blocks of `_KNOWN_BLOCK_BP` that hold signal."""
    if "bigwig" in given:
        track: SignalTrack = open_signal(given["bigwig"])
    else:
        sizes = None if given["chrom_sizes"] is None else chrom_sizes(given["chrom_sizes"])
        track = pile_up(given["reads"], PileUpConfig(atac=given["atac"]), chrom_sizes=sizes)
    return merged(pd.DataFrame(track.covered_blocks(_KNOWN_BLOCK_BP), columns=["chrom", "start", "end"]))


def _arguments(experiment: Experiment, data: Path) -> dict[str, Any]:
    """The experiment as `call_peaks` takes it."""
    path = data / experiment.treatment
    where = region_table(experiment.regions) if experiment.regions else None
    given: dict[str, Any] = {"regions": where, "known_regions": where if experiment.is_window else None}
    if experiment.is_coverage:
        return given | {"bigwig": path, "signal_kind": "coverage"}
    given |= {"reads": path, "chrom_sizes": genome(experiment, data), "atac": experiment.cut_sites}
    return given if experiment.control is None else given | {"control_reads": data / experiment.control}


def genome(experiment: Experiment, data: Path) -> str | Path | None:
    """Chromosome lengths for reads without them."""
    if experiment.genome is None or "/" not in experiment.genome:
        return experiment.genome
    return data / experiment.genome

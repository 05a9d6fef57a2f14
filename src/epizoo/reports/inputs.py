"""The files that a report is about: peaks, signal and states, by the name of their sample."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from epizoo.calling.peak_reader import read_peaks
from epizoo.calling.state_colors import StateStyle
from epizoo.errors import InputError
from epizoo.genome.assemblies import assembly_sizes
from epizoo.genome.binarize_bigwigs import common_sizes
from epizoo.genome.intervals import check_intervals
from epizoo.genome.signal import BigWig
from epizoo.jobs.annotate import Annotation
from epizoo.metrics.segmentations import Segmentation
from epizoo.reports.state_styles import styled_states
from epizoo.zoo.entry import ChromatinStateEntry

File = str | os.PathLike[str]
Named = File | Mapping[str, File]
"""One file, or files by the name of their sample."""


class Inputs(NamedTuple):
    """All that a report is about, read and checked.

    Attributes:
        peaks: peaks by sample (`epizoo.calling.peak_reader.read_peaks`).
        signals: open bigWigs by name; that of a sample has the sample's name.
        states: segmentations by cell type.
        styles: names and colours of the states of each segmentation.
        files: all files, by what they are.
        assembly, lengths: name of the assembly, and lengths of its chromosomes where they are known and needed.
    """

    peaks: dict[str, pd.DataFrame]
    signals: dict[str, BigWig]
    states: dict[str, Segmentation]
    styles: dict[str, list[StateStyle]]
    files: tuple[tuple[str, Path], ...]
    assembly: str | None = None
    lengths: Mapping[str, int] = MappingProxyType({})

    @property
    def has_lengths(self) -> bool:
        """True if signals or the assembly tell the lengths of chromosomes."""
        return bool(self.signals or self.lengths)

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of chromosomes, of signals or the assembly; of others, the last positions of peaks and states."""
        ends: dict[str, int] = {}
        for table in (*self.peaks.values(), *(states.segments for states in self.states.values())):
            for chrom, end in table.groupby("chrom")["end"].max().items():
                ends[str(chrom)] = max(int(end), ends.get(str(chrom), 0))
        return {**ends, **self.lengths, **common_sizes(list(self.signals.values()))}

    def source(self, chrom: str) -> Path | str:
        """The file or assembly that tells the length of a chromosome; the first file of one that is in none."""
        if self.assembly is not None and self.lengths:
            return self.assembly
        holders = [signal.path for signal in self.signals.values() if chrom in signal.chrom_sizes]
        return Path([*holders, *(signal.path for signal in self.signals.values()), self.files[0][1]][0])


def open_inputs(
    stack: ExitStack,
    peaks: Named | None,
    bigwigs: Named | None,
    states: Named | None,
    entry: ChromatinStateEntry | File | None,
    annotated: Mapping[str, Annotation],
    assembly: str | None = None,
) -> Inputs:
    """Read peaks and states and open signals; the stack closes them.

    Args:
        stack: closes the bigWigs.
        peaks: peaks, by sample.
        bigwigs: signals; one without a name is that of the one sample.
        states: BED files of states, by cell type.
        entry: entry that the states belong to.
        annotated: annotations by cell type, whose files are not read again.
        assembly: name of the assembly, whose lengths of chromosomes are taken where there is no signal.

    Raises:
        InputError: there is nothing to report on, or a file cannot be used or is of another assembly.
    """
    if not peaks and not states:
        raise InputError("report: neither peaks nor states given; give --peaks, --states or both")
    peak_files, state_files = named(peaks), named(states)
    lone = next(iter(peak_files or state_files))
    signal_files = named(bigwigs, lone if len(peak_files or state_files) == 1 else None)
    signals = {name: stack.enter_context(BigWig(path)) for name, path in signal_files.items()}
    styled = styled_states(state_files, entry, {name: one.segmentation() for name, one in annotated.items()})
    found = Inputs(
        {name: read_peaks(path) for name, path in peak_files.items()},
        signals,
        {name: states_of for name, (states_of, _) in styled.items()},
        {name: styles for name, (_, styles) in styled.items()},
        tuple(
            (f"{name} {kind}", Path(path))
            for kind, files in (("peaks", peak_files), ("signal", signal_files), ("states", state_files))
            for name, path in files.items()
        ),
        assembly,
    )
    stated = assembly_sizes(assembly) if assembly is not None else {}
    for signal in signals.values():
        _check_assembly(signal, stated, str(assembly))
    lengths = {} if signals else stated
    # Chromosomes of other names are no part of the same genome.
    found = found._replace(lengths=lengths if lengths.keys() & found.sizes.keys() else {})
    for name, table in found.peaks.items():
        if len(table) and name in signals:
            check_intervals(table, signals[name].chrom_sizes, str(peak_files[name]), str(signals[name].path))
    _check_ends(found, [*peak_files.values(), *state_files.values()])
    return found


def _check_assembly(signal: BigWig, stated: Mapping[str, int], assembly: str) -> None:
    """Check that no chromosome has another length in a signal than in the stated assembly, where that is known.

    Raises:
        InputError: one has.
    """
    for chrom, size in signal.chrom_sizes.items():
        if stated.get(chrom, size) != size:
            expected = f"{assembly} has {stated[chrom]:,} bp"
            raise InputError(f"{signal.path}: has {chrom} of {size:,} bp, and {expected}; name its own assembly")


def _check_ends(inputs: Inputs, paths: Sequence[Path]) -> None:
    """Check that peaks and states end where the chromosomes of the signals do."""
    sizes, tables = inputs.sizes, [*inputs.peaks.values(), *(states.segments for states in inputs.states.values())]
    for table, path in zip(tables, paths, strict=True):
        ends = table.groupby("chrom", sort=False)["end"].max()
        past = [str(chrom) for chrom, end in ends.items() if end > sizes[str(chrom)]]
        if past:
            rows = table[table["chrom"] == past[0]]
            check_intervals(rows, sizes, str(path), str(inputs.source(past[0])))


def named(files: Named | None, lone: str | None = None) -> dict[str, Path]:
    """Files by name; one without a name is called as told, or by its own name up to the first dot.

    >>> named("results/K562.narrowPeak"), named({"b": "b.bw"})
    ({'K562': PosixPath('results/K562.narrowPeak')}, {'b': PosixPath('b.bw')})
    """
    if not files:
        return {}
    if isinstance(files, Mapping):
        return {name: Path(path) for name, path in files.items()}
    return {lone or Path(files).name.split(".")[0]: Path(files)}

"""Differences of states between cell types, or between groups of them with replicates as the null."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64, UInt8

from epizoo.errors import InputError
from epizoo.figures.page import require_picture
from epizoo.figures.state_differences import draw_differences
from epizoo.files import check_outputs
from epizoo.genome.chrom_names import named_like
from epizoo.genome.intervals import read_bed
from epizoo.genome.table_files import check_tables, write_table
from epizoo.genome.text_files import bed_file
from epizoo.jobs.compared_cells import check_bins, compared_files, posteriors_of
from epizoo.jobs.difference_example import difference_panels, most_significant_region
from epizoo.metrics.state_differences import Certainty, Posteriors, log_odds_gain, mean, stationary
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load_annotator

File = str | os.PathLike[str]

Progress = Callable[[int, int], None]


class Differences(NamedTuple):
    """Differences between two groups.

    Attributes:
        segments: chrom, start, end, ``first`` and ``second`` (the state of each group), ``probability`` (the mean over
            the bins that the states differ) and ``q_value`` (of the least certain bin).
        regions: the rows of ``regions`` with their ``gain``, see `differences`; None where none are given.
        n_bins: number of bins that were compared.
    """

    segments: pd.DataFrame
    regions: pd.DataFrame | None
    n_bins: int


class _Compared(NamedTuple):
    """One chromosome: the state of each group, the level of certainty and the gain of each bin."""

    first: UInt8[np.ndarray, " bin"]
    second: UInt8[np.ndarray, " bin"]
    level: Int64[np.ndarray, " bin"]
    gain: Float64[np.ndarray, " bin"] | None


def differences(
    entry: ChromatinStateEntry | File,
    first: Collection[str],
    second: Collection[str],
    binarized: File | Sequence[File],
    *,
    max_false: float = 0.01,
    allow_missing: bool = False,
    output: File | None = None,
    table: File | None = None,
    picture: File | None = None,
    regions: File | None = None,
    states: Collection[str] = (),
    flank_bp: int = 1_000,
    gains: File | None = None,
    progress: Progress | None = None,
) -> Differences:
    """Find the bins whose state differs between two cell types, or between two groups of replicates.

    The posteriors of a group are the means over its samples. A difference is the surer, the less probable both groups'
    marks are where they have one state, against where their states are independent. With replicates, the share of false
    differences is how often two samples of one group differ as surely; without, it follows from a model in which a
    share of the bins, found from the data, has changed.

    Args:
        entry: A chromatin-state annotator, its name or its folder.
        first: Cell types of the first group. May be repeated: several are replicates.
        second: Cell types of the second group. May be repeated: several are replicates.
        binarized: Folder of marks binarised by ChromHMM or `epizoo binarize`; several may be given.
        max_false: Highest share of false differences (q-value).
        allow_missing: Continue without marks that are not given.
        output: BED9 file of segments that differ: FIRST>SECOND as name, the colour of the second state.
        table: The same segments as a table, with probabilities and q-values.
        picture: Draw which states change to which, and the most significant region: .png, .svg or .pdf.
        regions: BED file of regions, such as TSS, whose change is measured with `states`.
        states: Names of the states that make a region active, or their beginnings, as in Tss,Enh.
        flank_bp: Distance on both sides of a region within which its bins count, in bp.
        gains: Table of the regions to write: the gain is the log odds of the active states in the second group, less
            those in the first, mean over the bins.
        progress: called after each chromosome.

    Raises:
        InputError: a cell type is not there or in both groups, chromosomes differ, an option does not apply, or a file
            cannot be used.
        EntryError: there is no such entry, or its weights are missing or do not match their hash.
    """
    loaded = load_annotator(entry)
    folders = [binarized] if isinstance(binarized, str | os.PathLike) else list(binarized)
    if not 0 < max_false < 1:
        raise InputError(f"max_false: {max_false:g} given, expected a share between 0 and 1, such as 0.01")
    if flank_bp < 0:
        raise InputError(f"flank_bp: {flank_bp} given, expected 0 bp or more")
    active = _active(loaded, states, regions, gains)
    check_outputs(
        [path for path in (output, table, picture, gains) if path is not None],
        [*folders, *([regions] if regions else [])],
    )
    check_tables([table, gains])
    if picture is not None:
        require_picture(picture)
    wanted = None if regions is None else read_bed(regions)
    files = compared_files(folders, list(first), list(second))
    counts, found = Certainty.nothing(stationary(loaded.parameters().transition)), {}
    for number, (chrom, groups) in enumerate(files.items(), start=1):
        one, other = ([posteriors_of(loaded, file, allow_missing) for file in group] for group in groups)
        found[chrom] = _compare(one, other, counts, active)
        if progress is not None:
            progress(number, len(files))
    segments = _segments(loaded, found, counts, max_false)
    if output is not None:
        _write_bed(output, segments, loaded)
    if table is not None:
        write_table(table, segments, float_format="%.6g")
    if picture is not None:
        _draw(picture, loaded, (", ".join(first), ", ".join(second)), segments, found, counts)
    measured = None if wanted is None else _gains(wanted, found, loaded.window.bin_bp, flank_bp, str(regions))
    if gains is not None and measured is not None:
        write_table(gains, measured, float_format="%.6g")
    return Differences(segments, measured, sum(len(one.first) for one in found.values()))


def _active(entry: ChromatinStateEntry, states: Collection[str], regions: File | None, gains: File | None) -> list[int]:
    """The numbers of the states that names or their beginnings name."""
    if bool(states) != (regions is not None) or (gains is not None and regions is None):
        raise InputError("regions, states: one given without the other, or gains without both; give them together")
    names = [state.name for state in entry.config.states]
    for text in states:
        if not any(name.startswith(text) for name in names):
            raise InputError(f"states: {text} begins no state of {entry.name}; its states are {', '.join(names)}")
    return [number for number, name in enumerate(names) if name.startswith(tuple(states))] if states else []


def _compare(first: list[Posteriors], second: list[Posteriors], counts: Certainty, active: list[int]) -> _Compared:
    check_bins(*first, *second)
    level = counts.add(first, second)
    one, other = mean(first), mean(second)
    gain = log_odds_gain(one, other, active) if active else None
    return _Compared(one.argmax(axis=1).astype(np.uint8), other.argmax(axis=1).astype(np.uint8), level, gain)


def _segments(
    entry: ChromatinStateEntry, found: Mapping[str, _Compared], counts: Certainty, most: float
) -> pd.DataFrame:
    """Runs of bins with the same two states, all of which differ surely enough."""
    q_values, unchanged = counts.q_values(), counts.unchanged()
    names = np.array([state.name for state in entry.config.states], dtype=object)
    is_sure = (q_values <= most) & (unchanged < 0.5)
    tables = []
    for chrom, one in found.items():
        differs = (one.first != one.second) & is_sure[one.level]
        key = np.where(differs, one.first.astype(np.int64) * 256 + one.second, -1)
        edges = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1], [True]])) if len(key) else np.zeros(1, int)
        start, end = edges[:-1], edges[1:]
        equal = np.concatenate([[0.0], np.cumsum(unchanged[one.level])])
        kept = key[start] >= 0
        start, end = start[kept], end[kept]
        # The highest q-value is that of the lowest level.
        lowest = np.minimum.reduceat(one.level, edges[:-1])[kept] if len(key) else np.zeros(0, int)
        tables.append(
            pd.DataFrame(
                {
                    "chrom": chrom,
                    "start": start * entry.window.bin_bp,
                    "end": end * entry.window.bin_bp,
                    "first": names[one.first[start]],
                    "second": names[one.second[start]],
                    "probability": 1 - (equal[end] - equal[start]) / (end - start),
                    "q_value": q_values[lowest],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _gains(
    regions: pd.DataFrame, found: Mapping[str, _Compared], bin_bp: int, flank_bp: int, name: str
) -> pd.DataFrame:
    """The regions with the mean gain of the bins within the flank; NaN on chromosomes that are not compared."""
    regions = named_like(regions, list(found), name, "the marks")
    gain = np.full(len(regions), np.nan)
    for chrom, one in found.items():
        rows = np.flatnonzero((regions["chrom"] == chrom).to_numpy())
        assert one.gain is not None
        total = np.concatenate([[0.0], np.cumsum(one.gain)])
        start = ((regions["start"].to_numpy()[rows] - flank_bp) // bin_bp).clip(0, len(one.gain))
        end = (-(-(regions["end"].to_numpy()[rows] + flank_bp) // bin_bp)).clip(0, len(one.gain))
        with np.errstate(invalid="ignore"):
            gain[rows] = np.where(end > start, (total[end] - total[start]) / np.maximum(end - start, 1), np.nan)
    if np.isnan(gain).all():
        raise InputError(f"{name}: no region lies on a chromosome of the marks; give regions of the same assembly")
    return regions.assign(gain=gain)


def _draw(
    path: File,
    entry: ChromatinStateEntry,
    groups: tuple[str, str],
    segments: pd.DataFrame,
    found: Mapping[str, _Compared],
    counts: Certainty,
) -> None:
    bin_bp, styles = entry.window.bin_bp, [state.style for state in entry.config.states]
    region = most_significant_region(segments, {chrom: len(one.first) * bin_bp for chrom, one in found.items()})
    example = None
    if region is not None:
        one = found[region.chrom]
        states = [(groups[0], one.first), (groups[1], one.second)]
        probability = 1 - counts.unchanged()[one.level]
        example = (region, difference_panels(region, states, probability, styles, bin_bp))
    draw_differences(path, segments, styles, groups, example)


def _write_bed(path: File, segments: pd.DataFrame, entry: ChromatinStateEntry) -> None:
    colors = {state.name: state.color for state in entry.config.states}
    rows = (
        f"{chrom}\t{start}\t{end}\t{first}>{second}\t{int(1000 * probability)}\t.\t{start}\t{end}\t{colors[second]}\n"
        for chrom, start, end, first, second, probability, _ in segments.itertuples(index=False)
    )
    with bed_file(path) as write:
        write("".join(rows).encode())

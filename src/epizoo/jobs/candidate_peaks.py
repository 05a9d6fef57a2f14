"""Peaks by an entry that scores candidates: candidates are found, described and scored, chromosome by chromosome."""

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int64

from epizoo.calling.called_peaks import CalledPeaks, ScoringDecisions
from epizoo.calling.peaks import name_peaks, peak_table
from epizoo.errors import InputError
from epizoo.genome.assemblies import excluded_sequences
from epizoo.genome.bigwig.writer import write_track
from epizoo.genome.candidate_windows import CandidateSignal, KnownStretch, ScoredCandidates, groups
from epizoo.genome.candidates import find_candidates
from epizoo.genome.intervals import check_intervals
from epizoo.genome.overlaps import cut, overlaps_any
from epizoo.genome.signal_kinds import SIGNAL_KINDS
from epizoo.genome.windows import Intervals
from epizoo.jobs.peak_inputs import PeakInputs, Progress, blacklist_table
from epizoo.zoo.entry import PeakScorerEntry

logger = logging.getLogger(__name__)

SCORE_COLUMNS = ("overallScore", "shapeScore", "enrichmentScore")
"""Columns that the table of peaks has beside `epizoo.calling.peaks.PEAK_COLUMNS`."""
_BATCH = 64


class _Candidates(NamedTuple):
    stretch: KnownStretch
    start: Int64[np.ndarray, " candidate"]
    end: Int64[np.ndarray, " candidate"]
    described: ScoredCandidates


def call_candidates(
    entry: PeakScorerEntry,
    inputs: PeakInputs,
    *,
    refused: Sequence[str] = (),
    least_score: float | None = None,
    signal_kind: str | None = None,
    regions: pd.DataFrame | None = None,
    known_regions: pd.DataFrame | None = None,
    blacklist: Intervals | None = None,
    exclude: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> CalledPeaks:
    """Peaks of a genome, or of regions: the candidates that score high enough.

    Args:
        entry: the peak scorer.
        inputs: a bigWig, or reads.
        refused: names of options that were given, and that the entry has no use for.
        least_score: overall score that a peak lies above, 0 for all candidates; the entry's own where None.
        signal_kind: kind of signal; any but -log10 p, since the signal is scaled.
        regions: where summits of peaks may lie; everywhere where None.
        known_regions: where an absent value means 0, in a file that holds a part of the genome.
        blacklist: peaks on it are left out.
        exclude: sequences that are left out, as in `epizoo.genome.assemblies.excluded_sequences`.
        progress: called while reads are read and candidates are found.

    Raises:
        InputError: an option was given that the entry has no use for, or an input cannot be used.
    """
    if refused:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in refused)
        raise InputError(
            f"{names}: {entry.name} scores candidates of one signal, without control, q-values or widths; "
            "leave it out, or take peak_caller/universal"
        )
    if signal_kind == "log10_p":
        raise InputError(f"--signal-kind: log10_p given, but {entry.name} takes coverage; give the coverage itself")
    if signal_kind is not None and signal_kind not in SIGNAL_KINDS:
        raise InputError(f"--signal-kind: {signal_kind!r} is unknown; choose one of {', '.join(SIGNAL_KINDS)}")
    least = entry.config.least_score if least_score is None else least_score
    if not 0 <= least <= 1:
        raise InputError(f"--enter-probability: {least} given, expected 0 (all candidates) to 1")
    entry.prepare()
    track, _, notes = inputs.open(progress)
    masked = None if blacklist is None else blacklist_table(blacklist, track)
    asked = None if regions is None else set(regions["chrom"])
    excluded = excluded_sequences(track.chrom_sizes, exclude, asked, str(track.path))
    if regions is not None:
        check_intervals(regions, track.chrom_sizes, regions.attrs.get("name", "the intervals"), str(track.path))
    signal = CandidateSignal(track, known_regions, excluded)
    # What cannot be used is refused before anything is written.
    _ = signal.level
    if inputs.coverage is not None:
        write_track(inputs.coverage, track, progress)
    chroms = (asked or set(track.chrom_sizes)) - set(excluded)
    candidates = within(score_candidates(entry, signal, chroms, progress), regions)
    # In float32 a score can be 0, and 0 asks for all candidates.
    found = candidates[(candidates["overallScore"] > least) | (least == 0)]
    if masked is not None:
        found = found[~overlaps_any(found, masked)]
    peaks = CalledPeaks(name_peaks(found))
    if excluded:
        notes = (*notes, f"Left out: {', '.join(excluded)} (--exclude names others, --exclude none leaves out none).")
    peaks.decided = ScoringDecisions(
        f"{entry.name} {entry.version}",
        entry.config.candidates,
        least,
        len(candidates),
        signal.level.depth,
        signal.level.factor,
        notes,
    )
    if not len(peaks):
        logger.warning("%s: no peaks: none of %d candidates scores above %g", track.path, len(candidates), least)
    return peaks


def score_candidates(
    entry: PeakScorerEntry,
    signal: CandidateSignal,
    chroms: Collection[str] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """All candidates of the signal with their scores, sorted, without names.

    Args:
        entry: the peak scorer.
        signal: where candidates are found.
        chroms: sequences to look at; all where None.
        progress: called after each stretch with the bp that are done and those there are.

    Returns:
        `epizoo.calling.peaks.PEAK_COLUMNS` and `SCORE_COLUMNS`. `score` is 1000 times the overall score, `signalValue`
        the highest signal over the mean over the chromosome's bp that have a value, `peak` its first place; p and q
        values are -1.
    """
    tables = [_table(entry, found) for found in _found(entry, signal, chroms, progress)]
    if not tables:
        return peak_table().assign(**dict.fromkeys(SCORE_COLUMNS, np.zeros(0)))
    return pd.concat(tables).sort_values(["chrom", "start"], kind="stable", ignore_index=True)


def within(peaks: pd.DataFrame, regions: pd.DataFrame | None) -> pd.DataFrame:
    """The peaks whose summit lies in a region, cut to it; all of them where None."""
    if regions is None:
        return peaks
    parts = cut(peaks.assign(summit=peaks["start"] + peaks["peak"]), regions)
    parts = parts[(parts["summit"] >= parts["start"]) & (parts["summit"] < parts["end"])].reset_index(drop=True)
    return _in_one_block(parts.assign(peak=parts["summit"] - parts["start"]).drop(columns="summit"))


def _found(
    entry: PeakScorerEntry, signal: CandidateSignal, chroms: Collection[str] | None, progress: Progress | None
) -> Iterator[_Candidates]:
    wanted = [one for one in signal.stretches if chroms is None or one.chrom in chroms]
    done, total = 0, sum(one.end - one.start for one in wanted)
    for stretch in wanted:
        length = stretch.end - stretch.start
        mean = signal.level.means.get(stretch.chrom, 0.0)
        if mean:
            start, end = find_candidates(signal.reader(stretch), length, mean, entry.config.candidates)
            start, end = start + stretch.start, end + stretch.start
            for group in groups(start, end):
                described = signal.describe(stretch, start[group], end[group])
                yield _Candidates(stretch, start[group], end[group], described)
        done += length
        if progress is not None:
            progress(done, total)


def _table(entry: PeakScorerEntry, found: _Candidates) -> pd.DataFrame:
    inputs = found.described.inputs
    batches = [
        entry.predict({entry.input_name: inputs[number : number + _BATCH]}) for number in range(0, len(inputs), _BATCH)
    ]
    scores = [np.concatenate([batch[name] for batch in batches]) for name in entry.output_names]
    table = peak_table(
        chrom=found.stretch.chrom,
        start=found.start,
        end=found.end,
        name=".",
        score=np.rint(1000 * scores[0]),
        strand=".",
        signalValue=found.described.fold,
        pValue=-1.0,
        qValue=-1.0,
        peak=found.described.summit - found.start,
    )
    return _in_one_block(table).assign(**dict(zip(SCORE_COLUMNS, scores, strict=True)))


def _in_one_block(peaks: pd.DataFrame) -> pd.DataFrame:
    """The peaks, each of one block and one summit."""
    width, summit = (peaks["end"] - peaks["start"]).astype("str"), peaks["peak"].astype("str")
    return peaks.assign(blockStarts="0", blockSizes=width, summits=summit).astype({"blockStarts": "str"})

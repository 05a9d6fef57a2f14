"""Candidate peaks as a peak scorer sees them: coverage around the middle, and enrichment over the surroundings.

Source: Hentges et al., Bioinformatics 2022, and lanceotron 1.2.7, whose numbers these are.
"""

import bisect
import functools
import logging
import os
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Float32, Int64

from epizoo.errors import InputError
from epizoo.genome.candidates import RPKM_DEPTH, RPKM_DEPTHS, Read
from epizoo.genome.intervals import check_intervals
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import SignalTrack, open_signal
from epizoo.genome.signal_kinds import negative_values
from epizoo.genome.windows import Intervals, checked_intervals, interval_table

logger = logging.getLogger(__name__)

Positions = Int64[np.ndarray, " candidate"]

WINDOW_BP = 2000
REACHES_BP = np.arange(10_000, 100_001, 10_000)
"""How far to both sides the surroundings reach that a candidate is held to."""
N_FEATURES = len(REACHES_BP) + 2
FULL_DEPTH = 1e9
"""Unit of depths."""
_UNDERFLOW = 999.0
_LEAST_GENOME_BP = 1_000_000_000
_LEAST_SHARE = 0.5
"""Of the genome; with signal in less of it, a file is thought to be an excerpt."""
_PIECE_BP, _GROUP_BP, _GROUP_SIZE = 1 << 22, 1 << 21, 256


class KnownStretch(NamedTuple):
    """A chromosome, or a part of it beyond which nothing is known."""

    chrom: str
    start: int
    end: int


class SignalLevel(NamedTuple):
    """Levels of a file's signal.

    Attributes:
        depth: sum of the signal over the genome, in units of 1e9; without excluded sequences where it is scaled.
        factor: what the signal is multiplied by for the network: 1 where the depth lies in `RPKM_DEPTHS`, else the
            factor that makes it `RPKM_DEPTH`.
        means: mean over the bp of a chromosome that have a value, by chromosome; over all known bp where regions are
            known.
        means_of_all: mean over all known bp, an absent value counting as 0.
        share: share of the known bp that lie in pieces of 4 Mb with signal.
    """

    depth: float
    factor: float
    means: dict[str, float]
    means_of_all: dict[str, float]
    share: float


class ScoredCandidates(NamedTuple):
    """Candidates as a model sees them, and where their signal is highest.

    Attributes:
        inputs: standardised coverage of 2,000 bp, then 12 enrichment features.
        summit: first bp of the highest signal.
        fold: that signal over the mean over the chromosome's bp that have a value.
    """

    inputs: Float32[np.ndarray, "candidate input 1"]
    summit: Positions
    fold: Float[np.ndarray, " candidate"]


class CandidateSignal:
    """A file's signal, from which candidates are described.

    Args:
        bigwig: the signal, a bigWig or another track.
        known_regions: where an absent value means 0, in a file that holds a part of the genome. Its depth is then that
            of a genome with as much signal everywhere, and regions end as chromosomes do.
        excluded: sequences that do not count in the depth where the signal must be scaled.

    Attributes:
        track: the signal.
        stretches: the chromosomes, or the known regions.

    Raises:
        InputError: the file cannot be used, or a region is not in it.
    """

    def __init__(
        self,
        bigwig: str | os.PathLike[str] | SignalTrack,
        known_regions: Intervals | None = None,
        excluded: Collection[str] = (),
    ) -> None:
        self.track = open_signal(bigwig)
        sizes, name = self.track.chrom_sizes, str(self.track.path)
        self.stretches = [KnownStretch(chrom, 0, size) for chrom, size in sizes.items()]
        if known_regions is not None:
            known = interval_table(known_regions, "the known regions")
            check_intervals(known, sizes, known.attrs["name"], name)
            self.stretches = [KnownStretch(*row) for row in merged(known).itertuples(index=False, name=None)]
        self._absent_is_zero = known_regions is not None
        self._excluded = frozenset(excluded)

    @functools.cached_property
    def level(self) -> SignalLevel:
        """Levels of the signal, for which all of it is read once; a signal that must be scaled is warned of.

        Raises:
            InputError: there is no signal, or a value is negative or infinite.
        """
        level = self._measure_level()
        # Reads are never in RPKM, and there is nothing that a user could give instead.
        if level.factor != 1 and self.track.reads_per_area is None:
            logger.warning(
                "%s: depth %.4g found (sum of the signal / 1e9), expected RPKM, whose depth is %g to %g; multiplied by "
                "%.4g to a depth of %g",
                self.track.path,
                level.depth,
                *RPKM_DEPTHS,
                level.factor,
                RPKM_DEPTH,
            )
        if level.share < _LEAST_SHARE and not self._absent_is_zero:
            logger.warning(
                "%s: %.2g%% of the genome has signal, so that nearly every candidate counts as enriched; if the file "
                "holds a part of the genome, name this part with --known-regions (--regions does not tell)",
                self.track.path,
                100 * level.share,
            )
        genome_bp = sum(self.track.chrom_sizes.values())
        if genome_bp < _LEAST_GENOME_BP:
            logger.warning(
                "%s: its chromosomes have %s bp in all, and the network learnt from human genomes: nearly every "
                "candidate counts as enriched",
                self.track.path,
                f"{genome_bp:,}",
            )
        return level

    def describe(self, stretch: KnownStretch, starts: Positions, ends: Positions) -> ScoredCandidates:
        """Candidates of a stretch, sorted by their start, as the model sees them.

        All signal around them is read at once: `groups` of them are near enough to each other.
        """
        length = stretch.end - stretch.start
        starts, ends = starts - stretch.start, ends - stretch.start
        low = max(int(starts.min()) - int(REACHES_BP[-1]), 0)
        high = min(int(ends.max()) + int(REACHES_BP[-1]), length)
        depth, factor = self.level.depth, self.level.factor
        signal = self.reader(stretch)(low, high).astype(np.float64) / depth
        places = [a + int(np.argmax(signal[a - low : b - low])) for a, b in zip(starts, ends, strict=True)]
        summit = np.array(places, np.int64)
        height = signal[summit - low]
        middle = starts + (ends - starts) // 2
        # LanceOtron divides the mean of the chromosome by the depth twice, and so did what its network learnt from.
        mean = self.level.means_of_all[stretch.chrom] / depth / (factor * depth)
        expected = _expected(signal, low, middle, length, mean)
        depths = np.full((len(middle), 1), factor * depth)
        features = np.concatenate([log10_p(height[:, None], expected), depths], axis=1)
        features[height <= 0, :-1] = 0
        coverage = np.stack([_window(signal, low, int(place), length) for place in middle])
        coverage[height <= 0] = 0
        inputs = np.concatenate([_standardised(coverage), features], axis=1)
        fold = height * depth / (self.level.means.get(stretch.chrom) or np.inf)
        return ScoredCandidates(inputs.astype(np.float32)[..., None], summit + stretch.start, fold)

    def reader(self, stretch: KnownStretch) -> Read:
        """Signal of a stretch by positions that are counted from its start."""

        def read(start: int, end: int) -> Float[np.ndarray, " bp"]:
            values = self.track.values(stretch.chrom, stretch.start + start, stretch.start + end)
            np.copyto(values, 0, where=np.isnan(values))
            return values

        return read

    def _measure_level(self) -> SignalLevel:
        """One pass over the known signal."""
        reached = 0
        total, with_value, known = (dict.fromkeys(self.track.chrom_sizes, 0.0) for _ in range(3))
        for chrom, start, end in self.stretches:
            known[chrom] += end - start
            for low in range(start, end, _PIECE_BP):
                runs = self.track.runs(chrom, low, min(low + _PIECE_BP, end))
                if len(runs.value) and runs.value.min() < 0:
                    raise negative_values(self.track)
                width = (runs.end - runs.start).astype(np.float64)
                area = float((runs.value.astype(np.float64) * width).sum())
                total[chrom] += area
                reached += (min(low + _PIECE_BP, end) - low) * bool(area)
                with_value[chrom] += min(low + _PIECE_BP, end) - low if self._absent_is_zero else float(width.sum())
        whole = sum(total.values())
        if not 0 < whole < np.inf:
            found = "an infinite value" if whole else "no signal"
            raise InputError(f"{self.track.path}: holds {found} where candidates are asked for; give another file")
        share = sum(known.values()) / sum(self.track.chrom_sizes.values())
        depth = whole / share / FULL_DEPTH
        others = sum(area for chrom, area in total.items() if chrom not in self._excluded)
        if others and not _is_rpkm(depth):
            # RPKM counts all reads; no other signal needs to.
            depth = others / share / FULL_DEPTH
        return SignalLevel(
            depth,
            1.0 if _is_rpkm(depth) else RPKM_DEPTH / depth,
            {chrom: total[chrom] / with_value[chrom] for chrom in total if with_value[chrom]},
            {chrom: total[chrom] / known[chrom] for chrom in total if known[chrom]},
            reached / sum(known.values()),
        )


class CandidateWindows:
    """Candidates of an interval table, row by row.

    Args:
        signal: where they are seen.
        intervals: the candidates.
        blacklist: stretches that are cut from them.

    Raises:
        InputError: an interval is not in the signal's file, or not in one of its known regions, or the signal cannot
            be used.
    """

    def __init__(self, signal: CandidateSignal, intervals: Intervals, blacklist: Intervals | None = None) -> None:
        self.signal = signal
        track = signal.track
        self.intervals = checked_intervals(intervals, track.chrom_sizes, str(track.path), blacklist)
        self._stretches = self._stretches_of(self.intervals)
        # Read before the loader's workers are forked, so that it is read once.
        _ = signal.level

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.intervals)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One candidate: ``inputs.candidates`` (input, 1) float32, and ``metadata``."""
        if not 0 <= index < len(self):
            raise IndexError(f"candidate {index} of {len(self)}")
        row = self.intervals.iloc[index]
        start, end = int(row["start"]), int(row["end"])
        found = self.signal.describe(self._stretches[index], np.array([start]), np.array([end]))
        strand = row.get("strand", ".")
        ranges = {"chr": str(row["chrom"]), "start": start, "end": end, "id": str(row.get("name", index))}
        ranges["strand"] = strand if strand in ("+", "-") else "*"
        return {"inputs": {"candidates": found.inputs[0]}, "metadata": {"ranges": ranges, "valid_bins": end - start}}

    def _stretches_of(self, table: pd.DataFrame) -> list[KnownStretch]:
        """The stretch that each interval lies in."""
        found: list[KnownStretch] = []
        by_chrom: dict[str, list[KnownStretch]] = {}
        for stretch in self.signal.stretches:
            by_chrom.setdefault(stretch.chrom, []).append(stretch)
        firsts = {chrom: [stretch.start for stretch in stretches] for chrom, stretches in by_chrom.items()}
        for chrom, start, end in table[["chrom", "start", "end"]].itertuples(index=False, name=None):
            number = bisect.bisect_right(firsts.get(chrom, []), start) - 1
            if number < 0 or by_chrom[chrom][number].end < end:
                raise InputError(
                    f"{table.attrs.get('name', 'the intervals')}: {chrom}:{start}-{end} does not lie in one of the "
                    "known regions; give candidates inside them"
                )
            found.append(by_chrom[chrom][number])
        return found


def groups(starts: Positions, ends: Positions) -> Iterator[slice]:
    """Candidates, sorted by their start, in groups that are described together, so that memory is bounded."""
    first = 0
    for number in range(1, len(starts) + 1):
        is_full = number == len(starts) or number - first >= _GROUP_SIZE or ends[number] - starts[first] > _GROUP_BP
        if is_full:
            yield slice(first, number)
            first = number


def log10_p(height: Float[np.ndarray, "*axes"], expected: Float[np.ndarray, "*more"]) -> Float[np.ndarray, "*axes"]:
    """-log10 of the Poisson probability of more than a height, 999 where the probability is below 1e-16.

    Of all the features of LanceOtron this one keeps its rounding, since its network was trained on it.

    >>> log10_p(np.array([[0.5, 90.0]]), np.array([[0.1, 1.0]])).round(3).tolist()
    [[1.022, 999.0]]
    """
    # Late, because SciPy takes longer to import than all dataloaders.
    from scipy.special import pdtr

    with np.errstate(divide="ignore"):
        found: Float[np.ndarray, "*axes"] = -np.log10(1 - pdtr(np.floor(height), expected))
    found[np.isinf(found)] = _UNDERFLOW
    return found


def _is_rpkm(depth: float) -> bool:
    return RPKM_DEPTHS[0] <= depth <= RPKM_DEPTHS[1]


def _expected(
    signal: Float[np.ndarray, " bp"], low: int, middle: Positions, length: int, mean: float
) -> Float[np.ndarray, "candidate level"]:
    """The mean of the chromosome, then the mean signal from each reach before to as far after a candidate's middle.

    Where the farthest reach leaves the stretch, LanceOtron takes, for each reach, what lies before the middle and
    inside, or all up to the end of the stretch where the reach passes it; a reach that passes both ends, or before
    which nothing lies, counts as the level before it.
    """
    sums = np.concatenate([[0.0], np.cumsum(signal)])
    place, reach = middle[:, None], REACHES_BP[None]
    first, after = place - reach, place + reach
    near_end = (first[:, -1:] < 0) | (after[:, -1:] > length)
    is_unknown = (first < 0) & (after > length)
    after = np.where(near_end, np.where(after <= length, place, length), after)
    first = np.maximum(first, 0)
    is_unknown |= first == after
    levels = np.full((len(middle), 1 + len(REACHES_BP)), mean)
    levels[:, 1:] = (sums[after - low] - sums[first - low]) / np.maximum(after - first, 1)
    for number in range(1, levels.shape[1]):
        levels[:, number] = np.where(is_unknown[:, number - 1], levels[:, number - 1], levels[:, number])
    return levels


def _window(signal: Float[np.ndarray, " bp"], low: int, middle: int, length: int) -> Float[np.ndarray, " bp"]:
    """The coverage around a place, moved inwards at the ends of a stretch; a shorter stretch lies in zeros."""
    if length < WINDOW_BP:
        found = np.zeros(WINDOW_BP)
        start = (WINDOW_BP - length) // 2
        found[start : start + length] = signal
        return found
    start = min(max(middle - WINDOW_BP // 2, 0), length - WINDOW_BP) - low
    return signal[start : start + WINDOW_BP]


def _standardised(rows: Float[np.ndarray, "candidate bp"]) -> Float[np.ndarray, "candidate bp"]:
    """Each row less its mean, over its standard deviation; rows of one value are 0."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    is_flat = spread <= 1e-12 * np.abs(rows).max(axis=1, keepdims=True, initial=0)
    return np.where(is_flat, 0, centred / np.where(is_flat, 1, spread))

"""Peaks from per-bin probabilities: hysteresis, merging, summits and folds, whole or chunk by chunk."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from epizoo.calling.local_background import LocalBackground, line_starts
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.significance import significant, with_q_values
from epizoo.calling.stretches import Stretch
from epizoo.calling.summits import Summits, find_summits, first_highest, smoothing_bins
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.poisson import poisson_log10_p

NARROWPEAK_COLUMNS = (
    "chrom",
    "start",
    "end",
    "name",
    "score",
    "strand",
    "signalValue",
    "pValue",
    "qValue",
    "peak",
)
PEAK_COLUMNS = (*NARROWPEAK_COLUMNS, "blockStarts", "blockSizes", "summits")
"""narrowPeak's, then what a peak is made of, as offsets from its start in lists such as ``0,350``: the stretches that
were joined, and all summits."""

Candidates = dict[str, Shaped[np.ndarray, " peak"]]
"""Columns of peaks that have no name and no q-value yet; none where there is no peak."""

# Longer odds than those of a probability of 0.95 rank simulated peaks no better, and hide how high they are.
_LONGEST_ODDS = 19.0
_SCORE_PER_DECADE = 200.0


def call_peaks(
    chrom: str,
    start_bin: int,
    probabilities: Float[np.ndarray, " bin"],
    signal: Float[np.ndarray, " bin"],
    config: PeakCallingConfig,
    *,
    bin_bp: int,
    chrom_size: int,
    least_background: float = 1.0,
    control: Float[np.ndarray, " bin"] | None = None,
    reads_per_unit: float = 1.0,
    reads_per_area: float | None = None,
) -> pd.DataFrame:
    """Significant peaks of one contiguous stretch of bins, with `PEAK_COLUMNS`, sorted by start.

    Args:
        chrom: The chromosome's name.
        start_bin: Number of the first bin on the chromosome's grid.
        probabilities: That a bin lies in a peak, in [0, 1].
        signal: The treatment's coverage in any linear unit, at least 0.
        config: The rule.
        bin_bp: Width of a bin.
        chrom_size: Length of the chromosome in bp; peaks end there at the latest.
        least_background: A local background below this counts as this much, in the signal's unit; the background of
            the whole genome is the usual choice, as in MACS.
        control: The control's coverage in the signal's unit, scaled to its depth; summits that do not rise above it are
            none, and a run of bins without another is dropped.
        reads_per_unit: Piled-up reads per bp of one unit of the signal, for `config.score_evidence`.
        reads_per_area: Reads for each unit of the signal over 1 bp, such as 1 / 150 where each read piles up over 150
            bp; None where it is unknown, and no significance is asked for then.

    Returns:
        `score` is 1000 times the highest of `probabilities`, calibrated where the rule has a calibration, without which
        it is no probability (`config.score_is_probability`). Where many peaks are all but certain that ranks them
        badly, so that with `config.score_evidence` it is 200 log10(1 + odds x evidence), at most 1000: the odds of that
        probability, at most 19, times -log10 of the Poisson probability of so many reads over the summit where so many
        as are below its fold are expected. `peak` is the offset in bp of the highest summit (the first of equals) and
        `summits` those of all, as `epizoo.calling.summits` finds them; `signalValue` is the fold of the signal in the
        summit's bin over the local background: the mean of bins below `extend_probability` within `background_bp` of
        the summit (in blocks of about a tenth of it; 0 where there are none), but at least
        `least_background` and the control in the summit's bin. `pValue` is -log10 of the Poisson probability of so many
        reads in the stretches that were joined to the peak, where as many are expected as at the highest of four
        backgrounds: `least_background`, the mean of all bins from `background_bp` before to as far after the peak, the
        control over the peak, and the control over the same surroundings. `qValue` is -log10 of the q-value, see
        `epizoo.calling.significance`; peaks above `config.most_q` are left out. Both are -1 where reads are not known.
    """
    found = []
    for rule in config.tiers if reads_per_area is not None else config.tiers[:1]:
        collector = PeakCollector(
            [Stretch(chrom, start_bin, start_bin + len(probabilities), [(0, chrom_size)])],
            rule,
            bin_bp=bin_bp,
            least_background=least_background,
            reads_per_unit=reads_per_unit,
            reads_per_area=reads_per_area,
        )
        collector.add(probabilities, signal, control)
        candidates = with_q_values(candidate_table([collector.finish()]), len(probabilities) * bin_bp)
        found.append(significant(candidates, rule.most_q))
    return name_peaks(joined_tiers(found))


class PeakCollector:
    """`call_peaks` for stretches that arrive in consecutive pieces: the same candidates, whatever the pieces.

    Memory grows with the bins inside peaks and the length in blocks of background, not with the number of bins. Several
    stretches take a block of bins at least each, while they are added.

    Args:
        stretches: Where the bins lie, one stretch after another, and what was asked for of them, in order and with a
            bin at least between; peaks are cut there. What lies around is background alone. Several stretches arrive
            in one piece.
        config, bin_bp, least_background, reads_per_unit, reads_per_area: See `call_peaks`.
        beside: A collector of the same stretches by another rule of the same `background_bp`, which is given each piece
            before this one is: signal and control around peaks are summed there alone.
    """

    def __init__(
        self,
        stretches: Sequence[Stretch],
        config: PeakCallingConfig,
        *,
        bin_bp: int,
        least_background: float = 1.0,
        reads_per_unit: float = 1.0,
        reads_per_area: float | None = None,
        beside: "PeakCollector | None" = None,
    ) -> None:
        self.stretches = stretches
        self.config = config
        self.bin_bp = bin_bp
        self.least_background = least_background
        self.reads_per_unit = reads_per_unit
        self.reads_per_area = reads_per_area
        # All stretches lie on one line of bins, apart, so that all their peaks are found at once.
        n_bins = [stretch.n_bins for stretch in stretches]
        self._starts = line_starts(stretches[0].start_bin, n_bins, config.background_bp, bin_bp)
        n_asked = [len(stretch.asked) for stretch in stretches]
        self._chrom = np.repeat(np.array([stretch.chrom for stretch in stretches], object), n_asked)
        self._low, self._high = np.array([bounds for stretch in stretches for bounds in stretch.asked], np.int64).T
        self._to_chrom = np.repeat([stretch.start_bin for stretch in stretches] - self._starts, n_asked)
        self._low_on_line = self._low // bin_bp - self._to_chrom
        self._next_bin = stretches[0].start_bin
        self._inside: list[_Bins] = []
        self._beside = beside
        self._background = LocalBackground(self._starts, config.background_bp, bin_bp)
        if beside is None:
            self._surroundings = LocalBackground(self._starts, config.background_bp, bin_bp)
            self._control = LocalBackground(self._starts, config.background_bp, bin_bp)
        else:
            self._surroundings, self._control = beside._surroundings, beside._control

    def add(
        self,
        probabilities: Float[np.ndarray, " bin"],
        signal: Float[np.ndarray, " bin"],
        control: Float[np.ndarray, " bin"] | None = None,
    ) -> None:
        """Take in the next bins; see `call_peaks` for the arrays."""
        everywhere = np.ones(len(signal), bool)
        if len(self.stretches) > 1:
            probabilities, signal, everywhere = map(self._on_line, (probabilities, signal, everywhere))
            control = None if control is None else self._on_line(control)
        extends = probabilities >= self.config.extend_probability
        self._background.add(signal, everywhere & ~extends)
        if self._beside is None:
            self._surroundings.add(signal, everywhere)
            if control is not None:
                self._control.add(control, everywhere)
        number = np.flatnonzero(extends)
        if len(number):
            beside = np.full(len(number), -1.0) if control is None else control[number]
            inside = _Bins(number, probabilities[number], signal[number], beside)
            first, after = inside.runs()
            # A run inside the piece is whole: without a bin to enter by, it can never become a peak.
            touches_border = (number[first] == 0) | (number[after - 1] == len(probabilities) - 1)
            enters = np.maximum.reduceat(inside.probability, first) >= self.config.enter_probability
            kept = inside.of_runs(first, after, touches_border | enters)
            self._inside.append(kept._replace(number=kept.number + self._next_bin))
        self._next_bin += len(probabilities)

    def finish(self) -> Candidates:
        """All peaks of what was added, as in `call_peaks`, but for their names, q-values and the least of these."""
        if not sum(len(bins.number) for bins in self._inside):
            return {}
        bins = _Bins(*(np.concatenate(column) for column in zip(*self._inside, strict=True)))
        place = self._place(bins.number)
        asked = (place >= 0) & ((bins.number + self._to_chrom[place]) * self.bin_bp < self._high[place])
        bins = _Bins(*(column[asked] for column in bins))
        if not len(bins.number):
            return {}
        first, after = bins.runs()
        bins = bins.of_runs(first, after, np.maximum.reduceat(bins.probability, first) >= self.config.enter_probability)
        return self._candidates(bins) if len(bins.number) else {}

    def _on_line(self, values: Shaped[np.ndarray, " bin"]) -> Shaped[np.ndarray, " place"]:
        """Values of the bins of all stretches at their places on the line, and 0 between them."""
        n_bins = [stretch.n_bins for stretch in self.stretches]
        first = np.cumsum(n_bins) - n_bins
        places = np.arange(len(values)) + np.repeat(self._starts - self._starts[0] - first, n_bins)
        line = np.zeros(places[-1] + 1, values.dtype)
        line[places] = values
        return line

    def _place(self, number: Int[np.ndarray, " bin"]) -> Int[np.ndarray, " bin"]:
        """Number of what was asked for that a bin lies in or after; -1 before the first."""
        return np.searchsorted(self._low_on_line, number, side="right") - 1

    def _candidates(self, bins: "_Bins") -> Candidates:
        """Peaks of the bins of runs that all enter."""
        first, after = bins.runs()
        # Runs and summits in bp, cut to what was asked for.
        of_run = self._place(bins.number[first])
        low, high, to_chrom = self._low[of_run], self._high[of_run], self._to_chrom[of_run]
        start = np.clip((bins.number[first] + to_chrom) * self.bin_bp, low, high)
        end = np.clip((bins.number[after - 1] + 1 + to_chrom) * self.bin_bp, low, high)
        found = find_summits(
            bins.signal,
            after - first,
            smooth_bins=smoothing_bins(self.config.summit_smoothing_bp, self.bin_bp),
            valley=self.config.summit_valley,
        )
        rises = bins.signal[found.place] > bins.control[found.place]
        if not rises.all():
            # Before runs are merged, so that an artefact of the control takes no peak beside it along.
            has_risen = np.isin(np.arange(len(first)), found.run[rises])
            if not has_risen.all():
                bins = bins.of_runs(first, after, has_risen)
                return self._candidates(bins) if len(bins.number) else {}
            found = Summits(*(column[rises] for column in found))
        middle = (bins.number[found.place] + to_chrom[found.run] + 0.5 + found.offset) * self.bin_bp
        # Between two equal bins lies a whole number, which the parabola misses by a rounding error.
        place = np.floor(np.round(middle, 3)).astype(np.int64)
        place = np.clip(place, start[found.run], np.maximum(end[found.run] - 1, start[found.run]))
        gap = bins.number[first[1:]] - bins.number[after[:-1] - 1] - 1
        is_apart = (gap > self.config.merge_gap_bp // self.bin_bp) | (np.diff(of_run) > 0)
        group = np.concatenate([[0], np.cumsum(is_apart)])
        runs, summits = _edges(group), _edges(group[found.run])
        best = first_highest(found.height, summits[:-1])
        peak_start, peak_end = start[runs[:-1]], end[runs[1:] - 1]
        height, beside = bins.signal[found.place[best]], bins.control[found.place[best]]
        background = np.maximum(self._background.around(bins.number[found.place[best]]), self.least_background)
        background = np.maximum(background, beside)
        probability = np.maximum.reduceat(bins.probability, first[runs[:-1]])
        is_wide = (peak_end - peak_start) >= max(self.config.min_width_bp, 1)
        columns = {
            "chrom": self._chrom[of_run[runs[:-1]]],
            "start": peak_start,
            "end": peak_end,
            "score": np.rint(self._score(self.config.calibrated(probability), height, background)),
            "signalValue": height / background,
            "pValue": self._log10_p(bins, first[runs[:-1]]),
            "peak": place[best] - peak_start,
            "blockStarts": _texts(start, runs, peak_start),
            "blockSizes": _texts(end - start, runs, np.zeros_like(peak_start)),
            "summits": _texts(place, summits, peak_start),
        }
        return {name: column[is_wide] for name, column in columns.items()}

    def _log10_p(self, bins: "_Bins", first: Int[np.ndarray, " peak"]) -> Float[np.ndarray, " peak"]:
        """-log10 p of the peaks, which are made of the bins from `first` on."""
        if self.reads_per_area is None:
            return np.full(len(first), -1.0)
        after = np.append(first[1:], len(bins.number))
        edges = bins.number[first], bins.number[after - 1]
        background = np.maximum(self._surroundings.around(*edges), self.least_background)
        if (bins.control >= 0).all():
            beside = np.add.reduceat(bins.control.astype(np.float64), first) / (after - first)
            background = np.maximum.reduce([background, beside, self._control.around(*edges)])
        reads = self.bin_bp * self.reads_per_area
        n_reads = np.add.reduceat(bins.signal.astype(np.float64), first) * reads
        return poisson_log10_p(n_reads, (after - first) * background * reads)

    def _score(
        self,
        probability: Float[np.ndarray, " peak"],
        height: Float[np.ndarray, " peak"],
        background: Float[np.ndarray, " peak"],
    ) -> Float[np.ndarray, " peak"]:
        if not self.config.score_evidence:
            return 1000 * probability
        evidence = poisson_log10_p(height * self.reads_per_unit, background * self.reads_per_unit)
        odds = np.minimum(probability / np.maximum(1 - probability, 1 / _LONGEST_ODDS), _LONGEST_ODDS)
        return np.minimum(_SCORE_PER_DECADE * np.log10(1 + odds * evidence), 1000)


def candidate_table(parts: Sequence[Candidates]) -> pd.DataFrame:
    """One table of all candidates: for each of thousands of scaffolds a table takes longer than its network."""
    found = [part for part in parts if part]
    if not found:
        return peak_table()
    columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    return peak_table(**columns, name=".", strand=".", qValue=-1.0)


def joined_tiers(tiers: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The peaks of the first table, and those of the second that overlap none of them, sorted by place."""
    peaks, *others = tiers
    for weak in others:
        added = weak[~overlaps_any(weak, peaks)]
        if len(added):
            peaks = pd.concat([peaks, added]).sort_values(["chrom", "start"], ignore_index=True)
    return peaks


def peak_table(**columns: Any) -> pd.DataFrame:
    """A table with `PEAK_COLUMNS` and their types; without columns, an empty one."""
    return narrowpeak_table(PEAK_COLUMNS, **columns)


def narrowpeak_table(names: Sequence[str] = NARROWPEAK_COLUMNS, **columns: Any) -> pd.DataFrame:
    """A table with narrowPeak's columns, or more, and their types; without columns, an empty one."""
    table = pd.DataFrame(columns, columns=list(names))
    integers = dict.fromkeys(("start", "end", "score", "peak"), "int64")
    floats = dict.fromkeys(("signalValue", "pValue", "qValue"), "float64")
    return table.astype({**dict.fromkeys(names, "str"), **integers, **floats})


def name_peaks(peaks: pd.DataFrame) -> pd.DataFrame:
    """The peaks with names `chr1_peak_1`, `chr1_peak_2`, … in their order."""
    number = peaks.groupby("chrom").cumcount() + 1
    return peaks.assign(name=peaks["chrom"] + "_peak_" + number.astype(str)).reset_index(drop=True)


class _Bins(NamedTuple):
    """Bins inside peaks, by their number on the chromosome's grid, in order."""

    number: Int[np.ndarray, " bin"]
    probability: Float[np.ndarray, " bin"]
    signal: Float[np.ndarray, " bin"]
    control: Float[np.ndarray, " bin"]
    """Below 0 where there is none."""

    def runs(self) -> tuple[Int[np.ndarray, " run"], Int[np.ndarray, " run"]]:
        """Starts and ends of the runs of neighbours, as positions in these arrays."""
        breaks = np.flatnonzero(np.diff(self.number) != 1) + 1
        return np.concatenate([[0], breaks]), np.concatenate([breaks, [len(self.number)]])

    def of_runs(self, first: Int[np.ndarray, " run"], after: Int[np.ndarray, " run"], keep: np.ndarray) -> "_Bins":
        """The bins of some of the runs."""
        is_kept = np.repeat(keep, after - first)
        return _Bins(*(column[is_kept] for column in self))


def _edges(group: Int[np.ndarray, " item"]) -> Int[np.ndarray, " edge"]:
    """Starts of the groups of equal neighbours, and the end of the last one."""
    return np.concatenate([[0], np.flatnonzero(np.diff(group)) + 1, [len(group)]])


def _texts(
    values: Int[np.ndarray, " item"], edges: Int[np.ndarray, " edge"], base: Int[np.ndarray, " group"]
) -> Shaped[np.ndarray, " group"]:
    """The values of each group less its base, as ``0,350``."""
    relative = list(map(str, (values - np.repeat(base, np.diff(edges))).tolist()))
    return np.array([",".join(relative[i:j]) for i, j in itertools.pairwise(edges.tolist())], object)

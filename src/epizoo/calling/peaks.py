"""Peaks from per-bin probabilities: hysteresis, merging, summits and folds, whole or chunk by chunk."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from epizoo.errors import InputError

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


@dataclass(frozen=True)
class PeakCallingConfig:
    """How probabilities become peaks; recorded with every peak-caller entry.

    A peak is a run of bins with at least `extend_probability`, one of which has at least `enter_probability`. Peaks
    with at most `merge_gap_bp` between them become one, and those narrower than `min_width_bp` are then dropped.
    """

    enter_probability: float = 0.5
    extend_probability: float = 0.5
    min_width_bp: int = 0
    merge_gap_bp: int = 0
    background_bp: int = 10_000
    """How far on both sides of the summit the background of `signalValue` is taken from."""

    def __post_init__(self) -> None:
        if not 0.0 < self.extend_probability <= self.enter_probability <= 1.0:
            raise InputError(
                f"peak calling: extend_probability is {self.extend_probability} and enter_probability is "
                f"{self.enter_probability}; expected 0 < extend_probability <= enter_probability <= 1"
            )
        for field in ("min_width_bp", "merge_gap_bp", "background_bp"):
            if getattr(self, field) < 0:
                raise InputError(f"peak calling: {field} is {getattr(self, field)}; expected at least 0")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config with these values, as `to_dict` gives them; absent ones keep their default.

        Raises:
            InputError: a key is unknown or a value is out of range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"peak calling: unknown key {unknown[0]!r}; expected some of {', '.join(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, for YAML and JSON."""
        return dataclasses.asdict(self)


def call_peaks(
    chrom: str,
    start_bin: int,
    probabilities: Float[np.ndarray, " bin"],
    summits: Float[np.ndarray, " bin"],
    signal: Float[np.ndarray, " bin"],
    config: PeakCallingConfig,
    *,
    bin_bp: int,
    chrom_size: int,
    least_background: float = 1.0,
) -> pd.DataFrame:
    """Peaks of one contiguous stretch of bins, as narrowPeak's ten columns, sorted by start.

    Args:
        chrom: The chromosome's name.
        start_bin: Number of the first bin on the chromosome's grid.
        probabilities: That a bin lies in a peak, in [0, 1].
        summits: How strongly a bin is a local maximum, at least 0.
        signal: The treatment's coverage in any linear unit, at least 0.
        config: The rule.
        bin_bp: Width of a bin.
        chrom_size: Length of the chromosome in bp; peaks end there at the latest.
        least_background: A local background below this counts as this much, in the signal's unit; the background of
            the whole genome is the usual choice, as in MACS.

    Returns:
        `score` is 1000 times the highest probability; `peak` is the offset in bp of the middle of the bin with the
        highest summit times signal (the first of equals); `signalValue` is the fold of the signal there over the local
        background: the mean of bins below `extend_probability` within `background_bp` of the summit (in blocks of about
        a tenth of it; of all such bins where there are none so near), but at least `least_background`. `pValue` and
        `qValue` are -1: none is defined.
    """
    collector = PeakCollector(
        chrom, start_bin, config, bin_bp=bin_bp, chrom_size=chrom_size, least_background=least_background
    )
    collector.add(probabilities, summits, signal)
    return collector.finish()


class PeakCollector:
    """`call_peaks` for a stretch that arrives in consecutive pieces: the same peaks, whatever the pieces.

    Memory grows with the number of peaks and the length in blocks of background, not with the number of bins.
    """

    def __init__(
        self,
        chrom: str,
        start_bin: int,
        config: PeakCallingConfig,
        *,
        bin_bp: int,
        chrom_size: int,
        least_background: float = 1.0,
    ) -> None:
        self.chrom = chrom
        self.config = config
        self.bin_bp = bin_bp
        self.chrom_size = chrom_size
        self.least_background = least_background
        self._next_bin = start_bin
        self._runs: list[pd.DataFrame] = []
        self._background = _Background(start_bin, config.background_bp, bin_bp)

    def add(
        self,
        probabilities: Float[np.ndarray, " bin"],
        summits: Float[np.ndarray, " bin"],
        signal: Float[np.ndarray, " bin"],
    ) -> None:
        """Take in the next bins; see `call_peaks` for the arrays."""
        extends = probabilities >= self.config.extend_probability
        self._background.add(signal, ~extends)
        runs = _runs(extends, probabilities, summits * signal, signal)
        # A run inside the piece is whole: without a bin to enter by, it can never become a peak.
        touches_border = (runs["start"] == 0) | (runs["end"] == len(probabilities))
        runs = runs[touches_border | (runs["probability"] >= self.config.enter_probability)]
        runs[["start", "end", "summit"]] += self._next_bin
        self._runs.append(runs)
        self._next_bin += len(probabilities)

    def finish(self) -> pd.DataFrame:
        """All peaks of what was added, as in `call_peaks`."""
        if not self._runs:
            return narrowpeak_table()
        runs = _merge(pd.concat(self._runs, ignore_index=True), max_gap_bins=0)
        peaks = runs[runs["probability"] >= self.config.enter_probability].reset_index(drop=True)
        peaks = _merge(peaks, max_gap_bins=self.config.merge_gap_bp // self.bin_bp)
        start = peaks["start"].to_numpy() * self.bin_bp
        end = np.minimum(peaks["end"].to_numpy() * self.bin_bp, self.chrom_size)
        summit = np.minimum(peaks["summit"].to_numpy() * self.bin_bp + self.bin_bp // 2, end - 1)
        background = self._background.around(peaks["summit"].to_numpy())
        table = narrowpeak_table(
            chrom=self.chrom,
            start=start,
            end=end,
            name=".",
            score=np.rint(1000 * np.clip(peaks["probability"].to_numpy(), 0, 1)),
            strand=".",
            signalValue=peaks["signal"].to_numpy(np.float64) / np.maximum(background, self.least_background),
            pValue=-1.0,
            qValue=-1.0,
            peak=summit - start,
        )
        return name_peaks(table[(end - start) >= max(self.config.min_width_bp, 1)])


def narrowpeak_table(**columns: Any) -> pd.DataFrame:
    """A table with narrowPeak's columns and types; without columns, an empty one."""
    table = pd.DataFrame(columns or {}, columns=list(NARROWPEAK_COLUMNS))
    integers = dict.fromkeys(("start", "end", "score", "peak"), "int64")
    floats = dict.fromkeys(("signalValue", "pValue", "qValue"), "float64")
    return table.astype({**dict.fromkeys(("chrom", "name", "strand"), "str"), **integers, **floats})


def name_peaks(peaks: pd.DataFrame) -> pd.DataFrame:
    """The peaks with names `chr1_peak_1`, `chr1_peak_2`, … in their order."""
    number = peaks.groupby("chrom").cumcount() + 1
    return peaks.assign(name=peaks["chrom"] + "_peak_" + number.astype(str)).reset_index(drop=True)


def _runs(
    inside: Bool[np.ndarray, " bin"],
    probabilities: Float[np.ndarray, " bin"],
    weights: Float[np.ndarray, " bin"],
    signal: Float[np.ndarray, " bin"],
) -> pd.DataFrame:
    """Maximal runs of inside bins: start, end, highest probability, and the first bin of highest weight."""
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    start, end = edges[::2], edges[1::2]
    # reduceat takes [start, next start); cutting to inside bins makes that exactly the run.
    rows = np.flatnonzero(inside)
    first = np.searchsorted(rows, start)
    weight = weights[rows]
    highest = np.maximum.reduceat(weight, first)
    is_highest = np.flatnonzero(weight == np.repeat(highest, end - start))
    summit = rows[is_highest[np.searchsorted(is_highest, first)]]
    return pd.DataFrame(
        {
            "start": start,
            "end": end,
            "probability": np.maximum.reduceat(probabilities[rows], first),
            "weight": highest,
            "signal": signal[summit],
            "summit": summit,
        }
    )


def _merge(runs: pd.DataFrame, max_gap_bins: int) -> pd.DataFrame:
    """Sorted runs with at most this many bins between neighbours joined; the first of the highest summits is kept."""
    if runs.empty:
        return runs
    gap = runs["start"].to_numpy()[1:] - runs["end"].to_numpy()[:-1]
    group = np.concatenate([[0], np.cumsum(gap > max_gap_bins)])
    merged = runs.groupby(group).agg(start=("start", "first"), end=("end", "last"), probability=("probability", "max"))
    best = runs.groupby(group)["weight"].idxmax().to_numpy()
    summit = runs.loc[best, ["weight", "signal", "summit"]].reset_index(drop=True)
    return pd.concat([merged.reset_index(drop=True), summit], axis=1)


class _Background:
    """Sums of background bins in blocks, so that a chromosome takes a few MB and pieces cannot change them."""

    def __init__(self, start_bin: int, background_bp: int, bin_bp: int) -> None:
        self.start_bin = start_bin
        self.block_bins = max(1, background_bp // (10 * bin_bp))
        self.reach_blocks = round(background_bp / (self.block_bins * bin_bp))
        self._sums: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []
        # Bins of a block that is not full yet are kept as they came: adding part sums would round differently.
        self._values = np.zeros(0)
        self._keep = np.zeros(0, dtype=bool)

    def add(self, values: Float[np.ndarray, " bin"], keep: Bool[np.ndarray, " bin"]) -> None:
        self._values = np.concatenate([self._values, values.astype(np.float64) * keep])
        self._keep = np.concatenate([self._keep, keep])
        full = len(self._values) // self.block_bins * self.block_bins
        self._push(self._values[:full], self._keep[:full])
        self._values, self._keep = self._values[full:], self._keep[full:]

    def around(self, bins: Int[np.ndarray, " peak"]) -> Float[np.ndarray, " peak"]:
        """Mean of the background bins in the blocks around each of these bins."""
        missing = -len(self._values) % self.block_bins
        self._push(np.pad(self._values, (0, missing)), np.pad(self._keep, (0, missing)))
        self._values, self._keep = self._values[:0], self._keep[:0]
        sums = np.concatenate([[0.0], np.cumsum(np.concatenate(self._sums))])
        counts = np.concatenate([[0], np.cumsum(np.concatenate(self._counts))])
        block = (bins - self.start_bin) // self.block_bins
        low = np.clip(block - self.reach_blocks, 0, len(sums) - 1)
        high = np.clip(block + self.reach_blocks + 1, 0, len(sums) - 1)
        n_near = counts[high] - counts[low]
        near = (sums[high] - sums[low]) / np.maximum(n_near, 1)
        return np.where(n_near > 0, near, sums[-1] / max(counts[-1], 1))

    def _push(self, values: np.ndarray, keep: np.ndarray) -> None:
        self._sums.append(values.reshape(-1, self.block_bins).sum(axis=1))
        self._counts.append(keep.reshape(-1, self.block_bins).sum(axis=1))

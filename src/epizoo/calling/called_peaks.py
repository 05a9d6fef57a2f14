"""Peaks as a table that knows how they were called, and writes itself."""

import os
import textwrap
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from epizoo.calling.peak_files import write_peaks
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.rule_text import peaks_in_words, scoring_in_words
from epizoo.genome.candidates import CandidateConfig


@dataclass(frozen=True)
class CallingDecisions:
    """The settings that decided which peaks there are.

    Attributes:
        caller: name and version of the entry.
        bin_bp: width of its bins.
        rule: the rule of calling, with what was stated in place of the entry's own.
        reads_from: what told the number of reads, so that `rule.most_q` applied: see `epizoo.genome.read_depth`.
        signal_kind: kind of signal of the treatment.
        background: its level outside peaks, in its own unit.
        scale: what the signal was divided by, in the same unit.
        peak_weight: share of the level of the file's peaks in the scale (of their logarithms); 0: the background alone.
        notes: sentences on the reads that were used and on what was detected.
    """

    caller: str
    bin_bp: int
    rule: PeakCallingConfig
    reads_from: str | None
    signal_kind: str
    background: float
    scale: float
    peak_weight: float
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """The settings in words, in lines of at most 80 characters."""
        reads = self.reads_from is not None
        by = f"background and peaks (weight {self.peak_weight:g})" if self.peak_weight else "background"
        signal = f"Signal: {self.signal_kind}, background {self.background:.4g}"
        told = {
            None: "Reads could not be told from the signal: q-values are unknown (-1).",
            "noise": "Single reads cannot be seen in the signal: their number is that which makes its noise.",
        }.get(self.reads_from)
        lines = [
            f"Peaks: {peaks_in_words(self.rule, reads=reads)}.",
            f"{signal}; scale {self.scale:.4g}, set by {by}.",
            *([told] if told else []),
        ]
        return "\n".join(textwrap.fill(line, 80, subsequent_indent="  ") for line in lines)


@dataclass(frozen=True)
class ScoringDecisions:
    """The settings that decided which candidates are peaks; see `CallingDecisions`.

    Attributes:
        caller: name and version of the entry.
        candidates: the rule of candidates.
        least_score: the overall score that a peak lies above.
        n_candidates: how many candidates were scored.
        depth: of the signal, as `epizoo.genome.candidate_windows.SignalLevel` states it.
        factor: what the signal was multiplied by, for the depth of RPKM.
        notes: sentences on the reads that were used and on what was left out.
        bin_bp: width of a bin.
    """

    caller: str
    candidates: CandidateConfig
    least_score: float
    n_candidates: int
    depth: float
    factor: float = 1.0
    notes: tuple[str, ...] = ()
    bin_bp: int = 1

    def summary(self) -> str:
        """The settings in words, in lines of at most 80 characters."""
        _, first, peaks, _ = scoring_in_words(self.candidates, self.least_score)
        depth = f"Depth of the signal (its sum / 1e9): {self.depth:.4g}"
        scaled = f", multiplied by {self.factor:.4g} to {self.factor * self.depth:.4g} as in RPKM"
        lines = [
            first,
            f"{peaks[:-1]} ({self.n_candidates:,} candidates scored).",
            f"{depth}{scaled if self.factor != 1 else ', as in RPKM'}.",
        ]
        return "\n".join(textwrap.fill(line, 80, subsequent_indent="  ") for line in lines)


class CalledPeaks(pd.DataFrame):
    """Peaks with `epizoo.calling.peaks.PEAK_COLUMNS`: narrowPeak's ten, then the blocks and all summits of each."""

    _metadata: ClassVar[list[str]] = ["decided"]
    decided: CallingDecisions | ScoringDecisions | None = None
    """The settings that decided."""

    @property
    def _constructor(self) -> Any:
        return CalledPeaks

    def to_narrowpeak(self, path: str | os.PathLike[str]) -> None:
        """Write the peaks as narrowPeak, sorted; gzipped where the path ends in ``.gz``.

        Raises:
            InputError: the file cannot be written.
        """
        write_peaks(path, self)

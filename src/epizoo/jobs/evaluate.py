"""An entry as one of the callers that are evaluated: its peaks and probabilities where the truth is known."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from epizoo.files import sha256
from epizoo.genome.intervals import check_intervals
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import BigWig
from epizoo.metrics.caller_evaluation import Caller, File, Truth, fill

if TYPE_CHECKING:
    from epizoo.zoo.entry import PeakCallerEntry

MARGIN_BP = 100_000
"""Around labels this much is called, so that peaks end where they end."""


def caller_of_entry(
    entry: "PeakCallerEntry",
    bigwig: File,
    folder: File,
    truth: Truth,
    *,
    control: File | None = None,
    known_regions: File | None = None,
    signal_kind: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Caller:
    """A caller that calls each sample when it is first asked for.

    Args:
        entry: the peak caller.
        bigwig: its signal; the names of samples may stand in braces, see `epizoo.metrics.caller_evaluation.fill`.
        folder: where the bigWigs of probabilities are kept, an existing folder.
        truth: peaks are called around its labels, or in its regions; over the whole genome where it has neither.
        control: the control, likewise.
        known_regions: where an absent value means 0, likewise.
        signal_kind: what the bigWigs hold; detected where None.
        progress: called with the bins that are done and those there are, of each sample.
    """
    called: dict[str, tuple[pd.DataFrame, Path]] = {}

    def run(sample: Mapping[str, Any]) -> tuple[pd.DataFrame, Path]:
        path = fill(bigwig, sample)
        if path not in called:
            track = Path(folder) / f"{len(called)}.bw"
            peaks = entry.call_peaks(
                path,
                None if control is None else fill(control, sample),
                regions=_around(truth, bigwig, path),
                known_regions=None if known_regions is None else fill(known_regions, sample),
                signal_kind=signal_kind,
                probabilities=track,
                progress=progress,
            )
            called[path] = peaks, track
        return called[path]

    return Caller(caller_name(entry), lambda sample: run(sample)[0], lambda sample: run(sample)[1])


def provenance(entries: "Sequence[PeakCallerEntry]", files: Sequence[File], about: str | None = None) -> dict[str, Any]:
    """What an evaluation was made with and on, for `epizoo.metrics.caller_evaluation.write_figures`.

    Returns:
        ``held_to``, which is `about`; ``entries``, by the names of their callers the version and hash of each entry and
        its rule of calling; ``files``, name and hash of each file.
    """
    of_entries = {
        caller_name(entry): {
            "name": entry.name,
            "version": entry.version,
            "sha256": entry.sha256,
            "calling": entry.zoo.config.get("calling", {}),
        }
        for entry in entries
    }
    hashes = [{"name": Path(file).name, "sha256": sha256(file)} for file in files]
    return {"held_to": about, "entries": of_entries, "files": hashes}


def caller_name(entry: "PeakCallerEntry") -> str:
    """What an entry is called among callers."""
    return f"{entry.name} {entry.version}"


def _around(truth: Truth, pattern: File, bigwig: str) -> pd.DataFrame | None:
    """Where to call: the labels of this file and what lies around them, or the regions."""
    if truth.labels is None:
        return truth.regions
    labels = truth.labels[[fill(pattern, dict(row)) == bigwig for _, row in truth.labels.iterrows()]]
    with BigWig(bigwig) as track:
        check_intervals(labels, track.chrom_sizes, "the labels", bigwig)
        ends = labels["chrom"].map(dict(track.chrom_sizes))
    start, end = (labels["start"] - MARGIN_BP).clip(lower=0), (labels["end"] + MARGIN_BP).clip(upper=ends)
    return merged(pd.DataFrame({"chrom": labels["chrom"], "start": start, "end": end}))

"""`epizoo call-peaks`."""

from pathlib import Path
from typing import Any

from epizoo.cli.app import Entry, app, progress_bar, say
from epizoo.cli.option_groups import grouped
from epizoo.cli.peak_options import Engine, Outputs, Places, ReadHandling, Rule, SignalKinds, Source
from epizoo.errors import InputError


@app.command()
@grouped
def call_peaks(
    entry: Entry,
    source: Source,
    handling: ReadHandling,
    kinds: SignalKinds,
    places: Places,
    rule: Rule,
    files: Outputs,
    engine: Engine,
) -> None:
    """Call peaks in a bigWig, or in reads, and write them as narrowPeak, broadPeak, gappedPeak or BED.

    Columns of narrowPeak: the score (fifth) is 1000 times the probability of a peak, calibrated where the model has a
    calibration, or grows with the evidence where the model's card says so. The signal value (seventh) is the fold over
    the local background, or over the control where that is higher. The tenth is the distance of the highest summit from
    the start. The p and q values (eighth and ninth, -log10) are those of the number of reads in the peak, against the
    highest of its backgrounds; -1 where reads cannot be told from the signal.

    With a control, peaks that do not rise above it are left out, and p-values are against it. The blocks of gappedPeak
    are the stretches that --merge-gap-bp joined.
    """
    from epizoo.jobs.call_peaks import call_peaks as call

    given: dict[str, Any] = {}
    for group in (source, handling, kinds, places, rule, files, engine):
        given |= vars(group)
    given |= {name: _only_one(f"--{name}", given[name]) for name in ("bigwig", "control")}
    if (given["keep_duplicates"] or "").isdecimal():
        given["keep_duplicates"] = int(given["keep_duplicates"])
    with progress_bar("Calling peaks") as progress:
        peaks = call(entry, **given, progress=progress)
    assert peaks.decided is not None
    for note in peaks.decided.notes:
        say(note)
    covered = int((peaks["end"] - peaks["start"]).sum())
    say(f"Wrote {files.output}: {len(peaks):,} peaks over {covered:,} bp, by {peaks.decided.caller}.")
    say(peaks.decided.summary())
    n_summits = int(peaks["summits"].str.count(",").sum()) + len(peaks)
    in_bins = f"in bins of {peaks.decided.bin_bp} bp"
    for path, what in (
        (files.coverage, "fragments over each bp"),
        (files.summits, f"{n_summits:,} summits"),
        (files.probabilities, f"probability of a peak {in_bins}"),
        (files.cutoff_analysis, "peaks by cut-off of the q-value"),
        (files.denoised, f"denoised coverage {in_bins}, in the unit of the input"),
    ):
        if path is not None:
            say(f"Wrote {path}: {what}.")


def _only_one(option: str, files: list[Path] | None) -> Path | None:
    if files and len(files) > 1:
        pooling = "--reads" if option == "--bigwig" else "--control-reads"
        raise InputError(
            f"{option}: {', '.join(map(str, files))} given, expected one file; call each by itself, or pool the reads "
            f"of all by {pooling}"
        )
    return files[0] if files else None

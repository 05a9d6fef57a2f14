"""`epizoo call-peaks`."""

from pathlib import Path
from typing import Annotated

from epizoo.cli.app import SIGNAL_KINDS, Entry, Output, TrackLine, app, load_of_family, option, progress_bar, say


@app.command()
def call_peaks(
    entry: Entry,
    bigwig: Annotated[Path, option("FILE", "Signal of the experiment, a bigWig.")],
    output: Output,
    control: Annotated[
        Path | None, option("FILE", "Signal of the control (input), for a model that takes one.")
    ] = None,
    regions: Annotated[
        Path | None, option("FILE", "Call in these intervals (BED) alone, not in the whole genome.")
    ] = None,
    blacklist: Annotated[Path | None, option("FILE", "Leave out peaks that overlap these intervals (BED).")] = None,
    signal_kind: Annotated[
        str | None, option("KIND", f"What the bigWig holds: {SIGNAL_KINDS}. Detected where it can be.")
    ] = None,
    control_signal_kind: Annotated[str | None, option("KIND", "The same for the control, where it differs.")] = None,
    known_regions: Annotated[
        Path | None, option("FILE", "For a bigWig of a part of the genome: where no value means no signal (BED).")
    ] = None,
    probabilities: Annotated[
        Path | None, option("FILE", "Also write the probability of a peak, as this bigWig.")
    ] = None,
    enter_probability: Annotated[float | None, option("NUMBER", "A peak must reach this probability.")] = None,
    extend_probability: Annotated[float | None, option("NUMBER", "A peak extends as far as this probability.")] = None,
    min_width_bp: Annotated[int | None, option("BP", "Leave out narrower peaks.")] = None,
    merge_gap_bp: Annotated[int | None, option("BP", "Join peaks with at most this between them.")] = None,
    backend: Annotated[
        str | None, option("NAME", "What computes: jax, onnx or torch. By default the fastest that is installed.")
    ] = None,
    track_line: TrackLine = None,
) -> None:
    """Call peaks in a bigWig and write them as narrowPeak.

    Thresholds that are not given are the model's own. The file's seventh column is the fold over the local background,
    the fifth 1000 times the highest probability, and the tenth the summit's distance from the start; p and q values
    are -1, because the model defines none.
    """
    from epizoo.calling.formats import track_line as make_track_line
    from epizoo.calling.peaks import PeakCallingConfig
    from epizoo.conversion import with_backend

    loaded = with_backend(load_of_family("peak_caller", entry), backend)
    given = {
        "enter_probability": enter_probability,
        "extend_probability": extend_probability,
        "min_width_bp": min_width_bp,
        "merge_gap_bp": merge_gap_bp,
    }
    rule = loaded.config.get("calling", {}) | {key: value for key, value in given.items() if value is not None}
    with progress_bar("Calling peaks") as progress:
        peaks = loaded.call_peaks(
            bigwig,
            control,
            regions=regions,
            output=output,
            probabilities_bigwig=probabilities,
            blacklist=blacklist,
            signal_kind=signal_kind,
            control_signal_kind=control_signal_kind,
            known_regions=known_regions,
            config=PeakCallingConfig.from_dict(rule),
            track=make_track_line("narrowPeak", track_line) if track_line else None,
            progress=progress,
        )
    covered = int((peaks["end"] - peaks["start"]).sum())
    say(f"Wrote {output}: {len(peaks):,} peaks over {covered:,} bp, by {loaded.name} {loaded.version}.")
    if probabilities is not None:
        say(f"Wrote {probabilities}: probability of a peak in bins of {loaded.window.bin_bp} bp.")

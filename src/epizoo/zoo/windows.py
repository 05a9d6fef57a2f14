"""Windows of an entry's input, from the files that a user names: what the dataloaders and the builder share."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from epizoo.errors import InputError
from epizoo.genome.binarize import BigWigBinarization
from epizoo.genome.signal import SignalTrack
from epizoo.genome.windows import CoverageWindows, Intervals, MarkWindows, WindowShape

if TYPE_CHECKING:
    from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry

File = str | os.PathLike[str]


def coverage_windows(
    entry: "PeakCallerEntry",
    intervals_file: Intervals | None,
    bigwig_file: File | SignalTrack,
    control_file: File | SignalTrack | None = None,
    signal_kind: str | None = None,
    control_signal_kind: str | None = None,
    known_regions_file: Intervals | None = None,
    blacklist_file: Intervals | None = None,
) -> CoverageWindows:
    """Windows of coverage as a peak caller's entry wants them, over the whole genome where no intervals are given.

    Raises:
        InputError: a file cannot be used, or a control is given and not wanted, or wanted and not given.
    """
    check_control(entry, control_file)
    return CoverageWindows(
        bigwig_file,
        intervals_file,
        window_shape(entry),
        entry.config.transform,
        control=control_file,
        kind=signal_kind,
        control_kind=control_signal_kind,
        known_regions=known_regions_file,
        blacklist=blacklist_file,
        n_tracks=len(entry.channels),
    )


def check_control(entry: "PeakCallerEntry", control: File | SignalTrack | None) -> None:
    """Check that a control is given where an entry wants one, and nowhere else.

    Raises:
        InputError: it is given and not wanted, or wanted and not given.
    """
    if control is not None and len(entry.channels) == 1:
        given = control.path if isinstance(control, SignalTrack) else control
        raise InputError(f"control: {given} is given, but {entry.name} takes no control; leave it out")
    if control is None and len(entry.channels) == 2 and not entry.config.model.optional_control:
        raise InputError(f"control: none is given, but {entry.name} needs one; add the signal of a control (input)")


def mark_windows(
    entry: "ChromatinStateEntry",
    intervals_file: File,
    binarized: File | None = None,
    marks: Mapping[str, File] | None = None,
    signal_kind: str | None = None,
    read_length_bp: int | None = None,
    threshold: float | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
    blacklist_file: File | None = None,
) -> MarkWindows:
    """Windows of marks as a chromatin-state entry wants them, from binarised text or from one bigWig for each mark.

    Raises:
        InputError: a file cannot be used, not just one of the two is given, the signal of bigWigs is not stated, or a
            mark is missing and that is not allowed.
    """
    if (binarized is None) == (marks is None):
        found = "neither" if marks is None else "both"
        raise InputError(f"binarized, marks: {found} given, {entry.name} needs one: binarised text or bigWigs by mark")
    of_bigwigs = {"signal_kind": signal_kind, "read_length_bp": read_length_bp, "threshold": threshold}
    for name, value in of_bigwigs.items() if binarized is not None else {"cell": cell}.items():
        if value is not None:
            source = "binarised text" if binarized is not None else "bigWigs"
            raise InputError(f"{name}: {value!r} given, which does not apply to {source}; leave it out")
    options: dict[str, Any] = {"allow_missing": allow_missing, "blacklist": blacklist_file}
    shape = window_shape(entry)
    if binarized is not None:
        return MarkWindows.from_binarized(binarized, entry.channels, intervals_file, shape, cell=cell, **options)
    if not isinstance(marks, Mapping):
        raise InputError(f"marks: {marks!r} found, expected a dict of mark to bigWig, such as {{'H3K4me3': 'a.bw'}}")
    if signal_kind is None:
        raise InputError("signal_kind: not given, bigWigs are binarised by it; state counts, coverage or another kind")
    binarization = BigWigBinarization(signal_kind, read_length_bp, threshold, bin_bp=shape.bin_bp)
    return MarkWindows.from_bigwigs(marks, entry.channels, intervals_file, shape, binarization=binarization, **options)


def window_shape(entry: "Entry") -> WindowShape:
    """The shape of an entry's windows."""
    window = entry.window
    return WindowShape(window.window_bins, window.flank_bins, window.bin_bp)

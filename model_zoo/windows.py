"""Windows of an entry's input, from the files that a user names: what the dataloaders and the builder share."""

import os
from typing import TYPE_CHECKING, Any

from epizoo.errors import InputError
from epizoo.genome.coverage import CoverageTransform
from epizoo.genome.windows import CoverageWindows, Intervals, MarkWindows, WindowShape

if TYPE_CHECKING:
    from epizoo.model_zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry

File = str | os.PathLike[str]


def coverage_windows(
    entry: "PeakCallerEntry",
    intervals_file: Intervals | None,
    bigwig_file: File,
    control_file: File | None = None,
    signal_kind: str | None = None,
    control_signal_kind: str | None = None,
    known_regions_file: Intervals | None = None,
    blacklist_file: Intervals | None = None,
) -> CoverageWindows:
    """Windows of coverage as a peak caller's entry wants them, over the whole genome where no intervals are given.

    Raises:
        InputError: a file cannot be used, or a control is given and not wanted, or wanted and not given.
    """
    if control_file is not None and len(entry.channels) == 1:
        raise InputError(f"control_file: {control_file} given, {entry.name} takes no control; leave it out")
    if control_file is None and len(entry.channels) == 2:
        raise InputError(f"control_file: not given, {entry.name} expects a bigWig of the control; add it")
    return CoverageWindows(
        bigwig_file,
        intervals_file,
        window_shape(entry),
        CoverageTransform.from_dict(entry.config.get("transform", {})),
        control=control_file,
        kind=signal_kind,
        control_kind=control_signal_kind,
        known_regions=known_regions_file,
        blacklist=blacklist_file,
    )


def mark_windows(
    entry: "ChromatinStateEntry",
    intervals_file: File,
    binarized: File,
    cell: str | None = None,
    allow_missing: bool = False,
    blacklist_file: File | None = None,
) -> MarkWindows:
    """Windows of binarised marks as a chromatin-state entry wants them.

    Raises:
        InputError: a file cannot be used, or a mark is missing and that is not allowed.
    """
    return MarkWindows.from_binarized(
        binarized,
        entry.channels,
        intervals_file,
        window_shape(entry),
        cell=cell,
        allow_missing=allow_missing,
        blacklist=blacklist_file,
    )


def window_shape(entry: "Entry") -> WindowShape:
    """The shape of an entry's windows."""
    window = entry.window
    return WindowShape(window.window_bins, window.flank_bins, window.bin_bp)


def require_arguments(entry: "Entry", arguments: dict[str, Any], required: tuple[str, ...]) -> None:
    """Check that no required argument is left out.

    Raises:
        InputError: one is; the message names all that are needed.
    """
    for name in required:
        if arguments.get(name) is None:
            raise InputError(f"{name}: not given, {entry.name} needs {', '.join(required)}; add it")

"""Windows of an entry's input, from the files that a user names: what the dataloaders and the builder share."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from epizoo.errors import InputError
from epizoo.genome.binarize_bigwigs import BigWigBinarization
from epizoo.genome.candidate_windows import CandidateSignal, CandidateWindows
from epizoo.genome.signal import SignalTrack
from epizoo.genome.windows import CoverageWindows, Intervals, MarkWindows, WindowShape

if TYPE_CHECKING:
    from epizoo.zoo.entry import ChromatinStateEntry, Entry, PeakCallerEntry, PeakScorerEntry

File = str | os.PathLike[str]


class Argument(NamedTuple):
    """Description of a dataloader's argument for Kipoi: its meaning, and the type that Kipoi's command line gives."""

    doc: str
    type: str = "str"


_INTERVALS = Argument(
    "BED file (.gz too) of intervals of any width, 0-based; each is tiled into windows on the grid of bins"
)
_KNOWN_REGIONS = Argument("BED file of the regions in which the bigWig is known, if it holds only a part of the genome")
_BLACKLIST = Argument("BED file of stretches to leave out")


def coverage_windows(
    entry: "PeakCallerEntry",
    intervals_file: Annotated[Intervals | None, _INTERVALS],
    bigwig_file: Annotated[
        File | SignalTrack, Argument("bigWig of the treatment; bases that it does not hold count as 0")
    ],
    control_file: Annotated[
        File | SignalTrack | None, Argument("bigWig of the control, for entries that take one (input tracks: 2)")
    ] = None,
    signal_kind: Annotated[
        str | None,
        Argument("what the bigWig holds: counts, coverage, cpm, fold_change or log10_p; detected where not given"),
    ] = None,
    control_signal_kind: Annotated[
        str | None, Argument("the same for the control; that of the treatment where not given")
    ] = None,
    known_regions_file: Annotated[Intervals | None, _KNOWN_REGIONS] = None,
    blacklist_file: Annotated[Intervals | None, _BLACKLIST] = None,
) -> CoverageWindows:
    """Windows of coverage as a peak caller's entry wants them, over the whole genome where no intervals are given.

    The parameters are described in their annotations, which are also what `dataloader.yaml` says of them.

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


def candidate_windows(
    entry: "PeakScorerEntry",
    intervals_file: Annotated[Intervals, Argument("BED file (.gz too) of the candidate peaks, 0-based; a row is one")],
    bigwig_file: Annotated[
        File | SignalTrack,
        Argument(
            "bigWig of the coverage in RPKM, unsmoothed; signal of another depth is scaled to it, and absent bases "
            "count as 0"
        ),
    ],
    known_regions_file: Annotated[Intervals | None, _KNOWN_REGIONS] = None,
    blacklist_file: Annotated[Intervals | None, _BLACKLIST] = None,
) -> CandidateWindows:
    """Candidate peaks as a peak scorer's entry wants them, a row for each.

    The parameters are described in their annotations, which are also what `dataloader.yaml` says of them.

    Raises:
        InputError: a file cannot be used, or a candidate does not lie in it.
    """
    return CandidateWindows(CandidateSignal(bigwig_file, known_regions_file), intervals_file, blacklist_file)


def mark_windows(
    entry: "ChromatinStateEntry",
    intervals_file: Annotated[File, _INTERVALS],
    binarized: Annotated[
        File | None,
        Argument("folder of binarised marks in ChromHMM's text format (0, 1, 2 = missing), names with _binary"),
    ] = None,
    marks: Annotated[
        Mapping[str, File] | None,
        Argument("instead of binarized: a dict of mark to bigWig, binarised here by signal_kind; approximate", "dict"),
    ] = None,
    signal_kind: Annotated[
        str | None,
        Argument("what the bigWigs of marks hold: counts, coverage (with read_length_bp), or another with threshold"),
    ] = None,
    read_length_bp: Annotated[
        int | None, Argument("length of the piled-up reads of the bigWigs, where signal_kind is coverage", "int")
    ] = None,
    threshold: Annotated[
        float | None,
        Argument(
            "a mark is present where a bin's mean reaches this; decided by a Poisson test where not given", "float"
        ),
    ] = None,
    cell: Annotated[str | None, Argument("which cell type to take, where the folder holds files of several")] = None,
    allow_missing: Annotated[
        bool,
        Argument("whether marks of the model may be absent from the files; they then count as missing", "bool"),
    ] = False,
    blacklist_file: Annotated[File | None, _BLACKLIST] = None,
) -> MarkWindows:
    """Windows of marks as a chromatin-state entry wants them, from binarised text or from one bigWig for each mark.

    The parameters are described in their annotations, which are also what `dataloader.yaml` says of them.

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

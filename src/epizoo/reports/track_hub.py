"""A track hub of a run for UCSC's genome browser (https://genome.ucsc.edu/goldenPath/help/hgTrackHubHelp.html)."""

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.figures.regions import INK, SIGNAL
from epizoo.files import atomic_path, inside, require_writable
from epizoo.genome.assemblies import chrom_sizes as sizes_of
from epizoo.genome.intervals import check_intervals, read_bed
from epizoo.genome.signal import BigWig
from epizoo.reports.big_bed import n_fields, write_peaks, write_states
from epizoo.reports.igv_session import rgb
from epizoo.reports.inputs import File, named, styled_states

logger = logging.getLogger(__name__)

_LONGEST_SHORT, _LONGEST_LONG = 17, 76
Stanza = dict[str, str]
"""Settings of a track, in order."""


def track_hub(
    output: File,
    *,
    assembly: str,
    email: str,
    peaks: File | Mapping[str, File] | None = None,
    bigwigs: File | Mapping[str, File] | None = None,
    states: File | Mapping[str, File] | None = None,
    entry: File | None = None,
    chrom_sizes: File | None = None,
    name: str = "epizoo",
) -> list[Path]:
    """Write a track hub for UCSC's genome browser: signal, peaks and states as files that it reads piece by piece.

    The folder is copied to a web server, and the address of its hub.txt is given to the browser (My Data, Track Hubs).
    Peaks become bigNarrowPeak, states bigBed in the colours of their file; bigWigs and bigBeds are linked where they
    lie on the same disk, else copied.

    Args:
        output: Folder of the hub; made where there is none.
        assembly: UCSC's name of the genome, such as hg38.
        email: Address that UCSC's browser shows as the contact of the hub.
        peaks: Peaks (narrowPeak, broadPeak, gappedPeak, BED or bigBed); for several samples as SAMPLE=FILE.
        bigwigs: Signal, bigWigs; for several as SAMPLE=FILE.
        states: Chromatin states (BED), for several cell types as CELL=FILE.
        entry: Entry that the states belong to: they get its order and its colours.
        chrom_sizes: Chromosome lengths, a file of two columns (default: those of the assembly).
        name: Name of the hub.

    Returns:
        The files that were written.

    Raises:
        InputError: there is nothing to show, a file is neither bigWig nor bigBed nor text that becomes one, or is of
            another assembly, or the folder cannot be written.
        MissingDependencyError: pybigtools is not installed.
    """
    if not (peaks or bigwigs or states):
        raise InputError("track-hub: nothing to show; give --peaks, --bigwig or --states")
    for what, given, form in (("--email", email, r"[^@\s]+@[^@\s]+"), ("--assembly", assembly, r"[\w.-]+")):
        if re.fullmatch(form, given) is None:
            raise InputError(f"{what}: {given!r} found, expected {'an address' if '@' in form else 'a name as hg38'}")
    sizes = sizes_of(chrom_sizes if chrom_sizes is not None else assembly)
    folder = Path(output)
    _check_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".epizoo-") as made:
        _make(Path(made), assembly, sizes, (named(peaks), named(bigwigs), named(states)), entry)
        texts = {
            "genomes.txt": {"genome": assembly, "trackDb": f"{assembly}/trackDb.txt"},
            "hub.txt": {
                "hub": re.sub(r"\W", "_", name),
                "shortLabel": name[:_LONGEST_SHORT],
                "longLabel": name[:_LONGEST_LONG],
                "genomesFile": "genomes.txt",
                "email": email,
            },
        }
        for file, settings in texts.items():
            _write(Path(made, file), _stanza(settings))
        # All or nothing: a run that fails leaves the folder as it was.
        (folder / assembly).mkdir(parents=True, exist_ok=True)
        files = sorted(path.relative_to(made) for path in Path(made).rglob("*") if path.is_file())
        return [Path(made, file).replace(folder / file) for file in files]


def _make(
    folder: Path, assembly: str, sizes: Mapping[str, int], files: Sequence[Mapping[str, Path]], entry: File | None
) -> None:
    """Make all tracks, and the file that describes them."""
    peaks, bigwigs, states = files
    (folder / assembly).mkdir()
    hub = _Hub(folder / assembly, sizes)
    for sample, path in bigwigs.items():
        with BigWig(path) as track:
            hub.add_signal(sample, track)
    for sample, path in peaks.items():
        hub.add_peaks(sample, path)
    for cell, path in states.items():
        hub.add_states(cell, path, entry)
    if not hub.tracks:
        raise InputError(f"track-hub: {', '.join(map(str, peaks.values()))} hold no peaks, so that there is no track")
    _write(folder / assembly / "trackDb.txt", "\n".join(map(_stanza, hub.tracks)))


class _Hub:
    """The tracks of a hub as they are made: the settings of each in trackDb.txt."""

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        self.folder = folder
        self.sizes = dict(sizes)
        self.tracks: list[Stanza] = []

    def add_signal(self, name: str, track: BigWig) -> None:
        """A bigWig of the assembly; its other sequences, such as scaffolds, are known from then on."""
        self._check(track.chrom_sizes, str(track.path))
        self.sizes = {**track.chrom_sizes, **self.sizes}
        path = self._linked(track.path, f"{name}.bw")
        look = {"autoScale": "on", "alwaysZero": "on", "maxHeightPixels": "128:40:8", "color": rgb(SIGNAL)}
        self._add(path, name, "signal", {"type": "bigWig", "visibility": "full", **look})

    def add_peaks(self, name: str, path: Path) -> None:
        """Peaks as bigNarrowPeak, or a bigBed as it is."""
        fields = n_fields(path) if path.is_file() else None
        if fields is not None:
            settings = {"type": f"bigBed {fields}", "visibility": "dense"}
            self._add(self._linked(path, f"{name}.peaks.bb"), name, "peaks", settings)
            return
        table = read_peaks(path)
        if table.empty:
            logger.warning("%s: holds no peaks, and a bigBed needs one; the hub has no track of them", path)
            return
        check_intervals(table, self.sizes, str(path), f"the assembly {self.folder.name}")
        more = read_bed(path)
        target = inside(self.folder, f"{name}.peaks.bb")
        write_peaks(target, table.assign(**{key: more[key] for key in ("name", "strand") if key in more}), self.sizes)
        self._add(target, name, "peaks", {"type": "bigNarrowPeak", "visibility": "dense", "color": rgb(INK)})

    def add_states(self, name: str, path: Path, entry: File | None) -> None:
        """States as bigBed in their colours."""
        states, styles = styled_states(path, entry)
        check_intervals(states.segments, self.sizes, str(path), f"the assembly {self.folder.name}")
        target = inside(self.folder, f"{name}.states.bb")
        write_states(target, states, styles, self.sizes)
        self._add(target, name, "states", {"type": "bigBed 9", "visibility": "dense", "itemRgb": "on"})

    def _add(self, path: Path, name: str, what: str, settings: Stanza) -> None:
        track = f"{re.sub(r'[^A-Za-z0-9_]', '_', name)}_{what}"
        if any(known["track"] == track for known in self.tracks):
            raise InputError(
                f"{name}: two samples are {track} in the hub, where names hold letters, digits and _; rename"
            )
        labels = {"shortLabel": f"{name} {what}"[:_LONGEST_SHORT], "longLabel": f"{what} of {name}"[:_LONGEST_LONG]}
        self.tracks.append({"track": track, "bigDataUrl": path.name, **labels, **settings})

    def _linked(self, source: Path, name: str) -> Path:
        """The file under another name: a link where both lie on one disk, else a copy."""
        target = inside(self.folder, name)
        try:
            os.link(source.resolve(), target)
        except OSError:
            shutil.copyfile(source, target)
        return target

    def _check(self, sizes: Mapping[str, int], name: str) -> None:
        shared = set(sizes) & set(self.sizes)
        other = next((chrom for chrom in sizes if chrom in shared and sizes[chrom] != self.sizes[chrom]), None)
        if not shared or other is not None:
            found = f"{other} of {sizes[other]:,} bp" if other else f"the chromosomes {', '.join(list(sizes)[:3])}"
            expected = f"{self.sizes[other]:,} bp" if other else ", ".join(list(self.sizes)[:3])
            raise InputError(f"{name}: has {found}, and {self.folder.name} has {expected}; name its own assembly")


def _check_folder(folder: Path) -> None:
    """Check that the folder of a hub can be made, or that it is one.

    Raises:
        InputError: it is a file, holds something else, or the folder that it is in cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give the name of a folder for the hub")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "hub.txt").is_file():
        raise InputError(f"{folder}: holds files of something else; give a folder of its own, or one that is not there")
    require_writable(folder / "hub.txt" if folder.is_dir() else folder)


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _stanza(settings: Stanza) -> str:
    r"""Lines of a setting and its value.

    >>> _stanza({"genome": "hg38", "trackDb": "hg38/trackDb.txt"})
    'genome hg38\ntrackDb hg38/trackDb.txt\n'
    """
    return "".join(f"{key} {value}\n" for key, value in settings.items())

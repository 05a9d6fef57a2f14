"""A track hub of a run for UCSC's genome browser (https://genome.ucsc.edu/goldenPath/help/hgTrackHubHelp.html)."""

import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from epizoo.calling.peak_reader import read_peaks
from epizoo.calling.state_colors import StateStyle
from epizoo.errors import InputError
from epizoo.figures.regions import INK, SIGNAL
from epizoo.files import atomic_path, inside, require_writable, scratch_folder
from epizoo.genome.assemblies import chrom_sizes as sizes_of
from epizoo.genome.assemblies import common_name
from epizoo.genome.intervals import check_intervals, read_bed
from epizoo.genome.signal import BigWig
from epizoo.metrics.segmentations import Segmentation
from epizoo.reports.big_bed import big_bed_sizes, n_fields, write_peaks, write_states
from epizoo.reports.hub_names import LONGEST_LONG, LONGEST_SHORT, ascii_name, short_label, shortened
from epizoo.reports.igv_session import rgb
from epizoo.reports.inputs import File, named
from epizoo.reports.state_styles import check_entry, styled_states

logger = logging.getLogger(__name__)

_HUB, _GENOMES, _TRACKS = "hub.txt", "genomes.txt", "trackDb.txt"
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
    lie on the same disk, else copied. In the folder of an earlier hub, the tracks of this assembly are replaced: those
    that are not made again are removed. Files that are no tracks of the hub are refused.

    Args:
        output: Folder of the hub; made where there is none.
        assembly: Name of the genome, such as hg38; others than UCSC's (GRCh38) are written as UCSC's.
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
            another assembly, or the folder cannot be written or holds files of something else.
        MissingDependencyError: pybigtools is not installed.
    """
    if not (peaks or bigwigs or states):
        raise InputError("track-hub: nothing to show; give --peaks, --bigwig or --states")
    check_entry(entry, states)
    _check_texts(assembly, email, name)
    assembly = common_name(assembly)
    sizes = sizes_of(chrom_sizes if chrom_sizes is not None else assembly)
    folder = Path(output)
    _check_folder(folder)
    with scratch_folder(folder if folder.is_dir() else folder.parent) as scratch:
        made = scratch / "hub"
        made.mkdir()
        _make(made, assembly, sizes, (named(peaks), named(bigwigs), named(states)), entry)
        about = {
            "hub": ascii_name(name),
            "shortLabel": name[:LONGEST_SHORT],
            "longLabel": name[:LONGEST_LONG],
            "genomesFile": _GENOMES,
            "email": email,
        }
        _write(made / _HUB, _stanza(about))
        _write(made / _GENOMES, _genomes(folder / _GENOMES, assembly))
        before = _tracks_of(folder / assembly, made / assembly)
        inputs = {Path(path).resolve() for files in (peaks, bigwigs, states) for path in named(files).values()}
        within = [path for path in before if path.resolve() in inputs]
        if within:
            raise InputError(f"{within[0]}: lies in the hub that is to be replaced; move it, or give another folder")
        files = _put(made, folder)
        for path in before - set(files):
            path.unlink()
        return files


def _tracks_of(folder: Path, new: Path) -> set[Path]:
    """The files that an earlier hub wrote for an assembly.

    Args:
        folder: of the assembly.
        new: the same of the hub that is to replace it; of a run that was stopped, its files are there already.

    Raises:
        InputError: the folder holds another file.
    """
    if not folder.is_dir():
        return set()
    described = folder / _TRACKS
    text = described.read_text(encoding="utf-8") if described.is_file() else ""
    known = {_TRACKS, *re.findall(r"^bigDataUrl (\S+)$", text, re.MULTILINE), *(path.name for path in new.iterdir())}
    found = {path for path in folder.iterdir() if not path.name.startswith(".")}
    foreign = sorted(path for path in found if path.name not in known or not path.is_file())
    if foreign:
        raise InputError(f"{foreign[0]}: is no track of the hub that is there; move it, or give another folder")
    return found


def _put(made: Path, folder: Path) -> list[Path]:
    """Give a hub its place: as a whole, or file by file into one that is there."""
    # By hub.txt a folder is known as a hub, so that a run that was stopped can be repeated; the files that name
    # others come after those.
    last = (_TRACKS, _GENOMES)
    files = [path.relative_to(made) for path in made.rglob("*") if path.is_file()]
    files.sort(key=lambda file: (file.name != _HUB, last.index(file.name) + 1 if file.name in last else 0, file))
    if not folder.exists():
        made.replace(folder)
    else:
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            (made / file).replace(folder / file)
    return [folder / file for file in files]


def _genomes(path: Path, assembly: str) -> str:
    """The assemblies of a hub: those that its file names already, and this one."""
    known = path.read_text(encoding="utf-8").strip().split("\n\n") if path.is_file() else []
    others = [stanza.strip() + "\n" for stanza in known if stanza.split()[1:2] not in ([], [assembly])]
    return "\n".join([*others, _stanza({"genome": assembly, "trackDb": f"{assembly}/{_TRACKS}"})])


def _check_texts(assembly: str, email: str, name: str) -> None:
    """Check the texts that stand in a hub's settings, a line each.

    Raises:
        InputError: one is none of its kind.
    """
    for what, given, form, expected in (
        ("--email", email, r"[^@\s]+@[^@\s]+", "an address"),
        ("--assembly", assembly, r"(?a:\w[\w.-]*)", "a name as hg38"),
        ("--name", name, r".*\S.*", "a name of letters"),
    ):
        if re.fullmatch(form, given) is None or not given.isprintable():
            raise InputError(f"{what}: {given!r} found, expected {expected}")


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
    for cell, (segmentation, styles) in styled_states(states, entry).items():
        hub.add_states(cell, segmentation, styles)
    if not hub.tracks:
        raise InputError(f"track-hub: {', '.join(map(str, peaks.values()))} hold no peaks, so that there is no track")
    _write(folder / assembly / _TRACKS, "\n".join(map(_stanza, hub.tracks)))


class _Hub:
    """The tracks of a hub as they are made: the settings of each in trackDb.txt."""

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        self.folder = folder
        self.sizes = dict(sizes)
        self.tracks: list[Stanza] = []

    def add_signal(self, name: str, track: BigWig) -> None:
        """A bigWig of the assembly."""
        self._check(track.chrom_sizes, str(track.path))
        look = {"autoScale": "on", "alwaysZero": "on", "maxHeightPixels": "128:40:8", "color": rgb(SIGNAL)}
        target = self._add(name, "signal", "bw", {"type": "bigWig", "visibility": "full", **look})
        _link(track.path, target)

    def add_peaks(self, name: str, path: Path) -> None:
        """Peaks as bigNarrowPeak, or a bigBed of the assembly as it is."""
        fields = n_fields(path) if path.is_file() else None
        if fields is not None:
            self._check(big_bed_sizes(path), str(path))
            _link(path, self._add(name, "peaks", "bb", {"type": f"bigBed {fields}", "visibility": "dense"}))
            return
        table = read_peaks(path)
        if table.empty:
            logger.warning("%s: holds no peaks, and a bigBed needs one; the hub has no track of them", path)
            return
        check_intervals(table, self.sizes, str(path), f"the assembly {self.folder.name}")
        more = read_bed(path)
        target = self._add(name, "peaks", "bb", {"type": "bigNarrowPeak", "visibility": "dense", "color": rgb(INK)})
        write_peaks(target, table.assign(**{key: more[key] for key in ("name", "strand") if key in more}), self.sizes)

    def add_states(self, name: str, states: Segmentation, styles: Sequence[StateStyle]) -> None:
        """States as bigBed in their colours."""
        check_intervals(states.segments, self.sizes, states.name, f"the assembly {self.folder.name}")
        target = self._add(name, "states", "bb", {"type": "bigBed 9", "visibility": "dense", "itemRgb": "on"})
        write_states(target, states, styles, self.sizes)

    def _add(self, name: str, what: str, suffix: str, settings: Stanza) -> Path:
        """Add a track, and return the file where its data go.

        Raises:
            InputError: its name cannot be shown, or is that of another track once it is written as UCSC asks for.
        """
        track = f"{ascii_name(name)}_{what}"
        if not name.isprintable():
            raise InputError(f"{name!r}: a sample's name holds a character that cannot be printed; rename it")
        if any(known["track"] == track for known in self.tracks):
            raise InputError(
                f"{name}: two samples are {track} in the hub, where names hold letters, digits and _; rename"
            )
        labels = {
            "shortLabel": short_label(name, what, {known["shortLabel"] for known in self.tracks}),
            "longLabel": f"{what} of {shortened(name, LONGEST_LONG - len(f'{what} of '))}",
        }
        path = inside(self.folder, f"{track}.{suffix}")
        self.tracks.append({"track": track, "bigDataUrl": path.name, **labels, **settings})
        return path

    def _check(self, sizes: Mapping[str, int], name: str) -> None:
        """Check a file's chromosomes; its other sequences, such as scaffolds, are known from then on.

        Raises:
            InputError: they are those of another assembly.
        """
        shared = set(sizes) & set(self.sizes)
        other = next((chrom for chrom in sizes if chrom in shared and sizes[chrom] != self.sizes[chrom]), None)
        if not shared or other is not None:
            found = f"{other} of {sizes[other]:,} bp" if other else f"the chromosomes {', '.join(list(sizes)[:3])}"
            expected = f"{self.sizes[other]:,} bp" if other else ", ".join(list(self.sizes)[:3])
            raise InputError(f"{name}: has {found}, and {self.folder.name} has {expected}; name its own assembly")
        self.sizes = {**sizes, **self.sizes}


def _link(source: Path, target: Path) -> None:
    """Give a file another name: a link where both lie on one disk, else a copy."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _check_folder(folder: Path) -> None:
    """Check that the folder of a hub can be made, or that it is one.

    Raises:
        InputError: it is a file, holds something else, or the folder that it is in cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give the name of a folder for the hub")
    # What a run that was killed leaves is no other content.
    content = [path for path in folder.iterdir() if not path.name.startswith(".epizoo-")] if folder.is_dir() else []
    if content and not (folder / _HUB).is_file():
        raise InputError(f"{folder}: holds files of something else; give a folder of its own, or one that is not there")
    require_writable(folder / _HUB if folder.is_dir() else folder)


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _stanza(settings: Stanza) -> str:
    r"""Lines of a setting and its value.

    >>> _stanza({"genome": "hg38", "trackDb": "hg38/trackDb.txt"})
    'genome hg38\ntrackDb hg38/trackDb.txt\n'
    """
    return "".join(f"{key} {value}\n" for key, value in settings.items())

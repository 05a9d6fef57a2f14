"""A session of IGV: the files of a run as tracks, in the XML that IGV for the desktop and igv.js read."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path

from epizoo.errors import InputError
from epizoo.figures.regions import INK, SIGNAL
from epizoo.files import atomic_path
from epizoo.genome.assemblies import common_name

_SIGNAL_SUFFIXES = (".bw", ".bigwig")
_TEXT_SUFFIXES = (".bed", ".narrowPeak", ".broadPeak", ".gappedPeak")
_LOADED_SUFFIXES = (
    *(*_SIGNAL_SUFFIXES, ".bb", ".bigbed"),
    *(f"{suffix.lower()}{end}" for suffix in _TEXT_SUFFIXES for end in ("", ".gz")),
)
_SIGNAL_HEIGHT, _BED_HEIGHT = "70", "30"


def write_session(
    path: str | os.PathLike[str], files: Sequence[tuple[str, Path]], assembly: str, locus: str = "all"
) -> None:
    """Write a session: signal as areas on one scale each, peaks and states as boxes in the colours of the file.

    Paths are relative to the session's folder, so that both can be moved together.

    Args:
        path: file of the session (XML).
        files: name and path of each track, in order.
        assembly: genome as IGV knows it, such as hg38; aliases are written as UCSC's names.
        locus: what is shown first.

    Raises:
        InputError: the file cannot be written.
    """
    # Links are not followed: IGV tells the kind of a file by its suffix.
    folder = os.path.dirname(os.path.abspath(path))
    session = ElementTree.Element(
        "Session",
        {"genome": common_name(assembly), "locus": locus.replace(",", ""), "version": "8", "hasGeneTrack": "true"},
    )
    resources = ElementTree.SubElement(session, "Resources")
    panel = ElementTree.SubElement(session, "Panel", {"name": "DataPanel", "height": "600"})
    for name, file in files:
        relative = Path(os.path.relpath(os.path.abspath(file), folder)).as_posix()
        ElementTree.SubElement(resources, "Resource", {"name": name, "path": relative})
        ElementTree.SubElement(panel, "Track", {"id": relative, "name": name, **_look(file)})
    ElementTree.indent(session)
    text = ElementTree.tostring(session, encoding="unicode")
    with atomic_path(path) as temporary:
        temporary.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8")


def require_igv_names(files: Iterable[str | os.PathLike[str]]) -> None:
    """Check, before any work is done, that IGV can load files by their names.

    Raises:
        InputError: a name has another suffix than those that IGV knows.
    """
    for file in files:
        if not os.fspath(file).lower().endswith(_LOADED_SUFFIXES):
            raise InputError(
                f"{file}: given with --session, and IGV loads no such file by its name, expected one that ends in .bw, "
                f".bb, {', '.join(_TEXT_SUFFIXES)}, or in these texts' .gz; give such a file, or leave --session out"
            )


def _look(file: Path) -> dict[str, str]:
    """Attributes of a track by the suffix of its file."""
    if file.suffix.lower() in _SIGNAL_SUFFIXES:
        return {"autoScale": "true", "renderer": "BAR_CHART", "color": rgb(SIGNAL), "height": _SIGNAL_HEIGHT}
    return {"displayMode": "COLLAPSED", "color": rgb(INK), "height": _BED_HEIGHT}


def rgb(color: str) -> str:
    """A colour as IGV writes it.

    >>> rgb("#3d6b99")
    '61,107,153'
    """
    return ",".join(str(int(color[place : place + 2], 16)) for place in (1, 3, 5))

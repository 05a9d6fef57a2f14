"""A session of IGV: the files of a run as tracks, in the XML that IGV for the desktop and igv.js read."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from epizoo.figures.regions import INK, SIGNAL
from epizoo.files import atomic_path

_SIGNAL_HEIGHT, _BED_HEIGHT = "70", "30"


def write_session(
    path: str | os.PathLike[str], files: Sequence[tuple[str, Path]], assembly: str, locus: str = "all"
) -> None:
    """Write a session: signal as areas on one scale each, peaks and states as boxes in the colours of the file.

    Paths are relative to the session's folder, so that both can be moved together.

    Args:
        path: file of the session (XML).
        files: name and path of each track, in order.
        assembly: genome as IGV knows it, such as hg38.
        locus: what is shown first.

    Raises:
        InputError: the file cannot be written.
    """
    folder = Path(path).resolve().parent
    session = ElementTree.Element(
        "Session", {"genome": assembly, "locus": locus.replace(",", ""), "version": "8", "hasGeneTrack": "true"}
    )
    resources = ElementTree.SubElement(session, "Resources")
    panel = ElementTree.SubElement(session, "Panel", {"name": "DataPanel", "height": "600"})
    for name, file in files:
        relative = Path(os.path.relpath(file.resolve(), folder)).as_posix()
        ElementTree.SubElement(resources, "Resource", {"name": name, "path": relative})
        ElementTree.SubElement(panel, "Track", {"id": relative, "name": name, **_look(file)})
    ElementTree.indent(session)
    text = ElementTree.tostring(session, encoding="unicode")
    with atomic_path(path) as temporary:
        temporary.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8")


def _look(file: Path) -> dict[str, str]:
    """Attributes of a track by the suffix of its file."""
    if file.suffix.lower() in (".bw", ".bigwig"):
        return {"autoScale": "true", "renderer": "BAR_CHART", "color": rgb(SIGNAL), "height": _SIGNAL_HEIGHT}
    return {"displayMode": "COLLAPSED", "color": rgb(INK), "height": _BED_HEIGHT}


def rgb(color: str) -> str:
    """A colour as IGV writes it.

    >>> rgb("#3d6b99")
    '61,107,153'
    """
    return ",".join(str(int(color[place : place + 2], 16)) for place in (1, 3, 5))

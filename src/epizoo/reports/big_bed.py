"""bigBed files of peaks and of states, as UCSC's browser reads them (https://genome.ucsc.edu/goldenPath/help/bigBed.html)."""

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.calling.state_colors import StateStyle
from epizoo.files import atomic_path
from epizoo.genome.bigwig.format import BigBedStructure
from epizoo.metrics.segmentations import Segmentation
from epizoo.optional import require

BIG_BED_MAGIC = b"\xeb\xf2\x89\x87"
_MAGIC_BYTES = 4
_FIELDS, _OFFSETS = struct.Struct("<HH"), struct.Struct("<QQ")
_FIELDS_AT, _OFFSETS_AT = 32, 36
_SUMMARY_BYTES = 40


class Form(NamedTuple):
    """A kind of bigBed: its description in autoSql, and the number of its fields that are BED's own, and of all."""

    auto_sql: str
    n_defined: int
    n_fields: int


_BED6 = """    string chrom;       "Reference sequence chromosome or scaffold"
    uint   chromStart;  "Start position in chromosome"
    uint   chromEnd;    "End position in chromosome"
    string name;        "Name of the item"
    uint   score;       "Score, 0 to 1000"
    char[1] strand;     "+ or - or . for unknown"
"""
BIG_NARROW_PEAK = Form(
    'table bigNarrowPeak\n"BED6+4 peaks of signal enrichment"\n(\n'
    + _BED6
    + """    float  signalValue; "Measurement of average enrichment for the region"
    float  pValue;      "Statistical significance of signal value (-log10); -1 if not used"
    float  qValue;      "Statistical significance with multiple-test correction (-log10); -1 if not used"
    int    peak;        "Point-source called for this peak, 0-based offset from chromStart; -1 if none"
)
""",
    6,
    10,
)
BIG_BED9 = Form(
    'table states\n"Chromatin states"\n(\n'
    + _BED6
    + """    uint   thickStart;  "Start of where display should be thick"
    uint   thickEnd;    "End of where display should be thick"
    uint   itemRgb;     "Colour of the state"
)
""",
    9,
    9,
)


def write_peaks(path: str | os.PathLike[str], peaks: pd.DataFrame, sizes: Mapping[str, int]) -> None:
    """Write peaks as bigNarrowPeak.

    Args:
        path: the file, whose name ends in ``.bb``.
        peaks: `epizoo.calling.peak_reader.read_peaks`, and name and strand where they are known; at least one row.
        sizes: lengths of the chromosomes in bp.
    """
    ordered = peaks.sort_values(["chrom", "start", "end"], kind="stable")
    score = ordered["score"].fillna(0).clip(0, 1000).round().astype(int)
    rest = (
        ordered.get("name", pd.Series([f"peak_{i}" for i in range(1, len(ordered) + 1)], ordered.index)).astype(str)
        + "\t"
        + score.astype(str)
        + "\t"
        + ordered.get("strand", pd.Series(".", ordered.index)).where(lambda strand: strand.isin(["+", "-"]), ".")
    )
    for column, absent in (("signalValue", 0.0), ("pValue", -1.0), ("qValue", -1.0)):
        rest += "\t" + ordered[column].fillna(absent).map("{:.6g}".format)
    rest += "\t" + ordered["peak"].astype(str)
    _write(path, _rows(ordered, rest), sizes, BIG_NARROW_PEAK)


def write_states(
    path: str | os.PathLike[str], states: Segmentation, styles: Sequence[StateStyle], sizes: Mapping[str, int]
) -> None:
    """Write states as bigBed of nine fields, each in its colour; see `write_peaks`."""
    segments = states.segments
    names = np.array([f"{style.name}\t0\t.\t" for style in styles], object)[segments["state"]]
    colors = np.array(["\t" + ",".join(map(str, style.color)) for style in styles], object)[segments["state"]]
    place = segments["start"].astype(str) + "\t" + segments["end"].astype(str)
    _write(path, _rows(segments, pd.Series(names + place.to_numpy(object) + colors)), sizes, BIG_BED9)


def n_fields(path: str | os.PathLike[str]) -> int | None:
    """Number of BED's own fields of a bigBed file; None for any other file."""
    with open(path, "rb") as file:
        head = file.read(_OFFSETS_AT)
    if head[:_MAGIC_BYTES] != BIG_BED_MAGIC or len(head) < _OFFSETS_AT:
        return None
    return int(_FIELDS.unpack_from(head, _FIELDS_AT)[1])


def big_bed_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Lengths in bp of the chromosomes of a bigBed, whose index is read too.

    Raises:
        InputError: the file is damaged or cut short.
    """
    structure = BigBedStructure(Path(path))
    structure.close()
    return structure.chrom_sizes


def _rows(table: pd.DataFrame, rest: pd.Series) -> Iterator[tuple[str, int, int, str]]:
    return zip(table["chrom"].tolist(), table["start"].tolist(), table["end"].tolist(), rest.tolist(), strict=True)


def _write(
    path: str | os.PathLike[str], rows: Iterable[tuple[str, int, int, str]], sizes: Mapping[str, int], form: Form
) -> None:
    writer = require("pybigtools", "report")
    with atomic_path(path) as temporary:
        writer.open(os.fspath(temporary), "w").write(dict(sizes), iter(rows))
        _describe(temporary, form)


def _describe(path: Path, form: Form) -> None:
    """State the fields in the header and append their description; pybigtools 0.3 calls every file a BED3.

    Readers expect the summary of the file behind the description, so that it is appended too.
    """
    with open(path, "r+b") as file:
        file.seek(_OFFSETS_AT)
        _, summary_at = _OFFSETS.unpack(file.read(_OFFSETS.size))
        file.seek(summary_at)
        summary = file.read(_SUMMARY_BYTES)
        # The last bytes of a file are its first ones again.
        file.seek(-_MAGIC_BYTES, os.SEEK_END)
        place, text = file.tell(), form.auto_sql.encode() + b"\0"
        file.write(text + summary + BIG_BED_MAGIC)
        file.seek(_FIELDS_AT)
        file.write(_FIELDS.pack(form.n_fields, form.n_defined) + _OFFSETS.pack(place, place + len(text)))

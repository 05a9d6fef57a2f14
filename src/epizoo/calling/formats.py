"""narrowPeak and BED9 files, sorted by chromosome name and start, written whole or not at all."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TextIO

import pandas as pd

from epizoo.calling.peaks import NARROWPEAK_COLUMNS
from epizoo.files import atomic_path


class StateStyle(NamedTuple):
    """How a chromatin state is shown."""

    name: str
    color: tuple[int, int, int]
    """Red, green and blue, 0 to 255."""


def track_line(kind: str, name: str, description: str = "") -> str:
    """The line that UCSC's genome browser wants before `narrowPeak` or `bed9` rows; other tools refuse it.

    >>> track_line("bed9", "GM12878")
    'track name="GM12878" description="GM12878" visibility=1 itemRgb="On"'
    """
    label = f'name="{name}" description="{description or name}"'
    if kind == "narrowPeak":
        return f"track type=narrowPeak {label} visibility=2"
    return f'track {label} visibility=1 itemRgb="On"'


def write_narrowpeak(path: str | os.PathLike[str], peaks: pd.DataFrame, track: str | None = None) -> None:
    """Write peaks (narrowPeak's ten columns) sorted by chromosome and start, after a track line where one is given.

    Raises:
        InputError: the file cannot be written.
    """
    ordered = peaks.sort_values(["chrom", "start"], kind="stable")[list(NARROWPEAK_COLUMNS)]
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        _write_track(file, track)
        # -1 stays an integer there: some readers want it literally.
        ordered = ordered.astype({"pValue": "int64", "qValue": "int64"})
        ordered.to_csv(file, sep="\t", header=False, index=False, float_format="%.5g", lineterminator="\n")


def write_bed9(
    path: str | os.PathLike[str],
    segments: Iterable[pd.DataFrame],
    styles: Sequence[StateStyle],
    track: str | None = None,
) -> None:
    """Write segments (chrom, start, end, state from 0) as BED9 with each state's name and colour.

    Args:
        path: The file to write.
        segments: Tables in the order of the file, as a rule one a chromosome, which may be made while writing.
        styles: Name and colour of every state.
        track: A first line for UCSC's genome browser.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        _write_track(file, track)
        for table in segments:
            file.writelines(_bed9_rows(table, styles))


def _bed9_rows(segments: pd.DataFrame, styles: Sequence[StateStyle]) -> Iterator[str]:
    # Five times faster than to_csv: a genome has millions of segments.
    names = [style.name for style in styles]
    colors = [",".join(map(str, style.color)) for style in styles]
    columns = (segments[column].tolist() for column in ("chrom", "start", "end", "state"))
    for chrom, start, end, state in zip(*columns, strict=True):
        yield f"{chrom}\t{start}\t{end}\t{names[state]}\t0\t.\t{start}\t{end}\t{colors[state]}\n"


def _write_track(file: TextIO, track: str | None) -> None:
    if track is not None:
        file.write(track + "\n")

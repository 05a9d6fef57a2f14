"""BED9 files of states and browsers' track lines; files are written whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from epizoo.calling.state_colors import StateStyle
from epizoo.files import atomic_path


def track_line(kind: str, name: str) -> str:
    """The line that UCSC's genome browser wants before rows of `bed9` or of a format of peaks; other tools refuse it.

    >>> track_line("bed9", "GM12878")
    'track name="GM12878" description="GM12878" visibility=1 itemRgb="On"'
    """
    label = f'name="{name}" description="{name}"'
    if kind not in ("bed", "bed9"):
        return f"track type={kind} {label} visibility=2"
    return f"track {label} visibility=1" + (' itemRgb="On"' if kind == "bed9" else "")


@contextmanager
def bed9_writer(
    path: str | os.PathLike[str], styles: Sequence[StateStyle], track: str | None = None
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield what writes a table of segments (chrom, start, end, state from 0) to a BED9 file, as a rule a chromosome.

    Raises:
        InputError: the file cannot be written.
    """
    # Numba is not imported by those who write no states.
    from epizoo.calling.bed_rows import rows_of

    middles = [f"\t{style.name}\t0\t.\t" for style in styles]
    colors = ["\t" + ",".join(map(str, style.color)) + "\n" for style in styles]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        if track is not None:
            file.write(f"{track}\n".encode())

        def write(segments: pd.DataFrame) -> None:
            for chrom, part in segments.groupby("chrom", sort=False):
                start, end, state = (part[column].to_numpy() for column in ("start", "end", "state"))
                file.write(rows_of(start, end, state, str(chrom), middles, colors))

        yield write

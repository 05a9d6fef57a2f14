"""ChromHMM's files of states: segments, dense and expanded browser tracks, states by line, posteriors.

They are byte for byte what ChromHMM 1.27 writes, but for the last digit of a posterior. All are gzipped where
the name ends in ``.gz``. States are counted from 0 here and from 1 in the files. Segments are tables of
`epizoo.calling.segments`.
"""

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from epizoo.calling.state_colors import Color
from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.genome.inflated import read_inflated
from epizoo.genome.intervals import DAMAGED_GZIP
from epizoo.genome.text_files import write_text

File = str | os.PathLike[str]
ORDERS = {"E": "Emission", "T": "Transition", "U": "User", "F": "Fixed"}
"""Letters for the order of the states, which stand before a state's number: E1, E2, …"""


def write_segments(path: File, segments: pd.DataFrame, order: str = "E") -> None:
    """Write ``CELL_N_segments.bed``: chrom, start, end and a state such as E9; atomic.

    Raises:
        InputError: the order is unknown or the path cannot be written.
    """
    _require_order(path, order)
    rows = zip(*(segments[column].tolist() for column in ("chrom", "start", "end", "state")), strict=True)
    _write(path, (f"{chrom}\t{start}\t{end}\t{order}{state + 1}\n" for chrom, start, end, state in rows))


def write_dense(
    path: File,
    segments: pd.DataFrame,
    name: str,
    colors: Sequence[Color],
    order: str = "E",
    labels: Sequence[str] | None = None,
) -> None:
    """Write ``CELL_N_dense.bed``: a track line, then BED9 with a colour for each state; atomic.

    Args:
        path: the file.
        segments: chrom, start, end and state.
        name: name of the track, ``CELL_N`` in ChromHMM.
        colors: colours of all states; `epizoo.calling.state_colors.default_colors` are ChromHMM's own.
        order: letter of the states' order.
        labels: labels of all states, put behind their numbers (``1_TssA``).

    Raises:
        InputError: a state has no colour or label, the order is unknown, or the path cannot be written.
    """
    names, shades = _styles(path, segments, colors, labels)
    description = f"{name} ({_require_order(path, order)} ordered)"
    rows = zip(*(segments[column].tolist() for column in ("chrom", "start", "end", "state")), strict=True)

    def lines() -> Iterator[str]:
        yield f'track name="{name}" description="{description}" visibility=1 itemRgb="On"\n'
        for chrom, start, end, state in rows:
            yield f"{chrom}\t{start}\t{end}\t{names[state]}\t0\t.\t{start}\t{end}\t{shades[state]}\n"

    _write(path, lines())


def write_expanded(
    path: File,
    segments: pd.DataFrame,
    name: str,
    colors: Sequence[Color],
    order: str = "E",
    labels: Sequence[str] | None = None,
) -> None:
    """Write ``CELL_N_expanded.bed``: a BED12 row for each state and chromosome, the last state first; atomic.

    Every row gets an empty block at 0 and one of 1 bp at the end of the chromosome's last segment, as in ChromHMM, so
    that browsers draw it over the whole chromosome. Arguments and errors as in `write_dense`.
    """
    names, shades = _styles(path, segments, colors, labels)
    description = f"{name} ({_require_order(path, order)} ordered)"
    blocks: dict[tuple[int, str], list[tuple[int, int]]] = {}
    ends: dict[str, int] = {}
    columns = (segments[column].tolist() for column in ("chrom", "start", "end", "state"))
    for chrom, start, end, state in zip(*columns, strict=True):
        blocks.setdefault((-state, chrom), []).append((start, end))
        ends[chrom] = max(end, ends.get(chrom, 0))

    def lines() -> Iterator[str]:
        yield f'track name="Expanded_{name}" description="{description}" visibility=2 itemRgb="On"\n'
        if ends:
            first_chrom = min(ends)
            yield f"browser position {first_chrom}:1-{int(ends[first_chrom] * 0.001) + 1}\n"
        for (minus_state, chrom), spans in sorted(blocks.items()):
            end, state = ends[chrom], -minus_state
            sizes = ",".join(map(str, [0, *(after - start for start, after in spans), 1]))
            starts = ",".join(map(str, [0, *(start for start, _ in spans), end - 1]))
            yield f"{chrom}\t0\t{end}\t{names[state]}\t0\t.\t{spans[0][0]}\t{end}\t{shades[state]}\t"
            yield f"{len(spans) + 2}\t{sizes}\t{starts}\n"

    _write(path, lines())


def write_states_by_line(
    path: File, states: Integer[np.ndarray, " bin"], cell: str, chrom: str, order: str = "E"
) -> None:
    """Write ``CELL_N_CHROM_statebyline.txt``: two lines of names, then a state for each bin; atomic.

    Raises:
        InputError: the order is unknown or the path cannot be written.
    """
    _require_order(path, order)
    lines = (f"{state}\n" for state in (np.asarray(states, dtype=np.int64) + 1).tolist())
    _write(path, [f"{cell}\t{chrom}\nMaxState {order}\n", *lines])


def write_posteriors(
    path: File, posteriors: Float[np.ndarray, "bin state"], cell: str, chrom: str, order: str = "E"
) -> None:
    """Write ``CELL_N_CHROM_posterior.txt``: two lines of names, then a bin's posteriors to four decimals; atomic.

    Raises:
        InputError: the order is unknown or the path cannot be written.
    """
    _require_order(path, order)
    states = "\t".join(f"{order}{state}" for state in range(1, posteriors.shape[1] + 1))
    printed = np.array([f"{value / 10000:.4f}".rstrip("0").rstrip(".") for value in range(10001)], dtype=object)
    rounded = np.clip(np.rint(np.asarray(posteriors, dtype=np.float64) * 10000), 0, 10000).astype(np.int64)
    _write(path, [f"{cell}\t{chrom}\n{states}\n", *("\t".join(row) + "\n" for row in printed[rounded])])


def read_lines(path: File) -> list[str]:
    """Lines of a text file, plain or gzipped.

    Raises:
        InputError: the file is missing or no text.
    """
    try:
        text = read_inflated(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a file that ChromHMM wrote") from None
    except (OSError, UnicodeDecodeError, *DAMAGED_GZIP) as error:
        raise InputError(f"{path}: cannot be read as text, plain or gzipped: {error}; fetch it again") from None
    return text.splitlines()


def _styles(
    path: File, segments: pd.DataFrame, colors: Sequence[Color], labels: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """The text for each state (its number, and its label where there is one), and its colour."""
    n_states = int(segments["state"].max()) + 1 if len(segments) else 0
    for what, given in (("colours", colors), ("labels", labels)):
        if given is not None and len(given) < n_states:
            raise InputError(f"{path}: cannot be written, {len(given)} {what} were given for {n_states} states")
    names = [f"{state + 1}_{labels[state]}" if labels else str(state + 1) for state in range(n_states)]
    return names, [",".join(map(str, color)) for color in colors]


def _require_order(path: File, order: str) -> str:
    if order not in ORDERS:
        raise InputError(f"{path}: cannot be written, the order {order!r} is none of {', '.join(ORDERS)}")
    return ORDERS[order]


def _write(path: File, lines: Iterable[str]) -> None:
    with atomic_path(path) as temporary:
        write_text(temporary, "".join(lines), compressed=str(path).endswith(".gz"))

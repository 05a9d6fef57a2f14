"""Segmentations: the states of a genome from any BED file of states, and which of them lies where."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from epizoo.calling.chromhmm_files import ORDERS
from epizoo.errors import InputError
from epizoo.genome.intervals import read_bed

File = str | os.PathLike[str]

_NUMBERED = re.compile(r"([A-Za-z]?)(\d+)(_.+)?")


class Segmentation(NamedTuple):
    """States along a genome.

    Attributes:
        segments: chrom, start, end (bp) and state (an index into ``labels``), sorted, without overlaps.
        labels: what the states are called.
        order: ChromHMM's letter for the order of the states, empty where they are not so called.
        name: what the segmentation is called in messages, usually its file.
    """

    segments: pd.DataFrame
    labels: tuple[str, ...]
    order: str = ""
    name: str = "the segmentation"

    @property
    def heading(self) -> str:
        """Heading of the states in tables, as ChromHMM writes it."""
        return f"State ({ORDERS[self.order]} order)" if self.order else "State"

    def ends(self) -> dict[str, int]:
        """The last position that has a state, by chromosome, in bp."""
        return {str(chrom): int(end) for chrom, end in self.segments.groupby("chrom")["end"].max().items()}

    def in_order(self, names: Sequence[str]) -> "Segmentation":
        """The same with its labels in the order of names, which hold all of them."""
        labels = tuple(sorted(self.labels, key=list(names).index))
        number = np.array([labels.index(label) for label in self.labels], np.int64)
        return self._replace(segments=self.segments.assign(state=number[self.segments["state"]]), labels=labels)


def read_segmentation(path: File, names: Sequence[str] | None = None) -> Segmentation:
    """Read a BED file whose fourth column is a state: ours, ChromHMM's segments and dense files, Roadmap's mnemonics.

    Labels with numbers (E9, 9, 9_TssA) are put in the order of their numbers, and ChromHMM's letter is dropped, as
    ChromHMM does; names without numbers are put in the order of ``names``, or else of their first appearance.

    Args:
        path: plain or gzipped.
        names: names of all states in their order, where they are known; numbers without names get them (9_TssA).

    Raises:
        InputError: the file cannot be used, a state is none of ``names``, or two segments overlap.
    """
    table = read_bed(path)
    if "name" not in table:
        raise InputError(f"{path}: has rows of fewer than four columns; expected a state in the fourth one of each")
    order, labels, state_of = _states(list(table["name"].unique()), names, str(path))
    segments = table[["chrom", "start", "end"]].assign(state=table["name"].map(state_of).astype("int64"))
    return check_segmentation(Segmentation(segments, labels, order, str(path)))


def check_segmentation(segmentation: Segmentation) -> Segmentation:
    """The segmentation with its segments sorted.

    Raises:
        InputError: two segments overlap.
    """
    segments = segmentation.segments.sort_values(["chrom", "start"], ignore_index=True)
    chroms, starts, ends = (segments[column].to_numpy() for column in ("chrom", "start", "end"))
    overlap = np.flatnonzero((chroms[1:] == chroms[:-1]) & (starts[1:] < ends[:-1]))
    if len(overlap):
        row = int(overlap[0]) + 1
        raise InputError(
            f"{segmentation.name}: the segment {chroms[row]}:{starts[row]}-{ends[row]} overlaps the one before it, and "
            "a position has one state; give a file of one cell type"
        )
    return segmentation._replace(segments=segments)


def by_chromosome(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each chromosome, sorted by its name."""
    for chrom, rows in table.groupby("chrom", sort=True, observed=True):
        yield str(chrom), rows


def merge_intervals(
    starts: Int64[np.ndarray, " row"], ends: Int64[np.ndarray, " row"]
) -> Int64[np.ndarray, "2 merged"]:
    """Starts and ends of what intervals of one chromosome cover, in any order; touching ones are joined.

    >>> merge_intervals(np.array([5, 0, 3]), np.array([9, 2, 5])).tolist()
    [[0, 3], [2, 9]]
    >>> merge_intervals(np.array([0, 1, 5]), np.array([9, 2, 6])).tolist()
    [[0], [9]]
    """
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    first = np.concatenate([[True], starts[1:] > reached[:-1]]) if len(starts) else np.zeros(0, bool)
    last = np.concatenate([first[1:], [True]]) if len(starts) else first
    return np.stack([starts[first], reached[last]])


def rows_at(
    starts: Int64[np.ndarray, " row"], ends: Int64[np.ndarray, " row"], positions: Int64[np.ndarray, " position"]
) -> Int64[np.ndarray, " position"]:
    """Index of the interval that holds each position, of sorted intervals without overlaps; -1 where none does.

    >>> rows_at(np.array([0, 10]), np.array([5, 20]), np.array([-1, 0, 4, 5, 19, 20])).tolist()
    [-1, 0, 0, -1, 1, -1]
    """
    if not len(starts):
        return np.full(len(positions), -1)
    rows = np.searchsorted(starts, positions, side="right") - 1
    return np.where((rows >= 0) & (positions < ends[rows]), rows, -1)


def states_at(segments: pd.DataFrame, positions: Int64[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
    """The state of each position of one chromosome; -1 where no segment holds it."""
    rows = rows_at(segments["start"].to_numpy(), segments["end"].to_numpy(), positions.ravel())
    return np.where(rows >= 0, segments["state"].to_numpy()[rows], -1).reshape(positions.shape)


def bp_of_pairs(
    first: pd.DataFrame, second: pd.DataFrame, shape: tuple[int, int]
) -> Float64[np.ndarray, "first second"]:
    """Number of bp with each pair of states.

    Args:
        first: chrom, start, end and state, sorted, without overlaps.
        second: as ``first``.
        shape: number of states of each.
    """
    counts = np.zeros(shape)
    others = dict(by_chromosome(second))
    for chrom, here in by_chromosome(first[first["chrom"].isin(list(others))]):
        tables = (here, others[chrom])
        # Between two neighbouring edges neither state changes.
        edges = np.unique(np.concatenate([table[["start", "end"]].to_numpy().ravel() for table in tables]))
        rows, columns = (states_at(table, edges[:-1]) for table in tables)
        both = (rows >= 0) & (columns >= 0)
        pairs = rows[both] * shape[1] + columns[both]
        counts += np.bincount(pairs, weights=np.diff(edges)[both], minlength=counts.size).reshape(shape)
    return counts


def _states(found: list[str], names: Sequence[str] | None, path: str) -> tuple[str, tuple[str, ...], dict[str, int]]:
    """The letter of the order, the labels in their order, and the state of each name found."""
    if names is not None and set(found) <= set(names):
        return "", tuple(names), {name: state for state, name in enumerate(names)}
    matches = [_NUMBERED.fullmatch(name) for name in found]
    parts = [match.groups(default="") for match in matches if match]
    numbers = [int(number) for _, number, _ in parts]
    if len(numbers) == len(found) and len(set(numbers)) == len(found):
        letters = {letter for letter, _, _ in parts}
        order = next(iter(letters)) if len(letters) == 1 and letters <= set(ORDERS) else ""
        if names is not None and min(numbers) >= 1 and max(numbers) <= len(names):
            labels = tuple(f"{number}_{name}" for number, name in enumerate(names, start=1))
            return order, labels, dict(zip(found, (number - 1 for number in numbers), strict=True))
        if names is None:
            ranks = {number: state for state, number in enumerate(sorted(numbers))}
            by_rank = {
                ranks[number]: f"{number}{suffix}" for number, (_, _, suffix) in zip(numbers, parts, strict=True)
            }
            labels = tuple(by_rank[state] for state in range(len(found)))
            return order, labels, dict(zip(found, (ranks[number] for number in numbers), strict=True))
    if names is not None:
        unknown = next(name for name in found if name not in names)
        raise InputError(
            f"{path}: holds the state {unknown}, which is none of {', '.join(names)}; give the model of these states"
        )
    return "", tuple(found), {name: state for state, name in enumerate(found)}

"""Segmentations that are shown together, and the names and colours of their states: one colour for each state."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from epizoo.calling.state_colors import Color, StateStyle, default_colors
from epizoo.errors import InputError
from epizoo.genome.intervals import SKIPPED_LINES, read_lines, read_parquet_intervals
from epizoo.genome.table_files import is_parquet
from epizoo.jobs.enrichment import read_states
from epizoo.metrics.segmentations import Segmentation, read_segmentation
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load_annotator

File = str | os.PathLike[str]
_BED9_COLUMNS = 9


def styled_states(
    files: Mapping[str, Path],
    entry: ChromatinStateEntry | File | None = None,
    known: Mapping[str, Segmentation] | None = None,
) -> dict[str, tuple[Segmentation, list[StateStyle]]]:
    """The segmentation of each file, and name and colour of each of its states.

    Colours are those of the entry, else of the file (BED9), else of another one of the files, else ChromHMM's, which
    are given out over the states of all files.

    Args:
        files: BED files of states, by cell type.
        entry: entry that the states belong to.
        known: segmentations by cell type, whose files are not read again.

    Raises:
        InputError: a file cannot be used, or a state is none of the entry's.
    """
    known = known or {}
    if entry is not None:
        styles = [state.style for state in load_annotator(entry).config.states]
        names = [style.name for style in styles]
        read = {name: known[name] if name in known else read_segmentation(path, names) for name, path in files.items()}
        return {name: (states, _styles(states, [style.color for style in styles])) for name, states in read.items()}
    read = {name: known[name] if name in known else read_states(path) for name, path in files.items()}
    colors = {name: {} if name in known else _of_labels(read[name], _colors(path)) for name, path in files.items()}
    labels = _ordered(label for states in read.values() for label in states.labels)
    shared = dict(zip(labels, default_colors(len(labels)), strict=True))
    for of_file in reversed(colors.values()):
        shared |= of_file
    return {
        name: (states, _styles(states, [colors[name].get(label, shared[label]) for label in states.labels]))
        for name, states in read.items()
    }


def check_entry(entry: object, states: object) -> None:
    """Check that an entry is not given without states, which it names and colours.

    Raises:
        InputError: it is.
    """
    if entry is not None and not states:
        raise InputError("--entry: given without --states, which it names and colours; give these too, or leave it out")


def _styles(states: Segmentation, colors: Iterable[Color]) -> list[StateStyle]:
    return [StateStyle(label, color) for label, color in zip(states.labels, colors, strict=True)]


def _ordered(labels: Iterable[str]) -> list[str]:
    """Labels once, in the order of their numbers, or else of their first appearance.

    >>> _ordered(["1", "10", "2", "1"]), _ordered(["TssA", "Quies", "EnhA"])
    (['1', '2', '10'], ['TssA', 'Quies', 'EnhA'])
    """
    once = list(dict.fromkeys(labels))
    numbers = {label: re.match(r"\d+", label) for label in once}
    return (
        sorted(once, key=lambda label: int(found[0]) if (found := numbers[label]) else 0)
        if all(numbers.values())
        else once
    )


def _of_labels(states: Segmentation, colors: Mapping[str, Color]) -> dict[str, Color]:
    """The colours of a file by the labels of its states, which lack ChromHMM's letter."""
    names = {label: label if label in colors else f"{states.order}{label}" for label in states.labels}
    return {label: colors[name] for label, name in names.items() if name in colors}


def _colors(path: File) -> dict[str, tuple[int, int, int]]:
    """The colours that a BED9 file gives its names; none for files of fewer columns."""
    if is_parquet(path):
        table = read_parquet_intervals(path)
        has_colors = {"name", "itemRgb"} <= set(table)
        return _parsed(dict(zip(table["name"], table["itemRgb"], strict=True))) if has_colors else {}
    found: dict[str, str] = {}
    for _, line in read_lines(path):
        if not line.strip() or line.startswith(SKIPPED_LINES):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) < _BED9_COLUMNS:
            return {}
        found[fields[3]] = fields[8]
    return _parsed(found)


def _parsed(found: Mapping[str, str]) -> dict[str, tuple[int, int, int]]:
    """Colours by name, of the texts that are colours.

    >>> _parsed({"TssA": "255,0,0", "Quies": "."})
    {'TssA': (255, 0, 0)}
    """
    parts = {name: str(color).strip().split(",") for name, color in found.items()}
    return {
        name: (int(of[0]), int(of[1]), int(of[2]))
        for name, of in parts.items()
        if len(of) == 3 and all(part.isdecimal() and len(part) < 4 and int(part) < 256 for part in of)
    }

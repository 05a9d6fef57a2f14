"""The groups of samples: a table of samples, or a group by the name of each sample."""

import csv
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from epizoo.errors import InputError
from epizoo.genome.intervals import read_lines
from epizoo.jobs.peak_inputs import File


def sample_groups(groups: File | Mapping[str, str] | None, samples: Collection[str]) -> dict[str, str]:
    """The group of each of the samples, in their order; one group of all where none are given.

    Args:
        groups: a table of samples (tab-separated, its header has sample and group), or each sample's group.
        samples: names of the samples.

    Raises:
        InputError: a sample has no group, or the table cannot be used.
    """
    if groups is None:
        return dict.fromkeys(samples, "all")
    if isinstance(groups, str | os.PathLike):
        where, stated = os.fspath(groups), _of_table(groups)
    else:
        where, stated = "groups", {name: str(group) for name, group in groups.items()}
    lost = [sample for sample in samples if not stated.get(sample)]
    if lost:
        known = ", ".join(list(stated)[:5]) or "none"
        raise InputError(f"{where}: no group is stated for the sample {lost[0]}, but for {known}; add it")
    return {sample: stated[sample] for sample in samples}


def read_sample_table(path: File) -> list[dict[str, str]]:
    """The rows of a table of samples, tab-separated under a header that names a column sample.

    Raises:
        InputError: there is no such file or column, a row has more fields than the header, or two have one sample.
    """
    lines = [(number, line) for number, line in read_lines(path) if line.strip() and not line.startswith("#")]
    rows = list(csv.reader((line for _, line in lines), delimiter="\t"))
    header = [name.strip() for name in rows[0]] if rows else []
    if "sample" not in header or len(set(header)) < len(header):
        found = ", ".join(header[:6]) or "no line"
        raise InputError(f"{path}: found {found}, expected a tab-separated header with a column sample; add it")
    found_rows: dict[str, dict[str, str]] = {}
    for (number, _), row in zip(lines[1:], rows[1:], strict=True):
        values = {name: value.strip() for name, value in zip(header, row, strict=False)}
        if len(row) > len(header) or not values.get("sample"):
            raise InputError(f"{path}: line {number} has {len(row)} fields, expected {', '.join(header)}; correct it")
        if values["sample"] in found_rows:
            raise InputError(f"{path}: line {number} is a second sample {values['sample']}; give each its own name")
        found_rows[values["sample"]] = values
    return list(found_rows.values())


def _of_table(path: File) -> dict[str, str]:
    if Path(path).is_dir():
        raise InputError(f"{path}: is a folder, expected a table of samples; name the file itself")
    rows = read_sample_table(path)
    if rows and "group" not in rows[0]:
        raise InputError(f"{path}: has no column group, which says what each sample belongs to; add it")
    return {row["sample"]: row.get("group", "") for row in rows}

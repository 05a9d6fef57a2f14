"""The section of a card on use: commands and Python that run on the entry's own example files."""

import json
from typing import Any

from epizoo.zoo.entry import ChromatinStateEntry, Entry
from epizoo.zoo.examples import example_arguments

_LINE = 120
"""Characters of a line of Python."""


def how_to_use(entry: Entry, reference: str, *, is_shipped: bool) -> str:
    """Markdown: the entry's example files copied, the command that runs on them, Kipoi, and Python.

    Args:
        entry: the entry.
        reference: what loads it: a name of the zoo, a folder or a repository.
        is_shipped: whether it is an entry of the zoo that epizoo comes with, which Kipoi finds by its name.
    """
    folder = f"{entry.name.split('/')[1]}-example"
    example = {
        name: str(value).replace("example_files", folder, 1) if str(value).startswith("example_files") else value
        for name, value in example_arguments(entry).items()
    }
    job, python = (_states if isinstance(entry, ChromatinStateEntry) else _peaks)(reference, example)
    lines = [f"epizoo example {reference} -o {folder}", job]
    if "://" not in reference:
        lines += ["", *(["epizoo kipoi-source  # once"] if is_shipped else [])]
        source = "epizoo" if is_shipped else "dir"
        lines.append(
            f"kipoi predict {reference} --source={source} --dataloader_args='{json.dumps(example)}' -o predictions.h5"
        )
    commands = "\n".join(lines)
    return (
        f"```sh\n{commands}\n```\n\n"
        f'```python\nimport epizoo\n\nentry = epizoo.load("{reference}")\n{python}\n'
        "model = entry.model()  # a flax nnx module\n```"
    )


def _peaks(reference: str, example: dict[str, Any]) -> tuple[str, str]:
    """The command that calls peaks of the example, and the same in Python."""
    options = {
        "control": example.get("control_file"),
        "signal_kind": example.get("signal_kind"),
        "known_regions": example.get("known_regions_file"),
        "regions": example.get("intervals_file"),
    }
    given = {name: value for name, value in options.items() if value is not None}
    bigwig = example.get("bigwig_file")
    words = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items())
    python = "# a DataFrame with narrowPeak's columns\n" + _call([f'"{bigwig}"', *_keywords(given)])
    return f"epizoo call-peaks {reference} --bigwig {bigwig} {words} -o peaks.narrowPeak", python


def _keywords(given: dict[str, Any]) -> list[str]:
    return [f'{name}="{value}"' for name, value in given.items()]


def _call(arguments: list[str]) -> str:
    """A call of `call_peaks`, over several lines where it is too long for one."""
    lone = f"peaks = entry.call_peaks({', '.join(arguments)})"
    return (
        lone
        if len(lone) <= _LINE
        else "\n".join(["peaks = entry.call_peaks(", *(f"    {text}," for text in arguments), ")"])
    )


def _states(reference: str, example: dict[str, Any]) -> tuple[str, str]:
    """The command that annotates the example, and the same in Python."""
    folder = example.get("binarized", "FOLDER")
    python = f'segments = entry.annotate("{folder}").segments  # a DataFrame: chrom, start, end, state, name'
    return f"epizoo annotate {reference} --binarized {folder} -o states.bed", python

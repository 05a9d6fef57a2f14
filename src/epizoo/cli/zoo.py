"""The commands about the zoo itself: `list`, `show`, `example`, `kipoi-source`."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from epizoo.cli.app import Entry, app, out, say
from epizoo.cli.file_roles import FOLDER
from epizoo.errors import InputError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
# Piped output is as wide as a terminal of the usual size.
_WIDTH = 80


@app.command("list")
def list_entries(as_json: Json = False) -> None:
    """List the trained models of the zoo."""
    from rich.table import Table

    from epizoo.cli.entry_summary import first_sentence
    from epizoo.zoo import list_entries as names
    from epizoo.zoo import load

    entries = [load(name) for name in names()]
    if not entries:
        raise InputError("the zoo holds no entry; was epizoo installed with its model_zoo folder?")
    if as_json:
        keys = ("name", "version", "family")
        _print_json(
            [
                {key: getattr(entry, key) for key in keys}
                | {"description": first_sentence(entry), "license": entry.kipoi["info"]["license"]}
                for entry in entries
            ]
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ENTRY", "VERSION", "WHAT IT IS"):
        table.add_column(column, no_wrap=column != "WHAT IT IS")
    for entry in entries:
        table.add_row(entry.name, entry.version, first_sentence(entry))
    out.print(table, width=min(out.width, _WIDTH))


@app.command()
def show(
    entry: Entry,
    as_json: Json = False,
    card: Annotated[bool, typer.Option("--card", help="Print the whole model card.")] = False,
) -> None:
    """Show a model: inputs, settings, training data, headline figures, limitations and licence."""
    from epizoo.cli.entry_summary import as_data, as_text
    from epizoo.zoo import load

    if as_json and card:
        raise InputError("--json, --card: both given, expected at most one of the two")
    loaded = load(entry)
    if as_json:
        _print_json(as_data(loaded))
    elif card:
        _print_card(loaded)
    else:
        out.print(as_text(loaded, min(out.width, _WIDTH)), markup=False)
        say(f"\nTry it: epizoo example {shlex.quote(entry)}")


@app.command()
def example(
    entry: Entry,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="New folder for the files; by default ./NAME-example.",
            show_default=False,
        ),
        FOLDER,
    ] = None,
) -> None:
    """Copy a model's example files into a new folder, and print the command that runs the model on them."""
    from epizoo.zoo import load
    from epizoo.zoo.examples import copy_example

    loaded = load(entry)
    folder = output or Path(f"{loaded.name.split('/')[-1]}-example")
    arguments = copy_example(loaded, folder)
    say(f"Wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}. Now run:\n")
    out.print(_command(entry, loaded.family, arguments, folder), markup=False)


@app.command()
def kipoi_source() -> None:
    """Let Kipoi find the zoo: register it as the source `epizoo` in Kipoi's own config file.

    Then `kipoi predict peak_caller/h3k4me3 --source=epizoo` works in any folder.
    """
    from epizoo.plugins.kipoi.source import SOURCE_NAME, register_source

    path = register_source()
    say(f"Wrote {path}: Kipoi now knows the source {SOURCE_NAME}.")


def _command(entry: str, family: str, arguments: dict[str, Any], folder: Path) -> str:
    """The command line for the dataloader's arguments, an option a line."""
    job, result = {
        "peak_caller": ("call-peaks", "peaks.narrowPeak"),
        "peak_scorer": ("call-peaks", "peaks.narrowPeak"),
        "chromatin_states": ("annotate", "states.bed"),
    }[family]
    lines = [f"epizoo {job} {shlex.quote(entry)}"]
    for name, value in arguments.items():
        flag = "--" + {"intervals_file": "regions"}.get(name, name.removesuffix("_file").replace("_", "-"))
        values = [f"{mark}={path}" for mark, path in value.items()] if isinstance(value, dict) else [str(value)]
        lines.append(flag if value is True else f"{flag} {shlex.join(values)}")
    lines.append(f"-o {shlex.quote(str(folder / result))}")
    return " \\\n  ".join(lines)


def _print_json(content: Any) -> None:
    out.print(json.dumps(content, indent=2, ensure_ascii=False), markup=False)


def _print_card(entry: Any) -> None:
    from rich.markdown import Markdown

    from epizoo.zoo.card import render_card

    card = render_card(entry).split("---\n", 2)[2].strip()
    if out.is_terminal:
        out.print(Markdown(card))
    else:
        out.print(card, markup=False)

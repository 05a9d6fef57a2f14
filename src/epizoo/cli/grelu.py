"""`epizoo import-grelu`."""

from pathlib import Path
from typing import Annotated

import typer

from epizoo.cli.app import app, give_graph, option, say, working


@app.command()
def import_grelu(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A .ckpt file, or hf://ORG/NAME.")],
    name: Annotated[str, option("NAME", "Name of the new entry, such as muscle.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of a zoo to write it to.")],
    base: Annotated[
        str | None,
        option("ENTRY", "The entry that it was fine-tuned from, where the checkpoint's own is not installed."),
    ] = None,
    task: Annotated[str | None, option("NAME", "Which kind of peaks, where the model calls several.")] = None,
    version: Annotated[str, typer.Option("--entry-version", metavar="VERSION", help="Of the new entry.")] = "1.0.0",
) -> None:
    """Make an entry of a model that gReLU fine-tuned, after proof that it is still the same model."""
    from epizoo.plugins.grelu import import_checkpoint

    with working("Importing, and comparing with the checkpoint"):
        entry = import_checkpoint(checkpoint, name, output, base=base, task=task, version=version)
    give_graph(entry)
    say(f"Wrote {entry.folder}: {entry.name} {entry.version}, fine-tuned from {entry.zoo.base_model}.")

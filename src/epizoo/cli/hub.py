"""`epizoo publish`."""

from pathlib import Path
from typing import Annotated

import typer

from epizoo.cli.app import ENTRY_HELP, app, option, say, working


@app.command()
def publish(
    entries: Annotated[list[str], typer.Argument(metavar="ENTRY…", help=ENTRY_HELP, show_default=False)],
    repo_id: Annotated[str, option("ORG/NAME", "Repository on the Hugging Face hub.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make all files and upload nothing.")] = False,
    folder: Annotated[Path | None, option("FOLDER", "Keep the files in this new folder too.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private, if it is new.")] = False,
    base_model: Annotated[
        str | None, option("ORG/NAME", "Repository of the model that these were fine-tuned from, for the card.")
    ] = None,
) -> None:
    """Publish models as a repository that gReLU, epizoo and Kipoi can load.

    It holds weights, a checkpoint for gReLU, the ONNX graph, the dataloader, example files and the card, each export
    proven to be the same model. Log in with `hf auth login` first.
    """
    from epizoo.plugins.hub import publish as publish_entries

    with working("Making the repository, and comparing exports with JAX"):
        found = publish_entries(
            entries, repo_id, dry_run=dry_run, folder=folder, private=private, base_model=base_model
        )
    for name, size in found.files.items():
        say(f"{size:>12,}  {name}")
    total = f"{len(found.files)} files, {sum(found.files.values()):,} bytes"
    say(f"Nothing was uploaded to {repo_id}: {total}." if found.url is None else f"Wrote {found.url}: {total}.")

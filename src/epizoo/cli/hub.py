"""`epizoo publish`."""

from typing import Annotated, Any

import typer

from epizoo.cli.app import ENTRY_HELP, app, say, working
from epizoo.cli.option_groups import options_of
from epizoo.wording import counted


@app.command()
@options_of(
    "epizoo.plugins.hub.publish",
    {"": "repo_id dry_run folder private base_model"},
    metavars={"repo_id": "ORG/NAME", "folder": "FOLDER"},
)
def publish(
    entries: Annotated[list[str], typer.Argument(metavar="ENTRY…", help=ENTRY_HELP, show_default=False)], **given: Any
) -> None:
    """Publish models as a repository that gReLU, epizoo and Kipoi can load.

    It holds weights, a checkpoint for gReLU, the ONNX graph, the dataloader, example files and the card, each export
    proven to be the same model. Log in with `hf auth login` first.
    """
    from epizoo.plugins.hub import publish as publish_entries

    with working("Making the repository, and comparing exports with JAX"):
        found = publish_entries(entries, **given)
    for name, size in found.files.items():
        say(f"{size:>12,}  {name}")
    for name, digest in found.hashes.items():
        say(f"{name}: #sha256={digest}")
    total = f"{counted(len(found.files), 'file')}, {sum(found.files.values()):,} bytes"
    say(
        f"Nothing was uploaded to {given['repo_id']}: {total}." if found.url is None else f"Wrote {found.url}: {total}."
    )

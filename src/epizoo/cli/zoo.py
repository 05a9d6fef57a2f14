"""The commands about the zoo itself: `list`, `show`, `kipoi-source`."""

from rich.table import Table

from epizoo.cli.app import Entry, app, out, say
from epizoo.errors import InputError


@app.command("list")
def list_entries() -> None:
    """List the trained models of the zoo."""
    from epizoo.zoo import list_entries as names
    from epizoo.zoo import load

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ENTRY", "VERSION", "WHAT IT IS"):
        table.add_column(column, no_wrap=column != "WHAT IT IS")
    for name in names():
        entry = load(name)
        table.add_row(name, entry.version, " ".join(entry.kipoi["info"]["doc"].split()).split(". ")[0])
    if not table.row_count:
        raise InputError("the zoo holds no entry; was epizoo installed with its model_zoo folder?")
    out.print(table)


@app.command()
def show(entry: Entry) -> None:
    """Show everything about a model: what it is, what it saw, how good it is, its limits and licence."""
    from rich.markdown import Markdown

    from epizoo.zoo import load
    from epizoo.zoo.card import render_card
    from epizoo.zoo.lineage import draw_lineage

    loaded = load(entry)
    _, _, card = render_card(loaded).split("---\n", 2)
    if out.is_terminal:
        out.print(Markdown(card))
    else:
        out.print(card.strip(), markup=False)
    lineage = draw_lineage(loaded)
    if lineage is not None:
        out.print("\nLineage")
        out.print(lineage, markup=False)
    out.print(f"\nFolder {loaded.folder}\nWeights sha256 {loaded.sha256}", markup=False)


@app.command()
def kipoi_source() -> None:
    """Let Kipoi find the zoo: register it as the source `epizoo` in Kipoi's own config file.

    Then `kipoi predict peak_caller/h3k4me3 --source=epizoo` works in any folder.
    """
    from epizoo.plugins.kipoi.source import SOURCE_NAME, register_source

    path = register_source()
    say(f"Wrote {path}: Kipoi now knows the source {SOURCE_NAME}.")

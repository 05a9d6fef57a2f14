"""`epizoo states-of`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epizoo.cli.app import Output, app, out, say
from epizoo.cli.enrichment import EntryOfStates, States, read_with_entry
from epizoo.cli.file_roles import INPUT
from epizoo.wording import counted

Regions = Annotated[
    Path, typer.Argument(metavar="REGIONS", help="Regions: BED, narrowPeak or broadPeak.", show_default=False), INPUT
]


@app.command()
def states_of(regions: Regions, states: States, output: Output, entry: EntryOfStates = None) -> None:
    """The states of regions: the share of each state in each region, and the state at its summit.

    The summit is the tenth column of narrowPeak; other regions have their centre. The table (tab-separated) has the
    columns chrom, start, end, name, place (of the summit or centre), state, and the share of each state. A state of .
    and shares that sum to less than 1 say that no state is known there.
    """
    from epizoo.jobs.states_of import states_of as find

    segmentation, _ = read_with_entry(states, entry)
    found = find(regions, segmentation, output)
    say(f"Wrote {output}: the states of {counted(len(found), 'region')}.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STATE", "REGIONS WITH IT AT THEIR SUMMIT OR CENTRE"):
        table.add_column(column, justify="left" if column == "STATE" else "right")
    counts = found["state"].value_counts()
    for label in (*segmentation.labels, "."):
        if label in counts:
            table.add_row(label, f"{counts[label] / len(found):.2%}")
    out.print(table)

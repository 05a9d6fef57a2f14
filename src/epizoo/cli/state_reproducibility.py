"""`epizoo reproducibility`."""

from pathlib import Path
from typing import Annotated, Any

from rich.table import Table

from epizoo.cli.app import Entry, NewFile, app, out, progress_bar, say, wrote
from epizoo.cli.file_roles import BIGWIG, OUTPUT
from epizoo.cli.option_groups import options_of
from epizoo.wording import counted


@app.command()
@options_of(
    "epizoo.jobs.state_reproducibility.reproducibility",
    {"": "cell replicate binarized allow_missing table"},
    metavars={"cell": "CELL", "replicate": "CELL"},
    files={"table": OUTPUT},
)
def reproducibility(entry: Entry, output: Annotated[Path, NewFile, BIGWIG], **given: Any) -> None:
    """Find the probability that the state of each bin is reproduced in a replicate, and write it as bigWig.

    Give the marks of two replicates, as two cell types: --cell REP1 --replicate REP2.
    """
    from epizoo.jobs.state_reproducibility import reproducibility as find

    with progress_bar("Comparing") as progress:
        found = find(entry, output=output, **given, progress=progress)
    wrote(output, f"the probability that the state of a bin is reproduced, for {counted(found.n_bins, 'bin')}.")
    say(f"Its calibration error is {found.calibration_error:.3f}, by alternate megabases.")
    if "table" in given:
        wrote(given["table"], "bins of each state, and the share that was reproduced.")
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STATE", "BINS", "REPRODUCED"):
        shown.add_column(column, justify="left" if column == "STATE" else "right")
    for row in found.states.itertuples(index=False):
        shown.add_row(str(row.state), f"{row.bins:,}", "" if not row.bins else f"{row.reproduced:.1%}")
    out.print(shown)

"""`epizoo differences`."""

from pathlib import Path
from typing import Any

from epizoo.cli.app import Entry, Output, app, progress_bar, say, wrote
from epizoo.cli.file_roles import OUTPUT, PICTURE
from epizoo.cli.option_groups import options_of
from epizoo.errors import InputError
from epizoo.wording import counted


@app.command()
@options_of(
    "epizoo.jobs.differences.differences",
    {
        "": "first second binarized max_false allow_missing table picture",
        "Regions, such as TSS": "regions states flank_bp gains",
    },
    metavars={"first": "CELL", "second": "CELL", "states": "NAME,NAME", "max_false": "SHARE"},
    files={"table": OUTPUT, "picture": PICTURE, "gains": OUTPUT},
)
def differences(entry: Entry, output: Output, **given: Any) -> None:
    """Find which segments differ in state between two cell types or groups of replicates, and how surely.

    With replicates (--first A1 --first A2 --second B1 --second B2) the share of false differences is how often two of
    one group differ as surely.
    """
    from epizoo.jobs.differences import differences as find

    if "regions" in given and "gains" not in given:
        raise InputError("--regions: given without --gains, the table that their gains are written to; name that table")
    with progress_bar("Comparing") as progress:
        found = find(entry, output=output, **given, progress=progress)
    covered = int((found.segments["end"] - found.segments["start"]).sum())
    segments, bins = counted(len(found.segments), "segment"), counted(found.n_bins, "bin")
    wrote(output, f"{segments} with different states, {covered:,} bp in all, of {bins}.")
    for name, what in (
        ("table", "probabilities and q-values of the segments"),
        ("picture", "changes of state, and the most significant region"),
        ("gains", "the gain of each region"),
    ):
        if name in given:
            say(f"Wrote {Path(given[name])}: {what}.")

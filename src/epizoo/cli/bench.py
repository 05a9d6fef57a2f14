"""`epizoo bench`."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from epizoo.cli.app import app, out, progress_bar, say
from epizoo.cli.file_roles import FOLDER, OUTPUT, PICTURE, PROGRAM
from epizoo.cli.option_groups import options_of

if TYPE_CHECKING:
    import pandas as pd


@app.command()
@options_of(
    "epizoo.bench.run.bench",
    {
        "Callers to compare": "entries macs3 peaks",
        "Truths": "data truths",
        "Output": "output table picture keep",
        "Computation": "backend",
    },
    metavars={"entries": "ENTRY|NAME=ASSAY:ENTRY…", "data": "FOLDER", "peaks": "NAME=FOLDER", "keep": "FOLDER"},
    flags={"entries": ("--entry",), "truths": ("--truth",)},
    files={"macs3": PROGRAM, "output": OUTPUT, "table": OUTPUT, "picture": PICTURE, "peaks": FOLDER},
)
def bench(**given: Any) -> None:
    """Score peak callers and annotators on independent truths: labels, TSS, controls, replicates, depth, function.

    Intervals are 95% bootstraps over loci. Needs the public data that the page docs/bench.md lists.
    """
    from epizoo.bench.run import bench as run

    with progress_bar("Calling peaks") as progress:
        found = run(**given, progress=progress)
    wide = Console(width=max(out.width, 120), highlight=False)
    for table in tables(found.figures):
        wide.print(table)
    for name in ("output", "table", "picture", "keep"):
        if name in given:
            say(f"Wrote {given[name]}.")


def tables(figures: "pd.DataFrame") -> list[Table]:
    """A table for each truth: a row for each figure, a column for each caller."""
    from epizoo.bench.experiments import TRUTHS

    found = []
    for truth, rows in figures.groupby("truth", sort=False):
        callers = list(dict.fromkeys(rows["caller"]))
        table = Table(title=TRUTHS[str(truth)], box=None, title_justify="left")
        for column in ("data", "figure", *callers):
            table.add_column(column, justify="right" if column in callers else "left")
        for (data, metric), here in rows.groupby(["data", "metric"], sort=False):
            columns = (here[column].tolist() for column in ("caller", "value", "low", "high"))
            cells = {caller: _cell(*values) for caller, *values in zip(*columns, strict=True)}
            table.add_row(str(data), str(metric), *(cells.get(caller, "") for caller in callers))
        found.append(table)
    return found


def _cell(value: float, low: float, high: float) -> str:
    """A value with its interval.

    >>> nan = float("nan")
    >>> _cell(0.5, 0.25, 0.75), _cell(12, nan, nan), _cell(nan, nan, nan)
    ('0.500 (0.250-0.750)', '12.0', '–')
    """
    if value != value:
        return "–"
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    if low != low:
        return text
    return f"{text} ({low:.3f}-{high:.3f})" if abs(value) < 10 else f"{text} ({low:.1f}-{high:.1f})"

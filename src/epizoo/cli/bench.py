"""`epizoo bench`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from epizoo.cli.app import app, named_files, option, out, progress_bar, say
from epizoo.cli.option_groups import grouped
from epizoo.cli.peak_options import Engine

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Contenders:
    """Callers to compare."""

    entry: Annotated[
        list[str] | None,
        option(
            "ENTRY|NAME=ASSAY:ENTRY,…",
            "Entry that is scored, or one for each assay (narrow, broad, point, accessible) under a name. Repeat for "
            "others.",
        ),
    ] = None
    macs3: Annotated[Path | None, option("FILE", "Also run MACS3, whose command this is.")] = None
    peaks: Annotated[
        list[str] | None,
        option("NAME=FOLDER", "Also score the peaks in a folder, EXPERIMENT.narrowPeak. Repeat for others."),
    ] = None


@dataclass(frozen=True)
class Held:
    """Truths."""

    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the public data.", show_default=False)]
    truth: Annotated[
        list[str] | None,
        option(
            "NAME",
            "Only score on this truth: labels, tss, controls, replicates, depth or function. Repeat for others "
            "(default: all).",
        ),
    ] = None


@dataclass(frozen=True)
class BenchFiles:
    """Output."""

    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write all figures as JSON.")] = (
        None
    )
    table: Annotated[Path | None, option("FILE", "Write all figures as a tab-separated table.")] = None
    picture: Annotated[Path | None, option("FILE", "Draw all figures: .png, .svg or .pdf.")] = None
    keep: Annotated[
        Path | None, option("FOLDER", "Keep all peaks as CALLER/EXPERIMENT.narrowPeak, for --peaks.")
    ] = None


@app.command()
@grouped
def bench(contenders: Contenders, held: Held, files: BenchFiles, engine: Engine) -> None:
    """Score peak callers and annotators on independent truths: labels, TSS, controls, replicates, depth, function.

    Intervals are 95% bootstraps over loci. Needs the public data that the page docs/bench.md lists.
    """
    from epizoo.bench.run import bench as run

    given: dict[str, Any] = vars(files) | vars(engine)
    peaks = named_files(contenders.peaks or [], "--peaks")
    with progress_bar("Calling peaks") as progress:
        found = run(
            held.data,
            entries=contenders.entry or (),
            macs3=contenders.macs3,
            peaks=peaks,
            truths=held.truth or (),
            progress=progress,
            **given,
        )
    wide = Console(width=max(out.width, 120), highlight=False)
    for table in tables(found.figures):
        wide.print(table)
    for path in vars(files).values():
        if path is not None:
            say(f"Wrote {path}.")


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
            cells = {row.caller: _cell(row.value, row.low, row.high) for row in here.itertuples()}
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

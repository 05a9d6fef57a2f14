"""`epizoo select-states`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epizoo.cli.app import app, named_files, option, out, say
from epizoo.cli.learning_options import (
    Algorithm,
    BatchBins,
    Binarized,
    BinBp,
    Cell,
    ChromSizes,
    HoldOut,
    LearningRate,
    Marks,
    MaxIterations,
    MoreMarks,
    PseudoCount,
    ReadLength,
    Restarts,
    Seed,
    SignalKind,
    Steps,
    Threshold,
    Tolerance,
    chromosomes,
    make_plan,
    n_reports,
    read_marks,
)
from epizoo.errors import InputError


@app.command()
def select_states(
    states: Annotated[list[int], option("NUMBER", "How many states; give it more than once, or use --to.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder.", show_default=False)],
    to: Annotated[int | None, option("NUMBER", "Every number of states from --states to this.")] = None,
    more_marks: MoreMarks = None,
    binarized: Binarized = None,
    marks: Marks = None,
    cell: Cell = None,
    signal_kind: SignalKind = None,
    read_length_bp: ReadLength = None,
    threshold: Threshold = None,
    chrom_sizes: ChromSizes = None,
    init: Annotated[str, typer.Option(metavar="START", help="information (ChromHMM's) or random.")] = "information",
    restarts: Restarts = 0,
    algorithm: Algorithm = "em",
    pseudo_count: PseudoCount = 0.0,
    max_iterations: MaxIterations = None,
    tolerance: Tolerance = None,
    steps: Steps = None,
    learning_rate: LearningRate = None,
    batch_bins: BatchBins = None,
    seed: Seed = 0,
    hold_out: HoldOut = None,
    bin_bp: BinBp = 200,
) -> None:
    """Learn models of several numbers of states and compare them: BIC, held-out likelihood, recovery of states.

    Writes model_N.txt of each, selection.tsv, selection.json and selection.png. A run that was killed goes on where it
    stood when the same is asked for again.
    """
    from epizoo.jobs.learning_marks import read_start
    from epizoo.jobs.select_states import select_states as select
    from epizoo.states.em import progress_bar

    paths = named_files([*(marks or []), *(more_marks or [])], "--marks")
    data = read_marks(binarized, paths, cell, (signal_kind, read_length_bp, threshold, chrom_sizes), bin_bp)
    if to is not None and (len(states) != 1 or to < states[0]):
        raise InputError(f"--to: {to} found, expected one --states, and a number from there on")
    numbers = range(states[0], to + 1) if to is not None else states
    start = init if init in ("information", "random") else read_start(init, data.marks).parameters
    em = {"--max-iterations": max_iterations, "--tolerance": tolerance}
    gradient = {"--steps": steps, "--learning-rate": learning_rate, "--batch-bins": batch_bins}
    plans = [make_plan(n, algorithm, start, restarts, seed, pseudo_count, em, gradient) for n in numbers]
    with progress_bar(n_reports(plans[0])) as report:
        found = select(data, plans, output, held_out=chromosomes(hold_out), report=report)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STATES", "LOG-LIKELIHOOD", "HELD OUT/BIN", "BIC", "RECOVERY", "LEAST", "RECOVERED"):
        table.add_column(column, justify="right")
    for number, row in found.iterrows():
        held = f"{row['held_out_per_bin']:.6f}" if "held_out_per_bin" in row else ""
        shares = (f"{row[key]:.3f}" for key in ("median_recovery", "least_recovery"))
        values = (f"{row['log_likelihood']:,.1f}", held, f"{row['bic']:,.0f}", *shares, f"{row['recovered']:.0%}")
        table.add_row(str(number), *values)
    out.print(table)
    say(f"Wrote {output}/selection.tsv, selection.json, selection.png and a model_N.txt for each number.")

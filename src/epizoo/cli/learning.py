"""`epizoo learn-states`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from epizoo.cli.app import app, give_graph, named_files, option, say
from epizoo.cli.learning_options import (
    Algorithm,
    BatchBins,
    Binarized,
    BinBp,
    Cell,
    ChromSizes,
    HoldOut,
    Init,
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
def learn_states(
    states: Annotated[int, option("NUMBER", "How many states.")],
    name: Annotated[str, option("NAME", "Of the new entry, a word.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of a zoo.", show_default=False)
    ],
    more_marks: MoreMarks = None,
    binarized: Binarized = None,
    marks: Marks = None,
    cell: Cell = None,
    signal_kind: SignalKind = None,
    read_length_bp: ReadLength = None,
    threshold: Threshold = None,
    chrom_sizes: ChromSizes = None,
    init: Init = "information",
    restarts: Restarts = 0,
    algorithm: Algorithm = "em",
    pseudo_count: PseudoCount = 0.0,
    known_states: Annotated[
        list[str] | None,
        option(
            "[CELL=]FILE",
            "Of gradient: BED whose fourth column names states of some bins of a cell type; repeat for each.",
        ),
    ] = None,
    max_iterations: MaxIterations = None,
    tolerance: Tolerance = None,
    steps: Steps = None,
    learning_rate: LearningRate = None,
    batch_bins: BatchBins = None,
    seed: Seed = 0,
    hold_out: HoldOut = None,
    bin_bp: BinBp = 200,
    assembly: Annotated[str, typer.Option(metavar="NAME", help="Of the positions, such as hg38.")] = "unknown",
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where the data come from, for the card.")] = "private",
    data_license: Annotated[
        str, typer.Option("--license", metavar="NAME", help="Of the data, for the card.")
    ] = "unknown",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run of this name that was killed.")] = False,
) -> None:
    """Learn chromatin states from marks, as ChromHMM's LearnModel does, and make an entry of them.

    The entry is FOLDER/chromatin_states/NAME: give that folder to `epizoo annotate`. ChromHMM's model_N.txt,
    emissions_N.txt and transitions_N.txt are in FOLDER/runs/NAME. States are named after Roadmap's by their emissions.
    """
    from epizoo.jobs.learn_states import learn_states as learn
    from epizoo.jobs.learning_marks import read_known_states, read_start
    from epizoo.states.em import progress_bar

    paths = named_files([*(marks or []), *(more_marks or [])], "--marks")
    data = read_marks(binarized, paths, cell, (signal_kind, read_length_bp, threshold, chrom_sizes), bin_bp)
    given = None if init in ("information", "random") else read_start(init, data.marks)
    em = {"--max-iterations": max_iterations, "--tolerance": tolerance}
    gradient = {"--steps": steps, "--learning-rate": learning_rate, "--batch-bins": batch_bins}
    start = init if given is None else given.parameters
    plan = make_plan(states, algorithm, start, restarts, seed, pseudo_count, em, gradient)
    if known_states and algorithm != "gradient":
        raise InputError(
            f"--known-states: given with --algorithm {algorithm}, which does not heed them; choose gradient"
        )
    if known_states:
        names = () if given is None else given.names
        data = read_known_states(data, _of_cells(known_states), states, names=names, bin_bp=bin_bp)
    with progress_bar(n_reports(plan)) as report:
        entry = learn(
            data,
            plan,
            name,
            output,
            held_out=chromosomes(hold_out),
            assembly=assembly,
            source=source,
            license_name=data_license,
            bin_bp=bin_bp,
            resume=resume,
            command=shlex.join(["epizoo", *(word for word in sys.argv[1:] if word != "--resume")]),
            report=report,
        )
    give_graph(entry)
    training = entry.zoo.training
    if algorithm == "gradient":
        after = f"{plan.adam.n_steps:,} steps"
    else:
        stopped = "converged" if training["converged"] else "stopped at the most"
        after = f"{len(training['trajectory'])} iterations ({stopped})"
    say(f"Wrote {entry.folder}: {states} states, log-likelihood {training['log_likelihood']:,.3f} after {after}.")
    known = [f"{state} in {n_bins:,}" for state, n_bins in training.get("known_states", {}).items()]
    if known:
        say(f"Known states, in bins that were learned from: {', '.join(known)}.")
    run = Path(output) / "runs" / entry.name.split("/")[1]
    say(f"Wrote {run}/model_{states}.txt, emissions_{states}.txt and transitions_{states}.txt.")
    for metric in entry.zoo.metrics:
        say(f"{metric.name}: {metric.value}, {metric.on}.")


def _of_cells(texts: list[str]) -> dict[str, Path]:
    """``CELL=FILE`` texts, or one file alone, of the cell type ``""``."""
    return {"": Path(texts[0])} if len(texts) == 1 and "=" not in texts[0] else named_files(texts, "--known-states")

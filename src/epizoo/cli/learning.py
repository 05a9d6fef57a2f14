"""`epizoo learn-states` and `epizoo select-states`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from epizoo.cli.app import SIGNAL_KINDS, app, give_graph, named_files, option, out, say
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.model_zoo.learning_marks import LearningMarks
    from epizoo.training.state_learning import LearningPlan

Binarized = Annotated[
    Path | None,
    option("FOLDER", "A folder of marks binarised by ChromHMM; all its cell types are learned from together."),
]
Marks = Annotated[
    list[str] | None,
    option("MARK=FILE", "Or a file for each mark of one cell type, bigWig or BED of reads; see `epizoo annotate`."),
]
MoreMarks = Annotated[list[str] | None, typer.Argument(metavar="[MARK=FILE …]", hidden=True)]
Cell = Annotated[str | None, option("CELL", "Learn from this cell type of the folder alone; the name for --marks.")]
SignalKind = Annotated[str | None, option("KIND", f"What the marks' bigWigs hold: {SIGNAL_KINDS}.")]
ReadLength = Annotated[int | None, option("BP", "Length of the reads that make up coverage.")]
Threshold = Annotated[float | None, option("NUMBER", "A mark is present where its bigWig's mean reaches this.")]
ChromSizes = Annotated[
    str | None, option("FILE", "Lengths of the chromosomes, or an assembly such as hg38, for marks given as reads.")
]
Algorithm = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="em (ChromHMM's -p, the same result), squarem (accelerated; another optimum) or incremental.",
    ),
]
Init = Annotated[
    str,
    typer.Option(metavar="START", help="information (ChromHMM's), random, an entry, or a model_N.txt, taken as it is."),
]
Restarts = Annotated[int, typer.Option(metavar="NUMBER", help="Further starts; the best result is kept.")]
PseudoCount = Annotated[
    float,
    typer.Option(
        metavar="NUMBER",
        help="Added to every expected count. With 0, transitions below 1e-8 become zero for good, as in ChromHMM.",
    ),
]
MaxIterations = Annotated[int, typer.Option(metavar="NUMBER", help="Passes over the data at most, for each start.")]
Tolerance = Annotated[float, typer.Option(metavar="NATS", help="Stop when an iteration gains less than this.")]
Seed = Annotated[int, typer.Option(metavar="NUMBER", help="Of restarts and random starts.")]
HoldOut = Annotated[str | None, option("CHROM,CHROM", "Chromosomes not to learn from, on which the model is measured.")]
BinBp = Annotated[int, typer.Option(metavar="BP", help="Width of the marks' bins.")]


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
    max_iterations: MaxIterations = 200,
    tolerance: Tolerance = 1e-3,
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
    from epizoo.model_zoo.state_learning import learn_states as learn
    from epizoo.training.em import progress_bar

    paths = named_files([*(marks or []), *(more_marks or [])], "--marks")
    data = _read(binarized, paths, cell, (signal_kind, read_length_bp, threshold, chrom_sizes), bin_bp)
    plan = _plan(states, algorithm, init, restarts, seed, (pseudo_count, max_iterations, tolerance), data)
    with progress_bar(max_iterations) as report:
        entry = learn(
            data,
            plan,
            name,
            output,
            held_out=_chroms(hold_out),
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
    stopped = "converged" if training["converged"] else "stopped at the most"
    say(
        f"Wrote {entry.folder}: {states} states, log-likelihood {training['log_likelihood']:,.3f} after "
        f"{len(training['trajectory'])} iterations ({stopped})."
    )
    run = Path(output) / "runs" / entry.name.split("/")[1]
    say(f"Wrote {run}/model_{states}.txt, emissions_{states}.txt and transitions_{states}.txt.")
    for metric in entry.zoo.metrics:
        say(f"{metric.name}: {metric.value}, {metric.on}.")


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
    max_iterations: MaxIterations = 200,
    tolerance: Tolerance = 1e-3,
    seed: Seed = 0,
    hold_out: HoldOut = None,
    bin_bp: BinBp = 200,
) -> None:
    """Learn models of several numbers of states and compare them: BIC, held-out likelihood, recovery of states.

    Writes model_N.txt of each, selection.tsv, selection.json and selection.png. A run that was killed goes on where it
    stood when the same is asked for again.
    """
    from epizoo.model_zoo.state_learning import select_states as select
    from epizoo.training.em import progress_bar

    paths = named_files([*(marks or []), *(more_marks or [])], "--marks")
    data = _read(binarized, paths, cell, (signal_kind, read_length_bp, threshold, chrom_sizes), bin_bp)
    if to is not None and (len(states) != 1 or to < states[0]):
        raise InputError(f"--to: {to} found, expected one --states, and a number from there on")
    numbers = range(states[0], to + 1) if to is not None else states
    learning = (pseudo_count, max_iterations, tolerance)
    plans = [_plan(number, algorithm, init, restarts, seed, learning, data) for number in numbers]
    with progress_bar(max_iterations) as report:
        found = select(data, plans, output, held_out=_chroms(hold_out), report=report)
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


def _read(
    binarized: Path | None,
    paths: dict[str, Path],
    cell: str | None,
    settings: tuple[str | None, int | None, float | None, str | None],
    bin_bp: int,
) -> "LearningMarks":
    from epizoo.model_zoo.learning_marks import read_learning_marks
    from epizoo.model_zoo.mark_sources import MarkFiles

    if (binarized is None) == (not paths):
        raise InputError(f"--binarized, --marks: {'both' if paths else 'neither'} given, expected one of the two")
    if not paths:
        if any(setting is not None for setting in settings):
            raise InputError(
                "--signal-kind, --read-length-bp, --threshold, --chrom-sizes: some given, but they belong to --marks, "
                "which is not given; leave them out"
            )
        return read_learning_marks(binarized, cell=cell, bin_bp=bin_bp)
    kind, read_length_bp, threshold, chrom_sizes = settings
    files = MarkFiles(paths, None, chrom_sizes, kind, read_length_bp, threshold)
    return read_learning_marks(cell=cell, marks=files, bin_bp=bin_bp)


def _plan(
    states: int,
    algorithm: str,
    init: str,
    restarts: int,
    seed: int,
    learning: tuple[float, int, float],
    data: "LearningMarks",
) -> "LearningPlan":
    from epizoo.model_zoo.learning_marks import read_start
    from epizoo.training.em import LearningConfig
    from epizoo.training.state_learning import LearningPlan

    pseudo_count, max_iterations, tolerance = learning
    config = LearningConfig(
        max_iterations,
        tolerance,
        0.0 if pseudo_count else 1e-8,
        pseudo_count,
        pseudo_count,
        pseudo_count,
    )
    start = init if init in ("information", "random") else read_start(init, data.marks)
    return LearningPlan(states, algorithm, start, restarts, seed, config)  # type: ignore[arg-type]


def _chroms(text: str | None) -> list[str]:
    return [chrom.strip() for chrom in text.split(",") if chrom.strip()] if text else []

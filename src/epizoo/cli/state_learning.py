"""`epizoo learn-states` and `epizoo select-states`."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from epizoo.cli.app import SIGNAL_KINDS, app, give_graph, named_files, option, out, say
from epizoo.cli.option_groups import grouped


def _shown(metavar: str, text: str) -> Any:
    """An option whose default is shown."""
    return typer.Option(metavar=metavar, help=text)


@dataclass(frozen=True)
class MarkOptions:
    """Marks."""

    binarized: Annotated[
        Path | None,
        option("FOLDER", "Folder of marks binarised by ChromHMM; all its cell types are learned from together."),
    ] = None
    marks: Annotated[
        list[str] | None,
        option(
            "MARK=FILE",
            "Instead of that folder, a bigWig or BED file of reads for each mark of one cell type, as MARK=FILE "
            "MARK=FILE ….",
        ),
    ] = None
    cell: Annotated[
        str | None,
        option("CELL", "Use only this cell type of the folder; with --marks, the name of the cell type."),
    ] = None
    signal_kind: Annotated[str | None, option("KIND", f"Kind of signal in the bigWigs: {SIGNAL_KINDS}.")] = None
    read_length_bp: Annotated[int | None, option("BP", "Length of the reads that make up coverage, in bp.")] = None
    threshold: Annotated[
        float | None,
        option(
            "NUMBER", "A mark is present where the mean of its bigWig reaches this, instead of ChromHMM's Poisson rule."
        ),
    ] = None
    chrom_sizes: Annotated[
        str | None,
        option("FILE", "Lengths of the chromosomes, or an assembly such as hg38; required for marks given as reads."),
    ] = None
    bin_bp: Annotated[int, _shown("BP", "Width of the bins, in bp.")] = 200
    hold_out: Annotated[
        str | None, option("CHROM,CHROM", "Chromosomes not to learn from, on which the model is measured.")
    ] = None


@dataclass(frozen=True)
class LearningOptions:
    """Learning."""

    algorithm: Annotated[
        str,
        _shown(
            "NAME",
            "em (ChromHMM's -p, with the same result), squarem (accelerated EM; may end in another optimum), "
            "incremental (ChromHMM's default) or gradient (Adam on mini-batches).",
        ),
    ] = "em"
    init: Annotated[
        str,
        _shown("START", "First parameters: information (ChromHMM's), random, an entry, or a model_N.txt of ChromHMM."),
    ] = "information"
    restarts: Annotated[int, _shown("NUMBER", "Number of further starts; the best result is kept.")] = 0
    pseudo_count: Annotated[
        float,
        _shown(
            "NUMBER",
            "Added to every expected count, as a prior. With 0, EM sets transitions below 1e-8 to zero, as ChromHMM "
            "does.",
        ),
    ] = 0.0
    seed: Annotated[int, _shown("NUMBER", "Seed of restarts, random starts and mini-batches.")] = 0


@dataclass(frozen=True)
class EMOptions:
    """EM (algorithms em, squarem and incremental)."""

    max_iterations: Annotated[
        int | None, option("NUMBER", "Maximum number of passes over the data for each start (default 200).")
    ] = None
    tolerance: Annotated[
        float | None, option("NATS", "Stop when an iteration gains less than this, in nats (default 0.001).")
    ] = None


@dataclass(frozen=True)
class GradientOptions:
    """Gradient (algorithm gradient)."""

    steps: Annotated[int | None, option("NUMBER", "Number of steps of Adam (default 1000).")] = None
    learning_rate: Annotated[
        float | None, option("NUMBER", "Initial learning rate, which falls to zero along a cosine (default 0.1).")
    ] = None
    batch_bins: Annotated[int | None, option("NUMBER", "Approximate number of bins in a step (default 65536).")] = None


MoreMarks = Annotated[list[str] | None, typer.Argument(metavar="[MARK=FILE …]", hidden=True)]
OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write to.", show_default=False)
]


@app.command()
@grouped
def learn_states(
    states: Annotated[int, option("NUMBER", "Number of states.")],
    name: Annotated[str, option("NAME", "Name of the new entry (letters, digits, '.', '-' and '_').")],
    output: OutputFolder,
    from_marks: MarkOptions,
    learning: LearningOptions,
    em: EMOptions,
    gradient: GradientOptions,
    more_marks: MoreMarks = None,
    known_states: Annotated[
        list[str] | None,
        option(
            "[CELL=]FILE",
            "BED file whose fourth column names the states of some bins of a cell type (gradient only); repeat for "
            "each cell type.",
        ),
    ] = None,
    assembly: Annotated[str, _shown("NAME", "Assembly of the positions, such as hg38, for the card.")] = "unknown",
    source: Annotated[str, _shown("TEXT", "Source of the data, for the card.")] = "private",
    license: Annotated[str, _shown("NAME", "Licence of the data and of the weights, for the card.")] = "unknown",
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run of this name that was killed.")] = False,
) -> None:
    """Learn chromatin states from marks, as ChromHMM's LearnModel does, and make an entry of them.

    The entry is FOLDER/chromatin_states/NAME: give that folder to `epizoo annotate`. ChromHMM's model_N.txt,
    emissions_N.txt and transitions_N.txt are in FOLDER/runs/NAME. States are named by their emissions, with a
    confidence; one whose emissions are unclear has its plain number (E7).
    """
    from epizoo.jobs.learn_states import learn_states as learn
    from epizoo.states.iterations import progress_bar

    with progress_bar(_iterations(learning, em, gradient)) as report:
        entry = learn(
            states,
            name,
            output,
            **_arguments(from_marks, more_marks, learning, em, gradient),
            known_states=_of_cells(known_states) if known_states else None,
            assembly=assembly,
            source=source,
            license=license,
            resume=resume,
            command=shlex.join(["epizoo", *(word for word in sys.argv[1:] if word != "--resume")]),
            report=report,
        )
    give_graph(entry)
    training = entry.zoo.training
    if learning.algorithm == "gradient":
        after = f"{training['learning']['n_steps']:,} steps"
    else:
        stopped = "converged" if training["converged"] else "stopped at the maximum"
        after = f"{len(training['trajectory'])} iterations ({stopped})"
    say(f"Wrote {entry.folder}: {states} states, log-likelihood {training['log_likelihood']:,.3f} after {after}.")
    known = [f"{state} in {n_bins:,}" for state, n_bins in training.get("known_states", {}).items()]
    if known:
        say(f"Known states, in bins that were learned from: {', '.join(known)}.")
    named = (f"{state.name} {state.confidence:.2f}" for state in entry.config.states if state.confidence is not None)
    say(f"Names, with their confidence: {', '.join(named) or 'none, since no mark is known to the rule'}.")
    run = Path(output) / "runs" / entry.name.split("/")[1]
    say(f"Wrote {run}/model_{states}.txt, emissions_{states}.txt and transitions_{states}.txt.")
    for metric in entry.zoo.metrics:
        say(f"{metric.name}: {metric.value}, {metric.on}.")


@app.command()
@grouped
def select_states(
    states: Annotated[list[int], option("NUMBER", "Number of states; repeat for each number, or use --to.")],
    output: OutputFolder,
    from_marks: MarkOptions,
    learning: LearningOptions,
    em: EMOptions,
    gradient: GradientOptions,
    to: Annotated[int | None, option("NUMBER", "Compare every number of states from --states to this one.")] = None,
    more_marks: MoreMarks = None,
) -> None:
    """Learn models of several numbers of states and compare them: BIC, held-out likelihood, recovery of states.

    Writes model_N.txt of each, selection.tsv, selection.json and selection.png. A run that was killed continues where
    it stopped when the same is asked for again.
    """
    from epizoo.jobs.select_states import select_states as select
    from epizoo.states.iterations import progress_bar

    with progress_bar(_iterations(learning, em, gradient)) as report:
        arguments = _arguments(from_marks, more_marks, learning, em, gradient)
        found = select(states, output, to=to, **arguments, report=report)
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


def _arguments(marks: MarkOptions, more_marks: list[str] | None, *groups: Any) -> dict[str, Any]:
    """The arguments of a job from groups of options."""
    hold_out = [chrom.strip() for chrom in (marks.hold_out or "").split(",") if chrom.strip()]
    files = named_files([*(marks.marks or []), *(more_marks or [])], "--marks")
    given = {name: value for group in (marks, *groups) for name, value in vars(group).items()}
    return given | {"marks": files or None, "hold_out": hold_out}


def _iterations(learning: LearningOptions, em: EMOptions, gradient: GradientOptions) -> int:
    """Maximum number that the progress reaches: iterations of EM, or steps of gradients."""
    from epizoo.states.count_gradients import AdamConfig
    from epizoo.states.em import LearningConfig

    if learning.algorithm == "gradient":
        return gradient.steps or AdamConfig.n_steps
    return em.max_iterations or LearningConfig.max_iterations


def _of_cells(texts: list[str]) -> Path | dict[str, Path]:
    """``CELL=FILE`` texts, or one file alone."""
    return Path(texts[0]) if len(texts) == 1 and "=" not in texts[0] else named_files(texts, "--known-states")

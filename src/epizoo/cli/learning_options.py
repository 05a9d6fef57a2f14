"""What `epizoo learn-states` and `epizoo select-states` share: options, marks, plans."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epizoo.cli.app import SIGNAL_KINDS, option
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.jobs.learning_marks import LearningMarks
    from epizoo.models.hmm.run_lengths import Float64Parameters
    from epizoo.states.learning import LearningPlan

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
        help="em (ChromHMM's -p, the same result), squarem (accelerated; another optimum), incremental (ChromHMM's "
        "default) or gradient (mini-batches; heeds known states).",
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
        help="Added to every expected count, as a prior. With 0, EM turns transitions below 1e-8 to zero for good, as "
        "ChromHMM does.",
    ),
]
MaxIterations = Annotated[int | None, option("NUMBER", "Of EM: passes over the data at most, for each start (200).")]
Tolerance = Annotated[float | None, option("NATS", "Of EM: stop when an iteration gains less than this (0.001).")]
Seed = Annotated[int, typer.Option(metavar="NUMBER", help="Of restarts, random starts and mini-batches.")]
HoldOut = Annotated[str | None, option("CHROM,CHROM", "Chromosomes not to learn from, on which the model is measured.")]
BinBp = Annotated[int, typer.Option(metavar="BP", help="Width of the marks' bins.")]
Steps = Annotated[int | None, option("NUMBER", "Of gradient: steps of Adam (1000).")]
LearningRate = Annotated[float | None, option("NUMBER", "Of gradient: the first step's size, falling to zero (0.1).")]
BatchBins = Annotated[int | None, option("NUMBER", "Of gradient: about how many bins a step sees (65536).")]

_FIELDS = {
    "--max-iterations": "max_iterations",
    "--tolerance": "tolerance",
    "--steps": "n_steps",
    "--learning-rate": "learning_rate",
    "--batch-bins": "batch_bins",
}


def read_marks(
    binarized: Path | None,
    paths: dict[str, Path],
    cell: str | None,
    settings: tuple[str | None, int | None, float | None, str | None],
    bin_bp: int,
) -> "LearningMarks":
    """The marks to learn from; ``settings`` are ``--signal-kind``, ``--read-length-bp``, ``--threshold``, and lengths.

    Raises:
        InputError: both or neither of a folder and files are given, or they cannot be read.
    """
    from epizoo.genome.mark_sources import MarkFiles
    from epizoo.jobs.learning_marks import read_learning_marks

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


def make_plan(
    states: int,
    algorithm: str,
    start: "str | Float64Parameters",
    restarts: int,
    seed: int,
    pseudo_count: float,
    em: dict[str, Any],
    gradient: dict[str, Any],
) -> "LearningPlan":
    """How to learn, of the options of a command.

    Args:
        states: how many.
        algorithm: of `epizoo.states.learning`.
        start: first parameters.
        restarts: further starts.
        seed: of everything random.
        pseudo_count: of every expected count.
        em: ``--max-iterations`` and ``--tolerance``, None where not given.
        gradient: ``--steps``, ``--learning-rate`` and ``--batch-bins``, None where not given.

    Raises:
        InputError: a value cannot be used, or an option belongs to another algorithm.
    """
    from epizoo.states.count_gradients import AdamConfig
    from epizoo.states.em import LearningConfig
    from epizoo.states.learning import LearningPlan

    for name, value in (em if algorithm == "gradient" else gradient).items():
        if value is not None:
            others = "em, squarem and incremental" if algorithm == "gradient" else "gradient"
            raise InputError(f"{name}: given with --algorithm {algorithm}, but it belongs to {others}; leave it out")
    given_em, given = (
        {_FIELDS[name]: value for name, value in of.items() if value is not None} for of in (em, gradient)
    )
    config = LearningConfig(
        zero_transitions_below=0.0 if pseudo_count else 1e-8,
        initial_pseudocount=pseudo_count,
        transition_pseudocount=pseudo_count,
        emission_pseudocount=pseudo_count,
        **given_em,
    )
    return LearningPlan(states, algorithm, start, restarts, seed, config, AdamConfig(**given))  # type: ignore[arg-type]


def n_reports(plan: "LearningPlan") -> int:
    """How far progress goes at most: iterations of EM, or steps of gradients."""
    return plan.adam.n_steps if plan.algorithm == "gradient" else plan.config.max_iterations


def chromosomes(text: str | None) -> list[str]:
    """Chromosomes of a text such as ``chr8,chr11``."""
    return [chrom.strip() for chrom in text.split(",") if chrom.strip()] if text else []

"""`epizoo finetune`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from epizoo.cli.app import Entry, app, err, give_graph, option, say
from epizoo.cli.option_groups import grouped
from epizoo.cli.reporting import is_quiet


@dataclass(frozen=True)
class PeakOptions:
    """Peak callers."""

    calibrate_scale: Annotated[
        bool, typer.Option("--calibrate-scale", help="First fit a factor of the files' scale to the labels.")
    ] = False
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="Use no labels: fit the scale and train on the model's own confident calls."),
    ] = False
    steps: Annotated[int | None, option("NUMBER", "Number of training steps (default: the best on held-out loci).")] = (
        None
    )
    training_log: Annotated[
        list[str] | None, option("KIND", "Log to csv, tensorboard or wandb (offline); may be repeated.")
    ] = None


@dataclass(frozen=True)
class EvaluationOptions:
    """Evaluation of peak callers."""

    evaluate: Annotated[
        str | None, option("SCHEME", "Hold out each locus (default) or chromosome in turn, or none.")
    ] = None
    folds: Annotated[int | None, option("NUMBER", "Number of folds of loci (default: 5).")] = None
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Also evaluate training from scratch on the new labels.")
    ] = False
    learning_curve: Annotated[
        bool,
        typer.Option("--learning-curve", help="Also evaluate with 5 to 100% of the labels, as a table and a figure."),
    ] = False
    allow: Annotated[
        list[str] | None, option("LEAK", "Allow a leak: locus, cell-type or normalisation; may be repeated.")
    ] = None
    whole_file_scale: Annotated[
        bool,
        typer.Option(
            "--whole-file-scale",
            help="Estimate the scale on the test loci too (requires --allow normalisation).",
        ),
    ] = False


@dataclass(frozen=True)
class StateOptions:
    """Chromatin states."""

    strength: Annotated[
        float | None,
        option("BINS", "Weight of the pretrained model, in bins per state (default: 100); 0 is plain EM."),
    ] = None
    fraction: Annotated[
        float | None, option("SHARE", "Share of the bins to learn from (default: 1); less is faster.")
    ] = None
    restarts: Annotated[int | None, option("NUMBER", "Further starts from randomly moved parameters (default: 0).")] = (
        None
    )


@app.command()
@grouped
def finetune(
    entry: Entry,
    data: Annotated[Path, option("FILE", "YAML file that names the files and labels of the new cell type.")],
    name: Annotated[str, option("NAME", "Name of the new entry, such as muscle (letters, digits, ., - and _).")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder of a zoo; writes FOLDER/FAMILY/NAME."),
    ],
    peaks: PeakOptions,
    evaluation: EvaluationOptions,
    states: StateOptions,
    train: Annotated[
        str | None,
        option(
            "WHAT",
            "Parameters to train. Peak callers: threshold (default below 13 labels), head, adapters (default) or all. "
            "Chromatin states: transitions (default: states mean the same in every cell type) or emissions (both).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Seed of all random numbers.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of this name.")] = False,
) -> None:
    """Fine-tune a model on a new cell type, evaluate it, and build a new entry.

    The YAML file holds, for peak callers, cell_type and samples (each with bigwig, and labels or peaks and regions;
    optionally known_regions and calls); for chromatin states, cell_type and binarized or marks.
    """
    from epizoo.jobs.finetune import finetune as run
    from epizoo.zoo import load
    from epizoo.zoo.new_entries import OF_BASE

    options = {"train": train} | asdict(peaks) | asdict(evaluation) | asdict(states)
    options = {
        key: () if value is None and key in ("training_log", "allow") else value for key, value in options.items()
    }
    base = load(entry)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal or is_quiet()) as bar:
        tasks = {"": bar.add_task("Reading the data", total=None)}

        def progress(title: str, done: int, total: int) -> None:
            if title not in tasks:
                tasks[title] = bar.add_task(title)
            bar.update(tasks[title], completed=done, total=total)

        new = run(base, data, name, output, **options, seed=seed, resume=resume, progress=progress)
    give_graph(new)
    say(f"Wrote {new.folder}: {new.name} {new.version}, fine-tuned from {base.name} {base.version}.")
    say(f"Reports are in {output / 'runs' / new.name.split('/')[1]}.")
    for metric in new.zoo.metrics:
        others = "".join(f"; {tool} {value}" for tool, value in metric.compared_with.items())
        say(f"  {metric.name}: {metric.value}{others} ({metric.on})")
    for limit in new.zoo.limits:
        if not limit.startswith(OF_BASE):
            say(f"  Note: {limit}")

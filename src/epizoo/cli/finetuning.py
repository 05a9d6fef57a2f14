"""`epizoo finetune`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from epizoo.cli.app import Entry, app, err, give_graph, option, say
from epizoo.errors import InputError

# Options that are of one family alone, so that none is ignored in silence.
_OF_MEASURING = ("evaluate", "folds", "from_scratch", "learning_curve", "allow", "whole_file_scale")
_OF_PEAKS = ("unlabelled", "train", "calibrate_scale", "steps", "training_log", *_OF_MEASURING)
_OF_STATES = ("strength", "fraction", "restarts")


@app.command()
def finetune(
    entry: Entry,
    data: Annotated[Path, option("FILE", "YAML file that names the new cell type's files and labels.")],
    name: Annotated[str, option("NAME", "What to call the new entry, such as muscle.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="A zoo: the entry becomes FOLDER/FAMILY/NAME.")
    ],
    train: Annotated[
        str | None,
        option("WHAT", "Peaks: threshold, head, adapters or all. By default threshold with few labels, else adapters."),
    ] = None,
    calibrate_scale: Annotated[
        bool, typer.Option("--calibrate-scale", help="Peaks: first find the factor of the scale that suits the labels.")
    ] = False,
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="Peaks: without labels, by the scale it is surest at and self-training."),
    ] = False,
    steps: Annotated[int | None, option("NUMBER", "Peaks: train so many steps, without looking for the best.")] = None,
    evaluate: Annotated[
        str | None, option("SCHEME", "Peaks: leave out each locus (default) or chromosome in turn, or none.")
    ] = None,
    folds: Annotated[int | None, option("NUMBER", "Peaks: into how many parts loci are dealt (5).")] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Peaks: measure training from scratch too.")] = (
        False
    ),
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Peaks: errors over 5 to 100% of the labels, as table and picture.")
    ] = False,
    allow: Annotated[
        list[str] | None, option("LEAK", "Peaks: allow a leak that is refused: locus, cell-type or normalisation.")
    ] = None,
    whole_file_scale: Annotated[
        bool, typer.Option("--whole-file-scale", help="Peaks: normalise on test loci too (with --allow normalisation).")
    ] = False,
    training_log: Annotated[
        list[str] | None,
        option("KIND", "Peaks: log to csv, tensorboard or wandb (offline); may be given twice."),
    ] = None,
    strength: Annotated[
        float | None, option("BINS", "States: how many bins of each state the pretrained model counts for (100).")
    ] = None,
    fraction: Annotated[float | None, option("SHARE", "States: learn on about this share of the bins.")] = None,
    restarts: Annotated[int | None, option("NUMBER", "States: random moves of the start besides it.")] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run of this name that was killed.")] = False,
) -> None:
    """Fine-tune a model on a new cell type, measure what it gained, and make an entry of it.

    The YAML file says, for peaks, cell_type and samples (each with bigwig, and labels or peaks and regions; perhaps
    known_regions and calls); for states, cell_type and binarized or marks.
    """
    from epizoo.zoo import load
    from epizoo.zoo.new_entries import OF_BASE

    given = {key: value for key, value in locals().items() if key in (*_OF_PEAKS, *_OF_STATES)}
    given = {key: value for key, value in given.items() if value is not None and value is not False}
    base = load(entry)
    wrong = _OF_STATES if base.family == "peak_caller" else _OF_PEAKS
    for key in given:
        if key in wrong:
            raise InputError(f"--{key.replace('_', '-')}: is not for {base.name}; leave it out")
    common = {"seed": seed, "resume": resume}
    run = _finetune_states
    if base.family == "peak_caller":
        run = _finetune_unlabelled if unlabelled else _finetune_peaks
    new = run(base, data, name, output, given, common)
    give_graph(new)
    say(f"Wrote {new.folder}: {new.name} {new.version}, fine-tuned from {base.name} {base.version}.")
    say(f"Reports are in {output / 'runs' / new.name.split('/')[1]}.")
    for metric in new.zoo.metrics:
        others = "".join(f"; {tool} {value}" for tool, value in metric.compared_with.items())
        say(f"  {metric.name}: {metric.value}{others} ({metric.on})")
    for limit in new.zoo.limits:
        if not limit.startswith(OF_BASE):
            say(f"  Note: {limit}")


def _finetune_peaks(base: Any, data: Path, name: str, output: Path, given: dict[str, Any], common: dict) -> Any:
    from epizoo.finetuning.data_file import read_peak_data
    from epizoo.finetuning.samples import read_labels
    from epizoo.finetuning.settings import TuningSettings
    from epizoo.jobs.finetune_peaks import EvaluationPlan, default_train
    from epizoo.jobs.finetune_peaks import finetune as run

    scheme = given.get("evaluate", "locus")
    plan = EvaluationPlan(
        scheme=None if scheme == "none" else scheme,
        n_folds=given.get("folds", 5),
        from_scratch="from_scratch" in given,
        curve="learning_curve" in given,
        allow=given.get("allow", ()),
        whole_file_scale="whole_file_scale" in given,
    )
    train: Any = given.get("train") or default_train(len(read_labels(read_peak_data(data))))
    settings = TuningSettings(train=train, steps=given.get("steps"), calibrate_scale="calibrate_scale" in given)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        log = given.get("training_log", ())
        return run(base, data, name, output, settings=settings, plan=plan, log=log, progress=progress, **common)


def _finetune_unlabelled(base: Any, data: Path, name: str, output: Path, given: dict[str, Any], common: dict) -> Any:
    from epizoo.finetuning.self_training import SelfTrainingSettings
    from epizoo.jobs.finetune_unlabelled import finetune_unlabelled

    for key in given:
        if key not in ("unlabelled", "train"):
            raise InputError(f"--{key.replace('_', '-')}: needs labels, and --unlabelled reads none; leave it out")
    if common["resume"]:
        raise InputError("--resume: is not for --unlabelled, which takes a minute; leave it out")
    settings = SelfTrainingSettings(train=given.get("train", SelfTrainingSettings.train))
    with err.status("Adapting"):
        return finetune_unlabelled(base, data, name, output, settings=settings, seed=common["seed"])


def _finetune_states(base: Any, data: Path, name: str, output: Path, given: dict[str, Any], common: dict) -> Any:
    from epizoo.jobs.finetune_states import finetune_states

    with err.status("Learning"):
        return finetune_states(base, data, name, output, **given, **common)

"""`epizoo finetune`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from epizoo.cli.app import Entry, app, err, say
from epizoo.cli.file_roles import FOLDER, LISTING
from epizoo.cli.option_groups import options_of
from epizoo.cli.reporting import is_quiet

OutputFolder = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FOLDER", help="Folder of a zoo; writes FOLDER/FAMILY/NAME."),
    FOLDER,
]


@app.command()
@options_of(
    "epizoo.jobs.finetune.finetune",
    {
        "": "data name output seed resume",
        "Peak callers": "train calibrate_scale unlabelled steps training_log",
        "Evaluation of peak callers": "evaluate folds from_scratch learning_curve allow whole_file_scale",
        "Chromatin states": "strength fraction restarts",
    },
    files={"data": LISTING},
)
def finetune(entry: Entry, output: OutputFolder, **given: Any) -> None:
    """Fine-tune a model on a new cell type, evaluate it, and build a new entry.

    The YAML file holds, for peak callers, cell_type and samples (each with bigwig, and labels or peaks and regions;
    optionally known_regions and calls); for chromatin states, cell_type and binarized or marks.
    """
    from epizoo.jobs.finetune import finetune as run
    from epizoo.zoo import load
    from epizoo.zoo.new_entries import OF_BASE

    base = load(entry)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal or is_quiet()) as bar:
        tasks = {"": bar.add_task("Reading the data", total=None)}

        def progress(title: str, done: int, total: int) -> None:
            if title not in tasks:
                tasks[title] = bar.add_task(title)
            bar.update(tasks[title], completed=done, total=total)

        new = run(base, output=output, **given, progress=progress)
    say(f"Wrote {new.folder}: {new.name} {new.version}, fine-tuned from {base.name} {base.version}.")
    say(f"Reports are in {output / 'runs' / new.name.split('/')[1]}.")
    for metric in new.zoo.metrics:
        others = "".join(f"; {tool} {value}" for tool, value in metric.compared_with.items())
        say(f"  {metric.name}: {metric.value}{others} ({metric.on})")
    for limit in new.zoo.limits:
        if not limit.startswith(OF_BASE):
            say(f"  Note: {limit}")

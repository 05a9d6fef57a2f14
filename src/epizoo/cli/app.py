"""The application, and what its commands share: consoles, options, progress bars."""

import contextlib
import importlib.metadata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from epizoo.errors import EntryError, EpizooError, InputError
from epizoo.optional import is_installed

SIGNAL_KINDS = "counts, coverage, cpm, fold_change or log10_p"
ENTRY_HELP = "An entry's name, as `epizoo list` shows it, or the folder of an entry."
TRACK_HELP = "Begin the file with a track line of this name, for upload to UCSC. Other tools want files without one."

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


_OF_MARKS = ("--marks", "--controls")
# In the order of a user's work; commands that are not named here follow.
COMMANDS = (
    *("list", "show", "call-peaks", "evaluate", "annotate", "plot"),
    *("learn-states", "select-states", "plot-model", "compare-models", "compare-states", "enrichment", "neighborhood"),
    *("finetune", "export", "import-chromhmm", "import-torch", "import-grelu", "publish", "kipoi-source"),
)


class _Commands(TyperGroup):
    """Commands whose errors are one sentence and exit code 2."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: COMMANDS.index(name) if name in COMMANDS else len(COMMANDS))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (EpizooError, OSError) as error:
            err.print(f"epizoo: {_sentence(error)}", markup=False)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Commands,
    name="epizoo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)

Entry = Annotated[str, typer.Argument(metavar="ENTRY", help=ENTRY_HELP, show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.", show_default=False)]
TrackLine = Annotated[str | None, typer.Option("--track-line", metavar="NAME", help=TRACK_HELP)]


def option(metavar: str, text: str) -> Any:
    """An option without a default to show."""
    return typer.Option(metavar=metavar, help=text, show_default=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"epizoo {importlib.metadata.version('epizoo')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Call peaks and annotate chromatin states with trained models."""


def _sentence(error: EpizooError | OSError) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def give_graph(entry: Any) -> None:
    """Give a new entry its ONNX graph, as the zoo's own have, where ONNX is installed, or say why it has none."""
    if not is_installed("onnx", "onnxruntime"):
        return
    from epizoo.conversion.onnx.entry_graph import add_onnx

    try:
        with err.status("Making the ONNX graph, and comparing it with JAX"):
            add_onnx(entry)
    except EntryError as error:
        say(f"The entry has no ONNX graph and computes in JAX: {error}.")


@contextlib.contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    columns = (TextColumn(text), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def named_files(texts: list[str], option: str) -> dict[str, Path]:
    """`NAME=FILE` texts as a dict.

    Raises:
        InputError: a text is not of this form, or a name stands there twice.
    """
    files: dict[str, Path] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            form = "MARK=FILE, such as H3K4me3=h3k4me3.bw" if option in _OF_MARKS else "NAME=FILE"
            raise InputError(f"{option}: {text!r} is not of the form {form}")
        if name in files:
            raise InputError(f"{option}: {name} is given twice, {files[name]} and {path}; give one file for each")
        files[name] = Path(path)
    return files


def say(text: str) -> None:
    """Print a line as it is."""
    out.print(text, markup=False)

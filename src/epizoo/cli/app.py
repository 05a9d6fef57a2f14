"""The application, and what its commands share: options, progress bars, how they end."""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from typer.core import TyperCommand, TyperGroup

from epizoo.cli.failures import sentence, usage_sentence
from epizoo.cli.file_roles import FOLDER, OUTPUT
from epizoo.cli.option_groups import spread
from epizoo.cli.reporting import err, is_quiet, out, reported, reporting_options, say, wrote
from epizoo.cli.signals import stopped
from epizoo.errors import InputError

__all__ = [
    "ENTRY_HELP",
    "SIGNAL_KINDS",
    "Entry",
    "NewFile",
    "Output",
    "OutputFolder",
    "TrackLine",
    "app",
    "err",
    "option",
    "out",
    "progress_bar",
    "say",
    "working",
    "wrote",
]

SIGNAL_KINDS = "counts, coverage, cpm, fold_change or log10_p"
ENTRY_HELP = "Name of an entry, as `epizoo list` shows it, its folder, or hf://ORG/NAME."
TRACK_HELP = "Begin the file with a track line of this name, for upload to UCSC; most other tools refuse such files."

_BUG = (
    "epizoo: unexpected {}: this is a bug; please report it with the lines above, the command and the output of "
    "`epizoo --version`. With --log FILE all of it is kept in a file."
)
# Typer has several homes for it, by version.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
# In the order of a user's work, each with the module of `epizoo.cli` that makes it.
COMMANDS = {
    **dict.fromkeys(("list", "show", "example"), "zoo"),
    **{"call-peaks": "peaks", "evaluate": "evaluation", "bench": "bench"},
    **dict.fromkeys(("run", "consensus", "count", "differential"), "studies"),
    **{"binarize": "binarization", "annotate": "states", "plot": "pictures"},
    **dict.fromkeys(("report", "track-hub"), "reports"),
    "web": "web",
    **dict.fromkeys(("learn-states", "select-states"), "state_learning"),
    "edit-states": "state_editing",
    **dict.fromkeys(("plot-model", "compare-models", "compare-states"), "comparison"),
    **dict.fromkeys(("enrichment", "neighborhood"), "enrichment"),
    **{"states-of": "region_states", "differences": "state_differences", "reproducibility": "state_reproducibility"},
    "finetune": "finetuning",
    **dict.fromkeys(("export", "import-chromhmm", "import-torch", "import-grelu"), "conversions"),
    **{"publish": "hub", "kipoi-source": "zoo"},
}


class _PlainHelp:
    """Flags and arguments without Python's types in the help, which Typer shows as ``<bool>`` and ``<str>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in parameters:
            if one.param_type_name == "argument" or one.is_flag:
                one.display_type_rich = lambda ctx: None
        return parameters


class _Commands(_PlainHelp, TyperGroup):
    """Commands whose errors are one sentence and exit code 2; a traceback is shown for bugs alone."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=list(COMMANDS).index)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EOFError as error:
            # Typer would take the end of a damaged file for that of what a user types.
            raise InputError(str(sentence(error))) from error

    def main(self, args: Any = None, prog_name: Any = None, *rest: Any, **settings: Any) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        settings |= {"standalone_mode": False, "obj": given}
        try:
            code = super().main(given or ["--help"], prog_name, *rest, **settings)
        except typer.Abort:
            code = 1
        except SystemExit as end:
            code = end.code
        except _UsageError as error:
            code = _refuse(usage_sentence(error))
        except Exception as error:
            code = stopped() or _fail(error)
        sys.exit(code if isinstance(code, int) else 0)


def _fail(error: Exception) -> int:
    text = sentence(error)
    if text is not None:
        return _refuse(text)
    traceback.print_exception(error)
    err.print(_BUG.format(type(error).__name__), markup=False)
    return 1


def _refuse(text: str) -> int:
    err.print(f"epizoo: {text}", markup=False)
    return 2


class _Command(_PlainHelp, TyperCommand):
    """A command whose options by name take the NAME=VALUE that follow, too, and whose others take one value.

    An option that takes one value is refused where it is given twice, since only the last would count.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = [one for one in self.get_params(ctx) if one.param_type_name == "option" and one.multiple]
        args = spread(args, {flag for one in options if "=" in (one.metavar or "") for flag in one.opts})
        given: list[Any] = self.make_parser(ctx).parse_args(args=list(args))[2]
        for option in given:
            takes_one = option.param_type_name == "option" and not (option.multiple or option.is_flag or option.count)
            if takes_one and given.count(option) > 1:
                raise typer.BadParameter(
                    "given more than once, expected one value; run the command for each", ctx, option
                )
        return super().parse_args(ctx, args)


class _Application(typer.Typer):
    """An application whose every command has the options of `reporting_options`."""

    def command(self, *arguments: Any, **settings: Any) -> Callable[[Any], Any]:
        register = super().command(*arguments, **({"cls": _Command} | settings))

        def add(function: Callable[..., None]) -> Callable[..., None]:
            register(reported(function))
            return function

        return add


app = _Application(
    cls=_Commands,
    name="epizoo",
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _entry_names() -> list[str]:
    from epizoo.zoo import list_entries

    return list_entries()


Entry = Annotated[
    str, typer.Argument(metavar="ENTRY", help=ENTRY_HELP, show_default=False, autocompletion=_entry_names)
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="File to write (-: standard output).", show_default=False),
    OUTPUT,
]
NewFile = typer.Option("--output", "-o", metavar="FILE", help="File to write.", show_default=False)
OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write to.", show_default=False), FOLDER
]
TrackLine = Annotated[str | None, typer.Option("--track-line", metavar="NAME", help=TRACK_HELP)]


def option(metavar: str, text: str) -> Any:
    """An option without a default to show."""
    return typer.Option(metavar=metavar, help=text, show_default=False)


app.callback(
    help="Call peaks and annotate chromatin states with trained models.\n\n"
    "The options under Reporting belong to every command and may stand before or after its name.\n\n"
    "In place of most files, - is standard input or standard output; the others are refused. Input of a pipe is read "
    "once, into a temporary file (in the folder that TMPDIR names). Where records go to standard output, messages go "
    "to standard error."
)(reporting_options)


def working(text: str) -> contextlib.AbstractContextManager[Any]:
    """A line on stderr while something lasts, where that is a terminal and `--quiet` is not given."""
    return contextlib.nullcontext() if is_quiet() else err.status(text)


@contextlib.contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    columns = (TextColumn(text), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal or is_quiet()) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""The options that every command has: `-q`, `-v`, `--log FILE` and `-V`, on Python's own `logging`.

Anything below may log to ``logging.getLogger("epizoo")``: warnings are always shown, the rest with `--verbose` and in
the log. `say` prints a line of a command's own on stdout.
"""

import contextlib
import functools
import importlib.metadata
import inspect
import logging
import os
import re
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console

from epizoo.cli.file_roles import LOG
from epizoo.cli.option_groups import declare, own_parameters
from epizoo.cli.streams import streamed
from epizoo.errors import InputError
from epizoo.files import require_writable
from epizoo.version import versions

out = Console(highlight=False, soft_wrap=True)
# Notebooks set FORCE_COLOR, and a bar that moves would fill their pages.
err = Console(stderr=True, highlight=False, soft_wrap=True, force_terminal=sys.stderr.isatty())

_LOGGER = logging.getLogger("epizoo")
_COMMAND_LINE = logging.getLogger("epizoo.cli")
_LOG_BEGINS = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ INFO epizoo ")

_arguments: ContextVar[Sequence[str]] = ContextVar("arguments", default=())


def say(text: str) -> None:
    """Print a line as it is, unless `--quiet` is given."""
    _COMMAND_LINE.info("%s", text)


def wrote(path: Path, what: str) -> None:
    """Say that a file is written, and what is in it; its index is named too."""
    from epizoo.genome.text_files import index_of

    index = index_of(path)
    say(f"Wrote {path}{'' if index is None else f' and its index {index.name}'}: {what}")


def command_line() -> str:
    """The command that runs, as it can be typed: to its folder, and what was typed there."""
    return f"{shlex.join(['cd', os.getcwd()])}\n{shlex.join(['epizoo', *_arguments.get()])}"


def is_quiet() -> bool:
    """True if `--quiet` was given."""
    return any(isinstance(handler, _Terminal) and handler.quiet for handler in _LOGGER.handlers)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"epizoo {importlib.metadata.version('epizoo')}")
        raise typer.Exit


def _option(*flags: str, **settings: Any) -> Any:
    return typer.Option(*flags, rich_help_panel="Reporting", show_default=False, **settings)


def reporting_options(
    quiet: Annotated[
        bool, _option("--quiet", "-q", help="Print results, warnings and errors only, and no progress.")
    ] = False,
    verbose: Annotated[
        bool, _option("--verbose", "-v", help="Print what is read and decided, time and peak memory to stderr.")
    ] = False,
    log_file: Annotated[
        Path | None,
        _option(
            "--log",
            metavar="FILE",
            help="Append the command, versions, options, all messages, time and peak memory to this file.",
        ),
        LOG,
    ] = None,
    show_version: Annotated[
        bool, _option("--version", "-V", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The options of every command, which may also stand before its name."""


_OPTIONS = {one.name: one for one in own_parameters(reporting_options)}


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """A command with `reporting_options`, whose files may be pipes."""

    @functools.wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        before = context.parent.params if context.parent else {}
        reporting = {name: given.pop(name) or before.get(name) for name in _OPTIONS}
        with (
            _recorded(reporting, str(context.info_name), context.obj or [], given),
            streamed(parameters, given) as files,
        ):
            typed = _arguments.set(context.obj or [])
            try:
                command(**files)
            finally:
                _arguments.reset(typed)

    parameters = own_parameters(command)
    kind = inspect.Parameter.KEYWORD_ONLY
    of_typer = inspect.Parameter("context", kind, annotation=typer.Context)
    return declare(run, [*parameters, of_typer, *_OPTIONS.values()])


class _Terminal(logging.Handler):
    """Prints what commands say on stdout, and warnings and details on stderr."""

    def __init__(self, quiet: bool, verbose: bool) -> None:
        super().__init__()
        self.quiet = quiet
        self.verbose = verbose

    # A pipe that breaks must stop the command, and logging's own handlers would hide it.
    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            err.print(f"epizoo: warning: {text}", markup=False)
        elif record.name == _COMMAND_LINE.name and record.levelno == logging.INFO:
            if not self.quiet:
                out.print(text, markup=False)
        elif self.verbose:
            err.print(text, markup=False)


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        # Called while the error is handled: a log that cannot be written ends the command.
        raise


@contextlib.contextmanager
def _recorded(
    reporting: Mapping[str, Any], name: str, arguments: list[str], given: Mapping[str, Any]
) -> Iterator[None]:
    """Print and log what a command says and does while it runs."""
    handlers: list[logging.Handler] = [_Terminal(reporting["quiet"], reporting["verbose"])]
    if reporting["log_file"] is not None:
        handlers.append(_open_log(reporting["log_file"], given))
    level, began, show_warning = _LOGGER.level, time.monotonic(), warnings.showwarning
    for handler in handlers:
        _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.DEBUG)
    warnings.showwarning = _log_warning
    try:
        if reporting["log_file"] is not None or reporting["verbose"]:
            _log_start(name, arguments, given)
        yield
        outcome = "Done"
    except BaseException as error:
        outcome = f"Stopped by {type(error).__name__}"
        _COMMAND_LINE.debug("%s", error or outcome, exc_info=True)
        raise
    finally:
        # An error of the log itself must not hide that of the command.
        with contextlib.suppress(OSError):
            used = f"{time.monotonic() - began:.1f} s, {peak_memory_mib():,.0f} MiB of memory at most"
            _COMMAND_LINE.debug("%s: %s.", outcome, used)
        warnings.showwarning = show_warning
        _LOGGER.setLevel(level)
        for handler in handlers:
            _LOGGER.removeHandler(handler)
            with contextlib.suppress(OSError):
                handler.close()


def _open_log(path: Path, given: Mapping[str, Any]) -> _LogFile:
    """The log, to be appended to.

    Raises:
        InputError: it cannot be written, is another of the command's files, or exists and is no log of epizoo.
    """
    if str(path) == "-":
        raise InputError(f"--log {path}: a log cannot be piped; name a file")
    require_writable(path)
    for name, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | Path) and os.path.realpath(one) == os.path.realpath(path):
                option = name.replace("_", "-")
                raise InputError(f"{path}: given as --log and as {option}; give the log a file of its own")
    if path.exists() and path.stat().st_size:
        with open(path, "rb") as file:
            if not _LOG_BEGINS.match(file.read(80)):
                raise InputError(f"{path}: exists and is not a log of epizoo; give --log another file")
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


def _log_start(name: str, arguments: list[str], given: Mapping[str, Any]) -> None:
    detail = functools.partial(_LOGGER.getChild("command").info, "%s")
    detail(f"epizoo {importlib.metadata.version('epizoo')}: {name}")
    detail(f"Command: {shlex.join(['epizoo', *arguments])}")
    detail(f"Folder: {Path.cwd()}")
    detail(f"Versions: {', '.join(' '.join(pair) for pair in versions().items())}")
    for option, value in given.items():
        if value is not None:
            detail(f"Option {option}: {', '.join(map(_text, value if isinstance(value, list) else [value]))}")


def _text(value: Any) -> str:
    if isinstance(value, Path) and value.is_file():
        return f"{value} ({value.stat().st_size:,} bytes)"
    return str(value)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log a warning of Python's, in place of `warnings.showwarning`."""
    _LOGGER.warning("%s (%s, %s:%d)", message, category.__name__, filename, lineno)


def peak_memory_mib() -> float:
    """The most memory that this process has held so far, in MiB."""
    import resource

    # Bytes on macOS, KiB elsewhere.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

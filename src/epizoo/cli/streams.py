"""Standard input, standard output and pipes in place of files, for every command.

Readers go through a file more than once and writers leave nothing half done, so that both work on a temporary file:
what is piped in is copied there first, and what is written is copied out when the command has succeeded.
"""

import contextlib
import gzip
import inspect
import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, get_args

from typer.models import ArgumentInfo

from epizoo.cli.file_roles import FileRole, file_role
from epizoo.errors import EpizooError, InputError

_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_SUFFIXES = {
    b"BAM\x01": ".bam",
    b"CRAM": ".cram",
    b"@HD\t": ".sam",
    b"@SQ\t": ".sam",
    b"PAR1": ".parquet",
    b"\x89HDF": ".h5ad",
    bytes.fromhex("26fc8f88"): ".bw",
    bytes.fromhex("888ffc26"): ".bw",
}
"""Suffixes of files by how they begin; readers know some formats by their suffix alone."""


_piped: ContextVar[Mapping[str, str]] = ContextVar("piped", default=MappingProxyType({}))


@contextlib.contextmanager
def streamed(parameters: Sequence[inspect.Parameter], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a command is given, with temporary files in place of pipes; outputs are copied out at the end.

    While records go to standard output, messages go to standard error. Messages call temporary files by the name that
    the user gave.

    Raises:
        InputError: a pipe is given twice, or an output that no pipe can take.
        BrokenPipeError: who reads the output has stopped.
    """
    roles = {one.name: role for one in parameters if (role := file_role(one)) is not None}
    flags = {one.name: _flag(one) for one in parameters}
    values = dict(given)
    pipes = [(name, value) for name in roles for value in _listed(values[name]) if _is_pipe(value)]
    if not pipes:
        yield values
        return
    with tempfile.TemporaryDirectory(prefix="epizoo-") as folder, contextlib.ExitStack() as stack:
        pool = _Pool(Path(folder), stack)
        for name, value in dict.fromkeys(pipes):
            values[name] = _replaced(values[name], value, pool.file(flags[name], roles[name], value))
        before = _piped.set(pool.names)
        try:
            with pool.renaming():
                yield values
        finally:
            _piped.reset(before)
        pool.copy_out()


def piped() -> dict[str, str]:
    """Pipes of the command that runs, as the user calls them, by the temporary files in their place."""
    return dict(_piped.get())


def as_called(text: str) -> str:
    """A text with pipes as the user calls them."""
    for path, name in _piped.get().items():
        text = text.replace(path, name)
    return text


class _Pool:
    """The temporary files of a command."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.names: dict[str, str] = {}
        self._outputs: list[tuple[Path, str]] = []
        self._stdout: Any = sys.stdout

    def file(self, flag: str, role: FileRole, value: str) -> str:
        """The temporary file for a pipe, which of an input is filled.

        Raises:
            InputError: the pipe was taken before, cannot be read, or cannot take the output.
        """
        if role.refused:
            kind = "folder" if role.refused == "folder" else "file"
            raise InputError(f"{flag} {value}: a {role.refused} cannot be piped; name a {kind}")
        name = _name(value, role.is_output)
        if name in self.names.values():
            raise InputError(f"{flag} {value}: {name} is given twice; give it once, and files for the others")
        inner = Path(tempfile.mkdtemp(dir=self._folder))
        if role.is_output:
            path = inner / "stdout"
            path.touch()
            self._outputs.append((path, value))
            if name == "standard output":
                self._stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        else:
            path = _spooled(value, name, inner, role.suffix)
        self.names[str(path)] = name
        return str(path)

    @contextlib.contextmanager
    def renaming(self) -> Iterator[None]:
        """Call temporary files by the user's names in what is logged and raised."""
        handlers = list(logging.getLogger("epizoo").handlers)
        for handler in handlers:
            handler.addFilter(self._rename_record)
        try:
            yield
        except (EpizooError, OSError) as error:
            error.args = tuple(as_called(one) if isinstance(one, str) else one for one in error.args)
            if isinstance(error, OSError) and isinstance(error.filename, str):
                error.filename = as_called(error.filename)
            raise
        finally:
            for handler in handlers:
                handler.removeFilter(self._rename_record)

    def copy_out(self) -> None:
        """Copy what was written to the pipes."""
        for path, value in self._outputs:
            with contextlib.ExitStack() as stack:
                to = self._stdout.buffer if value in _STDOUT else stack.enter_context(open(value, "wb"))
                shutil.copyfileobj(stack.enter_context(open(path, "rb")), to)
                to.flush()

    def _rename_record(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = as_called(record.getMessage()), ()
        return True


def _flag(parameter: inspect.Parameter) -> str:
    """The name of an option or argument for messages, such as ``--output`` or ``STATES.bed``."""
    info = next((one for one in get_args(parameter.annotation) if hasattr(one, "metavar")), None)
    if isinstance(info, ArgumentInfo):
        return str(info.metavar).strip("[] …")
    declared = [getattr(info, "default", None), *(getattr(info, "param_decls", None) or ())]
    flags = [one for one in declared if isinstance(one, str) and one.startswith("--")]
    return next(iter(flags), f"--{parameter.name.replace('_', '-')}")


def _listed(value: Any) -> list[str]:
    """The files of an option, as they are given."""
    return [] if value is None else [str(one) for one in (value if isinstance(value, list) else [value])]


def _file_of(text: str) -> str:
    """The file of a text, FILE or NAME=FILE."""
    return text if os.path.exists(text) else text.rpartition("=")[2]


def _is_pipe(text: str) -> bool:
    path = _file_of(text)
    if path in (*_STDIN, *_STDOUT):
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replaced(value: Any, old: str, new: str) -> Any:
    """The value of an option with another file in place of a pipe, with its name and type as they are."""
    if isinstance(value, list):
        return [_replaced(one, old, new) if str(one) == old else one for one in value]
    return type(value)(new) if isinstance(value, Path) else str(value).removesuffix(_file_of(old)) + new


def _name(value: str, is_output: bool) -> str:
    path = _file_of(value)
    if path in (_STDOUT if is_output else _STDIN):
        return "standard output" if is_output else "standard input"
    return path


def _spooled(value: str, name: str, folder: Path, suffix: str) -> Path:
    """A copy of what comes through a pipe, with the suffix that its content calls for if the pipe has none.

    Raises:
        InputError: it is a terminal, or the copy cannot be written.
        OSError: the pipe cannot be opened.
    """
    path = Path(_file_of(value))
    copy = folder / (path.name if path.suffix else "stdin")
    with contextlib.ExitStack() as stack:
        source = _opened(str(path), name, stack)
        try:
            with open(copy, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except OSError as error:
            where = f"{folder.parent.parent} ({error.strerror})"
            raise InputError(f"{name}: cannot be copied to {where}; TMPDIR names another folder for it") from None
    return copy if path.suffix else copy.rename(copy.with_suffix(_suffix(copy, suffix)))


def _opened(path: str, name: str, stack: contextlib.ExitStack) -> BinaryIO:
    if path not in _STDIN:
        return stack.enter_context(open(path, "rb"))
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(f"{name}: is a terminal, expected a pipe or a file; pipe into it, as in: cat FILE | epizoo …")
    return sys.stdin.buffer


def _suffix(path: Path, of_text: str) -> str:
    with open(path, "rb") as file:
        is_gzipped = file.read(2) == b"\x1f\x8b"
    with contextlib.suppress(OSError, EOFError), (gzip.open if is_gzipped else open)(path, "rb") as content:
        found = _SUFFIXES.get(content.read(4))
        if found is not None:
            return found
    return f"{of_text}.gz" if is_gzipped else of_text

"""Files and folders that are written whole or not at all, and hashes of files."""

import contextlib
import fcntl
import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from epizoo.errors import InputError

# Locks of some file systems hold on one machine alone, so that each machine knows its own folders.
_SCRATCH = f".epizoo-{platform.node()}-"
_cleaned: set[Path] = set()


@contextmanager
def scratch_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new folder inside ``folder``, where something is made before it gets its name there; removed at the end.

    Before the first one of a process, those that killed processes of this machine left in ``folder`` are removed:
    ``folder`` is locked, with others, as long as something in it is being made, so that who can have it alone knows
    that nobody is at work.

    Raises:
        OSError: the folder cannot be made.
    """
    parent = Path(folder).resolve()
    with _opened(parent) as handle:
        if parent not in _cleaned and _clean(parent, handle):
            _cleaned.add(parent)
        _locked(handle, fcntl.LOCK_SH)
        with tempfile.TemporaryDirectory(dir=parent, prefix=_SCRATCH) as scratch:
            yield Path(scratch)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes of this machine left in a folder and in those below it, where nobody is at work."""
    for parent, names, _ in os.walk(folder):
        leftovers = {name for name in names if name.startswith(_SCRATCH)}
        if leftovers:
            with _opened(Path(parent)) as handle:
                _clean(Path(parent), handle)
            names[:] = [name for name in names if name not in leftovers]


def _clean(folder: Path, handle: int | None) -> bool:
    """Remove all that was being made in a folder, if nobody is at work there; True if so."""
    alone = _locked(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if alone:
        for leftover in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(leftover, ignore_errors=True)
    return alone


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A folder's descriptor, which holds its locks; None where it may be written to but not be read."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _locked(handle: int | None, how: int) -> bool:
    """Lock a folder, where its file system has locks; False if it has none or others hold it."""
    with contextlib.suppress(OSError):
        if handle is not None:
            fcntl.flock(handle, how)
            return True
    return False


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path of the same name in a `scratch_folder`, moved to ``path`` on success and removed on any failure.

    Nothing is there yet. Where ``path`` is a symbolic link, the file that it leads to is replaced and the link stays.

    Raises:
        InputError: the folder of ``path`` does not exist or cannot be written to, or ``path`` is no regular file.
    """
    require_writable(path)
    target = Path(os.path.realpath(path))
    with contextlib.ExitStack() as stack:
        try:
            temporary = stack.enter_context(scratch_folder(target.parent)) / Path(path).name
        except OSError as error:
            raise InputError(f"{path}: cannot be written in {target.parent}: {error.strerror}") from None
        try:
            yield temporary
            # Some writers make files private; a result is as readable as any file that the user makes.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(target)
        except OSError as error:
            # The user knows the file by its own name, not by the temporary one.
            if error.filename in (temporary, str(temporary)):
                raise OSError(error.errno, error.strerror, os.fspath(path)) from error
            raise


def require_writable(path: str | os.PathLike[str]) -> None:
    """Check, before any work is done, that ``path`` can be written.

    Raises:
        InputError: the folder does not exist, is not a folder, or cannot be written to, or ``path`` is a folder or
            another thing that is no regular file, such as a pipe or a device.
    """
    target = Path(path)
    folder = Path(os.path.realpath(path)).parent if target.is_symlink() else target.parent
    if not folder.is_dir():
        raise InputError(f"{target}: cannot be written, its folder {folder} does not exist; create it first")
    if target.is_dir():
        raise InputError(f"{target}: cannot be written, it is a folder; give the name of a file")
    if target.exists() and not target.is_file():
        raise InputError(f"{target}: cannot be written, it is a pipe or a device; give the name of a file")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{target}: cannot be written, no permission to write in {folder}")


def inside(folder: str | os.PathLike[str], name: str) -> Path:
    """The path of a file in a folder, of a name that is made of a user's names of cells, marks or chromosomes.

    >>> inside("out", "K562_chr1_binary.txt").as_posix()
    'out/K562_chr1_binary.txt'

    Raises:
        InputError: the name is none of a file there, as where it leads elsewhere or holds a line break.
    """
    if Path(name).name != name or name in ("", ".", "..") or not name.isprintable() or len(os.fsencode(name)) > 255:
        raise InputError(f"{name[:80]!r}: cannot be a file's name in {folder}; rename the cell, mark or chromosome")
    return Path(folder, name)


def check_outputs(outputs: Sequence[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Check, before any work is done, that outputs can be written and overwrite neither an input nor each other.

    Args:
        outputs: files to be written.
        inputs: files that are read, and folders of such files.

    Raises:
        InputError: see `require_writable`, or an output is an input or another output under whatever name.
    """
    taken: dict[str, str] = {}
    for path in inputs:
        files = Path(path).iterdir() if Path(path).is_dir() else [path]
        taken |= {os.path.realpath(file): "an input" for file in files}
    for path in outputs:
        require_writable(path)
        real = os.path.realpath(path)
        if real in taken:
            raise InputError(f"{path}: would overwrite {taken[real]}; give the output another name")
        taken[real] = "another output"


def sha256(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write indented JSON, whole or not at all; NaN becomes null.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(defined(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_yaml(path: str | os.PathLike[str], content: Any) -> None:
    """Write YAML, whole or not at all; keys keep their order.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, width=120), encoding="utf-8")


def defined(content: Any) -> Any:
    """Plain values for JSON, None for NaN.

    >>> defined({"share": (0.5, float("nan"))})
    {'share': [0.5, None]}
    """
    if isinstance(content, dict):
        return {key: defined(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [defined(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content

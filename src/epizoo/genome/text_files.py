"""Text that is written, plain or in the blocks of gzip (BGZF) that tabix and IGV index."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from epizoo.files import atomic_path

_INDICES = (".tbi", ".csi")


@contextmanager
def text_file(path: Path, *, compressed: bool) -> Iterator[Any]:
    """Yield what the bytes of a text are written to; equal text makes equal files, since the blocks bear no time.

    Args:
        path: the file.
        compressed: write BGZF, which every reader of gzip reads too.
    """
    if not compressed:
        with open(path, "wb") as file:
            yield file
        return
    import pysam

    with pysam.BGZFile(str(path), "wb", None) as blocks:
        yield blocks


def write_text(path: Path, text: str, *, compressed: bool) -> None:
    """Write UTF-8 text; see `text_file`."""
    with text_file(path, compressed=compressed) as file:
        file.write(text.encode())


@contextmanager
def bed_file(path: str | os.PathLike[str], header: str = "") -> Iterator[Callable[[bytes], object]]:
    """Yield what appends rows, sorted by chromosome and start, to a file like BED that is written whole or not at all.

    Where its name ends in ``.gz`` it is BGZF, and its index is written beside it (`index_of`).

    Args:
        path: the file.
        header: lines before the rows, each with its end.

    Raises:
        InputError: the file cannot be written.
    """
    with ExitStack() as index, atomic_path(path) as temporary:
        compressed = os.fspath(path).endswith(".gz")
        with text_file(temporary, compressed=compressed) as file:
            file.write(header.encode())
            yield file.write
        if not compressed:
            return
        made = _indexed(temporary, header.count("\n"))
        # Entered here and left last: the index gets its name after the file, so that none stands beside another file.
        made.replace(index.enter_context(atomic_path(f"{os.fspath(path)}{made.suffix}")))
        for suffix in _INDICES:
            Path(f"{os.fspath(path)}{suffix}").unlink(missing_ok=True)


def index_of(path: str | os.PathLike[str]) -> Path | None:
    """The index that `bed_file` has written beside a file, if there is one."""
    indices = (Path(f"{os.fspath(path)}{suffix}") for suffix in _INDICES)
    return next((index for index in indices if os.fspath(path).endswith(".gz") and index.is_file()), None)


def _indexed(path: Path, n_header: int) -> Path:
    """The index of a file, made beside it: ``.tbi``, or ``.csi`` where a position is beyond the 512 Mb of ``.tbi``."""
    import pysam

    columns: Any = {"seq_col": 0, "start_col": 1, "end_col": 2, "zerobased": True, "line_skip": n_header}
    tbi, csi = (Path(f"{path}{suffix}") for suffix in _INDICES)
    before = pysam.set_verbosity(0)
    try:
        pysam.tabix_index(str(path), force=True, index=str(tbi), **columns)
        return tbi
    except OSError:
        pysam.tabix_index(str(path), force=True, index=str(csi), csi=True, **columns)
        return csi
    finally:
        pysam.set_verbosity(before)

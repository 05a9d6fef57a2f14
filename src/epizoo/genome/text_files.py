"""Text that is written, plain or in the blocks of gzip (BGZF) that tabix and IGV index."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from epizoo.files import atomic_path


def write_text(path: Path, text: str, *, compressed: bool) -> None:
    """Write UTF-8 text; equal text makes equal files, since the blocks bear no time.

    Args:
        path: the file.
        text: its content.
        compressed: write BGZF, which every reader of gzip reads too.
    """
    if not compressed:
        path.write_bytes(text.encode())
        return
    import pysam

    with pysam.BGZFile(str(path), "wb", None) as file:
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
    with atomic_path(path) as temporary:
        if not os.fspath(path).endswith(".gz"):
            with open(temporary, "wb") as file:
                file.write(header.encode())
                yield file.write
            return
        import pysam

        with pysam.BGZFile(str(temporary), "wb", None) as blocks:
            blocks.write(header.encode())
            yield blocks.write
        _write_index(temporary, Path(path), header.count("\n"))


def index_of(path: str | os.PathLike[str]) -> Path | None:
    """The index that `bed_file` has written beside a file, if there is one."""
    indices = (Path(f"{os.fspath(path)}{suffix}") for suffix in (".tbi", ".csi"))
    return next((index for index in indices if os.fspath(path).endswith(".gz") and index.is_file()), None)


def _write_index(temporary: Path, path: Path, n_header: int) -> None:
    """Index a file before it has its name: ``.tbi``, or ``.csi`` where a position is beyond the 512 Mb of ``.tbi``."""
    import pysam

    columns: Any = {"seq_col": 0, "start_col": 1, "end_col": 2, "zerobased": True, "line_skip": n_header}
    before = pysam.set_verbosity(0)
    try:
        for suffix, other in ((".tbi", ".csi"), (".csi", ".tbi")):
            try:
                with atomic_path(f"{path}{suffix}") as index:
                    pysam.tabix_index(str(temporary), force=True, index=str(index), csi=suffix == ".csi", **columns)
            except OSError:
                if suffix == ".csi":
                    raise
            else:
                # One of an earlier file of this name would be taken for its index.
                Path(f"{path}{other}").unlink(missing_ok=True)
                return
    finally:
        pysam.set_verbosity(before)

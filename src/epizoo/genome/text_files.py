"""Text that is written, plain or in the blocks of gzip (BGZF) that tabix and IGV index."""

from pathlib import Path


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

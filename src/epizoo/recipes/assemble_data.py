"""Fetch the training data that public sources still give, and make the files of the training folder of them.

    python -m epizoo.recipes.assemble_data --data DIR --dry-run
    python -m epizoo.recipes.assemble_data --data DIR

Each file is compared with the hash of the one that the entries were trained on. docs/data.md names the files that this
program does not make, and why. It ends with code 2 if a source cannot be fetched or read, or gives another file.
"""

import argparse
import hashlib
import io
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt16

from epizoo.errors import InputError
from epizoo.files import atomic_path, sha256
from epizoo.recipes.run_folder import Progress, one_sentence_errors
from epizoo.recipes.state_data import CELLS, ROADMAP, codes_path

_GITHUB = "https://raw.githubusercontent.com"
_DIHMM = f"{_GITHUB}/gcyuan/diHMM/e3d860e70bd059e69526c9c8f155840ccda92130/data/hg19"
_MACS = f"{_GITHUB}/macs3-project/MACS/a341a2f0ede26735f744d6d5e3b0f7ac1861cfe9/test"
_ROADMAP = "https://egg2.wustl.edu/roadmap/data/byFileType/chromhmmSegmentations/ChmmModels"
# The order in which the files of the entries hold them.
_CHROMOSOMES = tuple(f"chr{name}" for name in (*range(10, 20), 1, 20, 21, 22, *range(2, 10), "X"))

Maker = Callable[[Sequence[str], Sequence[bytes]], bytes]


class Source(NamedTuple):
    """A file of the training folder, and where it comes from.

    Attributes:
        path: place below the training folder.
        urls: addresses of what it is made of.
        make: the file's bytes from the addresses and their contents.
        sha256: hash of the file that the entries were trained or measured on.
    """

    path: Path
    urls: tuple[str, ...]
    make: Maker
    sha256: str


def unchanged(urls: Sequence[str], contents: Sequence[bytes]) -> bytes:
    """The one content as it is."""
    (content,) = contents
    return content


def marks_of_a_genome(urls: Sequence[str], contents: Sequence[bytes]) -> bytes:
    """One archive of diHMM's marks of a cell type: their names, and for each chromosome a code per bin of 200 bp.

    Raises:
        InputError: a content is not in diHMM's format, or not all have the same marks and cell type.
    """
    read = [_read_codes(url, content) for url, content in zip(urls, contents, strict=True)]
    cell, _, marks, _ = read[0]
    for url, found in zip(urls, read, strict=True):
        if (found[0], found[2]) != (cell, marks):
            raise InputError(
                f"{url}: {found[0]} with {', '.join(found[2])} found, {cell} with {', '.join(marks)} expected"
            )
    arrays: dict[str, Any] = {chrom: codes for _, chrom, _, codes in read}
    archive = io.BytesIO()
    np.savez_compressed(archive, marks=np.array(marks), **arrays)
    return archive.getvalue()


def _read_codes(url: str, content: bytes) -> tuple[str, str, list[str], UInt16[np.ndarray, " bin"]]:
    """Cell type, chromosome, marks and codes of a file of diHMM: two lines of names, then a code in each line."""
    try:
        first, second, codes = content.decode("ascii").split("\n", 2)
        cell, chrom = first.split("\t")
        marks = second.split("\t")
        values = np.array(codes.split(), np.int64)
        if not len(values) or values.min() < 0 or values.max() >= 2 ** len(marks):
            raise ValueError(f"codes from 0 to {2 ** len(marks) - 1} expected")
    except ValueError as error:
        raise InputError(
            f"{url}: not as diHMM writes it, cell type and chromosome, marks, and a code in each line ({error}); the "
            "source may have moved"
        ) from None
    return cell, chrom, marks, values.astype(np.uint16)


def _codes(cell: str, digest: str) -> Source:
    urls = tuple(f"{_DIHMM}/{cell}/bin2dec200bpFiles/{cell}_{chrom}_bin2dec.txt" for chrom in _CHROMOSOMES)
    return Source(codes_path(Path(), cell), urls, marks_of_a_genome, digest)


def _roadmap(n_states: int, folder: str, digest: str) -> Source:
    path = ROADMAP[n_states].paths(Path())[0]
    return Source(path, (f"{_ROADMAP}/{folder}/jointModel/final/{path.name}",), unchanged, digest)


def _reads(name: str, digest: str) -> Source:
    return Source(Path("peaks", "ctcf_chr22", name), (f"{_MACS}/{name}",), unchanged, digest)


SOURCES = (
    _codes(CELLS[0], "4df9e6779cd0c620ff993f07ed98087135c167404d3c9679d8a1dc69b14483e9"),
    _codes(CELLS[1], "e0cca73d0d1348e18ea70901c27d2675605cb7bc71edd6fd9c5a6bc7398d059b"),
    _roadmap(15, "coreMarks", "bd6c09bd314e36e63a137695a62aefd5859fae72cbb1baf39b66f4e255ff7b58"),
    _roadmap(18, "core_K27ac", "36c47a46e256af8e3e8af3fcd9f4e413dddc4e60c07c4aabb8e561e18e35cf43"),
    _reads("CTCF_SE_ChIP_chr22_50k.bed.gz", "3f246659d3317de9fe150c4696959dec9668ab458520a1a44307d07a15ba69d1"),
    _reads("CTCF_SE_CTRL_chr22_50k.bed.gz", "0d6b01b6894073deb8fe85e1ef200c461dcbd661a7f079c0141c8b1bd648d665"),
    _reads("CTCF_PE_ChIP_chr22_50k.bedpe.gz", "c7713c4d80c832e0d496257d7e4dd1c27f126a7c1a6de6dcef4f27bfb77a43a2"),
    _reads("CTCF_PE_CTRL_chr22_50k.bedpe.gz", "10a728379b105f11acf9b41c9b2a365eb8b5d06e10bb643782e22de48cf00e0f"),
)


def assemble(data: Path, sources: Sequence[Source] = SOURCES) -> list[Path]:
    """Make the files that are not in a folder yet, with a line of progress for each.

    Returns:
        The files that are not those of training. They are written: their values may be equal, since another version of
        zlib compresses the same values to other bytes.

    Raises:
        InputError: a source cannot be fetched or read, or the folder cannot be written to.
    """
    progress = Progress()
    different = []
    for source in sources:
        path = data / source.path
        if path.exists():
            if sha256(path) == source.sha256:
                progress.say(f"{source.path}: there")
            else:
                progress.say(f"{source.path}: there, and another file than that of training; remove it to have it made")
                different.append(source.path)
            continue
        progress.say(f"{source.path}: fetching {_first(source)}")
        content = source.make(source.urls, [fetch(url) for url in source.urls])
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
        if hashlib.sha256(content).hexdigest() != source.sha256:
            progress.say(f"{source.path}: another file than that of training")
            different.append(source.path)
    return different


def fetch(url: str, timeout_s: float = 60) -> bytes:
    """The content of an address.

    Raises:
        InputError: it cannot be had.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as reply:
            return bytes(reply.read())
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise InputError(f"{url}: cannot be fetched ({error}); try again, or see docs/data.md for its source") from None


def plan(data: Path, sources: Sequence[Source] = SOURCES) -> str:
    """A line for each file: whether it is there, what is fetched, what is made of it."""
    rows = []
    for source in sources:
        path = data / source.path
        found = "missing" if not path.is_file() else "there" if sha256(path) == source.sha256 else "different"
        rows.append(f"{found:9}  {source.path}  <-  {_first(source)}  ({source.make.__name__.replace('_', ' ')})")
    return "\n".join(rows)


def _first(source: Source) -> str:
    others = len(source.urls) - 1
    return source.urls[0] + (f" and {others} more" if others else "")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="training folder, which is made if it is not there")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and fetch nothing")
    options = parser.parse_args()
    with one_sentence_errors():
        if options.dry_run:
            print(plan(options.data))
            return
        different = assemble(options.data)
        if different:
            raise InputError(
                f"{options.data}: {', '.join(map(str, different))}: made, and not the bytes that the entries were "
                "trained on; compare the values before training on them"
            )


if __name__ == "__main__":
    main()

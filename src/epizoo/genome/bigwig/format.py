"""The structure of bigWig and bigBed files, checked as it is read (Kent et al., Bioinformatics 2010, tables S5 to S20).

Plain Python and NumPy: a wrong number in a damaged file gives an error, where C code reads outside its memory.
"""

import os
import struct
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from epizoo.errors import InputError

MAGIC = b"\x26\xfc\x8f\x88"
HEADER = struct.Struct("<IHHQQQHHQQIQ")
ZOOM = struct.Struct("<IIQQ")
SUMMARY = struct.Struct("<Qdddd")
TREE_HEADER, TREE_MAGIC = struct.Struct("<IIIIQQ"), 0x78CA8C91
INDEX_HEADER, INDEX_MAGIC = struct.Struct("<IIQIIIIQII"), 0x2468ACE0
_BOUNDS = [("first_chrom", "<u4"), ("start", "<u4"), ("last_chrom", "<u4"), ("end", "<u4"), ("offset", "<u8")]
BRANCH = np.dtype(_BOUNDS)
LEAF = np.dtype([*_BOUNDS, ("size", "<u8")])
# A block's number of records has 16 bits, and the largest records have 32 bytes.
_BLOCK_HEADER_BYTES = 24
LARGEST_BLOCK = _BLOCK_HEADER_BYTES + 32 * 65535


class ZoomLevel(NamedTuple):
    """Summaries over stretches of up to `reduction_bp`, and the index of their blocks."""

    reduction_bp: int
    index_offset: int


class BigWigStructure:
    """A bigWig's header, chromosomes and index.

    Args:
        path: the file, which is known to be a little-endian bigWig.

    Attributes:
        chrom_sizes: length of each chromosome in bp, in the order of their numbers.
        blocks: the index of the signal, see `read_index`.
        zooms: levels of summaries.
        covered_bp: base pairs that have a value; None where the file does not state it.
        minimum: smallest value, likewise.

    Raises:
        InputError: the file is damaged.
    """

    kind = "bigWig"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDONLY)
        # Also when nobody closes it.
        self._closing = weakref.finalize(self, os.close, self._file)
        try:
            self._size = os.fstat(self._file).st_size
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        header = self._unpack(HEADER, 0)
        n_zooms, tree, index, summary = header[2], header[3], header[5], header[9]
        self._is_compressed = header[10] > 0
        self.zooms = [
            ZoomLevel(reduction, offset)
            for reduction, _, _, offset in (
                self._unpack(ZOOM, HEADER.size + number * ZOOM.size) for number in range(n_zooms)
            )
        ]
        if any(zoom.reduction_bp == 0 for zoom in self.zooms):
            raise self.damaged("a zoom level of 0 bp")
        self.covered_bp: int | None = None
        self.minimum: float | None = None
        self.maximum = self.total = 0.0
        if summary:
            self.covered_bp, self.minimum, self.maximum, self.total, _ = self._unpack(SUMMARY, summary)
        self.chrom_sizes = self._read_chromosomes(tree)
        # Without an index there is no data.
        self.blocks = self.read_index(index) if index else np.zeros(0, LEAF)

    def close(self) -> None:
        """Close the file."""
        self._closing()

    def damaged(self, reason: str) -> InputError:
        """The error of a damaged file."""
        return InputError(f"{self.path}: this {self.kind} is damaged or cut short ({reason}); copy or write it again")

    def read_index(self, offset: int) -> Shaped[np.ndarray, " block"]:
        """The index of the data, or of a zoom level, at a place in the file: a row for each block, in order.

        A row has ``first_chrom`` and ``last_chrom`` (by number), ``start`` and ``end`` in bp, and ``offset`` and
        ``size`` in the file.

        Raises:
            InputError: it lies outside the file, its nodes are no tree, or its blocks are not in order.
        """
        magic, _, n_items, *_, per_block, _ = self._unpack(INDEX_HEADER, offset)
        if magic != INDEX_MAGIC:
            raise self.damaged(f"no index at byte {offset:,}")
        leaves: list[np.ndarray] = []
        # All leaves are read, so that what nodes above them state of these is not needed.
        todo, seen, n_bytes = [offset + INDEX_HEADER.size], set(), 0
        while todo:
            place = todo.pop()
            if place in seen:
                raise self.damaged("an index with a circle")
            seen.add(place)
            is_leaf, items = self._node(place)
            n_bytes += items.nbytes
            if n_bytes > self._size:
                raise self.damaged("an index that is larger than the file")
            if is_leaf:
                leaves.append(items)
            else:
                todo += items["offset"][::-1].tolist()
        found = np.concatenate([np.zeros(0, LEAF), *leaves])
        # Items are blocks, or the records of zoom levels, of which a block takes up to `per_block`.
        if len(found) not in (n_items, -(-n_items // max(per_block, 1))):
            raise self.damaged(f"{len(found):,} blocks are listed, of {n_items:,} items")
        return self._checked(found)

    def data(self, blocks: Shaped[np.ndarray, " block"]) -> Iterator[bytes]:
        """The content of some blocks.

        Raises:
            InputError: it is damaged.
        """
        for offset, size in zip(blocks["offset"].tolist(), blocks["size"].tolist(), strict=True):
            content = os.pread(self._file, size, offset)
            if not self._is_compressed:
                yield content
                continue
            stream = zlib.decompressobj()
            try:
                content = stream.decompress(content, LARGEST_BLOCK)
            except zlib.error as error:
                raise self.damaged(f"a block at byte {offset:,}: {error}") from None
            if not stream.eof:
                raise self.damaged(f"a block at byte {offset:,} that does not end")
            yield content

    def _node(self, place: int) -> tuple[bool, np.ndarray]:
        is_leaf, _, count = struct.unpack("<BBH", self._bytes(place, 4))
        kind = LEAF if is_leaf else BRANCH
        return bool(is_leaf), np.frombuffer(self._bytes(place + 4, count * kind.itemsize), kind)

    def _checked(self, blocks: Shaped[np.ndarray, " block"]) -> Shaped[np.ndarray, " block"]:
        """The blocks, which must lie within the file and on chromosomes that are listed."""
        if (blocks["last_chrom"] >= len(self.chrom_sizes)).any():
            raise self.damaged("an index of chromosomes that are not listed")
        offset, size = blocks["offset"].astype(float), blocks["size"].astype(float)
        if (offset + size > self._size).any():
            raise self.damaged("an index of data outside the file")
        return self._in_order(blocks)

    def _in_order(self, blocks: Shaped[np.ndarray, " block"]) -> Shaped[np.ndarray, " block"]:
        """The blocks that hold records, which must lie one behind the other."""
        if (blocks["size"] > LARGEST_BLOCK + 1024).any():
            raise self.damaged("an index of data outside the file")
        if not _is_in_order(blocks):
            # libBigWig leaves empty blocks behind, which it says to span a whole chromosome.
            blocks = blocks[[len(content) != _BLOCK_HEADER_BYTES for content in self.data(blocks)]]
            if not _is_in_order(blocks):
                raise self.damaged("an index that is not in order")
        return blocks

    def _read_chromosomes(self, offset: int) -> dict[str, int]:
        magic, _, key_bytes, value_bytes, n_chroms, _ = self._unpack(TREE_HEADER, offset)
        if magic != TREE_MAGIC or value_bytes != 8 or not 0 < key_bytes <= 4096:
            raise self.damaged("no list of chromosomes")
        found: dict[int, tuple[str, int]] = {}
        todo, seen = [offset + TREE_HEADER.size], set()
        while todo:
            place = todo.pop()
            if place in seen:
                raise self.damaged("a list of chromosomes with a circle")
            seen.add(place)
            is_leaf, _, count = struct.unpack("<BBH", self._bytes(place, 4))
            items = self._bytes(place + 4, count * (key_bytes + 8))
            for at in range(0, len(items), key_bytes + 8):
                key, value = items[at : at + key_bytes], items[at + key_bytes : at + key_bytes + 8]
                if not is_leaf:
                    todo += struct.unpack("<Q", value)
                    continue
                number, size = struct.unpack("<II", value)
                if number in found:
                    raise self.damaged("a chromosome that is listed twice")
                found[number] = self._name(key), size
        names = dict(found[number] for number in sorted(found))
        if not len(names) == len(found) == n_chroms or max(found, default=-1) != n_chroms - 1:
            raise self.damaged(f"{len(names):,} chromosomes are listed, {n_chroms:,} were announced")
        return names

    def _name(self, key: bytes) -> str:
        try:
            name = key.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            name = ""
        if not name.isprintable() or not name:
            raise self.damaged(f"a chromosome is called {key[:30]!r}")
        return name

    def _unpack(self, form: struct.Struct, offset: int) -> tuple:
        return form.unpack(self._bytes(offset, form.size))

    def _bytes(self, offset: int, n_bytes: int) -> bytes:
        if offset + n_bytes > self._size:
            raise self.damaged(f"it points to byte {offset + n_bytes:,} and has {self._size:,}")
        return os.pread(self._file, n_bytes, offset)


class BigBedStructure(BigWigStructure):
    """A bigBed's header, chromosomes and index, see `BigWigStructure`; its rows, and so its blocks, may overlap."""

    kind = "bigBed"

    def _in_order(self, blocks: Shaped[np.ndarray, " block"]) -> Shaped[np.ndarray, " block"]:
        return blocks


def _is_in_order(blocks: Shaped[np.ndarray, " block"]) -> bool:
    """True if blocks lie one behind the other, and span something."""
    first, last, start, end = (blocks[name].astype(np.int64) for name in ("first_chrom", "last_chrom", "start", "end"))
    follows = (first[1:] > last[:-1]) | ((first[1:] == last[:-1]) & (start[1:] >= end[:-1]))
    return bool(follows.all() and ((first < last) | ((first == last) & (start < end))).all())

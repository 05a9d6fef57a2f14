"""A bigWig written record by record (Kent et al., Bioinformatics 2010, supplement, tables 5 to 20)."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from epizoo.genome.bigwig.format import HEADER, LARGEST_BLOCK, MAGIC, SUMMARY, ZOOM
from epizoo.genome.bigwig.records import BLOCK_HEADER, STRETCH, ZOOM_RECORD, Records
from epizoo.genome.bigwig.trees import Block, block_index, chromosome_tree
from epizoo.genome.bigwig.zoom import summarise, zoom_levels

_VERSION = 4
_COUNT = struct.Struct("<Q")
_N_ZOOMS = 8
_ZOOMS_BYTES = _N_ZOOMS * ZOOM.size
_HEADERS_BYTES = HEADER.size + _ZOOMS_BYTES + SUMMARY.size
_PER_BLOCK = 1024
_MANY_PENDING = 1 << 14
_STRETCHES, _FIXED_WIDTH = 1, 3


class BigWigStream:
    """A bigWig that is written from its first record to its last.

    Chromosomes are numbered by name; records come in that order, and by position.

    Args:
        path: the file to write.
        chrom_sizes: length in bp of every chromosome.
        finest_zoom_bp: width of the stretches of the finest zoom level.

    Raises:
        OSError: the file cannot be written, as on a full disk.
    """

    def __init__(self, path: Path, chrom_sizes: Mapping[str, int], finest_zoom_bp: int) -> None:
        self._numbers = {chrom: number for number, chrom in enumerate(sorted(chrom_sizes))}
        self._reductions_bp = [finest_zoom_bp * 4**level for level in range(_N_ZOOMS)]
        self._zooms = [_ZoomBlocks() for _ in self._reductions_bp]
        self._blocks: list[Block] = []
        self._pending: list[np.ndarray] = []
        self._n_pending = 0
        self._n_records = 0
        self._totals = (0, np.inf, -np.inf, 0.0, 0.0)
        self._file = open(path, "wb")  # noqa: SIM115
        # The header is known at the end.
        self._file.write(bytes(_HEADERS_BYTES))
        self._tree_at = self._file.tell()
        self._file.write(chromosome_tree({chrom: chrom_sizes[chrom] for chrom in self._numbers}, self._tree_at))
        self._data_at = self._file.tell()
        self._file.write(_COUNT.pack(0))

    def add(self, chrom: str, records: Records) -> None:
        """Append records, which have any widths."""
        rows = np.empty(len(records.start), STRETCH)
        rows["start"], rows["end"], rows["value"] = records
        self._add(chrom, records._replace(value=rows["value"]), rows, _STRETCHES, 0)

    def add_fixed(self, chrom: str, start: int, width_bp: int, values: Float[np.ndarray, " record"]) -> None:
        """Append neighbours of one width, from `start` on."""
        starts = start + width_bp * np.arange(len(values), dtype=np.int64)
        rows = values.astype("<f4")
        self._add(chrom, Records(starts, starts + width_bp, rows), rows, _FIXED_WIDTH, width_bp)

    def finish(self) -> None:
        """Write the zoom levels, the indices and the header, and close the file."""
        self._end_chromosomes()
        for zoom in self._zooms:
            zoom.flush()
        index_at = self._write_index(self._blocks, len(self._blocks), 1)
        # A level as long as the signal itself saves nothing.
        zooms = [
            self._write_zoom(reduction_bp, zoom)
            for reduction_bp, zoom in zip(self._reductions_bp, self._zooms, strict=True)
            if zoom.n_summaries <= self._n_records / 2
        ]
        self._file.write(MAGIC)
        covered, low, high, total, squares = self._totals
        self._file.seek(0)
        places = (self._tree_at, self._data_at, index_at, 0, 0, 0, HEADER.size + _ZOOMS_BYTES, LARGEST_BLOCK, 0)
        self._file.write(HEADER.pack(int.from_bytes(MAGIC, "little"), _VERSION, len(zooms), *places))
        self._file.write(b"".join(zooms).ljust(_ZOOMS_BYTES, b"\0"))
        self._file.write(SUMMARY.pack(covered, low if covered else 0, high if covered else 0, total, squares))
        self._file.seek(self._data_at)
        self._file.write(_COUNT.pack(len(self._blocks)))
        self._file.close()

    def abandon(self) -> None:
        """Close a file that is not finished."""
        # On a full disk closing fails as writing did.
        with suppress(OSError):
            self._file.close()

    def _add(self, chrom: str, records: Records, rows: np.ndarray, kind: int, width_bp: int) -> None:
        number = self._numbers[chrom]
        for low in range(0, len(rows), _PER_BLOCK):
            part = rows[low : low + _PER_BLOCK]
            start, end = int(records.start[low]), int(records.end[low + len(part) - 1])
            header = np.array([(number, start, end, width_bp, width_bp, kind, 0, len(part))], BLOCK_HEADER)
            place = self._file.tell(), self._file.write(zlib.compress(header.tobytes() + part.tobytes()))
            self._blocks.append(Block(number, start, number, end, *place))
        self._n_records += len(rows)
        self._count(records)
        if self._n_pending >= _MANY_PENDING and self._pending[-1]["chrom"][0] != number:
            self._end_chromosomes()
        if len(rows):
            self._pending.append(summarise(number, records, self._reductions_bp[0]))
            self._n_pending += len(self._pending[-1])

    def _count(self, records: Records) -> None:
        value, width = records.value.astype(np.float64), records.end - records.start
        covered, low, high, total, squares = self._totals
        self._totals = (
            covered + int(width.sum()),
            float(np.fmin.reduce(value, initial=low)),
            float(np.fmax.reduce(value, initial=high)),
            total + float(np.nansum(value * width)),
            squares + float(np.nansum(value**2 * width)),
        )

    def _end_chromosomes(self) -> None:
        """Summarise the chromosomes whose records are all there: thousands of short ones at once."""
        if self._pending:
            finest = np.concatenate(self._pending)
            for zoom, level in zip(self._zooms, zoom_levels(finest, self._reductions_bp), strict=True):
                zoom.add(level)
            self._pending, self._n_pending = [], 0

    def _write_zoom(self, reduction_bp: int, zoom: "_ZoomBlocks") -> bytes:
        """Write a zoom level; its header."""
        data_at = self._file.tell()
        self._file.write(struct.pack("<I", zoom.n_summaries))
        blocks = []
        for block, content in zoom.blocks:
            blocks.append(block._replace(offset=self._file.tell(), size=len(content)))
            self._file.write(content)
        return ZOOM.pack(reduction_bp, 0, data_at, self._write_index(blocks, zoom.n_summaries, _PER_BLOCK))

    def _write_index(self, blocks: Sequence[Block], n_items: int, per_block: int) -> int:
        """Write the index of some blocks; its place in the file."""
        at = self._file.tell()
        self._file.write(block_index(blocks, n_items, per_block, at))
        return at


class _ZoomBlocks:
    """A zoom level's summaries, compressed block by block as they come."""

    def __init__(self) -> None:
        self.n_summaries = 0
        self.blocks: list[tuple[Block, bytes]] = []
        self._pending = np.zeros(0, ZOOM_RECORD)

    def add(self, summaries: Shaped[np.ndarray, " summary"]) -> None:
        """Append summaries of one chromosome; a block may hold several chromosomes."""
        self._pending = np.concatenate([self._pending, summaries])
        while len(self._pending) >= _PER_BLOCK:
            self._end_block(_PER_BLOCK)

    def flush(self) -> None:
        """Make a block of what is left."""
        if len(self._pending):
            self._end_block(len(self._pending))

    def _end_block(self, count: int) -> None:
        rows, self._pending = self._pending[:count], self._pending[count:]
        self.n_summaries += count
        first, last = rows[0], rows[-1]
        place = Block(int(first["chrom"]), int(first["start"]), int(last["chrom"]), int(last["end"]), 0, 0)
        self.blocks.append((place, zlib.compress(rows.tobytes())))

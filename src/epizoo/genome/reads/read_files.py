"""Reads and fragments from BAM, SAM, CRAM, BED, tagAlign, BEDPE and fragment files, as positions to pile up.

Of a single read only its 5' end and strand are kept, of a pair its outermost positions: 8 or 16 bytes each, so that the
reads of a genome fit in memory.
"""

import gzip
import os
from collections import Counter
from pathlib import Path

from epizoo.errors import InputError
from epizoo.genome.intervals import DAMAGED_GZIP
from epizoo.genome.reads.alignments import Progress, read_alignments
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.read_positions import ReadFile, ReadPositions
from epizoo.genome.reads.text_reads import read_text
from epizoo.genome.reads.text_rows import is_gzip

_BAM_MAGIC, _CRAM_MAGIC = b"BAM\x01", b"CRAM"
_BIGWIG_MAGIC = (bytes.fromhex("26fc8f88"), bytes.fromhex("888ffc26"))
_UNUSED = {
    "as-single": "mapped, primary, of enough mapping quality",
    "template": "mapped, primary, properly paired if paired, of enough mapping quality",
}


def read_positions(
    path: str | os.PathLike[str], config: PileUpConfig | None = None, *, progress: Progress | None = None
) -> ReadFile:
    """Positions of the reads of a file by chromosome, duplicates among them.

    The format is told by the content and the name: BAM, SAM and CRAM; BED of six columns or tagAlign, plain or gzipped:
    single reads; BEDPE of three columns (as MACS writes it) or ten (as bedtools does), by its suffix: fragments;
    fragments of single cells, see `epizoo.genome.reads.text_reads.is_single_cell`.

    Args:
        path: the file.
        config: which reads count.
        progress: called now and then with the bytes that are read and those there are, where that is known.

    Raises:
        InputError: the file is missing, damaged, of another format, or holds no read to use.
    """
    source, chosen = Path(path), config or PileUpConfig()
    if source.is_dir():
        raise InputError(f"{source}: is a folder, expected a file of reads; name the file itself")
    if is_alignment_file(source):
        found = read_alignments(source, chosen, progress)
    elif chosen.min_mapping_quality > 0:
        raise InputError(f"{source}: states no mapping qualities, as BAM does; leave the least mapping quality out")
    else:
        found = read_text(source)
    left_out = Counter(found.left_out)
    genome = {chrom: _of_usual_length(reads, chosen, left_out) for chrom, reads in found.genome.items()}
    if not any(reads.n_reads for reads in genome.values()):
        reasons = "; ".join(f"{n:,} {reason}" for reason, n in left_out.items() if n)
        raise InputError(
            f"{source}: holds no read that can be used ({_UNUSED[chosen.pairs]}"
            f"{'; left out: ' if reasons else ''}{reasons}); check the file and the options"
        )
    return ReadFile(genome, found.sizes, +left_out)


def is_alignment_file(path: Path) -> bool:
    """True if a file is BAM, SAM or CRAM, by its content and name.

    Raises:
        InputError: it is missing, empty or a bigWig.
    """
    try:
        with gzip.open(path, "rb") if is_gzip(path) else open(path, "rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a BAM, BED, tagAlign or BEDPE file of reads") from None
    except DAMAGED_GZIP as error:
        raise InputError(f"{path}: cannot be read ({error}); it is damaged or cut short, copy it again") from None
    if not head:
        raise InputError(f"{path}: the file is empty, expected reads; was it written to its end?")
    if head in _BIGWIG_MAGIC:
        raise InputError(f"{path}: is a bigWig, not reads; give it with --bigwig")
    return head in (_BAM_MAGIC, _CRAM_MAGIC) or path.suffix.lower() in (".bam", ".sam", ".cram")


def _of_usual_length(reads: ReadPositions, config: PileUpConfig, left_out: Counter[str]) -> ReadPositions:
    """The reads less pairs and fragments that are too short or too long, which are counted."""
    length = reads.pair_end - reads.pair_start
    is_usual = (length >= config.min_fragment_bp) & (length <= config.max_fragment_bp)
    if is_usual.all():
        return reads
    left_out[f"not of {config.min_fragment_bp:,} to {config.max_fragment_bp:,} bp (--max-fragment-bp)"] += int(
        (~is_usual).sum()
    )
    return reads._replace(pair_start=reads.pair_start[is_usual], pair_end=reads.pair_end[is_usual])

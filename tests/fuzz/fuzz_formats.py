"""The formats that are fuzzed: a valid file of each, how it is mutated, and how epizoo reads it."""

import gzip
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pysam
import random_entries
import read_writers
from fuzz.fuzz_mutations import Mutate, inside_bgzf, inside_gzip, of_bytes, of_text

from epizoo.files import sha256

SIZES = read_writers.SIZES


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        suffix: end of its name.
        make: the bytes of a valid file.
        mutate: changes them.
        read: reads a file with epizoo, whole.
        check: compares what was read with the bytes, by a parser of its own; raises AssertionError.
    """

    suffix: str
    make: Callable[[], bytes]
    mutate: Mutate
    read: Callable[[Path], Any]
    check: Callable[[bytes, Any], None] | None = None


def _rows(*rows: tuple[Any, ...]) -> Callable[[], bytes]:
    return lambda: "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def _file(write: Callable[[Path], Any], suffix: str) -> Callable[[], bytes]:
    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"x{suffix}")
            write(path)
            return path.read_bytes()

    return make


def _read_bigwig(path: Path) -> dict[str, np.ndarray]:
    from epizoo.genome.signal import BigWig

    with BigWig(path) as bigwig:
        bigwig.covered_blocks(1_000)
        found = {chrom: bigwig.binned(chrom, 0, 2_000, 50) for chrom in list(bigwig.chrom_sizes)[:50]}
    assert all(np.isfinite(values).all() for values in found.values())
    return found


def _read_bed(path: Path) -> Any:
    from epizoo.genome.intervals import read_bed

    return read_bed(path)


def _bed_is(content: bytes, table: Any) -> None:
    """Rows are what a plain reading of the text gives, in the order of the file."""
    lines = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith(("#", "track ", "browser "))]
    rows = [row if len(row) > 2 else row[0].split() for row in rows]
    expected = [(row[0].strip(), int(row[1]), int(row[2])) for row in rows]
    assert list(table[["chrom", "start", "end"]].itertuples(index=False, name=None)) == expected


def _read_sizes(path: Path) -> dict[str, int]:
    from epizoo.genome.intervals import read_chrom_sizes

    return read_chrom_sizes(path)


def _sizes_are(content: bytes, sizes: dict[str, int]) -> None:
    lines = [line.split() for line in content.decode("utf-8-sig").replace("\r", "\n").split("\n")]
    assert sizes == {line[0]: int(line[1]) for line in lines if line and not line[0].startswith("#")}


def _read_reads(path: Path) -> Any:
    from epizoo.genome.reads.pile_up_config import PileUpConfig
    from epizoo.genome.reads.pileup import pile_up

    coverage = pile_up([path], PileUpConfig(), chrom_sizes=None if path.suffix in (".bam", ".sam") else SIZES)
    for chrom, size in list(coverage.chrom_sizes.items())[:5]:
        values = coverage.values(chrom, 0, min(size, 50_000))
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    return coverage


def _read_bam_records(path: Path) -> int:
    from epizoo.genome.reads.bam_records import bam_chrom_sizes, read_bam

    sizes = bam_chrom_sizes(path)
    n_records = 0
    for piece in read_bam(path):
        assert ((piece.chrom >= -1) & (piece.chrom < len(sizes))).all()
        n_records += len(piece.chrom)
    return n_records


def _read_binarized(path: Path) -> Any:
    from epizoo.genome.marks import read_binarized

    return read_binarized(path)


def _binarized_is(content: bytes, found: Any) -> None:
    lines = content.decode("utf-8-sig").replace("\r\n", "\n").rstrip("\n").split("\n")
    assert [found.cell, found.chrom] == lines[0].split("\t")
    assert list(found.marks) == lines[1].split("\t")
    assert found.values.tolist() == [[int(value) for value in line.split("\t")] for line in lines[2:]]


def _read_states_model(path: Path) -> Any:
    from epizoo.states.chromhmm_models import read_model

    return read_model(path)


def _states_model() -> bytes:
    rows = [*(("probinit", state, 0.5) for state in (1, 2))]
    rows += [("transitionprobs", a, b, 0.5) for a in (1, 2) for b in (1, 2)]
    for state in (1, 2):
        for number, mark in enumerate(("H3K4me3", "H3K27ac")):
            rows += [("emissionprobs", state, number, mark, 0, 0.3), ("emissionprobs", state, number, mark, 1, 0.7)]
    return _rows((2, 2, "E", -1234.5, 10), *rows)()


def _read_segments(path: Path) -> Any:
    from epizoo.metrics.segmentations import read_segmentation

    return read_segmentation(path)


def _read_labels(path: Path) -> Any:
    from epizoo.metrics.label_files import read_labels

    return read_labels(path)


def _read_peaks(path: Path) -> Any:
    from epizoo.calling.peak_reader import peak_rank, read_peaks, summit_places

    peaks = read_peaks(path)
    peak_rank(peaks)
    summit_places(peaks)
    return peaks


def _read_weights(path: Path) -> Any:
    from flax import nnx

    import epizoo
    from epizoo.models.parameters import build_model
    from epizoo.models.peak_caller.network import PeakCaller
    from epizoo.zoo.weights import read_arrays

    entry = epizoo.load_peak_caller("peak_caller/universal")
    # As if the entry's author had stated the hash of whatever this is.
    return build_model(lambda: PeakCaller(entry.config.model, rngs=nnx.Rngs(0)), read_arrays(path, sha256(path)), path)


def _weights() -> bytes:
    from epizoo.zoo import ZOO_FOLDER

    return Path(ZOO_FOLDER, "peak_caller/universal/weights.safetensors").read_bytes()


def _read_yaml(path: Path) -> Any:
    from epizoo.zoo import ZOO_FOLDER
    from epizoo.zoo.card import render_card
    from epizoo.zoo.loading import load

    if not (path.parent / "dataloader.yaml").exists():
        others = shutil.ignore_patterns("model.yaml")
        shutil.copytree(ZOO_FOLDER / "peak_caller/h3k4me3", path.parent, ignore=others, dirs_exist_ok=True)
    entry = load(path.parent)
    render_card(entry, "x")
    return entry.config


def _yaml() -> bytes:
    from epizoo.zoo import ZOO_FOLDER

    return Path(ZOO_FOLDER, "peak_caller/h3k4me3/model.yaml").read_bytes()


_BED = _rows(
    *(("chr1", 100 * i, 100 * i + 50, f"r{i}", i, "+-"[i % 2]) for i in range(12)), ("chr2", 5, 90, "x", 0, "+")
)
_FRAGMENTS = _rows(*(("chr1", 40 * i, 40 * i + 150, f"ACGTACG{'ACG'[i % 3]}-1", 1 + i % 4) for i in range(30)))
_PAIRS = _rows(
    *(("chr1", 50 * i, 50 * i + 40, "chr1", 50 * i + 90, 50 * i + 130, f"p{i}", 60, "+", "-") for i in range(20))
)
_NARROW = _rows(*(("chr1", 900 * i, 900 * i + 300, f"p{i}", 10 * i, ".", 2.5 * i, i, i / 2, 150) for i in range(9)))
_STATES = _rows(*(("chr1", 200 * i, 200 * i + 200, f"E{1 + i % 4}") for i in range(20)))
_LABELS = _rows(
    ("chrom", "start", "end", "annotation"),
    *(("chr1", 900 * i, 900 * i + 300, ("peaks", "noPeaks", "peakStart", "peakEnd")[i % 4]) for i in range(9)),
)
_MARKS = _rows(("K562", "chr1"), ("H3K4me3", "H3K27ac"), *((i % 2, i % 3) for i in range(40)))


def _write_bam(path: Path) -> None:
    read_writers.write_paired_bam(path, [("chr1", 40 * i, 40 * i + 200, i % 5 > 0) for i in range(60)])


def _write_sam(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bam = Path(folder, "x.bam")
        _write_bam(bam)
        path.write_text(pysam.view("-h", str(bam)))


FORMATS = {
    "bigwig": Format(".bw", _file(random_entries.write_bigwig, ".bw"), of_bytes, _read_bigwig),
    "bed": Format(".bed", _BED, of_text, _read_bed, _bed_is),
    "bed.gz": Format(".bed.gz", lambda: gzip.compress(_BED(), mtime=0), inside_gzip(of_text), _read_bed),
    "chrom.sizes": Format(".sizes", _rows(*SIZES.items()), of_text, _read_sizes, _sizes_are),
    "reads_bed": Format(".bed", _BED, of_text, _read_reads),
    "bedpe": Format(".bedpe", _PAIRS, of_text, _read_reads),
    "fragments.gz": Format(".tsv.gz", lambda: gzip.compress(_FRAGMENTS(), mtime=0), inside_gzip(of_text), _read_reads),
    "bam": Format(".bam", _file(_write_bam, ".bam"), inside_bgzf, _read_reads),
    "bam_records": Format(".bam", _file(_write_bam, ".bam"), inside_bgzf, _read_bam_records),
    "sam": Format(".sam", _file(_write_sam, ".sam"), of_text, _read_reads),
    "binarized": Format("_binary.txt", _MARKS, of_text, _read_binarized, _binarized_is),
    "chromhmm_model": Format(".txt", _states_model, of_text, _read_states_model),
    "segments": Format(".bed", _STATES, of_text, _read_segments),
    "labels": Format(".tsv", _LABELS, of_text, _read_labels),
    "narrowpeak": Format(".narrowPeak", _NARROW, of_text, _read_peaks),
    "weights": Format(".safetensors", _weights, of_bytes, _read_weights),
    "model.yaml": Format("/model.yaml", _yaml, of_text, _read_yaml),
}

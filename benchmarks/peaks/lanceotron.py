"""Candidates and scores of peak_caller/lanceotron beside those of LanceOtron's own program, and what both cost.

    pip install lanceotron==1.2.7 tensorflow-cpu==2.15.1 "setuptools<70"     # in an environment of its own, Python 3.11
    python -m benchmarks.peaks.lanceotron --data DIR --lanceotron LANCEOTRON -o benchmarks/peaks/lanceotron.json

LANCEOTRON is the path of its command. Each signal is written as a bigWig of RPKM at some depth (the sum of the signal
over 1e9, which is the mean length of its fragments), which LanceOtron takes as it is: ATAC-seq of HSC (chr1, of which
10 Mb are known), CTCF of GM12878 (chr22), H3K4me3 of K562 (2.5 Mb of chr1), and simulated reads (chr21 and chr22).
A sequence of even signal beside them stands for the rest of the genome. Both programs run from file to file, their
start included, one after the other.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyBigWig
from benchmarks.measuring import EPIZOO, measure
from benchmarks.peaks.genome_speed import coverage

from epizoo.genome.assemblies import chrom_sizes
from epizoo.genome.reads.pileup import pile_up

HG19 = chrom_sizes("hg19")
REST, REST_BP, GENOME_BP = "chrX", 60_000_000, 3_095_693_983
DEPTHS = (60, 200, 340)
SCORES = {
    "overall_peak_score": "overallScore",
    "shape_score": "shapeScore",
    "enrichment_score": "enrichmentScore",
}
PLACES = ["chrom", "start", "end"]


class Runs(NamedTuple):
    """Stretches of one value each."""

    chrom: str
    start: np.ndarray
    end: np.ndarray
    value: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lanceotron", required=True, help="the program")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON to write")
    options = parser.parse_args()
    found = {}
    for title, depth, read, known_bp in signals(options.data):
        with tempfile.TemporaryDirectory() as name:
            bigwig = Path(name) / "signal.bw"
            write(bigwig, list(read()), depth, known_bp)
            found[f"{title}, depth {depth}"] = figures = compare(bigwig, options.lanceotron)
            print(f"{title}, depth {depth}: {figures}")
    options.output.write_text(json.dumps(found, indent=1) + "\n")


def signals(data: Path) -> Iterator[tuple[str, int, Callable[[], Iterator[Runs]], int]]:
    """Title, depth, signal, and how many bp of the genome it tells of."""
    hsc = data / "peaks/atac_hsc/HSC.5M.chr1_10mb.coverage.bw"
    k562 = data / "peaks/controls/normr_k562/K562_H3K4me3.bam"
    ctcf = data / "peaks/ctcf_chr22/CTCF_PE_ChIP_chr22_50k.bedpe.gz"
    for depth in DEPTHS:
        yield "ATAC-seq, HSC", depth, lambda: of_bigwig(hsc, "chr1"), 10_000_000
        yield "simulated reads", depth, simulated, HG19["chr21"] + HG19["chr22"]
    yield "CTCF, GM12878", 200, lambda: of_reads(ctcf, "chr22"), HG19["chr22"]
    yield "H3K4me3, K562", 200, lambda: of_reads(k562, "chr1"), 2_500_000


def of_bigwig(path: Path, chrom: str) -> Iterator[Runs]:
    """The signal of a chromosome of a file."""
    with pyBigWig.open(str(path)) as bigwig:
        yield Runs(chrom, *map(np.array, zip(*bigwig.intervals(chrom), strict=True)))


def of_reads(path: Path, chrom: str) -> Iterator[Runs]:
    """Fragments piled up."""
    runs = pile_up(path, chrom_sizes={chrom: HG19[chrom]}).runs(chrom, 0, HG19[chrom])
    kept = runs.value > 0
    yield Runs(chrom, runs.start[kept], runs.end[kept], runs.value[kept])


def simulated() -> Iterator[Runs]:
    """Reads of 25 million over a genome, 3 of 10 in peaks."""
    rng = np.random.default_rng(0)
    for chrom in ("chr21", "chr22"):
        start, end, value = coverage(rng, HG19[chrom], 25_000_000 * HG19[chrom] // GENOME_BP)
        yield Runs(chrom, start[value > 0], end[value > 0], value[value > 0])


def write(path: Path, signal: list[Runs], depth: float, known_bp: int) -> None:
    """A bigWig of a depth, in which the rest of the genome is one sequence of even signal."""
    area = sum(float((runs.value * (runs.end - runs.start)).sum()) for runs in signal)
    factor = depth * 1e9 / (area / known_bp * GENOME_BP)
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([(runs.chrom, HG19[runs.chrom]) for runs in signal] + [(REST, REST_BP)])
        for runs in signal:
            values = (runs.value * factor).astype(float).tolist()
            bigwig.addEntries([runs.chrom] * len(values), runs.start.tolist(), ends=runs.end.tolist(), values=values)
        bigwig.addEntries([REST], [0], ends=[REST_BP], values=[(depth * 1e9 - factor * area) / REST_BP])


def compare(bigwig: Path, lanceotron: str) -> dict[str, float]:
    """Candidates of both programs, the largest difference of a score, and what they cost."""
    table = bigwig.parent / "peaks.parquet"
    own = measure([lanceotron, "callPeaks", str(bigwig), "-f", str(bigwig.parent)])
    given = ["--bigwig", str(bigwig), "--enter-probability", "0", "-o", str(table)]
    ours = measure([*EPIZOO, "call-peaks", "peak_caller/lanceotron", *given])
    theirs = pd.read_csv(bigwig.parent / f"{bigwig.stem}_L-tron.bed", sep="\t")
    both = pd.read_parquet(table).merge(theirs, on=PLACES)
    differences = [(both[column] - both[name]).abs().max() for name, column in SCORES.items()]
    return {
        "candidates of lanceotron": len(theirs),
        "candidates of the entry": len(pd.read_parquet(table)),
        "candidates of both": len(both),
        "of these with the same summit": int((both["start"] + both["peak"] == both["max_coverage_position"]).sum()),
        "peaks above 0.5 of lanceotron": int((theirs["overall_peak_score"] > 0.5).sum()),
        "peaks above 0.5 of both": int(((both["overall_peak_score"] > 0.5) & (both["overallScore"] > 0.5)).sum()),
        "largest difference of a score": float(f"{max(differences):.2g}"),
        "processor seconds of lanceotron": round(own.cpu_seconds, 1),
        "processor seconds of the entry": round(ours.cpu_seconds, 1),
        "peak MB of lanceotron": round(own.peak_mb),
        "peak MB of the entry": round(ours.peak_mb),
    }


if __name__ == "__main__":
    main()

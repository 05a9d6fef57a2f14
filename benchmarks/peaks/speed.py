"""Speed and peak memory of calling peaks on a whole chromosome 1, beside MACS3, all in one run.

    pip install -r benchmarks/peaks/requirements.txt      # in an environment of its own; --macs3 names its program
    python -m benchmarks.peaks.speed --macs3 MACS3 -o benchmarks/peaks/speed.json

The reads are synthetic: as many as an experiment of --reads million reads has on human chr1 (8% of the genome), 3 of 10
of them in peaks. From coverage: epizoo from a bigWig, MACS3 from a bedGraph (`bdgcmp -m ppois` against a flat
background, then `bdgpeakcall`). From reads: both from one BAM. Each job is a process of its own, its start included;
jobs take turns, so that other work on the machine slows them alike, and the best of --repeat is shown.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyBigWig
import pysam
from benchmarks.measuring import EPIZOO, best_of, show

from epizoo.genome.reads.pileup import ReadCoverage, pile_up

CHR1_BP = 248_956_422
SHARE_OF_CHR1, SHARE_IN_PEAKS = 0.08, 0.3
GAP = (121_500_000, 143_000_000)
READ_BP, FRAGMENT_BP = 50, 200
CHUNK_BP = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--macs3", help="the program; MACS3 is left out where there is none")
    parser.add_argument("--entry", default="peak_caller/h3k4me3", help="entry or folder")
    parser.add_argument("--reads", type=float, default=25, help="million reads of the whole genome")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_reads = write_inputs(folder, options)
        best = best_of(jobs(folder, options), options.repeat)
    about = {"entry": options.entry, "reads_on_chr1": n_reads, "seed": options.seed}
    show(f"chr1, {n_reads / 1e6:.1f} million reads", best, options.output, **about)


def jobs(folder: Path, options: argparse.Namespace) -> dict[str, list[list[str]]]:
    """The commands of each job, which run one after the other."""
    epizoo = [*EPIZOO, "call-peaks", options.entry]
    peaks = ["-o", str(folder / "x.narrowPeak")]
    found = {
        "epizoo, from a bigWig": [[*epizoo, "--bigwig", str(folder / "chr1.bw"), *peaks]],
        "epizoo, from BAM": [[*epizoo, "--reads", str(folder / "chr1.bam"), *peaks]],
    }
    macs3 = options.macs3 or shutil.which("macs3")
    if macs3:
        out = ["--outdir", str(folder)]
        bdgcmp = [macs3, "bdgcmp", "-t", str(folder / "chr1.bdg"), "-c", str(folder / "flat.bdg"), "-m", "ppois"]
        score = str(folder / "ppois.bdg")
        found["macs3 bdgcmp and bdgpeakcall, from a bedGraph"] = [
            [*bdgcmp, "-p", "0.3", "-o", score],
            [macs3, "bdgpeakcall", "-i", score, "-c", "5", "-l", "200", "-g", "100", "-o", str(folder / "x.bed")],
        ]
        found["macs3 bdgpeakcall alone"] = [found["macs3 bdgcmp and bdgpeakcall, from a bedGraph"][1]]
        callpeak = [macs3, "callpeak", "-t", str(folder / "chr1.bam"), "-f", "BAM", "-g", str(CHR1_BP), "-n", "x"]
        found["macs3 callpeak, from BAM"] = [[*callpeak, "--nomodel", "--extsize", str(FRAGMENT_BP), *out]]
    return found


def write_inputs(folder: Path, options: argparse.Namespace) -> int:
    """The same reads as BAM, bigWig and bedGraph, and a flat background; returns how many reads."""
    rng = np.random.default_rng(options.seed)
    n_reads = int(options.reads * 1e6 * SHARE_OF_CHR1)
    fives = simulate(rng, n_reads)
    is_reverse = rng.random(len(fives)) < 0.5
    starts = np.where(is_reverse, fives + FRAGMENT_BP - READ_BP, fives)
    order = np.argsort(starts, kind="stable")
    write_bam(folder / "chr1.bam", starts[order], is_reverse[order])
    coverage = pile_up(folder / "chr1.bam")
    write_coverage(folder, coverage)
    mean = coverage.summary.covered_bp / CHR1_BP
    (folder / "flat.bdg").write_text(f"chr1\t0\t{CHR1_BP}\t{mean:.5f}\n")
    return len(fives)


def simulate(rng: np.random.Generator, n_reads: int) -> np.ndarray:
    """Starts of fragments: background, peaks of very different heights, and a gap."""
    heights = rng.gamma(0.7, 1.0, 3_000)
    counts = rng.multinomial(int(n_reads * SHARE_IN_PEAKS), heights / heights.sum())
    centres = np.repeat(rng.integers(100_000, CHR1_BP - 100_000, len(heights)), counts)
    peaks = centres + rng.normal(0, 300, len(centres)).astype(int)
    background = rng.integers(0, CHR1_BP - FRAGMENT_BP, n_reads - len(peaks))
    starts = np.concatenate([peaks, background])
    return starts[(starts < GAP[0]) | (starts >= GAP[1])]


def write_bam(path: Path, starts: np.ndarray, is_reverse: np.ndarray) -> None:
    header = pysam.AlignmentHeader.from_references(["chr1"], [CHR1_BP])
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        read = pysam.AlignedSegment(header)
        read.query_name, read.reference_id, read.mapping_quality = "read", 0, 60
        read.query_sequence, read.cigartuples = "A" * READ_BP, [(0, READ_BP)]
        for start, reverse in zip(starts.tolist(), is_reverse.tolist(), strict=True):
            read.reference_start, read.flag = start, 16 if reverse else 0
            file.write(read)


def write_coverage(folder: Path, coverage: ReadCoverage) -> None:
    with pyBigWig.open(str(folder / "chr1.bw"), "w") as bigwig, open(folder / "chr1.bdg", "w") as bedgraph:
        bigwig.addHeader([("chr1", CHR1_BP)])
        for low in range(0, CHR1_BP, CHUNK_BP):
            high = min(low + CHUNK_BP, CHR1_BP)
            values = coverage.values("chr1", low, high)
            edges = np.flatnonzero(np.diff(values, prepend=-1, append=-1))
            heights = values[edges[:-1]]
            starts, ends = edges[:-1] + low, edges[1:] + low
            rows = zip(starts.tolist(), ends.tolist(), heights.astype(int).tolist(), strict=True)
            bedgraph.writelines(f"chr1\t{start}\t{end}\t{height}\n" for start, end, height in rows)
            kept = heights > 0
            if kept.any():
                names = np.full(kept.sum(), "chr1")
                bigwig.addEntries(names, starts[kept], ends=ends[kept], values=heights[kept].astype(float))


if __name__ == "__main__":
    main()

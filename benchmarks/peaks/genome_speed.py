"""Speed and peak memory of calling peaks on a whole human genome, from a bigWig, beside MACS3, all in one run.

    python -m benchmarks.peaks.genome_speed --macs3 MACS3 -o benchmarks/peaks/genome_speed.json

The coverage is synthetic: 25 million reads of 200 bp over the chromosomes of hg38, 3 of 10 of them in peaks, which
makes 42 million records. epizoo calls peaks from a bigWig, MACS3 from a bedGraph of the same values (`bdgcmp -m ppois`
against a flat background, then `bdgpeakcall`). Each job is a process of its own, its start included; jobs take turns,
and the best of --repeat is shown. With --keep the inputs stay in a folder, and are used again.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyBigWig
from benchmarks.measuring import EPIZOO, best_of, show

from epizoo.genome.assemblies import chrom_sizes

FRAGMENT_BP, SHARE_IN_PEAKS = 200, 0.3
PEAKS_PER_MB, PEAK_SD_BP = 12, 300
FEWEST_BP = 40_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--macs3", help="the program; MACS3 is left out where there is none")
    parser.add_argument("--entry", nargs="+", default=["peak_caller/universal", "peak_caller/h3k4me3"])
    parser.add_argument("--reads", type=float, default=25, help="million reads of the whole genome")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the inputs, which are written where it has none")
    parser.add_argument("-o", "--output", type=Path, help="JSON to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        if not (folder / "flat.bdg").exists():
            write_inputs(folder, int(options.reads * 1e6), np.random.default_rng(options.seed))
        best = best_of(jobs(folder, options), options.repeat)
    about = {"million_reads": options.reads, "seed": options.seed}
    show(f"hg38, {options.reads:g} million reads", best, options.output, **about)


def jobs(folder: Path, options: argparse.Namespace) -> dict[str, list[list[str]]]:
    """The commands of each job, which run one after the other."""
    given = ["--bigwig", str(folder / "genome.bw"), "-o", str(folder / "x.narrowPeak")]
    found = {entry: [[*EPIZOO, "call-peaks", entry, *given]] for entry in options.entry}
    macs3 = options.macs3 or shutil.which("macs3")
    if macs3:
        score, inputs = str(folder / "ppois.bdg"), (str(folder / "genome.bdg"), str(folder / "flat.bdg"))
        found["macs3 bdgcmp and bdgpeakcall"] = [
            [macs3, "bdgcmp", "-t", inputs[0], "-c", inputs[1], "-m", "ppois", "-p", "0.3", "-o", score],
            [macs3, "bdgpeakcall", "-i", score, "-c", "5", "-l", "200", "-g", "100", "-o", str(folder / "x.bed")],
        ]
    return found


def write_inputs(folder: Path, n_reads: int, rng: np.random.Generator) -> None:
    """The same coverage as bigWig and bedGraph, and a flat background as bedGraph."""
    folder.mkdir(exist_ok=True)
    sizes = {chrom: size for chrom, size in chrom_sizes("hg38").items() if size >= FEWEST_BP}
    genome_bp, n_records = sum(sizes.values()), 0
    with pyBigWig.open(str(folder / "genome.bw"), "w") as bigwig, open(folder / "genome.bdg", "w") as bedgraph:
        bigwig.addHeader(list(sizes.items()))
        for chrom, size in sizes.items():
            starts, ends, heights = coverage(rng, size, n_reads * size // genome_bp)
            kept = heights > 0
            n_records += int(kept.sum())
            bigwig.addEntries(
                np.full(kept.sum(), chrom), starts[kept], ends=ends[kept], values=heights[kept].astype(float)
            )
            rows = zip(starts.tolist(), ends.tolist(), heights.tolist(), strict=True)
            bedgraph.writelines(f"{chrom}\t{start}\t{end}\t{height}\n" for start, end, height in rows)
    print(f"{n_records:,} records in the bigWig")
    mean = n_reads * FRAGMENT_BP / genome_bp
    (folder / "flat.bdg").write_text("".join(f"{chrom}\t0\t{size}\t{mean:.5f}\n" for chrom, size in sizes.items()))


def coverage(rng: np.random.Generator, size: int, n_reads: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, ends and heights of stretches of equal coverage: background, peaks of very different heights, a gap."""
    heights = rng.gamma(0.7, 1.0, size * PEAKS_PER_MB // 1_000_000)
    counts = rng.multinomial(int(n_reads * SHARE_IN_PEAKS), heights / heights.sum())
    centres = np.repeat(rng.integers(100_000, size - 100_000, len(heights)), counts)
    in_peaks = centres + rng.normal(0, PEAK_SD_BP, len(centres)).astype(int)
    background = rng.integers(0, size - FRAGMENT_BP, n_reads - len(in_peaks))
    reads = np.concatenate([in_peaks, background])
    # An assembly gap of a thirtieth of the chromosome.
    reads = reads[(reads < size // 2) | (reads >= size // 2 + size // 30)]
    places, at = np.unique(np.concatenate([reads, reads + FRAGMENT_BP]), return_inverse=True)
    steps = np.bincount(at, np.repeat([1, -1], len(reads))).astype(int)
    changed = steps != 0
    edges = np.concatenate([[0], places[changed], [size]])
    values = np.concatenate([[0], np.cumsum(steps[changed])])
    spans = edges[1:] > edges[:-1]
    return edges[:-1][spans], edges[1:][spans], values[spans]


if __name__ == "__main__":
    main()

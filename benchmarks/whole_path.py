"""Speed and peak memory of the whole path, file in and file out, of both kinds of entry.

    python -m benchmarks.whole_path                 # a synthetic chromosome of 249 Mbp
    python -m benchmarks.whole_path --data DIR      # and real data: the largest H3K4me3 bigWig, the genome of GM12878

Each job is the command `epizoo …` in a process of its own, its start and compilation included; the best of --repeat.
"""

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyBigWig
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import EPIZOO, measure
from epizoo.compilation import usable_cores
from epizoo.genome.marks import BinarizedChromosome, decode, write_binarized
from epizoo.zoo import load

CHR1_BP = 248_956_422
GAP = (121_500_000, 143_000_000)
BLOCK_BP = 10_000_000
READ_BP = 200


class Job(NamedTuple):
    """One command, and how many base pairs and bins it works on."""

    name: str
    arguments: list[str]
    bp: int
    bins: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the real data")
    parser.add_argument("--peak-caller", default="peak_caller/h3k4me3", help="entry or folder")
    parser.add_argument("--states", default="chromatin_states/encode-10", help="entry or folder")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = synthetic_jobs(folder, options) + (real_jobs(folder, options) if options.data else [])
        table = Table(title=f"{usable_cores()} cores", box=None, title_justify="left")
        for column in ("job", "Mbp", "million bins", "seconds", "CPU seconds", "million bins/s", "peak MB"):
            table.add_column(column, justify="left" if column == "job" else "right")
        for job in jobs:
            best = min(measure([*EPIZOO, *job.arguments]) for _ in range(options.repeat))
            speed = job.bins / 1e6 / best.seconds
            figures = (job.bp / 1e6, job.bins / 1e6, best.seconds, best.cpu_seconds, speed)
            table.add_row(job.name, *(f"{figure:,.2f}" for figure in figures), f"{best.peak_mb:,.0f}")
        Console(width=120).print(table)


def synthetic_jobs(folder: Path, options: argparse.Namespace) -> list[Job]:
    rng = np.random.default_rng(options.seed)
    signal, marks = folder / "chr1.bw", folder / "marks"
    write_signal(signal, rng)
    entry = load(options.states)
    write_marks(marks, entry.channels, rng)
    bins = CHR1_BP // entry.window.bin_bp
    states = ["annotate", options.states, "--binarized", str(marks), "-o", str(folder / "states.bed")]
    return [
        *peak_jobs("chr1, synthetic", signal, CHR1_BP, folder, options),
        Job("states: chr1, synthetic", states, CHR1_BP, bins),
    ]


def real_jobs(folder: Path, options: argparse.Namespace) -> list[Job]:
    tracks = (options.data / "peaks/histone_labels/coverage").glob("H3K4me3.*.bw")
    signal = max(tracks, key=lambda path: path.stat().st_size)
    with pyBigWig.open(str(signal)) as bigwig:
        bp = sum(bigwig.chroms().values())
    marks = folder / "gm12878"
    bins = write_codes(options.data / "states/wholegenome_hg19/GM12878_codes9.npz", marks)
    states = ["annotate", options.states, "--binarized", str(marks), "-o", str(folder / "gm12878.bed")]
    return [
        *peak_jobs(signal.name.removesuffix(".bw"), signal, bp, folder, options),
        Job("states: genome of GM12878", states, 200 * bins, bins),
        Job("states: the same, with posteriors", [*states, "--posteriors", str(folder)], 200 * bins, bins),
    ]


def peak_jobs(name: str, signal: Path, bp: int, folder: Path, options: argparse.Namespace) -> list[Job]:
    bins = bp // load(options.peak_caller).window.bin_bp
    peaks = ["call-peaks", options.peak_caller, "--bigwig", str(signal), "-o", str(folder / "x.narrowPeak")]
    return [
        Job(f"peaks: {name}", peaks, bp, bins),
        Job("peaks: the same, with probabilities", [*peaks, "--probabilities", str(folder / "p.bw")], bp, bins),
    ]


def write_signal(path: Path, rng: np.random.Generator, n_background: int = 1_600_000, n_peaks: int = 2500) -> None:
    """Coverage by reads over a chromosome like human chr1: background, peaks of very different heights, and a gap."""
    centres = np.sort(rng.integers(BLOCK_BP // 100, CHR1_BP - BLOCK_BP // 100, n_peaks))
    heights = rng.gamma(1.0, 160.0, n_peaks).astype(int)
    starts = np.repeat(centres, heights) + rng.normal(0, 400, heights.sum()).astype(int)
    starts = np.sort(np.concatenate([rng.integers(0, CHR1_BP - READ_BP, n_background), starts]))
    starts = starts[(starts < GAP[0]) | (starts >= GAP[1])]
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([("chr1", CHR1_BP)])
        for low in range(0, CHR1_BP, BLOCK_BP):
            high = min(low + BLOCK_BP, CHR1_BP)
            inside = starts[np.searchsorted(starts, low - READ_BP) : np.searchsorted(starts, high)] - low
            steps = np.bincount(np.maximum(inside, 0), minlength=high - low + 1)
            steps -= np.bincount(np.minimum(inside + READ_BP, high - low), minlength=high - low + 1)
            coverage = np.cumsum(steps)[:-1]
            edges = np.flatnonzero(np.diff(coverage, prepend=-1, append=-1))
            values = coverage[edges[:-1]].astype(float)
            kept = values > 0
            if kept.any():
                names = np.full(kept.sum(), "chr1")
                bigwig.addEntries(names, edges[:-1][kept] + low, ends=edges[1:][kept] + low, values=values[kept])


def write_marks(folder: Path, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """Runs of equal bins, 7 on average, most of them empty, as in real marks."""
    folder.mkdir()
    n_bins = CHR1_BP // 200
    runs = rng.geometric(1 / 7, n_bins // 3)
    rows = (rng.uniform(size=(len(runs), len(names))) < 0.2) & (rng.uniform(size=(len(runs), 1)) < 0.15)
    values = np.repeat(rows, runs, axis=0)[:n_bins].astype(np.uint8)
    write_binarized(folder / "cell_chr1_binary.txt", BinarizedChromosome("cell", "chr1", names, values))


def write_codes(path: Path, folder: Path) -> int:
    """A genome of codes as ChromHMM's text; returns the number of bins."""
    folder.mkdir()
    n_bins = 0
    with np.load(path, allow_pickle=False) as codes:
        names = tuple(map(str, codes["marks"]))
        for chrom in codes.files:
            if chrom != "marks":
                values = decode(codes[chrom], len(names))
                n_bins += len(values)
                chromosome = BinarizedChromosome("GM12878", chrom, names, values)
                write_binarized(folder / f"GM12878_{chrom}_binary.txt", chromosome)
    return n_bins


if __name__ == "__main__":
    main()

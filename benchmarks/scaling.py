"""What a command costs as its input grows: peaks by bases, a study by samples, learning by bins and by states.

    python -m benchmarks.scaling -o benchmarks/scaling.json --picture benchmarks/scaling.png

Data are simulated, of one density, so that twice the input is twice the work; each point is a whole process, its start
included, and the best of --repeat. A straight line is fitted to the processor time of each row; its R2 and its costs
are written beside the points.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyBigWig
from matplotlib import style
from matplotlib.figure import Figure

from benchmarks.measuring import EPIZOO, Run, best_of, show
from benchmarks.peaks.genome_speed import coverage
from benchmarks.peaks.study import SIZE_BP, reads, write_bam
from epizoo.figures.page import BLUE, MUTED, STYLE, WIDTH_INCHES, round_ticks, save_figure

CHROM_BP, READS_PER_CHROM = 50_000_000, 400_000
N_SITES, N_READS = 300, 300_000
MARKS = ("H3K4me3", "H3K27ac", "H3K4me1", "H3K36me3", "H3K27me3")
BINS = 250_000
HEIGHT_INCHES = 2.0


class Row(NamedTuple):
    """One kind of growth: what is counted, what is removed before each run, and the command of each number."""

    unit: str
    made: Path
    commands: dict[int, list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON to write")
    parser.add_argument("--picture", type=Path, help="picture to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = write_inputs(Path(name), np.random.default_rng(options.seed))
        jobs = {
            f"{what}, {n:,} {row.unit}": [["rm", "-rf", str(row.made)], [*EPIZOO, *command]]
            for what, row in rows.items()
            for n, command in row.commands.items()
        }
        best = best_of(jobs, options.repeat)
    runs = {what: {n: best[f"{what}, {n:,} {row.unit}"] for n in row.commands} for what, row in rows.items()}
    lines = {what: line(found) for what, found in runs.items()}
    show("growing inputs", best, options.output, seed=options.seed, lines=lines)
    print(json.dumps(lines, indent=2))
    if options.picture is not None:
        draw(options.picture, rows, runs, lines)


def line(runs: dict[int, Run]) -> dict[str, float]:
    """The straight line through the processor seconds."""
    numbers, seconds = np.array(list(runs)), np.array([run.cpu_seconds for run in runs.values()])
    slope, start = np.polyfit(numbers, seconds, 1)
    rest = seconds - (start + slope * numbers)
    share = 1 - (rest**2).sum() / ((seconds - seconds.mean()) ** 2).sum()
    return {"seconds_at_0": start, "seconds_for_each": slope, "r2": share}


def draw(path: Path, rows: dict[str, Row], runs: dict[str, dict[int, Run]], lines: dict[str, dict[str, float]]) -> None:
    """Points and lines, a panel for each row."""

    def make() -> Figure:
        figure = Figure((WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
        for axes, (what, row) in zip(figure.subplots(1, len(rows)), rows.items(), strict=True):
            seconds = [run.cpu_seconds for run in runs[what].values()]
            ends, of = np.array([0, max(runs[what])]), lines[what]
            axes.plot(ends, of["seconds_at_0"] + of["seconds_for_each"] * ends, color=MUTED, lw=0.8)
            axes.plot(list(runs[what]), seconds, "o", color=BLUE, ms=3.5)
            axes.set_title(f"{what}\nR² {of['r2']:.3f}")
            axes.set_xlabel(row.unit)
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
            axes.spines[["top", "right"]].set_visible(False)
            round_ticks(axes, "x", 4)
        figure.axes[0].set_ylabel("processor time (s)")
        return figure

    with style.context(STYLE, after_reset=True):
        save_figure(path, make)


def write_inputs(folder: Path, rng: np.random.Generator) -> dict[str, Row]:
    """The inputs, and the commands that take more and more of them."""
    peaks, study, bins, states = {}, {}, {}, {}
    for n_chroms in (1, 2, 4, 8):
        write_bigwig(folder / f"{n_chroms}.bw", n_chroms, rng)
        given = ["--bigwig", str(folder / f"{n_chroms}.bw"), "-o", str(folder / "x.narrowPeak")]
        peaks[n_chroms * CHROM_BP // 1_000_000] = ["call-peaks", "peak_caller/universal", *given]
    places = rng.integers(10_000, SIZE_BP - 10_000, N_SITES)
    samples = ["sample\tgroup\ttreatment"]
    for number in range(1, 9):
        starts = reads(rng, N_READS, places, rng.gamma(2.0, 1.0, N_SITES))
        write_bam(folder / f"s{number}.bam", starts, rng)
        samples.append(f"s{number}\t{'ab'[number % 2]}\ts{number}.bam")
        if number in (2, 4, 6, 8):
            table = folder / f"{number}.tsv"
            table.write_text("\n".join(samples) + "\n")
            study[number] = ["run", str(table), "-o", str(folder / "study"), "--workers", "1"]
    for part in (1, 2, 4, 8):
        marks = folder / f"marks{part}"
        write_marks(marks, part * BINS, rng)
        bins[part * BINS // 1_000] = learning(marks, 8, folder)
    for n_states in (4, 8, 12, 16):
        states[n_states] = learning(folder / "marks2", n_states, folder)
    return {
        "Peaks": Row("Mb", folder / "x.narrowPeak", peaks),
        "Study": Row("samples", folder / "study", study),
        "Learning, 8 states": Row("thousand bins", folder / "zoo", bins),
        "Learning, 500,000 bins": Row("states", folder / "zoo", states),
    }


def learning(marks: Path, n_states: int, folder: Path) -> list[str]:
    """Twenty passes of EM."""
    settings = ["--states", str(n_states), "--max-iterations", "20", "--tolerance", "0", "--name", "made"]
    return ["learn-states", "--binarized", str(marks), *settings, "-o", str(folder / "zoo")]


def write_bigwig(path: Path, n_chroms: int, rng: np.random.Generator) -> None:
    """Coverage of peaks and background on chromosomes of equal length."""
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([(f"chr{number}", CHROM_BP) for number in range(1, n_chroms + 1)])
        for number in range(1, n_chroms + 1):
            starts, ends, heights = coverage(rng, CHROM_BP, READS_PER_CHROM)
            kept = heights > 0
            names = np.full(kept.sum(), f"chr{number}")
            bigwig.addEntries(names, starts[kept], ends=ends[kept], values=heights[kept].astype(float))


def write_marks(folder: Path, n_bins: int, rng: np.random.Generator) -> None:
    """Binarised marks of a chain of eight states."""
    folder.mkdir()
    stays = rng.random(n_bins) < 0.9
    states = rng.integers(0, 8, n_bins)[np.maximum.accumulate(np.where(stays, 0, np.arange(n_bins)))]
    emissions = rng.beta(0.3, 0.9, (8, len(MARKS)))
    present = rng.random((n_bins, len(MARKS))) < emissions[states]
    header = "cell\tchr1\n" + "\t".join(MARKS)
    np.savetxt(folder / "cell_chr1_binary.txt", present, "%d", "\t", header=header, comments="")


if __name__ == "__main__":
    main()

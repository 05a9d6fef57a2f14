"""A made-up experiment of two chromosomes, whose figures are known."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyBigWig

SIZES = {"chr1": 400_000, "chr2": 250_000}
WIDTH_BP = 50
STATES = [("Low", "255,255,255"), ("Active", "255,0,0"), ("Low", "255,255,255"), ("Weak", "1,2,3")]


class Made(NamedTuple):
    """Files of an experiment, and what they hold."""

    bigwig: Path
    peaks: Path
    states: Path
    intervals: list


def make_experiment(folder):
    """Coverage with 30 peaks, the peaks, and three states."""
    random = np.random.default_rng(5)
    values = {chrom: random.poisson(2, size // WIDTH_BP).astype(float) for chrom, size in SIZES.items()}
    intervals = []
    for chrom, size in SIZES.items():
        for number in range(15):
            start = (number + 1) * size // 17 // WIDTH_BP
            width = int(random.integers(4, 40))
            values[chrom][start : start + width] += random.integers(5, 60)
            intervals.append((chrom, start * WIDTH_BP, (start + width) * WIDTH_BP))
    with pyBigWig.open(str(folder / "a.bw"), "w") as file:
        file.addHeader(list(SIZES.items()))
        for chrom, of in values.items():
            file.addEntries(chrom, 0, values=of.tolist(), span=WIDTH_BP, step=WIDTH_BP)
    rows = [
        f"{chrom}\t{start}\t{end}\tpeak_{i}\t{30 * i}\t.\t{i}.5\t{3 * i}.25\t{2 * i}.5\t{(end - start) // 2}\n"
        for i, (chrom, start, end) in enumerate(intervals)
    ]
    (folder / "a.narrowPeak").write_text("".join(rows))
    states = []
    for chrom, size in SIZES.items():
        edges = [0, 10_000, 12_000, 90_000, 96_000, size]
        for i, (start, end) in enumerate(itertools.pairwise(edges)):
            name, color = STATES[i % 4]
            states.append(f"{chrom}\t{start}\t{end}\t{name}\t0\t.\t{start}\t{end}\t{color}\n")
    (folder / "states.bed").write_text("".join(states))
    return Made(folder / "a.bw", folder / "a.narrowPeak", folder / "states.bed", intervals)

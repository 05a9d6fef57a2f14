"""Cost of calling peaks on draft assemblies, beside one sequence of the same bases.

    python -m benchmarks.peaks.scaffolds -o benchmarks/peaks/scaffolds.json

The coverage is synthetic: bins of 50 bp with 2 reads each, and a peak every 20 kb; only how it is cut differs. Each job
is a process of its own, its start included; jobs take turns, and the best of --repeat is shown.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.measuring import EPIZOO, best_of, show

from epizoo.genome.bigwig.writer import BigWigWriter

BIN_BP, PEAK_EVERY_BP = 50, 20_000
LENGTHS_BP = (2_000, 10_000, 44_000)
"""44 kb is the mean of the first assemblies of wheat, whose 14.5 Gb lie in 320,000 parts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entry", default="peak_caller/universal")
    parser.add_argument("--megabases", type=int, default=640)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON to write")
    options = parser.parse_args()
    n_bp = options.megabases * 1_000_000
    values = coverage(n_bp // BIN_BP, np.random.default_rng(options.seed))
    with tempfile.TemporaryDirectory() as name:
        jobs = {}
        for length_bp in (n_bp, *LENGTHS_BP):
            path = Path(name, f"{length_bp}.bw")
            n_parts = write(path, values, length_bp)
            job = "one sequence" if n_parts == 1 else f"{n_parts:,} scaffolds of {length_bp:,} bp"
            jobs[job] = [[*EPIZOO, "call-peaks", options.entry, "--bigwig", str(path), "-o", f"{path}.narrowPeak"]]
        best = best_of(jobs, options.repeat)
    about = {"entry": options.entry, "megabases": options.megabases, "seed": options.seed}
    show(f"{options.megabases} Mb, {options.entry}", best, options.output, **about)


def coverage(n_bins: int, rng: np.random.Generator) -> np.ndarray:
    """Coverage of each bin."""
    values = rng.poisson(2.0, n_bins).astype(np.float64)
    shape = 40 * np.exp(-0.5 * (np.arange(-10, 11) / 4) ** 2)
    for centre in rng.integers(20, n_bins - 20, n_bins * BIN_BP // PEAK_EVERY_BP):
        values[centre - 10 : centre + 11] += rng.poisson(shape)
    return values


def write(path: Path, values: np.ndarray, length_bp: int) -> int:
    """Cut coverage into scaffolds and write it as a bigWig; the number of scaffolds."""
    n_bins = length_bp // BIN_BP
    n_parts = len(values) // n_bins
    names = sorted(f"scaffold_{number}" for number in range(n_parts))
    with BigWigWriter(path, dict.fromkeys(names, length_bp), BIN_BP) as writer:
        for number, name in enumerate(names):
            writer.add(name, 0, values[number * n_bins : (number + 1) * n_bins])
    return n_parts


if __name__ == "__main__":
    main()

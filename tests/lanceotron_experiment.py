"""A made experiment on which LanceOtron's own numbers are known: steep and wide peaks, ends, gaps, short sequences."""

from pathlib import Path

import numpy as np
import pyBigWig

SIZES = {"chr1": 1_200_000, "chr2": 40_000, "chr3": 15_000, "chr4": 1_500, "chr5": 350, "chr6": 20_000_000}
"""The last one, of even signal, makes the depth that of a genome."""
DEPTH = 200
"""Of the signal: its sum in units of 1e9, as in RPKM of fragments of 200 bp."""
SHALLOW_DEPTH = 60
"""Another that LanceOtron's network knows, of short reads."""
_STEP_BP = 10
_OF_A_FRAGMENT, _OF_CHR6 = 22, 9991.694


def write_experiment(path: Path, depth: float = DEPTH) -> Path:
    """Write the signal as a bigWig; NumPy promises that these random numbers stay the same."""
    factor = depth / DEPTH
    random = np.random.RandomState(0)
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader(list(SIZES.items()))
        for chrom, size in list(SIZES.items())[:-1]:
            values = _signal(random, size // _STEP_BP)
            starts = np.flatnonzero(values >= 0) * _STEP_BP
            ends, kept = (starts + _STEP_BP).tolist(), (values[values >= 0] * _OF_A_FRAGMENT * factor).tolist()
            bigwig.addEntries([chrom] * len(starts), starts.tolist(), ends=ends, values=kept)
        bigwig.addEntries(["chr6"], [0], ends=[SIZES["chr6"]], values=[_OF_CHR6 * factor])
    return path


def _signal(random: np.random.RandomState, n_steps: int) -> np.ndarray:
    """Peaks of many widths and heights on a noisy background; -1 where there is no value."""
    place = np.arange(n_steps)
    rate = np.full(n_steps, 0.05)
    for _ in range(max(n_steps // 300, 3)):
        middle, width = random.uniform(0, n_steps), 10 ** random.uniform(0.7, 2.4)
        rate += 10 ** random.uniform(-1.5, 0.3) * np.exp(-0.5 * ((place - middle) / width) ** 2)
    fragments = random.poisson(rate)
    values = np.convolve(fragments, np.ones(20, int))[:n_steps].astype(float)
    values[(place // 1000 % 7 == 3) & (values == 0)] = -1
    return values


def write_regions(path: Path) -> Path:
    """Write regions of every sequence: at its ends, without signal, and narrower and wider than a window."""
    widths = (60, 301, 1500, 4000)
    rows = [("chr1", start, start + widths[i % 4]) for i, start in enumerate(range(0, 1_190_000, 11_000))]
    rows += [("chr1", 1_199_500, 1_200_000), ("chr2", 0, 90), ("chr2", 19_000, 23_000), ("chr2", 39_900, 40_000)]
    rows += [("chr3", 3, 200), ("chr3", 7_000, 7_101), ("chr3", 14_000, 15_000), ("chr4", 200, 400), ("chr5", 0, 350)]
    path.write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in rows))
    return path

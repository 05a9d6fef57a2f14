"""Small bigWigs of the kinds that people have, written for tests."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyBigWig

SIZES = {"chrM": 16_571, "chr1": 1_200_350, "chr2": 701_010}
BIN_BP = 25


def coverage(seed=0, sizes=SIZES, peak_every=60_000):
    """Reads of 150 bp piled up over each bp: an even background, peaks, and a mitochondrial genome 300 deep."""
    rng = np.random.default_rng(seed)
    found = {}
    for chrom, size in sizes.items():
        n_even = size * 2 if chrom == "chrM" else size // 40
        centres = np.arange(peak_every, size - 2_000, peak_every)
        beside = [rng.normal(centre, 250, 120 + 40 * (i % 5)).astype(int) for i, centre in enumerate(centres)]
        start = np.concatenate([rng.integers(0, max(size - 150, 1), n_even), *beside]).clip(0, size - 1)
        steps = np.bincount(start, minlength=size + 1) - np.bincount((start + 150).clip(max=size), minlength=size + 1)
        found[chrom] = np.cumsum(steps)[:size].astype(np.float32)
    return found


def write_bigwig(path: Path, tracks: Mapping[str, np.ndarray], *, form="stretches", max_zooms=10, gaps_are_nan=False):
    """Write signal as stretches of equal values (zeros left out, or NaN), single bp, or means over fixed bins."""
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader([(chrom, len(values)) for chrom, values in tracks.items()], maxZooms=max_zooms)
        for chrom, values in tracks.items():
            if form == "bins":
                whole = values[: len(values) // BIN_BP * BIN_BP].reshape(-1, BIN_BP).mean(axis=1)
                bigwig.addEntries(chrom, 0, values=whole.tolist(), span=BIN_BP, step=BIN_BP)
            elif form == "bp":
                place = np.flatnonzero(values)
                bigwig.addEntries(chrom, place.tolist(), values=values[place].tolist(), span=1)
            else:
                start = np.flatnonzero(np.diff(values, prepend=np.nan))
                end = np.append(start[1:], len(values))
                value = values[start].astype(float)
                if gaps_are_nan:
                    value[value == 0] = np.nan
                kept = value != 0
                rows = [column[kept].tolist() for column in (start, end, value)]
                if rows[0]:
                    bigwig.addEntries([chrom] * len(rows[0]), rows[0], ends=rows[1], values=rows[2])
    return path

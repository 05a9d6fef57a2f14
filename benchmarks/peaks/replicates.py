"""Replicates called together: does a peak come back as often as it is said to, and how many do, beside MACS3 with IDR.

    python -m benchmarks.peaks.replicates --data DIR --macs3 macs3

Of every experiment with three replicates (or thirds of its reads) two are called together, and the third by itself.
MACS3: peaks of each replicate and of both together at ``-p 0.1``; those of both, with an IDR of at most 0.05 by the
best -log10 p that overlaps them in each replicate. epizoo: as many, the most probable ones. Both are held to the third
replicate's peaks, of either caller at its defaults.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import epizoo
from epizoo.calling.idr import idr
from epizoo.calling.peak_reader import read_peaks
from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.reads.text_rows import numbered_rows

NO_MODEL = ("--nomodel", "--extsize", "200")


class Trio(NamedTuple):
    """Three replicates: files of reads, how they are called, and MACS3's format and covered bp."""

    name: str
    files: list[Path]
    entry: str
    options: dict
    macs3: tuple[str, ...]


def thirds(path: Path, folder: Path, suffix: str) -> list[Path]:
    """The rows of a file dealt out to three files at random."""
    random = np.random.default_rng(2)
    outputs = [folder / f"{path.name.split('.')[0]}.{number}{suffix}" for number in range(3)]
    rows = [line for _, line in numbered_rows(path)]
    which = random.integers(0, 3, len(rows))
    for number, output in enumerate(outputs):
        output.write_text("".join(f"{rows[i]}\n" for i in np.flatnonzero(which == number)))
    return outputs


def trios(data: Path, folder: Path) -> Iterator[Trio]:
    gl = [data / f"peaks/replicates/atacseqqc_gl/GL{number}.bam" for number in (2, 3, 4)]
    first_mb = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [1_000_000]})
    shallow = ("-f", "BAMPE", "-g", "1000000")
    yield Trio("GL2-4, ATAC-seq", gl, "peak_caller/atac", {"regions": first_mb}, shallow)
    ctcf = data / "peaks/ctcf_chr22"
    chr22 = pd.DataFrame({"chrom": ["chr22"], "start": [0], "end": [51_304_566]})
    hg19 = {"chrom_sizes": "hg19", "regions": chr22}
    single = thirds(ctcf / "CTCF_SE_ChIP_chr22_50k.bed.gz", folder, ".bed")
    yield Trio("CTCF, single reads", single, "peak_caller/tf", hg19, ("-f", "BED", "-g", "52000000", *NO_MODEL))
    paired = thirds(ctcf / "CTCF_PE_ChIP_chr22_50k.bedpe.gz", folder, ".bedpe")
    yield Trio("CTCF, pairs", paired, "peak_caller/tf", hg19, ("-f", "BEDPE", "-g", "52000000"))
    yeast = data / "peaks/atac_yeast"
    sizes = {"chrom_sizes": yeast / "sacCer3.chromsizes.txt"}
    files = thirds(yeast / "yeast_500k_SRR1822137.bedpe.gz", folder, ".bedpe")
    yield Trio("yeast, ATAC-seq", files, "peak_caller/atac", sizes, ("-f", "BEDPE", "-g", "12100000"))


def macs3(command: str, folder: Path, name: str, files: list[Path], *options: str) -> pd.DataFrame:
    given = [command, "callpeak", "-t", *map(str, files), *options, "-n", name, "--outdir", str(folder)]
    subprocess.run(given, check=True, capture_output=True)
    return read_peaks(folder / f"{name}_peaks.narrowPeak")


def macs3_with_idr(command: str, folder: Path, files: list[Path], options: tuple[str, ...]) -> pd.DataFrame:
    both = macs3(command, folder, "both", files, *options, "-p", "0.1")
    alone = [macs3(command, folder, f"one{i}", [file], *options, "-p", "0.1") for i, file in enumerate(files)]
    scores = np.column_stack([best(both, one) for one in alone])
    found = both[(scores > 0).all(axis=1)].reset_index(drop=True)
    rates = idr(scores[(scores > 0).all(axis=1)]).rate
    return found[rates <= 0.05].reset_index(drop=True)


def best(peaks: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """The highest -log10 p of the others that overlap each peak, 0 where none does."""
    pairs = peaks.reset_index().merge(others, on="chrom", suffixes=("", "_other"))
    pairs = pairs[(pairs["start"] < pairs["end_other"]) & (pairs["end"] > pairs["start_other"])]
    return pairs.groupby("index")["pValue_other"].max().reindex(range(len(peaks)), fill_value=0.0).to_numpy()


def calibration_error(probability: np.ndarray, came_back: np.ndarray) -> float:
    """Mean distance between what is said and what is seen, in ten classes of the probability."""
    group = np.minimum((probability * 10).astype(int), 9)
    return sum(abs((probability - came_back)[group == one].sum()) for one in range(10)) / len(probability)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--macs3", default="macs3")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for trio in trios(given.data, folder):
            for left in range(3):
                two = [file for number, file in enumerate(trio.files) if number != left]
                third = trio.files[left]
                ours = epizoo.call_peaks(trio.entry, replicates=two, **trio.options)
                their = macs3_with_idr(given.macs3, folder, two, trio.macs3)
                n = min(len(ours), len(their))
                best_ours = ours.sort_values("return_probability", ascending=False, kind="stable").head(n)
                best_their = their.sort_values("pValue", ascending=False, kind="stable").head(n)
                held_out = {
                    "epizoo": epizoo.call_peaks(trio.entry, reads=third, **trio.options),
                    "MACS3": macs3(given.macs3, folder, "third", [third], *trio.macs3),
                }
                came_back = overlaps_any(ours, held_out["epizoo"])
                row = {"data": trio.name, "n_epizoo": len(ours), "n_macs3": len(their), "n": n}
                for (caller, truth), (who, peaks) in itertools.product(
                    held_out.items(), (("epizoo", best_ours), ("MACS3", best_their))
                ):
                    row[f"{who} in {caller}"] = overlaps_any(peaks, truth).mean()
                row["said"], row["seen"] = ours["return_probability"].mean(), came_back.mean()
                row["error"] = calibration_error(ours["return_probability"].to_numpy(), came_back)
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
    table = pd.DataFrame(rows).groupby("data", sort=False).mean()
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()

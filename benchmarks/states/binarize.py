"""Binarising a genome's reads, epizoo beside ChromHMM's BinarizeBed and BinarizeBam: whole processes, files compared.

    python -m benchmarks.states.binarize -o FILE [--reads 5000000] [--marks 4] [--chromhmm JAR]

Simulated single reads of 36 bp on hg19, a hotspot every 100 kb, with one control for all marks. Both tools read the
same files in turn, and every file that they write has to be the same.
"""

import argparse
import filecmp
import json
import tempfile
from pathlib import Path

import numpy as np
import pysam
from benchmarks.measuring import EPIZOO, Run, measure

from epizoo.genome.assemblies import chrom_sizes

READ_BP = 36


def write_reads(folder: Path, name: str, n_reads: int, sizes: dict[str, int], seed: int) -> None:
    """The same reads as BED and as BAM."""
    rng = np.random.default_rng(seed)
    header = pysam.AlignmentHeader.from_references(list(sizes), list(sizes.values()))
    total, sequence, quality = sum(sizes.values()), "ACGT" * (READ_BP // 4), "I" * READ_BP
    with open(folder / f"{name}.bed", "w") as bed, open(folder / f"{name}.sam", "w") as sam:
        sam.write(str(header))
        for chrom, size in sizes.items():
            n_here = round(n_reads * size / total)
            starts = rng.integers(0, size - READ_BP, n_here)
            near = rng.random(n_here) < 0.2
            starts[near] = np.clip(
                starts[near] // 100_000 * 100_000 + rng.normal(0, 300, near.sum()), 0, size - READ_BP
            )
            strands = rng.integers(0, 2, n_here)
            for number, (start, strand) in enumerate(zip(np.sort(starts).tolist(), strands.tolist(), strict=True)):
                bed.write(f"{chrom}\t{start}\t{start + READ_BP}\t{chrom}:{number}\t37\t{'+-'[strand]}\n")
                fields = f"{chrom}:{number}\t{16 * strand}\t{chrom}\t{start + 1}\t37\t{READ_BP}M\t*\t0\t0"
                sam.write(f"{fields}\t{sequence}\t{quality}\n")
    pysam.view("-b", "-o", str(folder / f"{name}.bam"), str(folder / f"{name}.sam"), catch_stdout=False)
    (folder / f"{name}.sam").unlink()


def compare(folder: Path, kind: str, marks: list[str], jar: Path) -> dict[str, Run]:
    rows = (f"cell\t{mark}\t{mark}.{kind}\tinput.{kind}\n" for mark in marks)
    (folder / f"{kind}.tsv").write_text("".join(rows))
    command = "BinarizeBam" if kind == "bam" else "BinarizeBed"
    ours = ["binarize", "--table", f"{kind}.tsv", "--chrom-sizes", "sizes.txt", "-o", f"ours_{kind}"]
    theirs = ["java", "-mx8000M", "-jar", str(jar), command, "sizes.txt", ".", f"{kind}.tsv", f"theirs_{kind}"]
    # Compiled code is kept on disk by the first run after an installation, which is not measured.
    measure([*EPIZOO, *ours], folder)
    runs = {"epizoo": measure([*EPIZOO, *ours], folder), "ChromHMM": measure(theirs, folder)}
    names = sorted(path.name for path in (folder / f"theirs_{kind}").iterdir())
    same, _, _ = filecmp.cmpfiles(folder / f"ours_{kind}", folder / f"theirs_{kind}", names, shallow=False)
    assert sorted(same) == names == sorted(path.name for path in (folder / f"ours_{kind}").iterdir())
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--reads", type=int, default=5_000_000, help="of each mark")
    parser.add_argument("--marks", type=int, default=4)
    parser.add_argument("--chromhmm", type=Path, default=Path("/usr/share/java/chromhmm.jar"))
    options = parser.parse_args()
    sizes = {chrom: size for chrom, size in chrom_sizes("hg19").items() if chrom not in ("chrM", "chrY")}
    marks = [f"mark{number}" for number in range(1, options.marks + 1)]
    figures: dict[str, object] = {"reads": options.reads, "marks": options.marks}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "sizes.txt").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in sizes.items()))
        for seed, name in enumerate([*marks, "input"]):
            write_reads(folder, name, options.reads, sizes, seed)
        for kind in ("bed", "bam"):
            runs = compare(folder, kind, marks, options.chromhmm)
            figures[kind] = {
                tool: {
                    "seconds": round(run.seconds, 1),
                    "cpu_seconds": round(run.cpu_seconds, 1),
                    "peak_mb": round(run.peak_mb),
                }
                for tool, run in runs.items()
            }
            ratio = runs["ChromHMM"].cpu_seconds / runs["epizoo"].cpu_seconds
            wall = runs["ChromHMM"].seconds / runs["epizoo"].seconds
            print(f"{kind}: {figures[kind]}, the same files, {wall:.1f} times faster, {ratio:.1f} times less processor")
    options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

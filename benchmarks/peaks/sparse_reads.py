"""Peaks of few reads on hg38: a BAM of 0.1 million, and clusters of single cells of as many fragments each.

    python -m benchmarks.peaks.sparse_reads -o benchmarks/peaks/sparse_reads.json

Half of the reads lie in 50,000 sites whose depths differ widely, the others anywhere. `start-up` is `epizoo --version`;
`reading` reads the fragments into their clusters, as `call-peaks --barcodes` does before it calls peaks.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pysam
from benchmarks.measuring import EPIZOO, best_of, show

from epizoo.genome.assemblies import chrom_sizes

N_SITES, SHARE_IN_SITES, SITE_SD_BP, FRAGMENT_BP, READ_BP = 50_000, 0.5, 150, 200, 50
CELLS_OF_CLUSTER = 50
READING = """
import sys
from pathlib import Path
from epizoo.genome.reads.text_reads import read_cell_fragments
table = [line.split("\\t") for line in Path(sys.argv[2]).read_text().splitlines()]
read_cell_fragments(Path(sys.argv[1]), dict(table))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=float, default=0.1, help="million reads of the BAM and of a cluster")
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON to write")
    options = parser.parse_args()
    rng, n_reads = np.random.default_rng(options.seed), int(options.reads * 1e6)
    with tempfile.TemporaryDirectory() as name:
        bam, fragments, table = (str(Path(name, file)) for file in ("few.bam", "fragments.tsv", "clusters.tsv"))
        write_bam(bam, places(rng, n_reads), rng)
        write_fragments(fragments, table, places(rng, n_reads * options.clusters), options.clusters, rng)
        caller = [*EPIZOO, "call-peaks", "peak_caller/universal"]
        of_cells = ["--reads", f"{fragments}.gz", "--barcodes", table, "--chrom-sizes", "hg38"]
        jobs = {
            "start-up": [[*EPIZOO, "--version"]],
            "BAM": [[*caller, "--reads", bam, "-o", str(Path(name, "few.narrowPeak"))]],
            "reading": [[EPIZOO[0], "-c", READING, f"{fragments}.gz", table]],
            "clusters": [[*caller, *of_cells, "-o", str(Path(name, "peaks"))]],
        }
        best = best_of(jobs, options.repeat)
    about = {"million_reads": options.reads, "clusters": options.clusters, "seed": options.seed}
    ratio = best["clusters"].cpu_seconds / best["reading"].cpu_seconds
    show("few reads on hg38", best, options.output, **about, clusters_over_reading_cpu_seconds=ratio)
    print(f"clusters over reading, CPU seconds: {ratio:.1f}")


def places(rng: np.random.Generator, n: int) -> list[tuple[str, int]]:
    """Chromosome and start of fragments, sorted; those that would cross an end are left out."""
    sizes = {chrom: size for chrom, size in chrom_sizes("hg38").items() if chrom[3:].isdecimal()}
    ends = np.cumsum(list(sizes.values()))
    sites = np.random.default_rng(0).integers(0, ends[-1], N_SITES)
    depths = np.random.default_rng(1).pareto(1.5, N_SITES) + 0.2
    of_sites = rng.choice(sites, int(n * SHARE_IN_SITES), p=depths / depths.sum())
    spread = of_sites + rng.normal(0, SITE_SD_BP, len(of_sites)).astype(int)
    everywhere = np.sort(np.concatenate([spread, rng.integers(0, ends[-1], n - len(spread))]))
    of_chrom = np.minimum(np.searchsorted(ends, everywhere, side="right"), len(sizes) - 1)
    names, begins = list(sizes), np.append(0, ends)
    start, length = everywhere - begins[of_chrom], np.diff(begins)[of_chrom]
    inside = (start >= 0) & (start + FRAGMENT_BP <= length)
    return [(names[chrom], place) for chrom, place in zip(of_chrom[inside], start[inside].tolist(), strict=True)]


def write_bam(path: str, starts: list[tuple[str, int]], rng: np.random.Generator) -> None:
    sizes = chrom_sizes("hg38")
    header = pysam.AlignmentHeader.from_references(list(sizes), list(sizes.values()))
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        read = pysam.AlignedSegment(header)
        read.query_name, read.mapping_quality = "read", 60
        read.query_sequence, read.cigartuples = "A" * READ_BP, [(0, READ_BP)]
        for (chrom, start), reverse in zip(starts, (rng.random(len(starts)) < 0.5).tolist(), strict=True):
            read.reference_id, read.flag = header.get_tid(chrom), 16 if reverse else 0
            read.reference_start = start + (FRAGMENT_BP - READ_BP if reverse else 0)
            file.write(read)


def write_fragments(
    path: str, table: str, starts: list[tuple[str, int]], n_clusters: int, rng: np.random.Generator
) -> None:
    """Fragments of single cells, compressed beside `path`, and the cluster of each barcode."""
    n_cells = n_clusters * CELLS_OF_CLUSTER
    barcodes = ["".join(letters) + "-1" for letters in rng.choice(list("ACGT"), (n_cells, 16))]
    Path(table).write_text("".join(f"{code}\tc{number % n_clusters}\n" for number, code in enumerate(barcodes)))
    cells = rng.integers(0, n_cells, len(starts)).tolist()
    lengths = np.clip(rng.gamma(3, 60, len(starts)), 40, FRAGMENT_BP).astype(int).tolist()
    with open(path, "w", encoding="utf-8") as file:
        for (chrom, start), length, cell in zip(starts, lengths, cells, strict=True):
            file.write(f"{chrom}\t{start}\t{start + length}\t{barcodes[cell]}\t1\n")
    pysam.tabix_compress(path, f"{path}.gz", force=True)


if __name__ == "__main__":
    main()

"""Write `yeast_atac.npz` and `yeast_genes.tsv`: DNA, ATAC-seq fragments and genes of four chromosomes of yeast.

    python tutorials/data/make_yeast_atac.py --data DIR

reads ``DIR/peaks/atac_yeast``: the genome sacCer3 (SGD's R64, CC0), its genes (SGD, CC0) and the fragments of
SRR1822137, thinned to half a million pairs (MACS3's tests, BSD-3-Clause). chrM and the rDNA of chrXII are left out.

For each chromosome of `CHROMS` the archive holds ``<chrom>_sequence`` (uint8, four bases a byte, A 0, C 1, G 2, T 3,
the first base in the highest bits), ``<chrom>_size`` (bp), ``<chrom>_starts`` (uint16, distance from the fragment
before) and ``<chrom>_lengths`` (uint16). Fragments with the same two ends are kept once (duplicates of the PCR).
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import pandas as pd

CHROMS = ("chrIV", "chrVII", "chrX", "chrXI")


def read_sequences(path: Path) -> dict[str, str]:
    """Sequence of each chromosome of a gzipped FASTA file, in capitals."""
    with gzip.open(path, "rt") as file:
        records = [record.split("\n", 1) for record in file.read().split(">")[1:]]
    return {head.split()[0]: body.replace("\n", "").upper() for head, body in records}


def pack(sequence: str) -> np.ndarray:
    """Four bases a byte; the last byte is filled up with A.

    >>> [f"{byte:08b}" for byte in pack("ACGTT")]
    ['00011011', '11000000']
    """
    codes = np.frombuffer(sequence.translate(str.maketrans("ACGT", "\0\1\2\3")).encode(), np.uint8)
    codes = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    return (codes << np.array([6, 4, 2, 0], np.uint8)).sum(axis=1).astype(np.uint8)


def main(data: Path, out: Path) -> None:
    """Write both files."""
    source = data / "peaks" / "atac_yeast"
    sequences = read_sequences(source / "sacCer3.fa.gz")
    columns = ["chrom", "start", "end"]
    fragments = pd.read_csv(source / "yeast_500k_SRR1822137.bedpe.gz", sep="\t", names=columns).drop_duplicates()
    arrays = {}
    for chrom in CHROMS:
        own = fragments[fragments["chrom"] == chrom].sort_values(columns)
        arrays[f"{chrom}_sequence"] = pack(sequences[chrom])
        arrays[f"{chrom}_size"] = np.int64(len(sequences[chrom]))
        arrays[f"{chrom}_starts"] = np.diff(own["start"], prepend=0).astype(np.uint16)
        arrays[f"{chrom}_lengths"] = (own["end"] - own["start"]).to_numpy(np.uint16)
    np.savez_compressed(out / "yeast_atac.npz", **arrays)

    names = ["chrom", "start", "end", "name", "score", "strand", "class"]
    genes = pd.read_csv(source / "genes_sacCer3.bed.gz", sep="\t", names=names).drop(columns="score")
    genes[genes["chrom"].isin(CHROMS)].to_csv(out / "yeast_genes.tsv", sep="\t", index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the source data")
    main(parser.parse_args().data, Path(__file__).parent)

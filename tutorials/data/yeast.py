"""DNA, ATAC-seq fragments and genes of four chromosomes of yeast, as `make_yeast_atac.py` wrote them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int64, UInt8

FOLDER = Path(__file__).parent
TRAIN, VALIDATION, TEST = ("chrIV", "chrVII"), ("chrXI",), ("chrX",)


class Chromosome(NamedTuple):
    """One chromosome: its bases (A 0, C 1, G 2, T 3) and the fragments that were sequenced from it."""

    name: str
    bases: UInt8[np.ndarray, " bp"]
    starts: Int64[np.ndarray, " fragment"]
    ends: Int64[np.ndarray, " fragment"]

    def cuts(self) -> Int64[np.ndarray, " bp"]:
        """Cuts of the transposase at each base: both ends of each fragment, moved by +4 and -5 bp."""
        sites = np.concatenate([self.starts + 4, self.ends - 5]).clip(0, len(self.bases) - 1)
        return np.bincount(sites, minlength=len(self.bases))

    def coverage(self) -> Int64[np.ndarray, " bp"]:
        """Number of fragments over each base."""
        steps = np.bincount(self.starts, minlength=len(self.bases) + 1)
        steps -= np.bincount(self.ends, minlength=len(self.bases) + 1)
        return np.cumsum(steps)[:-1]


def chromosome(name: str) -> Chromosome:
    """Read one of chrIV, chrVII, chrX and chrXI."""
    with np.load(FOLDER / "yeast_atac.npz") as archive:
        packed, size = archive[f"{name}_sequence"], int(archive[f"{name}_size"])
        starts = np.cumsum(archive[f"{name}_starts"], dtype=np.int64)
        ends = starts + archive[f"{name}_lengths"]
    bases = (packed[:, None] >> np.array([6, 4, 2, 0], np.uint8)) & 3
    return Chromosome(name, bases.reshape(-1)[:size], starts, ends)


def genes(*chroms: str) -> pd.DataFrame:
    """Genes of these chromosomes: chrom, start, end, name, strand, class; start and end are those of the protein."""
    table = pd.read_csv(FOLDER / "yeast_genes.tsv", sep="\t")
    return table[table["chrom"].isin(chroms)].reset_index(drop=True)


def gene_starts(*chroms: str) -> pd.DataFrame:
    """First base of each verified gene: chrom, pos, strand (+1 or -1)."""
    table = genes(*chroms)
    table = table[table["class"] == "Verified"]
    forward = table["strand"] == "+"
    pos = table["start"].where(forward, table["end"] - 1)
    return pd.DataFrame({"chrom": table["chrom"], "pos": pos, "strand": np.where(forward, 1, -1)})

"""Coverage of 25 samples at the loci of H3K4me3 that people labelled in most of them, and the labels.

    python tutorials/data/make_labelled_h3k4me3.py --data DIR

Source: McGill/IHEC coverage with the labels of Hocking et al., Bioinformatics 2017, doi:10.1093/bioinformatics/btw672,
as published in R packages under GPL-3; `labelled_h3k4me3.npz` and `labelled_h3k4me3.tsv` are under GPL-3.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.genome.signal import BigWig

HERE = Path(__file__).parent
BIN_BP = 50
LOCI = {
    "chr1:27.99": ("chr1", 27_985_000, 28_010_000),
    "chr1:211.43": ("chr1", 211_420_000, 211_445_000),
    "chr22:20.01": ("chr22", 20_003_000, 20_018_000),
    "chr9:78.50": ("chr9", 78_488_000, 78_520_000),
}


def main() -> None:
    """Write the excerpt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    source = parser.parse_args().data / "peaks" / "histone_labels"
    labels = pd.read_csv(source / "labels.tsv", sep="\t")
    labels = labels[(labels["mark"] == "H3K4me3") & (labels["celltype"] != "skeletalMuscleMD")]
    inside = [
        any(chrom == row.chrom and start <= row.start and row.end <= end for chrom, start, end in LOCI.values())
        for row in labels.itertuples()
    ]
    labels = labels[inside].sort_values(["sample", "chrom", "start"])
    columns = ["celltype", "sample", "chrom", "start", "end", "annotation"]
    labels[columns].to_csv(HERE / "labelled_h3k4me3.tsv", sep="\t", index=False)
    samples = labels[["celltype", "sample"]].drop_duplicates().to_numpy().tolist()
    arrays = {"samples": np.array([sample for _, sample in samples]), "celltypes": np.array([c for c, _ in samples])}
    for locus, (chrom, start, end) in LOCI.items():
        rows = []
        for celltype, sample in samples:
            with BigWig(source / "coverage" / f"H3K4me3.{celltype}.{sample}.bw") as track:
                values = np.nan_to_num(track.values(chrom, start, end))
            # Means over bins, in fiftieths of a read, so that whole numbers hold them exactly.
            rows.append(values.reshape(-1, BIN_BP).sum(axis=1).round().astype(np.uint32))
        arrays[locus] = np.stack(rows)
    np.savez_compressed(HERE / "labelled_h3k4me3.npz", **arrays)


if __name__ == "__main__":
    main()

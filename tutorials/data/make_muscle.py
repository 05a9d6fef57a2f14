"""Coverage of H3K4me3 in skeletal muscle around its 29 labels, and the labels.

    python tutorials/data/make_muscle.py --data DIR

Source and licence as in make_labelled_h3k4me3.py: GPL-3. Values are means over 50 bp; `known.bed` says where they are.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.genome.bigwig.writer import BigWigWriter
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import BigWig

HERE = Path(__file__).parent / "muscle"
MARGIN_BP, BIN_BP = 30_000, 50


def main() -> None:
    """Write the excerpt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    source = parser.parse_args().data / "peaks" / "histone_labels"
    labels = pd.read_csv(source / "labels.tsv", sep="\t")
    labels = labels[(labels["mark"] == "H3K4me3") & (labels["celltype"] == "skeletalMuscleMD")]
    labels = labels[["chrom", "start", "end", "annotation"]].sort_values(["chrom", "start"])
    HERE.mkdir(exist_ok=True)
    labels.to_csv(HERE / "labels.bed", sep="\t", header=False, index=False)
    known = merged(
        pd.DataFrame(
            {
                "chrom": labels["chrom"],
                "start": (labels["start"] - MARGIN_BP) // BIN_BP * BIN_BP,
                "end": -(-(labels["end"] + MARGIN_BP) // BIN_BP) * BIN_BP,
            }
        )
    )
    known[["chrom", "start", "end"]].to_csv(HERE / "known.bed", sep="\t", header=False, index=False)
    with BigWig(source / "coverage" / "H3K4me3.skeletalMuscleMD.McGill0016.bw") as track:
        sizes = {chrom: track.chrom_sizes[chrom] for chrom in known["chrom"].unique()}
        with BigWigWriter(HERE / "H3K4me3.bw", sizes, BIN_BP, decimals=2) as writer:
            for chrom, start, end in known[["chrom", "start", "end"]].itertuples(index=False):
                values = np.nan_to_num(track.binned(chrom, start // BIN_BP, end // BIN_BP, BIN_BP))
                writer.add(chrom, start // BIN_BP, values)


if __name__ == "__main__":
    main()

"""Write `k562_*.bedpe.gz`, `k562_locus_tss.tsv` and `k562_marks.npz`: reads and marks of K562 cells, hg19.

    python tutorials/data/make_k562_locus.py --data DIR

- ``k562_H3K4me3.bedpe.gz``, ``k562_H3K36me3.bedpe.gz``, ``k562_Input.bedpe.gz``: proper pairs (chrom, start, end) in
  `LOCUS`, from ``DIR/peaks/controls/normr_k562`` (the Bioconductor package normr, GPL-2).
- ``k562_locus_tss.tsv``: transcription start sites in `LOCUS` and whether K562 uses them, from
  ``DIR/truth/rampage_tss`` (weng-lab/RAMPAGE-Analysis, MIT; lifted to hg19).
- ``k562_marks.npz``: ``chr21_K562`` and ``chr21_GM12878``, a uint16 for each bin of 200 bp whose bits are the nine
  marks of ``marks`` (the first has the highest bit), and ``locus_K562``, the same for `LOCUS`; from
  ``DIR/states/wholegenome_hg19`` (ENCODE ChIP-seq as binarised for diHMM).
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pysam

LOCUS = ("chr1", 23_500_000, 24_300_000)
TRACKS = ("H3K4me3", "H3K36me3", "Input")
BIN_BP = 200


def pairs(path: Path) -> list[tuple[str, int, int]]:
    """Proper pairs that lie in `LOCUS`, from end to end, sorted."""
    chrom, start, end = LOCUS
    with pysam.AlignmentFile(str(path)) as bam:
        spans = (
            (chrom, read.reference_start, read.reference_start + read.template_length)
            for read in bam.fetch(chrom, start, end)
            if read.is_proper_pair and read.template_length > 0
        )
        return sorted(span for span in spans if span[1] >= start and span[2] <= end)


def main(data: Path, out: Path) -> None:
    """Write all files."""
    chrom, start, end = LOCUS
    for track in TRACKS:
        rows = pairs(data / "peaks" / "controls" / "normr_k562" / f"K562_{track}.bam")
        text = "".join(f"{name}\t{first}\t{last}\n" for name, first, last in rows)
        # A fixed time in the header: the same reads give the same file.
        (out / f"k562_{track}.bedpe.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))

    tss = pd.read_csv(data / "truth" / "rampage_tss" / "tss_hg19.tsv.gz", sep="\t")
    tss = tss[(tss["chrom"] == chrom) & tss["pos"].between(start, end - 1)]
    tss[["chrom", "pos", "strand", "rpm_K562", "class_K562"]].to_csv(out / "k562_locus_tss.tsv", sep="\t", index=False)

    codes = {cell: np.load(data / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz") for cell in ("K562", "GM12878")}
    np.savez_compressed(
        out / "k562_marks.npz",
        marks=codes["K562"]["marks"],
        chr21_K562=codes["K562"]["chr21"],
        chr21_GM12878=codes["GM12878"]["chr21"],
        locus_K562=codes["K562"][chrom][start // BIN_BP : end // BIN_BP],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the source data")
    main(parser.parse_args().data, Path(__file__).parent)

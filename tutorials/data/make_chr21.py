"""Aligned reads of three histone marks on 3.5 Mb of chr21, the transcripts there, and a peer's five states.

Positions count from chr21:44,605,600, so that the excerpt is a whole chromosome by itself.

    python tutorials/data/make_chr21.py --data DIR

Source: github.com/lamortenera/epicseg (GPL-3), hg19; the cell type is not stated. The BAM files hold positions and
strands alone, without sequences and qualities, and are under GPL-3.
"""

import argparse
from pathlib import Path

import pandas as pd
import pysam

HERE = Path(__file__).parent / "chr21"
MARKS = ("H3K4me3", "H3K36me3", "H3K9me3")
CHROM, START, END = "chr21", 44_605_600, 48_119_800


def main() -> None:
    """Write the excerpt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    source = parser.parse_args().data / "states" / "counts_chr21"
    HERE.mkdir(exist_ok=True)
    for mark in MARKS:
        write_reads(source / f"{mark}.bam", HERE / f"{mark}.bam")
    for name, target in (("genes.bed", "transcripts.bed"), ("segmentation_5.bed.gz", "epicseg_states.bed.gz")):
        table = pd.read_csv(source / name, sep="\t", header=None)
        table = table[(table[0] == CHROM) & (table[1] >= START) & (table[2] <= END)]
        table[[1, 2]] -= START
        # No time stamp, so that the same table gives the same bytes.
        compression = {"method": "gzip", "mtime": 0} if target.endswith(".gz") else None
        table.iloc[:, :6].to_csv(HERE / target, sep="\t", header=False, index=False, compression=compression)


def write_reads(source: Path, target: Path) -> None:
    """Write positions and strands of the reads that lie inside."""
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": CHROM, "LN": END - START}]}
    with pysam.AlignmentFile(str(source)) as reads, pysam.AlignmentFile(str(target), "wb", header=header) as written:
        for read in reads.fetch(until_eof=True):
            if read.is_unmapped or read.reference_start < START or read.reference_end > END:
                continue
            copy = pysam.AlignedSegment(written.header)
            copy.query_name = "r"
            copy.flag = 16 if read.is_reverse else 0
            copy.reference_id, copy.reference_start = 0, read.reference_start - START
            copy.mapping_quality, copy.cigartuples = read.mapping_quality, read.cigartuples
            written.write(copy)


if __name__ == "__main__":
    main()

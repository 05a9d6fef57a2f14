"""Reads of GAF ChIP-seq, an input, and the DNA below them: the first Mb of chr2L of the fly.

    python tutorials/data/make_gaf.py --data DIR

Source: github.com/lcdb/lcdb-test-data (MIT), dm6, single reads of 50 bp.
"""

import argparse
import gzip
from pathlib import Path

import pysam

HERE = Path(__file__).parent / "gaf"
CHROM, END_BP = "chr2L", 1_000_000
FILES = {
    "wing": "replicates/lcdb_gaf/ip_2.deep.bam",
    "input": "controls/lcdb_input/input_1.bam",
}


def main() -> None:
    """Write the excerpt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    source = parser.parse_args().data / "peaks"
    HERE.mkdir(exist_ok=True)
    for name, path in FILES.items():
        write_text(HERE / f"{name}.bed.gz", "".join(rows(source / path)))
    with pysam.FastaFile(str(unpacked(source / "replicates" / "lcdb_gaf" / "dm6.small.fa.gz"))) as genome:
        write_text(HERE / "chr2L.fa.gz", f">{CHROM}\n{genome.fetch(CHROM, 0, END_BP).upper()}\n")


def rows(path: Path) -> list[str]:
    """BED6 rows of the mapped reads, in order."""
    with pysam.AlignmentFile(str(path)) as reads:
        found = [
            (read.reference_start, read.reference_end, "-" if read.is_reverse else "+")
            for read in reads.fetch(until_eof=True)
            if read.reference_name == CHROM and not read.is_unmapped and read.reference_end <= END_BP
        ]
    return [f"{CHROM}\t{start}\t{end}\t.\t0\t{strand}\n" for start, end, strand in sorted(found)]


def unpacked(path: Path) -> Path:
    """The file without compression, in a folder that will be forgotten."""
    import tempfile

    target = Path(tempfile.mkdtemp()) / "genome.fa"
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return target


def write_text(path: Path, text: str) -> None:
    """Write gzipped text, to the same bytes each time."""
    with gzip.GzipFile(path, "wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()

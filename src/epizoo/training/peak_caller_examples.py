"""The example files of peak_caller/h3k4me3: 150 kb of one T-cell sample, written anew.

    python -m epizoo.training.peak_caller_examples --data DIR -o FOLDER

The stretch is part of a long window without labels. Source: McGill/IHEC, Hocking et al., Bioinformatics 2017, from R
packages under GPL-3 (see DATA_LICENSES.md); the files are under GPL-3.
"""

import argparse
from pathlib import Path

from epizoo.files import atomic_path
from epizoo.genome.bigwig_writer import BigWigWriter
from epizoo.genome.signal import BigWig
from epizoo.training.labelled_stretches import LABELS_FOLDER

SOURCE = Path("coverage") / "H3K4me3.tcell.McGill0027.bw"
CHROM, START, END = "chr17", 7_996_000, 8_146_000
INTERVALS = ((8_000_000, 8_050_000), (8_060_000, 8_142_000))


def write_examples(data: Path, folder: Path) -> tuple[Path, Path]:
    """Write the excerpt as a bigWig and the intervals as a BED file; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    bigwig_path, intervals_path = folder / "H3K4me3.bw", folder / "intervals.bed"
    with BigWig(data / LABELS_FOLDER / SOURCE) as source:
        sizes = {CHROM: source.chrom_sizes[CHROM]}
        with BigWigWriter(bigwig_path, sizes, bin_bp=1) as writer:
            writer.add(CHROM, START, source.binned(CHROM, START, END, 1))
    with atomic_path(intervals_path) as path:
        path.write_text("".join(f"{CHROM}\t{start}\t{end}\n" for start, end in INTERVALS), encoding="utf-8")
    return bigwig_path, intervals_path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/histone_labels")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()
    print(*write_examples(arguments.data, arguments.output), sep="\n")


if __name__ == "__main__":
    main()

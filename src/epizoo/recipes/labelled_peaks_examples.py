"""The example files of the peak callers that learn from human labels: stretches without labels, written anew.

    python -m epizoo.recipes.labelled_peaks_examples h3k4me3 --data DIR -o FOLDER

Source: McGill/IHEC, Hocking et al., Bioinformatics 2017, from R packages under GPL-3 (see DATA_LICENSES.md); the files
are under GPL-3.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from epizoo.files import atomic_path
from epizoo.genome.bigwig_writer import BigWigWriter
from epizoo.genome.signal import BigWig
from epizoo.peaks.labelled_stretches import LABELS_FOLDER


class Example(NamedTuple):
    """An excerpt of one sample's coverage, and the intervals that an entry is shown on."""

    mark: str
    sample: str
    chrom: str
    start: int
    end: int
    intervals: tuple[tuple[int, int], ...]


_H3K4ME3 = Example(
    "H3K4me3", "tcell.McGill0027", "chr17", 7_996_000, 8_146_000, ((8_000_000, 8_050_000), (8_060_000, 8_142_000))
)
_H3K36ME3 = Example(
    "H3K36me3", "monocyte.McGill0002", "chr1", 7_760_000, 8_440_000, ((7_780_000, 7_980_000), (8_020_000, 8_400_000))
)
EXAMPLES = {"h3k4me3": _H3K4ME3, "h3k36me3": _H3K36ME3, "universal": _H3K4ME3}


def write_examples(data: Path, folder: Path, example: Example = _H3K4ME3) -> tuple[Path, Path]:
    """Write the excerpt as a bigWig and the intervals as a BED file; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    bigwig_path, intervals_path = folder / f"{example.mark}.bw", folder / "intervals.bed"
    with BigWig(data / LABELS_FOLDER / "coverage" / f"{example.mark}.{example.sample}.bw") as source:
        sizes = {example.chrom: source.chrom_sizes[example.chrom]}
        with BigWigWriter(bigwig_path, sizes, bin_bp=1) as writer:
            writer.add(example.chrom, example.start, source.binned(example.chrom, example.start, example.end, 1))
    rows = "".join(f"{example.chrom}\t{start}\t{end}\n" for start, end in example.intervals)
    with atomic_path(intervals_path) as path:
        path.write_text(rows, encoding="utf-8")
    return bigwig_path, intervals_path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", choices=sorted(EXAMPLES), help="which entry")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds peaks/histone_labels")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()
    print(*write_examples(arguments.data, arguments.output, EXAMPLES[arguments.entry]), sep="\n")


if __name__ == "__main__":
    main()

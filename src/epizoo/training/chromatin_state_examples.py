"""The example files of the entries ``chromatin_states/encode-*``, written anew as ChromHMM's binarised text.

``python -m epizoo.training.chromatin_state_examples --data DIR -o runs/encode-example`` writes the first bins of a
held-out chromosome (K562, chr19: neither the cell type nor the chromosome was seen in training) into ``marks/``, and
``regions.bed``, which lies inside them.
"""

import argparse
from pathlib import Path

from epizoo.files import atomic_path
from epizoo.genome.marks import BinarizedChromosome, decode, write_binarized
from epizoo.training.chromatin_state_run import BIN_BP, CELLS, FLANK_BINS, HELD_OUT, WINDOW_BINS, read_codes

# Two windows, the second one reaching past the interval's end, with room for the flanks.
FIRST_BIN = 1000
INTERVAL_BINS = WINDOW_BINS + WINDOW_BINS // 2
EXCERPT_BINS = FIRST_BIN + 2 * WINDOW_BINS + FLANK_BINS


def write_example(data_dir: Path, cell: str, chrom: str, output: Path) -> None:
    """Write ``marks/CELL_CHROM_binary.txt.gz`` and ``regions.bed`` into a folder.

    Raises:
        InputError: the data hold no such cell type, or the folder cannot be written to.
    """
    marks, chromosomes = read_codes(data_dir, cell)
    values = decode(chromosomes[chrom][:EXCERPT_BINS], len(marks))
    write_excerpt(BinarizedChromosome(cell, chrom, marks, values), output, FIRST_BIN, BIN_BP)


def write_excerpt(chromosome: BinarizedChromosome, output: Path, first_bin: int, bin_bp: int) -> None:
    """Write ``marks/CELL_CHROM_binary.txt.gz``, and ``regions.bed`` with an interval of it from some bin on.

    Raises:
        InputError: the folder cannot be written to.
    """
    folder = output / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    write_binarized(folder / f"{chromosome.cell}_{chromosome.chrom}_binary.txt.gz", chromosome)
    end_bin = min(first_bin + INTERVAL_BINS, len(chromosome.values))
    with atomic_path(output / "regions.bed") as path:
        path.write_text(f"{chromosome.chrom}\t{first_bin * bin_bp}\t{end_bin * bin_bp}\n", encoding="utf-8")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.training.chromatin_state_examples", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--cell", choices=CELLS, default="K562")
    parser.add_argument("--chrom", choices=HELD_OUT, default="chr19")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    write_example(options.data, options.cell, options.chrom, options.output)


if __name__ == "__main__":
    main()

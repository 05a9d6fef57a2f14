"""The example files of the entries ``chromatin_states/encode-*``, written anew as ChromHMM's binarised text.

``python -m epizoo.recipes.encode_states_examples --data DIR -o runs/encode-example`` writes the first bins of a
held-out chromosome (K562, chr19: neither the cell type nor the chromosome was seen in training) into ``marks/``, and
``regions.bed``, which lies inside them.
"""

import argparse
from pathlib import Path

from epizoo.genome.marks import BinarizedChromosome, decode
from epizoo.recipes.state_data import CELLS, HELD_OUT, read_codes
from epizoo.zoo.state_runs import BIN_BP, write_excerpt


def write_example(data_dir: Path, cell: str, chrom: str, output: Path) -> None:
    """Write ``marks/CELL_CHROM_binary.txt.gz`` and ``regions.bed`` into a folder.

    Raises:
        InputError: the data hold no such cell type, or the folder cannot be written to.
    """
    marks, chromosomes = read_codes(data_dir, cell)
    values = decode(chromosomes[chrom], len(marks))
    write_excerpt(BinarizedChromosome(cell, chrom, marks, values), output, BIN_BP)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.recipes.encode_states_examples", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--cell", choices=CELLS, default="K562")
    parser.add_argument("--chrom", choices=HELD_OUT, default="chr19")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    write_example(options.data, options.cell, options.chrom, options.output)


if __name__ == "__main__":
    main()

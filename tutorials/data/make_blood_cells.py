"""Fragments of ATAC-seq in 150 single cells, counted in bins of 5 kb of chr5 and chr11, with the type of each cell.

    python tutorials/data/make_blood_cells.py --data DIR

Source: PBSmall of github.com/GreenleafLab/ArchR (MIT), hg19. Bins that no fragment touches are left out.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
BIN_BP = 5_000


def main() -> None:
    """Write the excerpt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    path = parser.parse_args().data / "single_cell" / "archr_pbsmall" / "PBSmall.tsv.gz"
    table = pd.read_csv(path, sep="\t", header=None, names=["chrom", "start", "end", "barcode", "n"], comment="#")
    middle = (table["start"] + table["end"]) // 2
    bins = table["chrom"] + ":" + (middle // BIN_BP * BIN_BP).astype(str)
    bin_codes, bin_names = pd.factorize(bins, sort=True)
    cell_codes, cells = pd.factorize(table["barcode"], sort=True)
    counts = pd.DataFrame({"cell": cell_codes, "bin": bin_codes}).value_counts(sort=False).reset_index(name="n")
    np.savez_compressed(
        HERE / "blood_cells.npz",
        cells=np.array(cells, str),
        bins=np.array(bin_names, str),
        cell=counts["cell"].to_numpy(np.uint8),
        bin=counts["bin"].to_numpy(np.uint16),
        fragments=counts["n"].to_numpy(np.uint8),
    )


if __name__ == "__main__":
    main()

"""Promoters in use and not in use in K562 and GM12878, and nine marks around each in both cell types.

    python tutorials/data/make_promoters.py --data DIR

Sources: RAMPAGE of weng-lab/RAMPAGE-Analysis (MIT; Moore et al., Genome Research 2022), lifted to hg19; ENCODE ChIP-seq
as binarised for diHMM (gcyuan/diHMM). Even chromosomes without chr8, which stays unseen wherever states are learned.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
CELLS = ("K562", "GM12878")
BIN_BP, REACH_BINS = 200, 5
CHROMS = ("chr2", "chr4", "chr6", "chr10", "chr12", "chr14", "chr16", "chr18", "chr20", "chr22")


def main() -> None:
    """Write the excerpt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    table = pd.read_csv(data / "truth" / "rampage_tss" / "tss_hg19.tsv.gz", sep="\t")
    table = table[table["chrom"].isin(CHROMS)].sort_values(["chrom", "pos"])
    # Every fourth one: a tutorial needs no more.
    table = table.iloc[::4].reset_index(drop=True)
    arrays: dict[str, np.ndarray] = {name: table[name].to_numpy(str) for name in ("chrom", "strand")}
    arrays["pos"] = table["pos"].to_numpy(np.int32)
    for cell in CELLS:
        arrays[f"rpm_{cell}"] = table[f"rpm_{cell}"].to_numpy(np.float32)
        with np.load(data / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz") as codes:
            arrays["marks"] = codes["marks"]
            arrays[f"codes_{cell}"] = around(table, codes)
    np.savez_compressed(HERE / "promoters.npz", **arrays)


def around(table: pd.DataFrame, codes: np.lib.npyio.NpzFile) -> np.ndarray:
    """The codes (promoter, bin) of the bins around each promoter, in the direction of its transcription."""
    rows = np.zeros((len(table), 2 * REACH_BINS + 1), np.uint16)
    for chrom, part in table.groupby("chrom"):
        of_chrom = np.pad(codes[chrom], REACH_BINS)
        at = np.minimum(part["pos"].to_numpy() // BIN_BP, len(codes[chrom]) - 1)
        rows[part.index] = of_chrom[at[:, None] + np.arange(2 * REACH_BINS + 1)]
    reverse = table["strand"].to_numpy() == "-"
    rows[reverse] = rows[reverse, ::-1]
    return rows


if __name__ == "__main__":
    main()

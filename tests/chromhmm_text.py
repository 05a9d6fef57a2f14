"""ChromHMM's text files of states, read in the plainest way, to compare them with what they were written from."""

import gzip

import numpy as np
import pandas as pd


def read_segments(path):
    """Chrom, start, end and state from 0; and the letter of the order."""
    table = pd.read_csv(path, sep="\t", header=None, names=["chrom", "start", "end", "label"], dtype={"chrom": "str"})
    (letter,) = set(table["label"].str[0])
    return table[["chrom", "start", "end"]].assign(state=table["label"].str[1:].astype("int64") - 1), letter


def read_bins(path):
    """Cell and chromosome, the names in the second line, and a row of numbers for each bin."""
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
    rows = [[float(field) for field in line.split("\t")] for line in lines[2:]]
    return lines[0].split("\t"), lines[1].split("\t"), np.array(rows)

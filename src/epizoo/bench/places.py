"""Places that peaks should lie at: TSS, and sites of a motif."""

import re
from functools import lru_cache
from pathlib import Path

import pandas as pd

from epizoo.genome.intervals import read_bed, read_lines

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@lru_cache(maxsize=4)
def tss_places(path: Path) -> pd.DataFrame:
    """TSS as intervals of one bp: a BED file, or RAMPAGE's table, whose other columns stay."""
    if ".bed" in path.name:
        return read_bed(path)
    table = pd.read_csv(path, sep="\t")
    return table.assign(start=table["pos"], end=table["pos"] + 1)


@lru_cache(maxsize=4)
def motif_sites(genome: Path, sequence: str) -> pd.DataFrame:
    """Sites of a sequence on either strand of a FASTA file, overlapping ones included."""
    reverse = sequence.translate(_COMPLEMENT)[::-1]
    rows = []
    for chrom, dna in _chromosomes(genome).items():
        for motif in dict.fromkeys((sequence, reverse)):
            # A lookahead finds sites that overlap each other.
            rows += [(chrom, found.start(), found.start() + len(motif)) for found in re.finditer(f"(?={motif})", dna)]
    return pd.DataFrame(rows, columns=["chrom", "start", "end"]).sort_values(["chrom", "start"], ignore_index=True)


def _chromosomes(path: Path) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    for _, line in read_lines(path):
        if line.startswith(">"):
            parts[name := line[1:].split()[0]] = []
        elif line.strip():
            parts[name].append(line.strip().upper())
    return {chrom: "".join(lines) for chrom, lines in parts.items()}

"""Chromosomes by UCSC's names and by Ensembl's: chr1 and 1."""

import logging
from collections.abc import Collection

import pandas as pd

_LOGGER = logging.getLogger("epizoo.genome.chrom_names")


def named_like(table: pd.DataFrame, chroms: Collection[str], name: str, chroms_name: str) -> pd.DataFrame:
    """A table whose chromosomes have the names of other files, where these differ by the prefix ``chr`` alone.

    This is safe where no name is common to both, and is then said aloud. Mitochondria are left as they are: chrM of
    hg19 is another sequence than MT.

    Args:
        table: any with a column chrom.
        chroms: the names wanted.
        name: what the table is called in messages.
        chroms_name: what the names wanted come from.

    >>> named_like(pd.DataFrame({"chrom": ["1", "MT"]}), ["chr1", "chrM"], "a.gtf", "b.bed")["chrom"].tolist()
    ['chr1', 'MT']
    """
    wanted, found = set(chroms), set(table["chrom"].unique())
    if found & wanted:
        return table
    renamed = {
        chrom: other
        for chrom in found
        for other in (f"chr{chrom}", chrom.removeprefix("chr"))
        if other in wanted and other not in ("M", "chrM", "MT", "chrMT")
    }
    if not renamed:
        return table
    first, other = next(iter(sorted(renamed.items())))
    _LOGGER.warning(
        "%s: chromosome %s is taken for %s of %s, and so are %d others.",
        name,
        first,
        other,
        chroms_name,
        len(renamed) - 1,
    )
    return table.assign(chrom=table["chrom"].replace(renamed))


def warn_of_other_assembly(
    table: pd.DataFrame, ends: dict[str, int], name: str, chroms_name: str, what: str = "intervals"
) -> None:
    """Warn of intervals (chrom, start) that begin past the end of their chromosome, as of another assembly."""
    last = table["chrom"].map(ends)
    n_past = int((table["start"] >= last).sum())
    if n_past:
        _LOGGER.warning(
            "%s: %d of %d %s lie past the last state of their chromosome in %s; are they of its assembly?",
            name,
            n_past,
            len(table),
            what,
            chroms_name,
        )

"""Annotations and anchors for enrichments, from BED files and from files of genes."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float64

from epizoo.errors import InputError
from epizoo.genome.chrom_names import named_like, warn_of_other_assembly
from epizoo.genome.gene_models import PARTS, is_gene_file, read_genes
from epizoo.genome.intervals import read_bed
from epizoo.metrics.enrichment import read_anchors
from epizoo.metrics.segmentations import Segmentation, read_segmentation
from epizoo.zoo.state_order import state_order

File = str | os.PathLike[str]


def read_states(path: File) -> Segmentation:
    """The segmentation of a file, its states in the order of the entry of the zoo that has them all, if there is one.

    Raises:
        InputError: the file cannot be used.
    """
    segmentation = read_segmentation(path)
    names = state_order(segmentation.labels)
    return segmentation.in_order(names) if names else segmentation


def read_annotations(
    files: Mapping[str, File], segmentation: Segmentation, *, has_ends: bool = True
) -> dict[str, pd.DataFrame]:
    """Interval tables by name: of a BED file by the file's, of genes one for each part, such as TSS and exons.

    Chromosomes get the names that they have in the segmentation where they differ by ``chr`` alone, which is said.

    Args:
        files: BED files or files of genes, by name.
        segmentation: states along the genome.
        has_ends: the last position of a chromosome with a state is its end, so that what lies past it is warned of.

    Raises:
        InputError: a file cannot be used.
    """
    n_genes = sum(is_gene_file(path) for path in files.values())
    ends = segmentation.ends()
    annotations: dict[str, pd.DataFrame] = {}
    for name, path in files.items():
        if is_gene_file(path):
            genes = read_genes(path).named_like(list(ends), segmentation.name)
            table = genes.transcripts
            # The parts of one file of genes need no further name.
            found = {part if n_genes == 1 else f"{name} {part}": genes.part(part) for part in PARTS}
            annotations |= {part: table for part, table in found.items() if len(table)}
        else:
            table = named_like(read_bed(path), list(ends), str(path), segmentation.name)
            annotations[name] = table
        if has_ends:
            warn_of_other_assembly(table, ends, str(path), segmentation.name)
    return annotations


def anchors_of(path: File, part: str, segmentation: Segmentation) -> pd.DataFrame:
    """Anchors (chrom, position, strand) from an anchor file, BED or genes, of which ``part`` is TSS or TES.

    Raises:
        InputError: the file cannot be used, or the part is another.
    """
    if part not in ("TSS", "TES"):
        raise InputError(f"anchor: {part} given, expected TSS or TES")
    if is_gene_file(path):
        found = read_genes(path).anchors(part)
    elif part == "TES":
        raise InputError(f"{path}: is no file of genes, whose TES could be the anchors; leave --anchor out")
    else:
        found = read_anchors(path)
    ends = segmentation.ends()
    found = named_like(found, list(ends), str(path), segmentation.name)
    as_starts = found.rename(columns={"position": "start"})
    warn_of_other_assembly(as_starts, ends, str(path), segmentation.name, "anchors")
    return found


def weights_of(annotations: Mapping[str, pd.DataFrame]) -> dict[str, Float64[np.ndarray, " interval"]]:
    """The weight of each interval: its fourth column, as in ChromHMM; 1 for annotations that have none.

    Raises:
        InputError: a fourth column is no number of 0 or more.
    """
    weights = {}
    for name, table in annotations.items():
        if "name" not in table:
            weights[name] = np.ones(len(table))
            continue
        values = pd.to_numeric(table["name"], errors="coerce").to_numpy(np.float64)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if len(bad):
            found = table["name"].iloc[bad[0]]
            raise InputError(
                f"{name}: {found!r} found in the fourth column of interval {bad[0] + 1}, expected a weight of 0 or more"
            )
        weights[name] = values
    return weights

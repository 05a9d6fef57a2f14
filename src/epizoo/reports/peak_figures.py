"""Figures of each sample's peaks: how many, how wide, and how much of the signal lies in them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.overlaps import merged, overlaps_any
from epizoo.genome.read_depth import read_depth
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_sums import signal_sums
from epizoo.metrics.enrichment import overlap_enrichment
from epizoo.metrics.segmentations import Segmentation

_BLOCK_BP = 100_000


class Figure(NamedTuple):
    """A figure of a sample: its heading, what it is, and whether it is a share, 0 to 1."""

    title: str
    meaning: str
    is_share: bool = False


FIGURES = {
    "peaks": Figure("Peaks", "number of peaks"),
    "covered_bp": Figure("bp in peaks", "bp that lie in a peak"),
    "median_width_bp": Figure("Median width (bp)", "median width of a peak"),
    "fragments": Figure("Fragments", "fragments that were counted, or that the coverage shows"),
    "duplicates_share": Figure(
        "Duplicates", "share of reads at the position of another one, or marked as duplicates", is_share=True
    ),
    "frip": Figure("FRiP", "share of fragments that lie in peaks", is_share=True),
    "signal_in_peaks": Figure("Signal in peaks", "share of the area of the signal that lies in peaks", is_share=True),
    "enrichment": Figure("Enrichment", "mean signal in peaks over that of the rest of the 100 kb blocks with signal"),
}
"""Figures of a sample, in the order of tables."""
_OF_LIBRARIES = ("fragments", "duplicates_share", "frip")


def peak_figures(
    peaks: Mapping[str, pd.DataFrame], signals: Mapping[str, BigWig], libraries: pd.DataFrame
) -> pd.DataFrame:
    """The figures of `FIGURES` for each sample, NaN where the files do not tell them.

    Args:
        peaks: peaks by sample.
        signals: signal of the experiments, by sample.
        libraries: figures of libraries as `epizoo count` writes them, by sample.

    Raises:
        InputError: a signal is damaged, or holds negative values.
    """
    rows = {}
    for name, table in peaks.items():
        union = merged(table)
        covered = int((union["end"] - union["start"]).sum())
        widths = table["end"] - table["start"]
        row = {"peaks": len(table), "covered_bp": covered, "median_width_bp": widths.median()}
        counted = _library_figures(libraries.loc[[name]].iloc[0]) if name in libraries.index else {}
        if name in signals:
            row["signal_in_peaks"], total = _signal_in_peaks(signals[name], union)
            row["enrichment"] = _enrichment(signals[name], row["signal_in_peaks"], covered)
            # What was counted is exact where the coverage shows it only about.
            row["fragments"] = counted.get("fragments", np.nan)
            if np.isnan(row["fragments"]):
                row["fragments"] = _shown_fragments(signals[name], total)
        row |= counted
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(FIGURES)).astype("float64")


def annotation_figures(
    peaks: pd.DataFrame, annotations: Mapping[str, pd.DataFrame], sizes: Mapping[str, int] | None
) -> pd.DataFrame:
    """For each annotation the share of peaks that overlap it, and their fold enrichment in it by bp.

    Args:
        peaks: at least one peak.
        annotations: name to interval table.
        sizes: lengths of the genome's chromosomes; without them folds are NaN.
    """
    shares = {name: float(overlaps_any(peaks, table).mean()) for name, table in annotations.items()}
    folds = dict.fromkeys(annotations, np.nan)
    if sizes is not None:
        inside = as_segmentation(peaks, sizes)
        hit = {name: table for name, table in annotations.items() if table["chrom"].isin(list(sizes)).any()}
        found = overlap_enrichment(inside, hit, bin_bp=1)
        folds |= dict(zip(hit, found.loc[["peaks"], list(hit)].to_numpy()[0].tolist(), strict=True))
    return pd.DataFrame({"share": shares, "fold": folds})


def as_segmentation(peaks: pd.DataFrame, sizes: Mapping[str, int]) -> Segmentation:
    """The genome as peaks and what lies between them.

    >>> one = pd.DataFrame({"chrom": ["a"], "start": [2], "end": [4]})
    >>> as_segmentation(one, {"a": 9}).segments.values.tolist()
    [['a', 0, 2, 1], ['a', 2, 4, 0], ['a', 4, 9, 1]]
    """
    union = merged(peaks)
    parts = [union.assign(state=0)[:0]]
    for chrom, size in sizes.items():
        here = union[union["chrom"] == chrom]
        edges = np.concatenate([[0], here[["start", "end"]].to_numpy().ravel(), [size]])
        state = (np.arange(len(edges) - 1) + 1) % 2
        part = pd.DataFrame({"chrom": chrom, "start": edges[:-1], "end": edges[1:], "state": state})
        parts.append(part[part["start"] < part["end"]])
    return Segmentation(pd.concat(parts, ignore_index=True), ("peaks", "elsewhere"), name="the genome")


def _library_figures(row: pd.Series) -> dict[str, float]:
    """Figures of a sample that a table of libraries holds."""
    known = row.reindex(_OF_LIBRARIES).astype("float64").dropna()
    return {str(name): value for name, value in known.items()}


def _signal_in_peaks(track: BigWig, union: pd.DataFrame) -> tuple[float, float]:
    """Share of the signal in peaks, and its total."""
    _, inside, total = signal_sums(track, union)
    return inside / total if total else np.nan, total


def _shown_fragments(track: BigWig, total: float) -> float:
    """The fragments that a signal shows; NaN where it shows none."""
    depth = read_depth(track, CoverageTransform().fit(track))
    return np.nan if depth is None or depth.source == "noise" else float(round(total * depth.per_area))


def _enrichment(track: BigWig, share: float, covered: int) -> float:
    """Mean signal in peaks, which hold a share of it, over the mean elsewhere."""
    # An excerpt of a genome holds nothing elsewhere, which is no background.
    elsewhere = sum(end - start for _, start, end in track.covered_blocks(_BLOCK_BP)) - covered
    return (share / covered) / ((1 - share) / elsewhere) if covered and elsewhere > 0 and 0 < share < 1 else np.nan

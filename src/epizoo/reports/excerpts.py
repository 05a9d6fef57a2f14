"""The little that a report's genome browser shows: signal, peaks and states of a few loci, as plain values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.figures.regions import INK, SIGNAL
from epizoo.genome.loci import Region
from epizoo.genome.signal import BigWig
from epizoo.reports.inputs import Inputs
from epizoo.reports.loci import Locus

MOST_LOCI = 100
"""Loci that a report shows."""
_MOST_TRACKS = 24
_MOST_COLUMNS, _LEAST_COLUMNS, _MOST_VALUES = 1_000, 100, 100_000
_LEAST_ROWS, _MOST_ROWS = 500, 50_000
_DIGITS = 4


def excerpts(inputs: Inputs, loci: Sequence[Locus], genome: str) -> dict[str, Any]:
    """Content of the browser of a report, for JSON.

    Args:
        inputs: files of the report.
        loci: stretches to show.
        genome: what the genome is called.

    Returns:
        ``genome`` with the lengths of the chromosomes of the loci, ``loci`` with a name and a reason each, and
        ``tracks``: of signal as values of bins, of peaks and states as rows of start, end, name and more, the widest
        ones where there are more than a picture shows. A track that lacks some states in ``left_out`` how many.
    """
    sizes = inputs.sizes
    signals = list(inputs.signals.items())[:_MOST_TRACKS]
    n_columns = _MOST_VALUES // max(len(signals) * len(loci), 1)
    n_columns = min(max(n_columns, _LEAST_COLUMNS), _MOST_COLUMNS)
    n_rows = max(_MOST_ROWS // max(len(inputs.peaks) + len(inputs.states), 1), _LEAST_ROWS)
    tracks: list[dict[str, Any]] = []
    for name, track in signals:
        parts = [_signal(track, locus.region, n_columns) for locus in loci if _holds(track, locus.region)]
        tracks.append({"kind": "signal", "name": name, "color": SIGNAL, "parts": parts})
        if name in inputs.peaks:
            tracks.append(_peaks(name, inputs.peaks[name], loci, n_rows))
    others = [name for name in inputs.peaks if name not in dict(signals)][:_MOST_TRACKS]
    tracks += [_peaks(name, inputs.peaks[name], loci, n_rows) for name in others]
    for name, states in list(inputs.states.items())[:_MOST_TRACKS]:
        colors = [",".join(map(str, style.color)) for style in inputs.styles[name]]
        rows, left_out = _within(states.segments, loci, n_rows)
        values = [
            [chrom, start, end, states.labels[state], colors[state]]
            for chrom, start, end, state in rows[["chrom", "start", "end", "state"]].itertuples(index=False)
        ]
        tracks.append({"kind": "states", "name": f"{name}: states", "rows": values, "left_out": left_out})
    chroms = list(dict.fromkeys(locus.region.chrom for locus in loci))
    return {
        "genome": {"name": genome, "sizes": [[chrom, sizes[chrom]] for chrom in chroms]},
        "loci": [{"locus": locus_text(locus.region), "reason": locus.reason} for locus in loci],
        "tracks": tracks,
    }


def locus_text(region: Region) -> str:
    """A region as genome browsers write it, 1-based.

    >>> locus_text(Region("chr1", 999, 2_000))
    'chr1:1,000-2,000'
    """
    return f"{region.chrom}:{region.start + 1:,}-{region.end:,}"


def _peaks(name: str, peaks: pd.DataFrame, loci: Sequence[Locus], n_rows: int) -> dict[str, Any]:
    rows, left_out = _within(peaks, loci, n_rows)
    # What is no number, or infinite, JSON does not hold; igv.js shows no score then.
    scores = rows["score"].astype(object).where(np.isfinite(rows["score"]), None)
    values = [list(row) for row in zip(rows["chrom"], rows["start"], rows["end"], scores, strict=True)]
    return {"kind": "peaks", "name": f"{name}: peaks", "color": INK, "rows": values, "left_out": left_out}


def _within(table: pd.DataFrame, loci: Sequence[Locus], n_rows: int) -> tuple[pd.DataFrame, int]:
    """The rows that overlap a locus, each once, of too many the widest; and the number of those left out."""
    chrom, start, end = table["chrom"].to_numpy(), table["start"].to_numpy(), table["end"].to_numpy()
    wanted = np.zeros(len(table), bool)
    for region, _ in loci:
        wanted |= (chrom == region.chrom) & (start < region.end) & (end > region.start)
    found = np.flatnonzero(wanted)
    widest = np.argsort((start - end)[found], kind="stable")[:n_rows]
    return table.iloc[np.sort(found[widest])], max(len(found) - n_rows, 0)


def _holds(track: BigWig, region: Region) -> bool:
    return track.chrom_sizes.get(region.chrom, 0) >= region.end


def _signal(track: BigWig, region: Region, n_columns: int) -> dict[str, Any]:
    """Means over bins that are as wide as a picture needs; neighbours of one value are one."""
    bin_bp = max(-(-(region.end - region.start) // n_columns), 1)
    first, after = region.start // bin_bp, -(-region.end // bin_bp)
    means = track.binned(region.chrom, first, after, bin_bp)
    values = _rounded(means)
    begins = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    return {
        "chr": region.chrom,
        "start": first * bin_bp,
        "bin": bin_bp,
        "runs": np.diff(begins, append=len(values)).tolist(),
        "values": [int(value) if value == int(value) else value for value in values[begins].tolist()],
    }


def _rounded(values: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " bin"]:
    """Values with four digits, which no picture shows more of."""
    return np.array([float(f"{value:.{_DIGITS}g}") for value in values])

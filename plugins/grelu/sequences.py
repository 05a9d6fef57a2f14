"""Peaks and states as labels of DNA: tables of intervals and labels in the shape that gReLU's `DFSeqDataset` takes.

For `BigWigSeqDataset` nothing has to be made: it reads the bigWigs of ``epizoo call-peaks --probabilities`` and
``epizoo annotate --posteriors``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.intervals import check_intervals
from epizoo.genome.windows import Intervals, interval_table


def peak_sequences(
    peaks: Intervals,
    seq_len: int,
    chrom_sizes: Mapping[str, int],
    *,
    negatives_per_peak: float = 1.0,
    regions: Intervals | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Intervals of one length around peaks, labelled 1, and as many without a peak as are wanted, labelled 0.

    Args:
        peaks: a table as `call_peaks` gives it, with summits (``peak``, bp from the start), or a BED file; without a
            summit, the interval is around the centre of the peak.
        seq_len: length of an interval, in bp.
        chrom_sizes: lengths of the chromosomes; a peak whose interval does not fit in is left out.
        negatives_per_peak: how many intervals without a peak to draw for each peak, at random.
        regions: where to draw them (where peaks were called); everywhere where None.
        seed: of the drawing.

    Returns:
        chrom, start, end, peak (1.0 or 0.0), sorted by place.

    Raises:
        InputError: a peak is not on the chromosomes, or there is no room for a negative interval.
    """
    table = interval_table(peaks, "the peaks")
    check_intervals(table, chrom_sizes, table.attrs["name"], "the chromosomes")
    offset = (table["end"] - table["start"]) // 2
    if "peak" in table.columns:
        offset = table["peak"].astype("int64").where(table["peak"] >= 0, offset)
    positive = _around(table["chrom"], table["start"] + offset, seq_len, chrom_sizes).assign(peak=1.0)
    where = None if regions is None else interval_table(regions, "the regions")
    wanted = round(negatives_per_peak * len(positive))
    negative = _without_peaks(table, seq_len, chrom_sizes, where, wanted, seed).assign(peak=0.0)
    return pd.concat([positive, negative]).sort_values(["chrom", "start"]).reset_index(drop=True)


def state_sequences(
    segments: Intervals, seq_len: int, chrom_sizes: Mapping[str, int], states: Sequence[str] | None = None
) -> pd.DataFrame:
    """Intervals side by side over segments, with a column for each state: 1 for the state at the centre, 0 for others.

    Args:
        segments: a table or BED with the states' names, as ``epizoo annotate`` writes it.
        seq_len: length of an interval, in bp.
        chrom_sizes: lengths of the chromosomes.
        states: names and order of the columns; all names that occur, sorted, where None.

    Returns:
        chrom, start, end and the states; intervals whose centre lies in no segment are left out.

    Raises:
        InputError: the segments have no names, or a name that is none of ``states``.
    """
    table = interval_table(segments, "the segments")
    name = table.attrs["name"]
    check_intervals(table, chrom_sizes, name, "the chromosomes")
    if "name" not in table.columns:
        raise InputError(f"{name}: has no column of names; give segments with the names of their states")
    found = sorted(set(table["name"].astype(str)))
    columns = found if states is None else list(states)
    unknown = sorted(set(found) - set(columns))
    if unknown:
        raise InputError(f"{name}: holds the state {unknown[0]!r}, expected one of {', '.join(columns)}; name it too")
    pieces = []
    for chrom, rows in table.sort_values("start").groupby("chrom", sort=False):
        starts = np.arange(0, chrom_sizes[str(chrom)] - seq_len + 1, seq_len)
        centres = starts + seq_len // 2
        number = np.searchsorted(rows["start"].to_numpy(), centres, side="right") - 1
        inside = (number >= 0) & (centres < rows["end"].to_numpy()[np.maximum(number, 0)])
        state = rows["name"].astype(str).to_numpy()[number[inside]]
        piece = pd.DataFrame({"chrom": chrom, "start": starts[inside], "end": starts[inside] + seq_len})
        pieces.append(piece.assign(**{column: (state == column).astype(np.float64) for column in columns}))
    return pd.concat(pieces, ignore_index=True)


def _around(chroms: pd.Series, centres: pd.Series, seq_len: int, chrom_sizes: Mapping[str, int]) -> pd.DataFrame:
    starts = centres - seq_len // 2
    table = pd.DataFrame({"chrom": chroms.astype(str), "start": starts, "end": starts + seq_len})
    return table[(table["start"] >= 0) & (table["end"] <= table["chrom"].map(dict(chrom_sizes)))]


def _without_peaks(
    peaks: pd.DataFrame,
    seq_len: int,
    chrom_sizes: Mapping[str, int],
    regions: pd.DataFrame | None,
    n_wanted: int,
    seed: int,
) -> pd.DataFrame:
    """Intervals on a grid that no peak touches, some of them drawn."""
    if regions is None:
        regions = pd.DataFrame(
            [(chrom, 0, size) for chrom, size in chrom_sizes.items()], columns=["chrom", "start", "end"]
        )
    rows = []
    for chrom, first, last in zip(regions["chrom"], regions["start"], regions["end"], strict=True):
        own = peaks[peaks["chrom"] == chrom]
        starts = range(int(first), int(last) - seq_len + 1, seq_len)
        free = [s for s in starts if not ((own["start"] < s + seq_len) & (own["end"] > s)).any()]
        rows += [(chrom, start, start + seq_len) for start in free]
    if len(rows) < n_wanted:
        raise InputError(
            f"negatives: {n_wanted} wanted, there is room for {len(rows)} intervals of {seq_len} bp without a peak; "
            "ask for fewer, or give shorter sequences"
        )
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), n_wanted, replace=False))
    return pd.DataFrame([rows[i] for i in chosen], columns=["chrom", "start", "end"])

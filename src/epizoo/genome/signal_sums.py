"""Signal summed over intervals and over the whole genome, in one pass over a track."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.errors import InputError
from epizoo.genome.overlaps import merged
from epizoo.genome.signal import SignalTrack

_BLOCK_BP = 1 << 22


def signal_sums(track: SignalTrack, intervals: pd.DataFrame) -> tuple[Float[np.ndarray, " interval"], float, float]:
    """The sum of the signal over the bp of each interval, of their union, and of the whole genome; absent values are 0.

    Raises:
        InputError: the track is damaged, or a value is negative or infinite.
    """
    union = merged(intervals)
    places = pd.concat([intervals[["chrom", "start", "end"]], union], ignore_index=True)
    sums, total = np.zeros(len(places)), 0.0
    low, high = (places[column].to_numpy(np.int64) for column in ("start", "end"))
    rows_of = {str(chrom): np.asarray(rows) for chrom, rows in places.groupby("chrom").indices.items()}
    for chrom, size in track.chrom_sizes.items():
        rows = rows_of.get(chrom, np.zeros(0, np.int64))
        for start in range(0, size, _BLOCK_BP):
            end = min(start + _BLOCK_BP, size)
            values = np.nan_to_num(track.values(chrom, start, end), nan=0.0, posinf=np.inf).astype(np.float64)
            up_to = np.concatenate([[0.0], np.cumsum(values)])
            if not np.isfinite(up_to[-1]) or values.min() < 0:
                raise InputError(f"{track.path}: holds a negative or infinite value on {chrom}; correct it")
            total += up_to[-1]
            here = rows[(low[rows] < end) & (high[rows] > start)]
            first, after = np.maximum(low[here], start) - start, np.minimum(high[here], end) - start
            sums[here] += up_to[after] - up_to[first]
    return sums[: len(intervals)], float(sums[len(intervals) :].sum()), total

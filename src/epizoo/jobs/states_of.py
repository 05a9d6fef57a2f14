"""The states of a user's own regions or peaks."""

import os

import pandas as pd

from epizoo.calling.peak_reader import read_peaks, summit_places
from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.chrom_names import named_like, warn_of_other_assembly
from epizoo.genome.table_files import check_tables, write_table
from epizoo.metrics.region_states import region_states
from epizoo.metrics.segmentations import Segmentation

File = str | os.PathLike[str]


def states_of(regions: File, states: Segmentation, output: File | None = None) -> pd.DataFrame:
    """The share of each state in each region, and the state at its summit (narrowPeak) or centre.

    Args:
        regions: BED, narrowPeak or broadPeak file.
        states: a segmentation, as `epizoo.metrics.segmentations.read_segmentation` reads it, or ``.segmentation()`` of
            an annotation.
        output: table to write, as text separated by tabs or as Parquet, by its suffix.

    Returns:
        A row for each region in the file's order: chrom, start, end, name, ``place`` (0-based), ``state`` there (``.``
        for none), then a column for each state with its share of the region's bp.

    Raises:
        InputError: a file cannot be used, or no region lies on a chromosome with states.
    """
    if output is not None:
        check_outputs([output], [regions])
        check_tables([output])
    peaks = read_peaks(regions)
    if peaks.empty:
        raise InputError(f"{regions}: holds no region; give a BED file with one at least")
    table = peaks[["chrom", "start", "end", "name"]]
    ends = states.ends()
    table = named_like(table, list(ends), str(regions), states.name)
    if not table["chrom"].isin(list(ends)).any():
        raise InputError(
            f"{regions}: none of its chromosomes ({table['chrom'].iloc[0]}, …) is in {states.name}, which has "
            f"{', '.join(list(ends)[:5])}; give regions of the same assembly"
        )
    warn_of_other_assembly(table, ends, str(regions), states.name)
    table = table.assign(place=summit_places(peaks))
    found = pd.concat([table, region_states(table, table["place"].to_numpy(), states)], axis=1)
    if output is not None:
        write_table(output, found, float_format="%.6g")
    return found

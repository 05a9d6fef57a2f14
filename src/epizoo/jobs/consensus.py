"""Consensus of the peaks of several samples, with the samples that support each peak."""

import logging
from collections.abc import Mapping

import pandas as pd

from epizoo.calling.consensus import Consensus, consensus_peaks
from epizoo.calling.peak_files import peak_format, write_peaks
from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.table_files import check_tables, write_table
from epizoo.jobs.peak_inputs import File
from epizoo.jobs.sample_groups import sample_groups

logger = logging.getLogger(__name__)


def consensus(
    peaks: Mapping[str, File | pd.DataFrame],
    *,
    groups: File | Mapping[str, str] | None = None,
    min_support: int | None = None,
    output: File | None = None,
    support: File | None = None,
) -> Consensus:
    """Join the peaks of several samples into one set, and say which samples support each peak.

    A bp is kept where enough samples of one group have a peak over it. Runs of such bp are cut in the middle of a
    valley in which at most half as many samples have a peak as on either side. A sample supports a consensus peak if
    half of it, or half of one of the sample's peaks, lies in the other.

    Args:
        peaks: Peaks of each sample: narrowPeak, broadPeak, gappedPeak or BED, of any caller.
        groups: Group of each sample: a tab-separated file with the columns sample and group, or SAMPLE=GROUP for each
            (default: one group).
        min_support: Number of samples of one group that must have a peak (default: half of the group, at least 2).
        output: File of peaks to write: narrowPeak (score: share of supporting samples; signal value: their number;
            peak: median summit), or BED of six columns, by its suffix, compressed (BGZF) and indexed (tabix)
            where its name ends in ``.gz``; or Parquet.
        support: Write a table of the samples that support each peak, as TSV of 0 and 1.

    Raises:
        InputError: a file cannot be used, a sample has no group, or no group has `min_support` samples.
    """
    if not peaks:
        raise InputError("--peaks: none given, expected the peaks of two samples or more")
    files = [table for table in peaks.values() if not isinstance(table, pd.DataFrame)]
    kind = peak_format("" if output is None else output)
    if kind not in ("narrowPeak", "bed", "parquet"):
        raise InputError(f"{output}: {kind} cannot hold a consensus; name the file .narrowPeak, .bed or .parquet")
    check_tables([support])
    tables = [groups] if isinstance(groups, str) or hasattr(groups, "__fspath__") else []
    check_outputs([path for path in (output, support) if path is not None], [*files, *tables])  # type: ignore[list-item]
    of_sample = sample_groups(groups, peaks)
    _check_support(min_support, list(of_sample.values()))
    found = consensus_peaks({name: _table(table) for name, table in peaks.items()}, of_sample, min_support)
    if found.peaks.empty:
        logger.warning("no consensus peaks: nowhere do enough samples of one group have a peak")
    if output is not None:
        write_peaks(output, found.peaks, kind)
    if support is not None:
        table = found.peaks[["chrom", "start", "end", "name"]].join(found.support.astype(int))
        write_table(support, table)
    return found


def _table(peaks: File | pd.DataFrame) -> pd.DataFrame:
    return peaks if isinstance(peaks, pd.DataFrame) else read_peaks(peaks)


def _check_support(min_support: int | None, groups: list[str]) -> None:
    largest = max(map(groups.count, groups))
    if min_support is not None and not 1 <= min_support <= largest:
        raise InputError(
            f"--min-support: {min_support} given, expected 1 to {largest}, the number of samples of the largest group"
        )

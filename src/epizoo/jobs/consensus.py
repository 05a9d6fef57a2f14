"""Consensus of the peaks of several samples, with the samples that support each peak."""

import logging
from collections.abc import Mapping

import pandas as pd

from epizoo.calling.consensus import Consensus, consensus_peaks
from epizoo.calling.peak_files import peak_format, write_peaks
from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.chrom_names import named_like
from epizoo.genome.table_files import check_tables, write_table
from epizoo.jobs.count_tables import PLACE, check_names
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
    assembly_is_checked: bool = False,
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
        assembly_is_checked: All samples are known to be of one assembly, so that one with peaks on a chromosome of its
            own is not refused.

    Raises:
        InputError: a file cannot be used, a sample has no group or is called as a column of the table, no group has
            `min_support` samples, or a sample's chromosomes are those of no other.
    """
    if not peaks:
        raise InputError("--peaks: none given, expected the peaks of two samples or more")
    check_names(peaks)
    files = [table for table in peaks.values() if not isinstance(table, pd.DataFrame)]
    kind = peak_format("" if output is None else output)
    if kind not in ("narrowPeak", "bed", "parquet"):
        raise InputError(f"{output}: {kind} cannot hold a consensus; name the file .narrowPeak, .bed or .parquet")
    check_tables([support])
    tables = [groups] if isinstance(groups, str) or hasattr(groups, "__fspath__") else []
    check_outputs([path for path in (output, support) if path is not None], [*files, *tables])  # type: ignore[list-item]
    of_sample = sample_groups(groups, peaks)
    _check_support(min_support, list(of_sample.values()))
    alike = _named_alike({name: _table(table) for name, table in peaks.items()})
    if not assembly_is_checked:
        _check_chroms(alike)
    found = consensus_peaks(alike, of_sample, min_support)
    if found.peaks.empty:
        logger.warning("no consensus peaks: nowhere do enough samples of one group have a peak")
    if output is not None:
        write_peaks(output, found.peaks, kind)
    if support is not None:
        table = found.peaks[PLACE].join(found.support.astype(int))
        write_table(support, table)
    return found


def _table(peaks: File | pd.DataFrame) -> pd.DataFrame:
    return peaks if isinstance(peaks, pd.DataFrame) else read_peaks(peaks)


def _named_alike(peaks: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The samples' peaks with chromosomes named as those of the first sample: chr1 or 1."""
    chroms = {sample: set(table["chrom"].unique()) for sample, table in peaks.items()}
    first = next((sample for sample in chroms if chroms[sample]), None)
    if first is None:
        return dict(peaks)
    # Samples that name one chromosome as the first one does name the others so, too.
    wanted = set().union(*(names for names in chroms.values() if names & chroms[first]))
    return {sample: named_like(table, wanted, sample, first) for sample, table in peaks.items()}


def _check_chroms(peaks: Mapping[str, pd.DataFrame]) -> None:
    """Refuse a sample that can agree with no other, since all its chromosomes are called otherwise."""
    chroms = {sample: set(table["chrom"].unique()) for sample, table in peaks.items() if len(table)}
    for sample, names in chroms.items():
        others = set().union(*(chroms[other] for other in chroms if other != sample))
        if others and not names & others:
            raise InputError(
                f"{sample}: its peaks lie on {_some(names)}, those of the other samples on {_some(others)}, and no "
                "chromosome is in both; give peaks of one assembly with chromosomes named alike, or leave it out"
            )


def _some(names: set[str]) -> str:
    return ", ".join([*sorted(names)[:3], *(["…"] if len(names) > 3 else [])])


def _check_support(min_support: int | None, groups: list[str]) -> None:
    largest = max(map(groups.count, groups))
    if min_support is not None and not 1 <= min_support <= largest:
        raise InputError(
            f"--min-support: {min_support} given, expected 1 to {largest}, the number of samples of the largest group"
        )

"""Peaks of each cluster of single cells, from one pass over a file of fragments."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from epizoo.calling.peak_files import KINDS
from epizoo.calling.peaks import PEAK_COLUMNS
from epizoo.errors import InputError
from epizoo.files import inside
from epizoo.genome.assemblies import chrom_sizes as sizes_of
from epizoo.genome.intervals import read_lines
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import ReadCoverage, fragments
from epizoo.genome.reads.read_positions import ReadPositions
from epizoo.genome.reads.text_reads import read_cell_fragments
from epizoo.genome.windows import Intervals
from epizoo.jobs.call_peaks import call_peaks
from epizoo.jobs.peak_inputs import File, Progress
from epizoo.validation import stated
from epizoo.zoo.entry import PeakCallerEntry
from epizoo.zoo.loading import load_peak_caller

logger = logging.getLogger(__name__)


def call_cluster_peaks(
    entry: PeakCallerEntry | File,
    reads: File,
    barcodes: File | Mapping[str, str],
    *,
    chrom_sizes: File,
    output: File | None = None,
    output_format: str | None = None,
    fragment_length_bp: int | None = None,
    min_fragment_bp: int | None = None,
    max_fragment_bp: int | None = None,
    atac: bool = False,
    regions: Intervals | None = None,
    blacklist: Intervals | None = None,
    exclude: Sequence[str] | None = None,
    q_value: float | None = None,
    enter_probability: float | None = None,
    extend_probability: float | None = None,
    min_width_bp: int | None = None,
    merge_gap_bp: int | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Call peaks for each cluster of single cells; the file of fragments is read once.

    Args:
        entry: A peak caller, its name in the zoo, or its folder.
        reads: Fragments of single cells: chrom, start, end, barcode, and more columns if there are.
        barcodes: The cluster of each barcode: a file of two tab-separated columns, or a mapping. Fragments of other
            barcodes are left out.
        chrom_sizes: Chromosome lengths: hg38, or a file of two columns.
        output: Folder to write a file of peaks to for each cluster, such as ``B cells.narrowPeak``.
        output_format: Format: narrowPeak (default), broadPeak, gappedPeak, bed or parquet.
        fragment_length_bp: See `epizoo.call_peaks`, as all that follow.
        min_fragment_bp: Leave out shorter fragments.
        max_fragment_bp: Leave out longer fragments.
        atac: Pile up cut sites, which the ends of single cells' fragments are.
        regions: Only call peaks in these intervals.
        blacklist: Leave out peaks on this blacklist.
        exclude: Leave out these sequences.
        q_value: Highest q-value of a peak.
        enter_probability: Probability that a peak must reach.
        extend_probability: Probability as far as which a peak extends.
        min_width_bp: Leave out narrower peaks.
        merge_gap_bp: Join peaks with at most this many bp between them.
        backend: Engine that computes.
        progress: Called after each cluster with the clusters that are done and those there are.

    Returns:
        Peaks as of `epizoo.call_peaks`, after the column `cluster`, cluster by cluster in the order of `barcodes`. The
        categories of `cluster` are all clusters in which peaks were called, those without a peak included. A cluster
        with too few fragments to call peaks in is left out with a warning.

    Raises:
        InputError: a file cannot be used, no fragment is of a barcode in `barcodes`, peaks can be called in no cluster,
            or the name of a cluster cannot be that of a file.
    """
    config = PileUpConfig(
        **stated(
            fragment_length_bp=fragment_length_bp,
            min_fragment_bp=min_fragment_bp,
            max_fragment_bp=max_fragment_bp,
            atac=atac or None,
        )
    )
    cluster_of = _clusters(barcodes)
    suffix = _suffix(output_format)
    paths = {} if output is None else {name: inside(output, f"{name}{suffix}") for name in cluster_of.values()}
    if output is not None:
        _make_folder(Path(output))
    caller, sizes = load_peak_caller(entry, backend), sizes_of(chrom_sizes)
    found = read_cell_fragments(Path(reads), cluster_of)
    if not any(found.clusters.values()):
        raise InputError(
            f"{reads}: no fragment is of one of the {len(cluster_of):,} barcodes, such as {next(iter(cluster_of))}; are"
            " their names the same, suffixes such as -1 included?"
        )
    if found.n_unknown:
        logger.info("%s: left out %s fragments of barcodes without a cluster.", reads, f"{found.n_unknown:,}")
    if found.missing:
        logger.warning(
            "%s: no fragment is of %s of the %s barcodes, such as %s; are their names the same, suffixes such as -1 "
            "included?",
            reads,
            f"{len(found.missing):,}",
            f"{len(cluster_of):,}",
            found.missing[0],
        )
    tables: dict[str, pd.DataFrame] = {}
    failed: dict[str, InputError] = {}
    for number, (cluster, genome) in enumerate(found.clusters.items(), start=1):
        track = _coverage(Path(reads), cluster, genome, config, sizes)
        if track.n_fragments == 0:
            logger.warning("%s: has no fragment, and no file of peaks", track.path)
        else:
            try:
                peaks = call_peaks(
                    caller,
                    track,
                    regions=regions,
                    blacklist=blacklist,
                    output=paths.get(cluster),
                    exclude=exclude,
                    q_value=q_value,
                    enter_probability=enter_probability,
                    extend_probability=extend_probability,
                    min_width_bp=min_width_bp,
                    merge_gap_bp=merge_gap_bp,
                )
                tables[cluster] = pd.DataFrame(peaks)
            except InputError as error:
                failed[cluster] = error
        if progress is not None:
            progress(number, len(found.clusters))
    if not tables:
        raise next(iter(failed.values()), None) or InputError(
            f"{reads}: no cluster has a fragment of {config.min_fragment_bp:,} to {config.max_fragment_bp:,} bp on a "
            "chromosome of known length; are the chromosome lengths of the same assembly?"
        )
    for cluster, reason in failed.items():
        logger.warning("no file of peaks for the cluster %s: %s", cluster, reason)
    return _together(tables)


def _together(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The peaks of all clusters; clusters without a peak are categories too."""
    together = pd.concat([peaks.assign(cluster=cluster) for cluster, peaks in tables.items()], ignore_index=True)
    together["cluster"] = pd.Categorical(together["cluster"], categories=list(tables))
    return together[["cluster", *PEAK_COLUMNS]]


def _coverage(
    path: Path, cluster: str, genome: Mapping[str, ReadPositions], config: PileUpConfig, sizes: Mapping[str, int]
) -> ReadCoverage:
    """Coverage of a cluster's fragments on chromosomes of known length; their ends are cut sites already."""
    spans = {}
    for chrom, cells in genome.items():
        if chrom not in sizes:
            continue
        length = cells.pair_end - cells.pair_start
        kept = (length >= config.min_fragment_bp) & (length <= config.max_fragment_bp)
        usual = cells._replace(pair_start=cells.pair_start[kept], pair_end=cells.pair_end[kept])
        if len(usual.pair_end) and usual.pair_end.max() > sizes[chrom]:
            raise InputError(
                f"{path}: a fragment on {chrom} ends at {usual.pair_end.max():,}, past the end of the chromosome "
                f"({sizes[chrom]:,} bp); is it of the same assembly?"
            )
        spans[chrom] = fragments(usual, config, shifted=True)
    coverage = ReadCoverage([path], sizes, spans)
    # What messages call it.
    coverage.path = Path(f"{path}, cluster {cluster}")
    return coverage


def _clusters(barcodes: File | Mapping[str, str]) -> dict[str, str]:
    """The cluster of each barcode; a first line that names the columns is skipped."""
    if isinstance(barcodes, Mapping):
        found = {str(barcode): str(cluster) for barcode, cluster in barcodes.items()}
    else:
        found = {}
        lines = [(number, line) for number, line in read_lines(barcodes) if line.strip() and not line.startswith("#")]
        for (number, line), row in zip(lines, csv.reader((text for _, text in lines), delimiter="\t"), strict=True):
            if number == lines[0][0] and row[0].strip().lower() in ("barcode", "barcodes", "cell", "cells"):
                continue
            if len(row) < 2 or not row[0].strip() or not row[1].strip():
                raise InputError(
                    f"{barcodes}: line {number} is {line[:60]!r}, expected a barcode and its cluster, tab-separated"
                )
            if found.get(row[0].strip(), row[1].strip()) != row[1].strip():
                raise InputError(f"{barcodes}: line {number} gives the barcode {row[0]} a second cluster; keep one")
            found[row[0].strip()] = row[1].strip()
    if not found:
        name = "the barcodes" if isinstance(barcodes, Mapping) else str(barcodes)
        raise InputError(f"{name}: holds no barcode; give each barcode a cluster")
    return found


def _make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected a folder for the peaks of each cluster; name another one")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: cannot be made, its folder {folder.parent} does not exist; create it first")
    folder.mkdir(exist_ok=True)


def _suffix(output_format: str | None) -> str:
    chosen = {name.lower(): name for name in KINDS}.get((output_format or "narrowPeak").lower())
    if chosen is None:
        raise InputError(f"format: {output_format!r} is not a format of peaks; choose {', '.join(KINDS)}")
    return f".{chosen}"

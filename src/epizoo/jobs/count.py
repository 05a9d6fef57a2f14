"""Counts of fragments in peaks, for several samples, and figures of their libraries."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int64

from epizoo.calling.peak_reader import read_peaks
from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.assemblies import chrom_sizes as sizes_of
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.intervals import check_intervals
from epizoo.genome.read_depth import read_depth
from epizoo.genome.reads.alignments import MARKED
from epizoo.genome.reads.fragment_counts import fragments_in, n_fragments_in_any
from epizoo.genome.reads.pile_up_config import KeepDuplicates, Pairs, PileUpConfig
from epizoo.genome.reads.pileup import pool_fragments
from epizoo.genome.signal import BigWig
from epizoo.genome.signal_sums import signal_sums
from epizoo.genome.table_files import check_tables, write_table
from epizoo.jobs.count_tables import PLACE, check_names, is_h5ad, write_counts
from epizoo.jobs.peak_inputs import File, Progress, Reads
from epizoo.jobs.sample_groups import sample_groups
from epizoo.validation import stated

_CUT_SITE_BP = 1


class Counts(NamedTuple):
    """Fragments in peaks.

    Attributes:
        table: chrom, start, end and name of each peak, then a column of counts for each sample. Names are those of the
            peaks, or their places (``chr1:101-200``) where a peak has none or two have one.
        libraries: for each sample (the index) `reads` that could be used, `duplicates` among them and
            `duplicates_share`, `left_out` for other reasons, `fragments` that were kept, `in_peaks` those that overlap
            a peak, `frip`, their share, and, where groups are given, `group`. Of bigWigs reads and duplicates are
            unknown.
    """

    table: pd.DataFrame
    libraries: pd.DataFrame


def count(
    peaks: File | pd.DataFrame,
    *,
    reads: Mapping[str, Reads] | None = None,
    bigwigs: Mapping[str, File] | None = None,
    groups: File | Mapping[str, str] | None = None,
    chrom_sizes: File | None = None,
    fragment_length_bp: int | None = None,
    min_mapping_quality: int | None = None,
    keep_duplicates: KeepDuplicates | None = None,
    pairs: Pairs | None = None,
    min_fragment_bp: int | None = None,
    max_fragment_bp: int | None = None,
    reference: File | None = None,
    atac: bool = False,
    output: File | None = None,
    libraries: File | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Count the fragments of several samples in peaks.

    A fragment counts in every peak that it shares a bp with: a pair or a fragment of single cells from end to end, a
    single read extended to `fragment_length_bp`, each cut site by itself with `atac`. Reads are handled as in
    `epizoo.call_peaks`. Memory holds the fragments of one sample at a time.

    Args:
        peaks: Peaks to count in: narrowPeak, broadPeak, gappedPeak or BED. Tables name them as the file does, or by
            their places where it does not.
        reads: Reads of each sample: BAM, SAM, CRAM, BED, tagAlign, BEDPE or fragments of single cells; several files of
            one sample are pooled.
        bigwigs: Coverage of each sample, bigWig, in which single reads can be seen: the area in a peak over that of a
            fragment, rounded.
        groups: Group of each sample, for the table of libraries and AnnData: a tab-separated file with the columns
            sample and group, or SAMPLE=GROUP for each.
        chrom_sizes: Chromosome lengths, needed for all reads but BAM: hg38, or a file of two columns.
        fragment_length_bp: Extend single reads to this length (default: 200; with `atac`, 1 bp at each cut site).
        min_mapping_quality: Leave out reads of a lower mapping quality, and pairs if either mate has one (BAM, SAM and
            CRAM only; default: 0).
        keep_duplicates: Number of reads kept at one position and strand: a number, auto (as many as chance gives, as
            in MACS) or all (default: 1).
        pairs: template (proper pairs span from end to end; default) or as-single (one mate of each pair as a single
            read, properly paired or not).
        min_fragment_bp: Leave out shorter pairs and fragments (default: 1).
        max_fragment_bp: Leave out longer pairs and fragments (default: 2,000).
        reference: Reference genome of a CRAM (FASTA); positions are read without it.
        atac: Count the cut sites of ATAC-seq: both ends, moved by +4 and -5 bp.
        output: Table of counts to write, by its suffix: ``.tsv``, ``.tsv.gz``, ``.parquet``, or ``.h5ad`` (AnnData,
            samples by peaks); TSV where it has none.
        libraries: Write a table of the libraries: reads, share of duplicates, fragments, and FRiP, the share of
            fragments in peaks, as TSV.
        progress: Called after each sample with the samples that are done and those there are.

    Raises:
        InputError: a file cannot be used, peaks and reads are not of one assembly, options do not go together, or the
            reads of a bigWig cannot be told.
    """
    if bool(reads) == bool(bigwigs):
        raise InputError(f"--reads, --bigwigs: {'both' if reads else 'neither'} given, expected one of the two")
    given = stated(
        fragment_length_bp=fragment_length_bp,
        min_mapping_quality=min_mapping_quality,
        keep_duplicates=keep_duplicates,
        pairs=pairs,
        min_fragment_bp=min_fragment_bp,
        max_fragment_bp=max_fragment_bp,
        reference=reference,
        atac=atac or None,
    )
    if bigwigs and (given or chrom_sizes is not None):
        names = ", ".join("--" + name.replace("_", "-") for name in given) or "--chrom-sizes"
        raise InputError(f"{names}: given, but about reads; leave out, or give --reads")
    config = PileUpConfig(**({"fragment_length_bp": _CUT_SITE_BP} | given if atac else given))
    holds_groups = output is None or is_h5ad(output) or libraries is not None
    if groups is not None and not holds_groups:
        raise InputError(
            f"--groups: given, but {output} holds no groups; write the counts as .h5ad or the table --libraries, or "
            "leave it out"
        )
    check_outputs([path for path in (output, libraries) if path is not None], _files(peaks, reads, bigwigs, groups))
    check_tables([libraries])
    places, name = _places(peaks)
    sizes = None if chrom_sizes is None else sizes_of(chrom_sizes)
    sources = reads or bigwigs or {}
    check_names(sources)
    of_sample = None if groups is None else sample_groups(groups, list(sources))
    columns: dict[str, np.ndarray] = {}
    figures: dict[str, dict[str, float]] = {}
    for number, (sample, source) in enumerate(sources.items(), start=1):
        if reads:
            columns[sample], figures[sample] = _of_reads(places, name, source, config, sizes)
        else:
            columns[sample], figures[sample] = _of_bigwig(places, name, source)  # type: ignore[arg-type]
        if progress is not None:
            progress(number, len(sources))
    table = _libraries(figures)
    table = table if of_sample is None else table.assign(group=list(of_sample.values()))
    found = Counts(pd.concat([places[PLACE], pd.DataFrame(columns)], axis=1), table)
    if output is not None:
        write_counts(output, *found)
    if libraries is not None:
        write_table(libraries, found.libraries, index=True, float_format="%.6g")
    return found


def _of_reads(
    places: pd.DataFrame, name: str, source: Reads, config: PileUpConfig, sizes: Mapping[str, int] | None
) -> tuple[Int64[np.ndarray, " peak"], dict[str, float]]:
    """Counts and figures of a sample of reads."""
    found = pool_fragments(source, config, chrom_sizes=sizes)
    check_intervals(places, found.chrom_sizes, name, str(found.paths[0]))
    tally = found.tally
    # Duplicates by their position, and those that were marked before.
    marked = tally.left_out.get(MARKED, 0)
    duplicates, n_reads = tally.n_duplicates + marked, tally.n_reads + marked
    fragments = sum(len(starts) for starts, _ in found.spans.values())
    inside = n_fragments_in_any(places, found.spans)
    return fragments_in(places, found.spans), {
        "reads": n_reads or fragments,
        "duplicates": duplicates,
        "duplicates_share": duplicates / n_reads if n_reads else 0.0,
        "left_out": sum(tally.left_out.values()) + sum(found.left_out.values()) - marked,
        "fragments": fragments,
        "in_peaks": inside,
        "frip": inside / fragments,
    }


def _of_bigwig(places: pd.DataFrame, name: str, path: File) -> tuple[Int64[np.ndarray, " peak"], dict[str, float]]:
    """Counts and figures of a sample of coverage, whose fragments are counted by their area."""
    with BigWig(path) as track:
        check_intervals(places, track.chrom_sizes, name, str(path))
        depth = read_depth(track, CoverageTransform().fit(track))
        if depth is None or depth.source == "noise":
            raise InputError(
                f"{path}: single reads cannot be seen in it, so that they cannot be counted; give the reads, or "
                "coverage that is neither binned nor smoothed"
            )
        sums, inside, total = signal_sums(track, places)
    return np.rint(sums * depth.per_area).astype(np.int64), {
        "reads": np.nan,
        "duplicates": np.nan,
        "duplicates_share": np.nan,
        "left_out": np.nan,
        "fragments": round(total * depth.per_area),
        "in_peaks": round(inside * depth.per_area),
        "frip": inside / total,
    }


def _places(peaks: File | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Chrom, start, end and a name of each peak, in their order, and what the peaks are called in messages."""
    if isinstance(peaks, pd.DataFrame):
        table, name = peaks.reset_index(drop=True), "the peaks"
    else:
        table, name = read_peaks(peaks), str(peaks)
    if table.empty:
        raise InputError(f"{name}: holds no peak to count in; give a file with at least one")
    place = table["chrom"].astype(str) + ":" + (table["start"] + 1).astype(str) + "-" + table["end"].astype(str)
    if place.duplicated().any():
        raise InputError(f"{name}: {place[place.duplicated()].iloc[0]} stands there twice; give each peak once")
    names = table["name"].astype("str") if "name" in table else place
    have_names = not (names.isin(["", "."]).any() or names.duplicated().any())
    return table[["chrom", "start", "end"]].assign(name=names if have_names else place), name


def _libraries(figures: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(dict(figures), orient="index").rename_axis("sample")
    whole = {name: "Int64" for name in table if name not in ("duplicates_share", "frip")}
    return table.astype(whole)


def _files(
    peaks: File | pd.DataFrame,
    reads: Mapping[str, Reads] | None,
    bigwigs: Mapping[str, File] | None,
    groups: File | Mapping[str, str] | None,
) -> list[File]:
    files: list[File] = [path for path in (peaks, groups) if isinstance(path, str | os.PathLike)]
    for source in [*(reads or {}).values(), *(bigwigs or {}).values()]:
        files += [source] if isinstance(source, str) or hasattr(source, "__fspath__") else list(source)
    return files

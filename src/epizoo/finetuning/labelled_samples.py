"""Labelled stretches of a user's bigWigs, checked before anything is trained on them."""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.finetuning.new_cell_type import PeakData, PeakSample
from epizoo.genome.coverage_transform import CoverageTransform, FittedTransform
from epizoo.genome.intervals import check_intervals, read_bed
from epizoo.genome.signal import BigWig
from epizoo.metrics.label_errors import LOCUS_GAP_BP, assign_loci
from epizoo.metrics.label_files import read_listed_peaks, read_region_labels
from epizoo.peaks.labelled_stretches import LabelledStretch, read_stretch

LONGEST_LOCUS_BP = 2_000_000
"""A longer locus, such as a chromosome that was looked through as a whole, is cut …"""
BLOCK_BP = 1_000_000
"""… into blocks so long, which count as loci of their own."""
_FEWEST_STEPS = 8


def read_sample_labels(data: PeakData) -> pd.DataFrame:
    """All labels of all samples: sample (its number), chrom, start, end, annotation, locus, share, window.

    ``locus`` numbers loci over all samples, ``share`` is 1 over the labels of the same region in all samples.

    Raises:
        InputError: a file cannot be read, there is no label, or all labels say the same.
    """
    tables = []
    for number, sample in enumerate(data.samples):
        parts = []
        if sample.labels is not None:
            parts.append(read_region_labels(sample.labels))
        if sample.peaks is not None and sample.regions is not None:
            parts.append(read_listed_peaks(sample.peaks, sample.regions))
        if parts:
            tables.append(pd.concat(parts, ignore_index=True).assign(sample=number, window=sample.label))
    if not tables:
        raise InputError("samples: none has labels or peaks; give labels, or fine-tune without them by self-training")
    labels = pd.concat(tables, ignore_index=True)
    _require_both_kinds(labels, data)
    labels = labels.sort_values(["sample", "chrom", "start", "end"], ignore_index=True)
    per_region = labels.groupby(["chrom", "start", "end", "annotation"])["sample"].transform("size")
    return labels.assign(locus=_loci(labels), share=1 / per_region)


def read_stretches(
    data: PeakData,
    labels: pd.DataFrame,
    transform: CoverageTransform,
    bin_bp: int,
    pad_bp: int,
    *,
    unseen: pd.DataFrame | None = None,
) -> list[LabelledStretch]:
    """One stretch of signal for each sample and locus of `read_sample_labels`.

    Args:
        data: the samples.
        labels: which labels.
        transform: how the scale of each file is estimated.
        bin_bp: width of a bin.
        pad_bp: how much more to read on both sides.
        unseen: intervals that the estimate of the scale must not see: those of a test set.

    Raises:
        InputError: a bigWig cannot be used, its values stand for more than a bin each, or a label lies where it has no
            signal.
    """
    stretches = []
    for number, rows in labels.groupby("sample"):
        sample = data.samples[int(str(number))]
        with BigWig(sample.bigwig) as bigwig:
            known = _known_regions(sample, bigwig, rows)
            fitted = fit_scale(bigwig, sample, transform, known, unseen)
            for _, locus in rows.groupby(["chrom", "locus"], sort=True):
                check_resolution(bigwig, locus, bin_bp)
                own = locus.drop(columns=["sample"]).reset_index(drop=True)
                stretch = read_stretch(bigwig, fitted.scale, own, bin_bp, pad_bp)
                stretches.append(stretch._replace(signal=linear(stretch.signal, fitted)))
    return stretches


def fit_scale(
    bigwig: BigWig,
    sample: PeakSample,
    transform: CoverageTransform,
    known: pd.DataFrame | None,
    unseen: pd.DataFrame | None = None,
) -> FittedTransform:
    """The transform of one file, fitted without the unseen intervals."""
    if unseen is None or unseen.empty:
        return transform.fit(bigwig, sample.signal_kind, known)
    if known is None:
        sizes = bigwig.chrom_sizes
        held = {chrom for chrom, *_ in bigwig.covered_blocks(BLOCK_BP)}
        known = pd.DataFrame([(chrom, 0, sizes[chrom]) for chrom in sizes if chrom in held])
        known.columns = pd.Index(["chrom", "start", "end"])
        # Without known regions, empty stretches count as unknown; with them, as 0. The sampled blocks say which.
        known = _covered(bigwig, known)
    left = _without(known, unseen)
    if left.empty:
        raise InputError(
            f"{sample.bigwig}: nothing is left to estimate its scale from once the test loci are taken out; give a "
            "bigWig of more of the genome, or allow the scale to see them (allow normalisation)"
        )
    return transform.fit(bigwig, sample.signal_kind, left)


def linear(signal: np.ndarray, fitted: FittedTransform) -> np.ndarray:
    """Signal in the linear unit of the scale: what arcsinh(signal / scale) wants, for -log10 p too."""
    if fitted.kind != "log10_p":
        return signal
    return fitted.inverse(fitted(signal)).astype(np.float32)


def check_resolution(bigwig: BigWig, labels: pd.DataFrame, bin_bp: int) -> None:
    """Check that signal changes within the model's bins.

    Raises:
        InputError: all values around these labels stand for more than `bin_bp` bp each.
    """
    chrom = str(labels["chrom"].iloc[0])
    size = bigwig.chrom_sizes[chrom]
    start, end = max(int(labels["start"].min()) - 20_000, 0), min(int(labels["end"].max()) + 20_000, size)
    values = np.nan_to_num(bigwig.values(chrom, start, min(end, start + BLOCK_BP)))
    changes = np.flatnonzero(np.diff(values)) + 1 + start
    step = int(np.gcd.reduce(changes)) if len(changes) >= _FEWEST_STEPS else 0
    if step > bin_bp:
        raise InputError(
            f"{bigwig.path}: its values stand for {step} bp each around {chrom}:{start}-{end}, but the model works in "
            f"bins of {bin_bp} bp; give a bigWig of at most {bin_bp} bp per value"
        )


def loci_table(labels: pd.DataFrame) -> pd.DataFrame:
    """Chrom, start and end of each locus, by its number."""
    groups = labels.groupby("locus")
    return pd.DataFrame({"chrom": groups["chrom"].first(), "start": groups["start"].min(), "end": groups["end"].max()})


def _known_regions(sample: PeakSample, bigwig: BigWig, labels: pd.DataFrame) -> pd.DataFrame | None:
    where = str(sample.labels or sample.peaks)
    check_intervals(labels, bigwig.chrom_sizes, where, str(sample.bigwig))
    if sample.known_regions is None:
        return None
    known = read_bed(sample.known_regions)
    check_intervals(known, bigwig.chrom_sizes, str(sample.known_regions), str(sample.bigwig))
    for label in labels.itertuples():
        inside = (known["chrom"] == label.chrom) & (known["start"] <= label.start) & (known["end"] >= label.end)
        if not inside.any():
            raise InputError(
                f"{where}: {label.chrom}:{label.start}-{label.end} lies outside the known regions of "
                f"{sample.known_regions}, where {sample.bigwig} has no signal; take the label out"
            )
    return known


def _covered(bigwig: BigWig, known: pd.DataFrame) -> pd.DataFrame:
    """The stretches of about 10 kb that hold any value, as `CoverageTransform` counts them where nothing is known."""
    rows = [row for row in bigwig.covered_blocks(10_000) if row[0] in set(known["chrom"])]
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def _without(known: pd.DataFrame, unseen: pd.DataFrame) -> pd.DataFrame:
    from epizoo.genome.intervals import subtract_blacklist

    try:
        return subtract_blacklist(known[["chrom", "start", "end"]], unseen)
    except InputError:
        return known.iloc[:0]


def _loci(labels: pd.DataFrame) -> pd.Series:
    locus = assign_loci(labels, LOCUS_GAP_BP)
    spans = labels.groupby(locus)["end"].transform("max") - labels.groupby(locus)["start"].transform("min")
    block = np.where(spans > LONGEST_LOCUS_BP, labels["start"] // BLOCK_BP, 0)
    keys = pd.Series(list(zip(locus, block, strict=True)), index=labels.index)
    return keys.map({key: number for number, key in enumerate(sorted(set(keys)))})


def _require_both_kinds(labels: pd.DataFrame, data: PeakData) -> None:
    clear = labels["annotation"] == "noPeaks"
    files = ", ".join(_label_files(data.samples))
    for none, found, missing in ((clear.all(), "noPeaks", "peaks"), (~clear.any(), "peaks", "noPeaks")):
        if none:
            raise InputError(
                f"{files}: all {len(labels)} labels say {found}; a model can only be tuned with both kinds, add labels "
                f"of regions with {missing}"
            )


def _label_files(samples: Iterable[PeakSample]) -> Collection[str]:
    named: list[Path | None] = [path for sample in samples for path in (sample.labels, sample.peaks)]
    return [str(path) for path in named if path is not None]

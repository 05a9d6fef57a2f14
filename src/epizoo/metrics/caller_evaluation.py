"""Peak callers side by side on the same truth: human region labels, true intervals, or sites of summits."""

import importlib.metadata
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from epizoo.calling.peak_reader import peak_rank, read_peaks, summit_places
from epizoo.errors import InputError
from epizoo.files import atomic_path, defined
from epizoo.genome.intervals import check_intervals
from epizoo.genome.overlaps import cut, merged
from epizoo.genome.signal import BigWig
from epizoo.metrics.calibration import Cases, brier_score, cases, expected_calibration_error, reliability_table
from epizoo.metrics.label_errors import assign_loci, compare, label_errors, summarise
from epizoo.metrics.peaks import (
    Curve,
    binned_curve,
    ranked_curve,
    site_support,
    truth_scores,
)

File = str | os.PathLike[str]
REGION = ["chrom", "start", "end"]
BIN_BP = 50


class Caller(NamedTuple):
    """One caller's results, by sample.

    Attributes:
        name: what it is called.
        peaks: the peaks of a sample, from the name of its file (see `fill`).
        probabilities: the bigWig of probabilities, likewise; None where the caller gives none.
    """

    name: str
    peaks: Callable[[Mapping[str, Any]], pd.DataFrame]
    probabilities: Callable[[Mapping[str, Any]], File] | None = None


@dataclass(frozen=True)
class Truth:
    """Truth that callers are evaluated on; give one kind or more.

    Attributes:
        labels: chrom, start, end, annotation, and what names samples; see
            `epizoo.metrics.label_files.read_labels`.
        intervals: true peaks.
        regions: where `intervals` are all there is; everywhere where None.
        sites: where summits should be, such as motifs.
        distance_bp: how near to the middle of a site a summit must be.
        n_peaks: number of each caller's most confident peaks that `intervals` and `sites` are for; all where None.
    """

    labels: pd.DataFrame | None = None
    intervals: pd.DataFrame | None = None
    regions: pd.DataFrame | None = None
    sites: pd.DataFrame | None = None
    distance_bp: int = 100
    n_peaks: int | None = None


@dataclass
class Evaluation:
    """Figures for JSON, and what pictures are made of, by caller."""

    figures: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, pd.DataFrame] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    reliability: dict[str, pd.DataFrame] = field(default_factory=dict)


def evaluate_callers(callers: Sequence[Caller], truth: Truth) -> Evaluation:
    """All figures of all callers; see `Evaluation`, `epizoo.metrics.label_errors` and `epizoo.metrics.peaks`.

    Raises:
        InputError: there is nothing to hold callers to, a file cannot be used, or two callers have one name.
    """
    if truth.labels is None and truth.intervals is None and truth.sites is None:
        raise InputError("evaluate: neither labels, true intervals nor sites given; give at least one of them")
    for what, value in (("--top (n_peaks)", truth.n_peaks), ("--distance-bp (distance_bp)", truth.distance_bp)):
        if value is not None and value < 1:
            raise InputError(f"{what}: {value} found, expected a whole number from 1 on; correct it")
    names = [caller.name for caller in callers]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not names:
        problem = f"{repeated[0]} is the name of two callers" if repeated else "no caller given"
        raise InputError(f"evaluate: {problem}; give peaks as NAME=FILE, each with a name of its own")
    found = Evaluation(figures={"callers": {name: {} for name in names}})
    for caller in callers:
        figures = found.figures["callers"][caller.name]
        if truth.labels is not None:
            found.errors[caller.name] = errors_of_labels(caller, truth.labels)
            figures["labels"] = _label_figures(found.errors[caller.name])
        if truth.intervals is not None:
            figures["truth"] = _truth_figures(caller, truth, found)
        if truth.sites is not None:
            figures["sites"] = _site_figures(caller, truth)
        if caller.probabilities is not None:
            decided = _decided(caller, truth)
            if decided is not None:
                found.reliability[caller.name] = reliability_table(decided)
                error = expected_calibration_error(decided)
                figures["calibration"] = {"expected_calibration_error": error, "brier": brier_score(decided)}
    if truth.labels is not None:
        pairs = [(names[0], other) for other in names[1:]]
        found.figures["comparisons"] = [_comparison(found.errors, *pair) for pair in pairs]
    return found


def errors_of_labels(caller: Caller, labels: pd.DataFrame) -> pd.DataFrame:
    """`label_errors` of all samples, in the order of the labels.

    ``attrs["peaks_on_labelled_chromosomes"]`` is how many peaks lie on chromosomes of their sample's labels.
    """
    samples = [name for name in labels.columns if name not in (*REGION, "annotation")]
    groups = labels.groupby(samples, sort=False, dropna=False) if samples else [((), labels)]
    parts, n_near = [], 0
    for _, rows in groups:
        sample = {name: rows[name].iloc[0] for name in samples}
        # MACS repeats a peak for each of its summits.
        peaks = caller.peaks(sample).drop_duplicates(REGION)
        _require_names_alike(caller.name, peaks, rows, "labels")
        n_near += int(peaks["chrom"].isin(rows["chrom"]).sum())
        try:
            parts.append(label_errors(rows, peaks))
        except InputError as error:
            raise InputError(f"{caller.name}: {error}") from None
    errors = pd.concat(parts).loc[labels.index]
    errors.attrs["peaks_on_labelled_chromosomes"] = n_near
    return errors


def files_of_samples(pattern: File, labels: pd.DataFrame | None) -> list[str]:
    """Every file that a name with samples in braces stands for; see `fill`."""
    if labels is None:
        return [fill(pattern, {})]
    samples = labels.drop(columns=[*REGION, "annotation"]).drop_duplicates()
    rows = ({str(name): value for name, value in row.items()} for row in samples.to_dict("records"))
    return list(dict.fromkeys(fill(pattern, row) for row in rows))


def fill(pattern: File, sample: Mapping[str, Any]) -> str:
    """A file's name with a sample's columns put in for what stands in braces.

    Raises:
        InputError: there is no such column.

    >>> fill("peaks/{sample}.bed", {"sample": "a"})
    'peaks/a.bed'
    """
    try:
        return os.fspath(pattern).format_map(sample)
    except (KeyError, ValueError, IndexError) as error:
        known = ", ".join(sample) or "none, and no labels with samples were given"
        raise InputError(f"{pattern}: {error} is no column that names a sample; there is {known}") from None


def caller_of_files(name: str, peaks: File, probabilities: File | None = None) -> Caller:
    """A caller whose peaks, and bigWigs of probabilities, lie in files; see `fill` for their names."""
    tracks = None if probabilities is None else (lambda sample: fill(probabilities, sample))
    return Caller(name, lambda sample: read_peaks(fill(peaks, sample)), tracks)


def write_figures(path: File, found: Evaluation, about: Mapping[str, Any] | None = None) -> None:
    """Write all figures as JSON, with the calibration tables; what is not defined is null.

    Raises:
        InputError: the file cannot be written.
    """
    tables = {name: table.to_dict("records") for name, table in found.reliability.items()}
    version = importlib.metadata.version("epizoo")
    content = {"epizoo": version, "about": dict(about or {}), **found.figures, "reliability": tables}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(defined(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _label_figures(errors: pd.DataFrame) -> dict[str, Any]:
    summary = summarise(errors)
    by_locus = errors.assign(locus=assign_loci(errors)).groupby("locus")
    loci = [
        {
            "locus": f"{rows['chrom'].iloc[0]}:{rows['start'].min() + 1}-{rows['end'].max()}",
            "labels": len(rows),
            "false_positives": int(rows["false_positive"].sum()),
            "false_negatives": int(rows["false_negative"].sum()),
        }
        for _, rows in by_locus
    ]
    return {
        "labels": summary.n_labels,
        "wrong": summary.n_wrong,
        "false_positives": int(errors["false_positive"].sum()),
        "false_negatives": int(errors["false_negative"].sum()),
        "peaks_on_labelled_chromosomes": errors.attrs["peaks_on_labelled_chromosomes"],
        "regions": summary.n_regions,
        "loci": summary.n_loci,
        "wrong_labels": summary.wrong_labels._asdict(),
        "mean_over_regions": summary.mean_over_regions._asdict(),
        "by_locus": loci,
    }


def _comparison(errors: Mapping[str, pd.DataFrame], first: str, second: str) -> dict[str, Any]:
    found = compare(errors[first], errors[second])
    return {
        "first": first,
        "second": second,
        "mean_over_regions_difference": found.difference._asdict(),
        "share_of_draws_first_is_better": found.share_better,
    }


def _truth_figures(caller: Caller, truth: Truth, found: Evaluation) -> dict[str, Any]:
    assert truth.intervals is not None
    peaks = _most_confident(caller, truth)
    _require_names_alike(caller.name, peaks, truth.intervals, "true intervals")
    scores = truth_scores(peaks, truth.intervals, truth.regions)
    figures: dict[str, Any] = {
        "peaks": scores.n_peaks,
        "true_intervals": scores.n_truth,
        "by_bp": scores.by_bp._asdict(),
        "by_peak": scores.by_peak._asdict(),
    }
    rank = peak_rank(peaks)
    if rank is not None:
        found.curves[caller.name] = ranked_curve(peaks, rank, truth.intervals, truth.regions)
        figures["average_precision_of_ranked_peaks"] = found.curves[caller.name].average_precision
    bins = _bins_of_truth(caller, truth)
    if bins is not None:
        figures["average_precision_of_bins"] = binned_curve(*bins).average_precision
    return figures


def _site_figures(caller: Caller, truth: Truth) -> dict[str, Any]:
    assert truth.sites is not None
    peaks = _most_confident(caller, truth)
    _require_names_alike(caller.name, peaks, truth.sites, "sites")
    found = site_support(peaks["chrom"], summit_places(peaks), truth.sites, truth.distance_bp)
    return {
        "peaks": found.n_peaks,
        "share_of_summits": found.share,
        "sites": found.n_sites,
        "share_of_sites": found.share_of_sites,
        "share_of_summits_interval": found.interval._asdict(),
        "share_of_sites_interval": found.interval_of_sites._asdict(),
        "distance_bp": truth.distance_bp,
    }


def _require_names_alike(name: str, peaks: pd.DataFrame, truth: pd.DataFrame, what: str) -> None:
    """Peaks of ``22`` and labels of ``chr22`` would agree nowhere, in silence."""
    called, true = (set(table["chrom"].astype(str)) for table in (peaks, truth))
    bare = [{chrom.removeprefix("chr") for chrom in chroms} for chroms in (called, true)]
    if not called & true and bare[0] & bare[1]:
        some, others = (", ".join(sorted(chroms)[:3]) + ("…" if len(chroms) > 3 else "") for chroms in (called, true))
        raise InputError(
            f"{name}: its peaks lie on {some} and the {what} on {others}, no chromosome is in both; name them alike"
        )


def _most_confident(caller: Caller, truth: Truth) -> pd.DataFrame:
    peaks = caller.peaks({})
    if truth.n_peaks is None or len(peaks) <= truth.n_peaks:
        return peaks
    rank = peak_rank(peaks)
    if rank is None:
        raise InputError(
            f"{caller.name}: its peaks have no scores, so the most confident {truth.n_peaks} are not known"
        )
    return peaks.iloc[np.sort(np.argsort(-rank, kind="stable")[: truth.n_peaks])].reset_index(drop=True)


def _bins_of_truth(caller: Caller, truth: Truth) -> tuple[np.ndarray, np.ndarray] | None:
    """Probability and truth of the bins whose middle lies in the regions."""
    if caller.probabilities is None or truth.intervals is None:
        return None
    probabilities, is_true = [], []
    with BigWig(caller.probabilities({})) as track:
        regions = truth.regions
        if regions is None:
            chroms = [chrom for chrom in truth.intervals["chrom"].unique() if chrom in track.chrom_sizes]
            ends = [track.chrom_sizes[chrom] for chrom in chroms]
            regions = pd.DataFrame({"chrom": chroms, "start": 0, "end": ends})
        check_intervals(regions, track.chrom_sizes, "the regions", str(track.path))
        true = merged(cut(truth.intervals, regions))
        union = merged(regions)
        for chrom, start, end in zip(*(union[column].tolist() for column in REGION), strict=True):
            first, after = (start + BIN_BP // 2) // BIN_BP, (end + BIN_BP // 2) // BIN_BP
            probabilities.append(track.binned(chrom, first, after, BIN_BP))
            middles = np.arange(first, after) * BIN_BP + BIN_BP // 2
            here = true[true["chrom"] == chrom]
            before = np.searchsorted(here["start"].to_numpy(), middles, side="right")
            is_true.append((before > 0) & (np.append(here["end"].to_numpy(), 0)[before - 1] > middles))
    return np.clip(np.concatenate(probabilities), 0, 1), np.concatenate(is_true)


def _decided(caller: Caller, truth: Truth) -> Cases | None:
    """Probabilities whose truth is known: bins of the regions, or the highest one inside each label that decides it."""
    if truth.labels is None:
        bins = _bins_of_truth(caller, truth)
        return None if bins is None else cases(*bins)
    assert caller.probabilities is not None
    rows = truth.labels[truth.labels["annotation"].isin(["noPeaks", "peaks"])]
    if rows.empty:
        return None
    samples = [name for name in rows.columns if name not in (*REGION, "annotation")]
    highest = np.zeros(len(rows))
    tracks: dict[str, BigWig] = {}
    for number, row in enumerate(rows.to_dict("records")):
        path = os.fspath(caller.probabilities({name: row[name] for name in samples}))
        track = tracks.setdefault(path, BigWig(path)) if path not in tracks else tracks[path]
        check_intervals(pd.DataFrame([row])[REGION], track.chrom_sizes, "the labels", path)
        highest[number] = np.nan_to_num(track.values(row["chrom"], row["start"], row["end"])).max()
    for track in tracks.values():
        track.close()
    # Each region weighs the same, however many samples it was labelled in.
    size = rows.groupby(REGION)["annotation"].transform("size").to_numpy(np.float64)
    return cases(np.clip(highest, 0, 1), (rows["annotation"] == "peaks").to_numpy(), 1 / size)

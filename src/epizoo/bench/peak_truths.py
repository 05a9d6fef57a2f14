"""Peaks of callers against each truth: rows of figures."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from epizoo.bench.callers import BIN_BP, Call, region_table
from epizoo.bench.experiments import CONSTITUTIVE_TSS, HISTONES, NEARBY_TSS, Experiment, Stretch, read_table
from epizoo.bench.figures import Figure, Metric, figure
from epizoo.bench.places import motif_sites, tss_places
from epizoo.calling.peak_reader import summit_places
from epizoo.genome.intervals import read_bed
from epizoo.genome.overlaps import cut, merged, overlaps_any, shared_bp
from epizoo.metrics.label_errors import label_errors, summarise
from epizoo.metrics.locus_bootstrap import ranking, ratio
from epizoo.metrics.nearby import BLOCK_BP, is_near, peaks_per_megabase, share, share_near
from epizoo.metrics.replicates import most_confident, replicate_agreement

Calls = Mapping[str, Call]
"""By the name of the experiment."""
Chosen = Sequence[Experiment]
AT_TSS_BP, AT_MOTIF_BP, AT_YEAST_TSS_BP, FEWEST_BEST = 1_000, 100, 250, 5
PER_MB = Metric("peaks per Mb", "")
FALSE_PER_MB = Metric("peaks per Mb, none right", "lower")
AT_TSS = Metric("share of peaks within 1 kb of a TSS", "higher")


def label_figures(caller: str, calls: Calls, chosen: Chosen, data: Path) -> Iterator[Figure]:
    """Share of human labels that are wrong, and its mean over regions."""
    labels = read_table(data / HISTONES / "labels.tsv")
    for title, members in _by_data(chosen, calls):
        errors = []
        for one in members:
            mark, cell, sample = one.name.split(".")
            rows = labels[(labels["mark"] == mark) & (labels["celltype"] == cell) & (labels["sample"] == sample)]
            peaks = calls[one.name].peaks.drop_duplicates(["chrom", "start", "end"])
            errors.append(label_errors(rows, peaks))
        found = summarise(pd.concat(errors))
        count = f"{found.n_wrong} of {found.n_labels} labels, {found.n_regions} regions, {found.n_loci} loci"
        yield figure(caller, "labels", title, Metric("wrong labels", "lower"), found.wrong_labels, count)
        mean = Metric("wrong labels, mean over regions", "lower")
        yield figure(caller, "labels", title, mean, found.mean_over_regions, count)


def tss_figures(caller: str, calls: Calls, chosen: Chosen, data: Path) -> Iterator[Figure]:
    """Constitutive TSS with a peak, and peaks at any TSS, in windows that have constitutive TSS."""
    due = _points(read_table(data / CONSTITUTIVE_TSS))
    any_tss = _points(read_table(data / NEARBY_TSS))
    there = [one for one in chosen if one.name in calls]
    for title, members in (("H3K4me3, all", there), *((t, m) for t, m in _by_data(chosen, calls) if "," in t)):
        if not members:
            continue
        places = [due[due["bw"] == one.treatment.removeprefix(f"{HISTONES}/")] for one in members]
        found = [is_near(own, calls[one.name].peaks, AT_TSS_BP) for own, one in zip(places, members, strict=True)]
        peaks = [calls[one.name].peaks for one in members]
        peaks = [own[overlaps_any(own, region_table(one.regions))] for own, one in zip(peaks, members, strict=True)]
        megabases = sum(end - start for one in members for _, start, end in one.regions) / 1e6
        near, all_peaks = np.concatenate(found), pd.concat(peaks, ignore_index=True)
        recall = share(pd.concat(places, ignore_index=True), near)
        count = f"{near.sum()} of {len(near)} TSS"
        yield figure(caller, "tss", title, Metric("recall of constitutive TSS", "higher"), recall, count)
        at_tss = share_near(all_peaks, any_tss, AT_TSS_BP)
        yield figure(caller, "tss", title, AT_TSS, at_tss, f"{len(all_peaks)} peaks")
        yield figure(caller, "tss", title, PER_MB, len(all_peaks) / megabases, f"{megabases:.1f} Mb")


def control_figures(caller: str, calls: Calls, chosen: Chosen, data: Path) -> Iterator[Figure]:
    """Peaks per Mb where none is right; beside them IPs, and the TSS that their peaks find."""
    for one in chosen:
        if one.name not in calls:
            continue
        peaks = calls[one.name].peaks
        density = peaks_per_megabase(peaks, region_table(one.span), one.covered_bp)
        count = f"{len(peaks)} peaks"
        yield figure(caller, "controls", one.data, FALSE_PER_MB if one.is_negative else PER_MB, density, count)
        if not one.is_negative and one.tss is not None:
            tss = cut(tss_places(data / one.tss), region_table(tuple(_inner(one))))
            for name, better in (("active", "higher"), ("silent", "")):
                rows = tss[tss["class_K562"] == name]
                metric = Metric(f"{name} TSS with a peak within 1 kb", better)
                found = is_near(rows, peaks, AT_TSS_BP)
                yield figure(caller, "controls", one.data, metric, share(rows, found), f"{found.sum()} of {len(rows)}")
            at_tss = share_near(peaks, tss_places(data / one.tss), AT_TSS_BP)
            yield figure(caller, "controls", one.data, AT_TSS, at_tss, count)


def replicate_figures(
    caller: str, calls: Calls, chosen: Chosen, data: Path, n_best: Mapping[str, int]
) -> Iterator[Figure]:
    """Agreement of replicates, of all peaks and of equally many; `n_best` is their number for pairs of names."""
    for title, members in _by_data(chosen, calls):
        pairs = list(itertools.combinations(members, 2))
        if not pairs:
            continue
        peaks = [tuple(calls[one.name].peaks for one in pair) for pair in pairs]
        counts = "{} peaks".format(", ".join(str(len(calls[one.name].peaks)) for one in members))
        yield from _agreement(caller, title, peaks, "", counts)
        best = [
            tuple(most_confident(calls[one.name].peaks, n_best.get(pair_name(*pair), 0)) for one in pair)
            for pair in pairs
        ]
        numbers = sorted({n_best.get(pair_name(*pair), 0) for pair in pairs} - {0})
        if numbers and all(table is not None for pair in best for table in pair):
            yield from _agreement(caller, title, best, ", N best", f"N {'-'.join(map(str, numbers))}")
        if members[0].motif is not None:
            sequence, genome = members[0].motif
            together = pd.concat([calls[one.name].peaks for one in members], ignore_index=True)
            summits = _summits(together)
            near = share_near(summits, motif_sites(data / genome, sequence), AT_MOTIF_BP)
            metric = Metric(f"share of summits within {AT_MOTIF_BP} bp of {sequence}", "higher")
            yield figure(caller, "replicates", title, metric, near, f"{len(summits)} summits")


def depth_figures(caller: str, calls: Calls, chosen: Chosen, data: Path) -> Iterator[Figure]:
    """Peaks of a shallow experiment against those of a deep one, and summits at TSS of yeast."""
    for one in chosen:
        if one.name not in calls:
            continue
        call = calls[one.name]
        peaks = call.peaks[~call.peaks["chrom"].isin(one.left_out)].reset_index(drop=True)
        if one.true_peaks is not None:
            yield from _against_true_peaks(caller, one, call, read_bed(data / one.true_peaks))
        elif one.tss is not None:
            tss, summits, count = tss_places(data / one.tss), _summits(peaks), f"{len(peaks)} peaks"
            metric = Metric(f"share of summits within {AT_YEAST_TSS_BP} bp of a TSS", "higher")
            yield figure(caller, "depth", one.data, metric, share_near(summits, tss, AT_YEAST_TSS_BP), count)
            metric = Metric(f"share of TSS with a peak within {AT_YEAST_TSS_BP} bp", "higher")
            yield figure(caller, "depth", one.data, metric, share_near(tss, peaks, AT_YEAST_TSS_BP), f"{len(tss)} TSS")


def n_best_of_pairs(calls: Mapping[str, Calls], chosen: Chosen) -> dict[str, int]:
    """For each pair of replicates the fewest peaks that any caller gave, of those that gave at least five in each."""
    found: dict[str, list[int]] = {}
    for of_caller in calls.values():
        for _, members in _by_data(chosen, of_caller):
            for pair in itertools.combinations(members, 2):
                fewest = min(len(of_caller[one.name].peaks) for one in pair)
                if fewest >= FEWEST_BEST:
                    found.setdefault(pair_name(*pair), []).append(fewest)
    return {name: min(numbers) for name, numbers in found.items()}


def pair_name(one: Experiment, other: Experiment) -> str:
    """Name of a pair of replicates, however peaks are called in them."""
    numbers = [member.treatment.rsplit("/", 1)[-1] for member in (one, other)]
    return f"{one.family}: {numbers[0]}, {numbers[1]}"


SCORERS: dict[str, Callable[..., Iterator[Figure]]] = {
    "labels": label_figures,
    "tss": tss_figures,
    "controls": control_figures,
    "replicates": replicate_figures,
    "depth": depth_figures,
}


def _agreement(caller: str, title: str, pairs: list, suffix: str, count: str) -> Iterator[Figure]:
    found = replicate_agreement(pairs)
    names = ("Jaccard index", "share of peaks that come back", "rank consistency")
    for name, value in zip(names, found, strict=True):
        yield figure(caller, "replicates", title, Metric(name + suffix, "higher"), value, count)


def _against_true_peaks(caller: str, one: Experiment, call: Call, truth: pd.DataFrame) -> Iterator[Figure]:
    where = region_table(one.regions)
    called, true = merged(cut(call.peaks, where)), merged(cut(truth, where))
    union = merged(pd.concat([called, true]))
    bp = [shared_bp(union, table).astype(np.float64) for table in (called, true)]
    both = bp[0] + bp[1] - (union["end"] - union["start"]).to_numpy()
    rows = (
        ("F1 by bp", ratio(union, 2 * both, bp[0] + bp[1])),
        ("share of called bp that are true", ratio(union, both, bp[0])),
        ("share of true bp that are called", ratio(union, both, bp[1])),
        ("share of peaks that overlap a true one", share(called, overlaps_any(called, true))),
        ("share of true peaks that are found", share(true, overlaps_any(true, called))),
    )
    for name, found in rows:
        yield figure(caller, "depth", one.data, Metric(name, "higher"), found, f"{len(called)} peaks, {len(true)} true")
    if call.bins is not None:
        starts = one.regions[0].start + np.arange(len(call.bins)) * BIN_BP
        middle = pd.DataFrame({"chrom": one.regions[0].chrom, "start": starts + BIN_BP // 2})
        is_true = overlaps_any(middle.assign(end=middle["start"] + 1), true)
        found = ranking(call.bins, is_true, starts // BLOCK_BP)
        yield figure(caller, "depth", one.data, Metric("average precision by bp", "higher"), found)


def _by_data(chosen: Chosen, calls: Calls) -> list[tuple[str, list[Experiment]]]:
    """The experiments that were called, by the data that they are."""
    there = [one for one in chosen if one.name in calls]
    return [(title, [one for one in there if one.data == title]) for title in dict.fromkeys(one.data for one in there)]


def _points(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(start=table["pos"], end=table["pos"] + 1)


def _summits(peaks: pd.DataFrame) -> pd.DataFrame:
    places = summit_places(peaks)
    return pd.DataFrame({"chrom": peaks["chrom"].to_numpy(), "start": places, "end": places + 1})


def _inner(one: Experiment) -> Iterator[Stretch]:
    """The span without 1 kb at both ends, where half of a TSS's surroundings would lie outside."""
    return (Stretch(chrom, start + AT_TSS_BP, end - AT_TSS_BP) for chrom, start, end in one.span)

"""CUT&RUN: true and false peaks of entries and of MACS3, on simulated experiments and in a real IgG control.

    python -m benchmarks.peaks.cutrun --macs3 MACS3 --seed 3 --igg IGG --choose -o FILE
    python -m benchmarks.peaks.cutrun --macs3 MACS3 --seed 2 --igg IGG -o benchmarks/peaks/cutrun.json

The first tries other probabilities, too; the card's figures are of the second. The rule of peak_caller/cutrun was
chosen on spiked experiments of the seeds 3 and 4.

Simulated: experiments of 10 Mb at 0.1, 1 and 5 million fragments in the genome, of a factor or of domains, with and
without an IgG that shares artefacts and accessible sites. They are of other seeds than training, but of the same
generator: a comparison that favours the entry that learned from it. Duplicates are removed.

IGG is Testfiles/IgG_DE_chr1_100Mb.bedgraph.txt of SEACR (github.com/FredHutch/SEACR, GPL-2): CUT&RUN with IgG, human,
the first 100 Mb of chr1. One fragment is one step of the file; fragments are rebuilt by joining the start that comes
first to the end that comes first, and those of the same ends count once. No peak is right in it. Spiked: simulated
sites of known places among half of its fragments, thinned, where the background is real and belongs to no generator;
the other half is the control.

Found: share of sites with at least 6 expected fragments, three times the background, that overlap a peak. A peak is
false where it overlaps no site, however weak.
"""

import argparse
import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.metrics.peaks import truth_scores
from epizoo.recipes.simulated_peaks import CUTRUN
from epizoo.simulation.fragment_draws import (
    Library,
    Reads,
    Sites,
    draw_cut_and_run_library,
    draw_sites,
    piled_reads,
    site_fragments,
)
from epizoo.simulation.fragments import GENOME_BP, simulate_experiment
from epizoo.zoo import load
from epizoo.zoo.entry import PeakCallerEntry

N_BP, N_EXPERIMENTS, CHROM = 10_000_000, 4, "chr1"
DEPTHS = (1e5, 1e6, 5e6)
PER_10KB = (0.03, 0.3)
"""Sites, log-uniform: 8,100 to 81,000 in a human genome."""
LEAST_FRAGMENTS = 6.0
KINDS = ("factor", "domains")
ENTRIES = ("peak_caller/cutrun", "peak_caller/universal", "peak_caller/tf")
MACS3, BROAD = "MACS3 3.0.4 callpeak", "MACS3 3.0.4 callpeak --broad"
PROBABILITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
N_SPIKED, SPIKED_FRAGMENTS = 1_000, 20.0
SHOWN = {"f1": "F1 of sites and peaks", "f1_by_bp": "F1 of bp", "false": "false peaks"}
"""What the entry's card shows."""


class Sample(NamedTuple):
    """One experiment on one chromosome, and its truth."""

    n_bp: int
    treatment: Reads
    control: Reads | None
    sites: pd.DataFrame
    """To be found."""
    others: pd.DataFrame
    """Too weak to be found; a peak there is not false."""


class Counts(NamedTuple):
    """Sums over experiments."""

    sites: int
    found: int
    peaks: int
    false: int
    peak_bp: float
    """Median width of peaks at a site, mean over experiments."""
    f1_by_bp: float
    """Of experiments with sites; 0 where none is found."""


def simulated(seed: int, number: int, reads: float, kind: str, has_control: bool) -> Sample:
    """An experiment of the generator of the entry, from another seed."""
    seeds = [seed, number, int(reads), KINDS.index(kind), int(has_control)]
    random = np.random.default_rng(seeds)
    share, density = random.uniform(0.2, 0.9), np.exp(random.uniform(*np.log(PER_10KB)))
    # All that is not background lies in sites: shallow experiments have weak sites, as real ones do.
    fragments = reads * (1 - share) * 10_000 / GENOME_BP / density
    config = dataclasses.replace(
        CUTRUN.simulation,
        reads=(reads, reads),
        background_share=(share, share),
        mean_site_fragments=(fragments, fragments),
        domain_share=float(kind == "domains"),
        sites_per_10kb=(density, density),
        control_share=float(has_control),
        self_control_share=0.0,
        swapped_share=0.0,
        copies_share=0.0,
        duplicated_share=0.0,
    )
    experiment = simulate_experiment(random, N_BP, config)
    control = experiment.control if has_control else None
    return Sample(N_BP, experiment.treatment, control, *_truth(experiment.sites, N_BP))


def _truth(sites: Sites, n_bp: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    settings = CUTRUN.simulation
    half = np.maximum(sites.width_bp, settings.least_peak_bp) / 2
    start, end = np.clip(sites.centre - half, 0, n_bp - 1), np.clip(sites.centre + half, 1, n_bp)
    table = pd.DataFrame({"chrom": CHROM, "start": start.astype(int), "end": end.astype(int)})
    clear = (sites.fragments >= LEAST_FRAGMENTS) & (sites.enrichment >= settings.least_enrichment)
    return table[clear].reset_index(drop=True), table[~clear].reset_index(drop=True)


def igg_fragments(path: Path) -> Reads:
    """The fragments of a scaled pile-up, duplicates once: the start that comes first has the end that comes first."""
    table = pd.read_csv(path, sep="\t", header=None, names=["chrom", "start", "end", "value"])
    height = np.zeros(int(table["end"].max()) + 1, np.int64)
    number = np.rint(table["value"] / table["value"].min()).astype(int)
    for start, end, value in zip(table["start"], table["end"], number, strict=True):
        height[start:end] = value
    step = np.diff(height, prepend=0)
    starts, ends = (np.repeat(np.flatnonzero(side > 0), side[side > 0]) for side in (step, -step))
    return Reads(*np.unique(np.stack([starts, ends]), axis=1))


def spiked(seed: int, igg: Reads, kind: str, share: float, has_control: bool) -> Sample:
    """Simulated sites among this share of one half of the IgG's fragments; the other half is the control."""
    random = np.random.default_rng([seed, KINDS.index(kind), int(100 * share), has_control])
    n_bp = int(igg.end.max()) + 1
    is_treatment = random.random(len(igg.start)) < 0.5
    own, other = (_some(igg, part & (random.random(len(part)) < share)) for part in (is_treatment, ~is_treatment))
    library = draw_cut_and_run_library(random)._replace(pairs=True)
    rate = np.full(n_bp, len(own.start) / n_bp)
    width = CUTRUN.simulation.domain_bp if kind == "domains" else CUTRUN.simulation.site_bp
    per_10kb = N_SPIKED * 10_000 / n_bp
    sites = draw_sites(random, rate, library, (per_10kb, per_10kb), width, (1.0, 0.9, 0.05, 20.0), SPIKED_FRAGMENTS)
    bound = _piled(random, sites, library, n_bp)
    treatment = Reads(*(np.append(a, b) for a, b in zip(own, bound, strict=True)))
    return Sample(n_bp, treatment, other if has_control else None, *_truth(sites, n_bp))


def _some(reads: Reads, chosen: np.ndarray) -> Reads:
    return Reads(reads.start[chosen], reads.end[chosen])


def _piled(random: np.random.Generator, sites: Sites, library: Library, n_bp: int) -> Reads:
    reads = piled_reads(random, site_fragments(random, sites, library, n_bp)[0], library)
    inside = (reads.start >= 0) & (reads.end <= n_bp)
    return _some(reads, inside)


def track(reads: Reads, n_bp: int) -> ReadCoverage:
    return ReadCoverage(["simulated"], {CHROM: n_bp}, {CHROM: (reads.start, reads.end)})


def call_macs3(macs3: str, sample: Sample, options: tuple[str, ...] = ()) -> pd.DataFrame:
    """Peaks of MACS3, from pairs of which none is a duplicate."""
    with tempfile.TemporaryDirectory() as name:
        files = {"-t": sample.treatment, "-c": sample.control}
        command = [macs3, "callpeak", "-f", "BEDPE", "-g", str(sample.n_bp), "--keep-dup", "all", "-n", "x", *options]
        for option, reads in files.items():
            if reads is not None:
                path = Path(name) / f"{option[1:]}.bedpe"
                pairs = np.clip(np.stack([reads.start, reads.end], axis=1), 0, sample.n_bp)
                pairs = pairs[pairs[:, 0] < pairs[:, 1]]
                path.write_text("".join(f"{CHROM}\t{start}\t{end}\n" for start, end in pairs.tolist()), "utf-8")
                command += [option, str(path)]
        subprocess.run([*command, "--outdir", name], check=True, capture_output=True, text=True)
        # MACS3 writes no line where it has no peak.
        lines = next(Path(name).glob("*.*Peak")).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t")[:3] for line in lines]
    peaks = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    return peaks.astype({"start": int, "end": int})


def call_all(entries: dict[str, PeakCallerEntry], macs3: str, sample: Sample, kind: str, choose: bool) -> Iterator:
    """Names of callers with their peaks."""
    treatment = track(sample.treatment, sample.n_bp)
    control = None if sample.control is None else track(sample.control, sample.n_bp)
    for name, entry in entries.items():
        yield name, entry.call_peaks(treatment, control)
    if choose:
        entry = entries[ENTRIES[0]]
        for value in PROBABILITIES:
            rule = dataclasses.replace(entry.config.calling, enter_probability=value, extend_probability=value)
            yield f"probability {value}", entry.call_peaks(treatment, control, config=rule)
    yield MACS3, call_macs3(macs3, sample)
    if kind == "domains":
        yield BROAD, call_macs3(macs3, sample, ("--broad",))


def count(peaks: pd.DataFrame, sample: Sample) -> Counts:
    """True and false peaks of one experiment."""
    at_site, at_other = overlaps_any(peaks, sample.sites), overlaps_any(peaks, sample.others)
    judged = peaks[at_site | ~at_other]
    width = (peaks["end"] - peaks["start"])[at_site]
    by_bp = truth_scores(judged, sample.sites).by_bp.f1 if len(judged) and len(sample.sites) else 0.0
    return Counts(
        len(sample.sites),
        int(overlaps_any(sample.sites, peaks).sum()),
        len(judged),
        int((~at_site & ~at_other).sum()),
        float(width.median()) if len(width) else np.nan,
        float(by_bp) if len(sample.sites) else np.nan,
    )


def summed(rows: list[Counts]) -> dict[str, Any]:
    """Sums of several experiments, and what follows from them."""
    sites, found, peaks, false = (sum(row[column] for row in rows) for column in range(4))
    recall, precision = found / max(sites, 1), 1 - false / peaks if peaks else 0.0
    f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    # Widths are those of experiments with a peak at a site, F1 that of those with sites, 0 where none of them is found.
    means = [[row[column] for row in rows if not np.isnan(row[column])] for column in (4, 5)]
    width, by_bp = (float(np.mean(values)) if values else 0.0 for values in means)
    values = {"recall": recall, "precision": precision, "f1": f1, "f1_by_bp": by_bp}
    counts = {"sites": sites, "found": found, "peaks": peaks, "false": false, "median_width_bp": round(width)}
    return counts | {name: round(value, 4) for name, value in values.items()}


def measure(samples: dict[str, list[Sample]], entries: dict[str, PeakCallerEntry], macs3: str, choose: bool) -> dict:
    """Sums of each condition and caller."""
    results: dict[str, dict] = {}
    for on, drawn in samples.items():
        found: dict[str, list[Counts]] = {}
        for sample in drawn:
            for name, peaks in call_all(entries, macs3, sample, "domains" if "domains" in on else "factor", choose):
                found.setdefault(name, []).append(count(peaks, sample))
        results[on] = {name: summed(rows) for name, rows in found.items()}
        print(on, *(f"  {name}: {row}" for name, row in results[on].items()), sep="\n", flush=True)
    return results


def simulated_samples(seed: int) -> dict[str, list[Sample]]:
    """Four experiments of each condition."""
    conditions = [(kind, reads, control) for kind in KINDS for reads in DEPTHS for control in (False, True)]
    return {
        f"{kind}, {N_EXPERIMENTS} simulated experiments of 10 Mb at {reads / 1e6:g} million fragments, "
        f"{'with' if control else 'without'} IgG": [
            simulated(seed, number, reads, kind, control) for number in range(N_EXPERIMENTS)
        ]
        for kind, reads, control in conditions
    }


def spiked_samples(seed: int, igg: Reads) -> dict[str, list[Sample]]:
    """One experiment of each condition."""
    return {
        f"{kind}, {N_SPIKED:,} simulated sites among {share / 2:.0%} of the fragments of a real IgG, "
        f"{'with' if control else 'without'} the others as control": [spiked(seed, igg, kind, share, control)]
        for kind in KINDS
        for share in (0.1, 1.0)
        for control in (False, True)
    }


def peaks_per_mb(igg: Reads, entries: dict[str, PeakCallerEntry], macs3: str) -> dict[str, float]:
    """False peaks of the IgG alone."""
    empty = pd.DataFrame({"chrom": [], "start": [], "end": []})
    sample = Sample(int(igg.end.max()) + 1, igg, None, empty, empty)
    called = dict(call_all(entries, macs3, sample, "factor", choose=False))
    return {name: round(len(peaks) / (sample.n_bp / 1e6), 4) for name, peaks in called.items()}


def card_rows(results: dict, per_mb: dict[str, float], versions: dict[str, str]) -> list[dict]:
    """Metrics of the entry, beside those of the others in the versions that were measured."""
    own, *others = ENTRIES
    named = {MACS3: MACS3} | {name: f"{name} {versions[name]}" for name in others}
    rows = []
    for on, callers in results.items():
        for key, what in SHOWN.items():
            against = {label: callers[name][key] for name, label in named.items()}
            rows.append({"name": what, "value": callers[own][key], "on": on, "compared_with": against})
    if per_mb:
        where = "IgG of CUT&RUN, human, first 100 Mb of chr1, duplicates removed; SEACR's test file"
        against = {label: per_mb[name] for name, label in named.items()}
        rows.append({"name": "peaks per Mb, none right", "value": per_mb[own], "on": where, "compared_with": against})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entry", default=ENTRIES[0], help="entry or folder in the place of peak_caller/cutrun")
    parser.add_argument("--macs3", required=True, help="command of MACS3")
    parser.add_argument("--igg", type=Path, help="SEACR's Testfiles/IgG_DE_chr1_100Mb.bedgraph.txt")
    parser.add_argument("--seed", type=int, default=2, help="of the experiments")
    parser.add_argument("--choose", action="store_true", help="try other probabilities than the shipped ones, too")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    entries = {name: load(arguments.entry if name == ENTRIES[0] else name) for name in ENTRIES}
    samples, per_mb = simulated_samples(arguments.seed), {}
    if arguments.igg is not None:
        igg = igg_fragments(arguments.igg)
        samples |= spiked_samples(arguments.seed, igg)
        per_mb = peaks_per_mb(igg, entries, arguments.macs3)
        print("peaks per Mb of the IgG", per_mb, flush=True)
    results = measure(samples, entries, arguments.macs3, arguments.choose)
    versions = {name: entry.version for name, entry in entries.items()}
    content = {"versions": versions, "peaks per Mb of the IgG": per_mb, "results": results}
    content["metrics"] = card_rows(results, per_mb, versions)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Accessible regions of simulated ATAC-seq at 5 million cuts: an entry, MACS3, and the best moving average.

MACS3 is installed by benchmarks/peaks/requirements.txt in an environment of its own; `--macs3` names its command.

    python -m benchmarks.peaks.atac_simulated --macs3 MACS_ENV/bin/macs3 -o benchmarks/peaks/atac_simulated.json
    python -m benchmarks.peaks.atac_simulated --choose -o FILE

Eight experiments of 2 Mb, drawn from a seed that no training used, each with its own background, regions and way of
piling up. MACS3 is told the width of the pile-up of each, and the density of its cuts. The threshold of the moving
average is the best one on these very experiments, which makes it hard to beat. With `--choose` ten other experiments at
each of three depths are called by many rules instead, on which that of peak_caller/atac was chosen.
"""

import argparse
import dataclasses
import itertools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.genome.overlaps import merged
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.metrics.peaks import truth_scores
from epizoo.recipes.simulated_peaks import ATAC, OPEN_CHROMATIN
from epizoo.simulation.fragment_windows import site_truth
from epizoo.simulation.fragments import Experiment, simulate_experiment
from epizoo.zoo import load
from epizoo.zoo.entry import PeakCallerEntry

N_EXPERIMENTS, N_BP = 8, 2_000_000
READS = 5e6
WINDOW_BP = 500
BIN_BP = 50
SEED = 1_000
CHOOSING_SEED, N_CHOOSING = 2_000, 10
CHOOSING_READS = (1e6, 5e6, 3e7)
PROBABILITIES = (0.05, 0.1, 0.2, 0.3, 0.5)
MOST_Q = (0.1, 0.01, 1e-3, 1e-4)
Q_VALUES = ("0.05", "0.01")


class Truth(NamedTuple):
    """One experiment, its regions, and those that are not judged."""

    name: str
    experiment: Experiment
    coverage: ReadCoverage
    regions: pd.DataFrame
    judged: pd.DataFrame


def draw(number: int, reads: float, seed: int = SEED) -> Truth:
    """One experiment."""
    config = dataclasses.replace(OPEN_CHROMATIN, reads=(reads, reads))
    experiment = simulate_experiment(np.random.default_rng([seed, number]), N_BP, config)
    name = f"chr{number + 1}"
    reads_of = {name: (experiment.treatment.start, experiment.treatment.end)}
    is_peak, is_clear = site_truth(experiment.sites, N_BP, config)
    coverage = ReadCoverage(["simulated"], {name: N_BP}, reads_of)
    return Truth(name, experiment, coverage, runs(name, is_peak), runs(name, is_clear))


def runs(chrom: str, inside: np.ndarray) -> pd.DataFrame:
    """Maximal runs as intervals."""
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    return pd.DataFrame({"chrom": chrom, "start": edges[::2], "end": edges[1::2]})


def macs3_peaks(macs3: str, truth: Truth, q_value: str) -> pd.DataFrame:
    """Peaks of `callpeak` on the cuts, as tags that are shifted so that they lie in the middle of the pile-up."""
    starts, ends = truth.experiment.treatment
    width = int(ends[0] - starts[0])
    cuts = np.clip((starts + ends) // 2, 0, N_BP - 1)
    with tempfile.TemporaryDirectory() as folder:
        tags = pd.DataFrame(
            {"chrom": truth.name, "start": cuts, "end": cuts + 1, "name": ".", "score": 0, "strand": "+"}
        )
        tags.to_csv(Path(folder) / "cuts.bed", sep="\t", header=False, index=False)
        command = [macs3, "callpeak", "-t", f"{folder}/cuts.bed", "-f", "BED", "-g", str(N_BP), "--nomodel"]
        command += ["--shift", str(-(width // 2)), "--extsize", str(width), "--keep-dup", "all", "-q", q_value]
        subprocess.run([*command, "-n", "x", "--outdir", folder], check=True, capture_output=True, text=True)
        file = Path(folder) / "x_peaks.narrowPeak"
        empty = pd.DataFrame({"chrom": [], "start": [], "end": []})
        rows = pd.read_csv(file, sep="\t", header=None).iloc[:, :3] if file.stat().st_size else empty
    return merged(rows.set_axis(["chrom", "start", "end"], axis=1))


def average_peaks(truth: Truth, fold: float) -> pd.DataFrame:
    """Runs of bins in which the mean coverage of 500 bp is so many times the mean of the experiment."""
    binned = truth.coverage.binned(truth.name, 0, N_BP // BIN_BP, BIN_BP)
    width = WINDOW_BP // BIN_BP
    smooth = np.convolve(binned, np.full(width, 1 / width), mode="same")
    found = runs(truth.name, smooth >= fold * float(smooth.mean()))
    return found.assign(start=found["start"] * BIN_BP, end=found["end"] * BIN_BP)


def score(calls: list[pd.DataFrame], truths: list[Truth]) -> dict[str, float]:
    """Agreement of all experiments' calls with the truth where it is known."""
    tables = [pd.concat(part, ignore_index=True) for part in zip(*((t.regions, t.judged) for t in truths), strict=True)]
    found = truth_scores(pd.concat(calls, ignore_index=True), *tables)
    names = {"by_peak": found.by_peak, "by_bp": found.by_bp}
    values = {f"{kind} {key}": value for kind, part in names.items() for key, value in part._asdict().items()}
    return {key: round(float(value), 4) for key, value in values.items()} | {"n_peaks": found.n_peaks}


def rules_by_depth(entry: PeakCallerEntry) -> dict[str, dict[str, dict[str, float]]]:
    """Agreement of each probability at each highest q-value, at each depth."""
    rules = {
        f"probability {probability}, q-value {most_q:g}": dataclasses.replace(
            ATAC.calling, enter_probability=probability, extend_probability=probability, most_q=most_q
        )
        for probability, most_q in itertools.product(PROBABILITIES, MOST_Q)
    }
    results: dict[str, dict[str, dict[str, float]]] = {}
    for reads in CHOOSING_READS:
        truths = [draw(number, reads, CHOOSING_SEED) for number in range(N_CHOOSING)]
        for label, rule in rules.items():
            found = score([entry.call_peaks(truth.coverage, config=rule) for truth in truths], truths)
            results.setdefault(label, {})[f"{reads / 1e6:g} million cuts"] = found
            print(label, f"{reads / 1e6:g} million cuts", found, flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--macs3", default="macs3", help="MACS3's command")
    parser.add_argument("--entry", default="peak_caller/atac", help="entry or folder")
    parser.add_argument("--choose", action="store_true", help="call by many rules, on other experiments")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    entry = load(arguments.entry)
    if arguments.choose:
        write(arguments.output, rules_by_depth(entry))
        return
    truths = [draw(number, READS) for number in range(N_EXPERIMENTS)]
    name = "/".join(Path(arguments.entry).parts[-2:])
    results = {name: score([entry.call_peaks(truth.coverage) for truth in truths], truths)}
    for q_value in Q_VALUES:
        calls = [macs3_peaks(arguments.macs3, truth, q_value) for truth in truths]
        results[f"MACS3 3.0.4 callpeak -q {q_value}"] = score(calls, truths)
    folds = [round(float(fold), 2) for fold in np.geomspace(1.5, 30, 24)]
    averages = {fold: score([average_peaks(truth, fold) for truth in truths], truths) for fold in folds}
    best = max(folds, key=lambda fold: averages[fold]["by_peak f1"] + averages[fold]["by_bp f1"])
    results[f"mean of {WINDOW_BP} bp, best threshold ({best} times the mean)"] = averages[best]
    for label, result in results.items():
        print(label, result)
    write(arguments.output, {"results": results, "metrics": metrics(results, name)})


def write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def metrics(results: dict[str, dict], entry: str) -> list[dict]:
    """The rows that the entry's card shows."""
    on = f"simulated ATAC-seq at {READS / 1e6:g} million cuts, {N_EXPERIMENTS} experiments of {N_BP / 1e6:g} Mb"
    rows = []
    for key, what in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
        for kind in ("by_peak", "by_bp"):
            there = {tool: result[f"{kind} {key}"] for tool, result in results.items() if tool != entry}
            row = {
                "name": f"regions {kind.replace('_', ' ')}, {what}",
                "value": results[entry][f"{kind} {key}"],
                "on": on,
            }
            rows.append(row | {"compared_with": there})
    return rows


if __name__ == "__main__":
    main()

"""Point sources of simulated ChIP-seq: how a rule's peaks agree with the truth, and which ranking of them is best.

The rule and the ranking of peak_caller/tf were chosen on what this prints of the first seed, never on real reads; the
card's figures are of another.

    python -m benchmarks.peaks.tf_simulated --seed 1 --choose -o FILE
    python -m benchmarks.peaks.tf_simulated --seed 2 -o benchmarks/peaks/tf_simulated.json

Experiments of 2 Mb at 3 and 30 million reads, half of them with a control, whole files in and peaks out as users call
them. Unclear sites are not judged. Ranks: the score as shipped, the highest probability (each with the signal value
between equal ones), and the signal value.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.genome.overlaps import overlaps_any
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.metrics.peaks import ranked_curve, truth_scores
from epizoo.recipes.simulated_peaks import TF
from epizoo.simulation.fragment_windows import site_truth
from epizoo.simulation.fragments import simulate_experiment
from epizoo.zoo import load

N_EXPERIMENTS, N_BP = 10, 2_000_000
DEPTHS = (3e6, 3e7)
PROBABILITIES = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
CHOSEN = "at the shipped rule"


class Truth(NamedTuple):
    """One experiment: tracks, sites, and where it is unclear whether there is one."""

    tracks: list[ReadCoverage]
    sites: pd.DataFrame
    unclear: pd.DataFrame


def draw(seed: int, number: int, reads: float) -> Truth:
    """One experiment; every second has a control."""
    config = dataclasses.replace(
        TF.simulation, reads=(reads, reads), control_share=float(number % 2), self_control_share=0.0, swapped_share=0.0
    )
    experiment = simulate_experiment(np.random.default_rng([seed, number, int(reads)]), N_BP, config)
    name = f"chr{number + 1}"
    samples = (experiment.treatment, experiment.control)[: 1 + number % 2]
    tracks = [ReadCoverage(["simulated"], {name: N_BP}, {name: (part.start, part.end)}) for part in samples]
    is_peak, is_clear = site_truth(experiment.sites, N_BP, config)
    return Truth(tracks, runs(name, is_peak), runs(name, ~is_clear))


def runs(chrom: str, inside: np.ndarray) -> pd.DataFrame:
    """Maximal runs as intervals."""
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    return pd.DataFrame({"chrom": chrom, "start": edges[::2], "end": edges[1::2]})


def judged(peaks: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Peaks at a site, and those that touch nothing unclear."""
    return peaks[overlaps_any(peaks, truth.sites) | ~overlaps_any(peaks, truth.unclear)].reset_index(drop=True)


def ranks(peaks: pd.DataFrame, probability: pd.Series) -> dict[str, np.ndarray]:
    """Numbers that are higher for surer peaks, by several rules."""
    tie = 1e-6 * peaks["signalValue"].rank()
    found = {"score": peaks["score"] + tie, "probability": probability + tie, "signalValue": peaks["signalValue"]}
    return {rule: rank.to_numpy(np.float64) for rule, rank in found.items()}


def average_precision(called: list[pd.DataFrame], plain: list[pd.DataFrame], truths: list[Truth]) -> dict[str, float]:
    """Mean over experiments of the average precision of each ranking; ranks are compared within one alone."""
    areas = [
        {
            rule: ranked_curve(peaks, rank, truth.sites).average_precision
            for rule, rank in ranks(peaks, other["score"]).items()
        }
        for peaks, other, truth in zip(called, plain, truths, strict=True)
    ]
    return {rule: round(float(np.mean([of[rule] for of in areas])), 4) for rule in areas[0]}


def by_peak(called: list[pd.DataFrame], truths: list[Truth]) -> dict[str, float]:
    """Precision, recall and F1 of all experiments' peaks together."""
    sites = pd.concat([truth.sites for truth in truths], ignore_index=True)
    scores = truth_scores(pd.concat(called, ignore_index=True), sites).by_peak
    return {key: round(float(value), 4) for key, value in scores._asdict().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entry", default="peak_caller/tf", help="entry or folder")
    parser.add_argument("--seed", type=int, default=2, help="of the experiments")
    parser.add_argument("--choose", action="store_true", help="try other probabilities than the shipped ones, too")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    entry = load(arguments.entry)
    shipped = entry.config.calling
    results: dict[str, dict] = {}
    metrics = []
    for reads in DEPTHS:
        truths = [draw(arguments.seed, number, reads) for number in range(N_EXPERIMENTS)]
        rules = {CHOSEN: shipped}
        for value in PROBABILITIES if arguments.choose else ():
            rules[f"probability {value}"] = dataclasses.replace(
                shipped, enter_probability=value, extend_probability=value
            )
        on = f"{N_EXPERIMENTS} simulated experiments of 2 Mb at {reads / 1e6:g} million reads, half with a control"
        results[on] = {}
        for label, rule in rules.items():
            called, plain = (
                [judged(entry.call_peaks(*truth.tracks, config=own), truth) for truth in truths]
                for own in (rule, dataclasses.replace(rule, score_evidence=False))
            )
            row = by_peak(called, truths) | {"average precision by rank": average_precision(called, plain, truths)}
            results[on][label] = row
            print(on, label, row, flush=True)
        chosen = results[on][CHOSEN]
        for key, what in (("recall", "share of sites found"), ("precision", "share of calls that are sites")):
            metrics.append({"name": f"{what}, {CHOSEN}", "value": chosen[key], "on": on})
        metrics += [
            {"name": f"average precision of peaks ranked by {rule}", "value": value, "on": on}
            for rule, value in chosen["average precision by rank"].items()
        ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"results": results, "metrics": metrics}
    arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""chromatin_states/encode-10 (GM12878) adapted to K562 on a tenth of its bins, beside learning from scratch.


    python -m benchmarks.finetuning.states --data DIR -o benchmarks/finetuning/states.json

chr8, chr11 and chr19 are held out. From scratch is what the recipe of the entries does: ChromHMM's information
initialisation and four random moves of it, thirty iterations from each, to the end from the two best, and the best of
these by the likelihood of what was learned on. Adapted is the best of the pretrained start and four random moves of it.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from epizoo.files import atomic_path
from epizoo.finetuning.state_adaptation import StateSettings, tune_states
from epizoo.finetuning.state_movement import movement
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.recipes.state_data import HELD_OUT, read_codes
from epizoo.states.em import LearningConfig
from epizoo.states.initialization import information_parameters, perturbed_parameters
from epizoo.states.restarts import learn_best
from epizoo.zoo import load

FRACTION = 0.1
RESTARTS = 4
# Seed, strength and random starts besides the pretrained one.
TRIALS = (
    *((seed, strength, RESTARTS) for seed in (0, 1) for strength in (0.0, 100.0)),
    *((0, strength, 0) for strength in (0.0, 100.0, 1_000.0, 10_000.0)),
)
N_STATES = 10


def per_bin(parameters: runs.Parameters, sequences: list[runs.CodedMarks]) -> float:
    counter = RunCounter(sequences)
    return counter.count(parameters).log_likelihood / counter.n_bins


def from_scratch(sequences: list[runs.CodedMarks]) -> tuple[runs.Float64Parameters, float]:
    """The best of five starts by the likelihood of what was learned on, and how long it took."""

    began = time.monotonic()
    random = np.random.default_rng(0)
    first = information_parameters(sequences, N_STATES)
    starts = [first, *(perturbed_parameters(first, 1.0, random) for _ in range(RESTARTS))]
    config = LearningConfig(max_iterations=300, tolerance=0.01, accelerate=True)
    best, _ = learn_best(RunCounter(sequences), starts, config, trial_iterations=30, finalists=2)
    return best.parameters, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    entry = load("chromatin_states/encode-10")
    marks, chromosomes = read_codes(options.data, "K562")
    coded = {chrom: runs.from_codes(codes, len(marks)) for chrom, codes in chromosomes.items()}
    train = [sequence for chrom, sequence in coded.items() if chrom not in HELD_OUT]
    test = [coded[chrom] for chrom in HELD_OUT]
    pretrained = entry.parameters()
    content = {
        "entry": {"name": entry.name, "version": entry.version, "sha256": entry.sha256},
        "held_out": list(HELD_OUT),
        "bins": sum(len(sequence.codes) for sequence in train),
        "pretrained": per_bin(pretrained, test),
        "adapted": [],
    }
    scratch, seconds = from_scratch(train)
    content["from scratch, all bins"] = {
        "starts": 1 + RESTARTS,
        "held_out": per_bin(scratch, test),
        "seconds": round(seconds, 1),
    }
    print(content["pretrained"], content["from scratch, all bins"], flush=True)
    for seed, strength, restarts in TRIALS:
        settings = StateSettings("emissions", strength, FRACTION, restarts=restarts, seed=seed)
        began = time.monotonic()
        tuned = tune_states(pretrained, train, settings)
        row = {"seed": seed, "strength": strength, "starts": 1 + restarts, "bins": tuned.n_bins}
        row |= {"seconds": round(time.monotonic() - began, 1), "iterations": tuned.n_iterations}
        row |= {"held_out": per_bin(tuned.parameters, test)}
        content["adapted"].append(row)
        print(row, flush=True)
    began = time.monotonic()
    whole = tune_states(pretrained, train, StateSettings("emissions"))
    content["adapted, all bins"] = {
        "strength": StateSettings().strength,
        "held_out": per_bin(whole.parameters, test),
        "seconds": round(time.monotonic() - began, 1),
        "movement": movement(pretrained, whole.parameters, test).to_dict([state.name for state in entry.config.states]),
    }
    print(content["adapted, all bins"]["held_out"], content["adapted, all bins"]["seconds"], flush=True)
    began = time.monotonic()
    kept = tune_states(pretrained, train, StateSettings())
    content["transitions alone, all bins"] = {
        "held_out": per_bin(kept.parameters, test),
        "seconds": round(time.monotonic() - began, 1),
        "iterations": kept.n_iterations,
    }
    print(content["transitions alone, all bins"], flush=True)
    with atomic_path(options.output) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

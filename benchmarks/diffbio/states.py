"""DiffBio's published chromatin-state example, learned on other draws: aligned accuracy on the published draw.

    python -m benchmarks.diffbio.states [--reference benchmarks/diffbio/reference.json]

Without labels: EM from random starts on 20 draws. With labels: the states' frequencies in the same draws. Neither sees
the published draw (seed 42) nor the 20 further ones on which the spread is measured. States are the most probable ones
of each bin; marks count as present above 0.5. DiffBio's own figures come from benchmarks/diffbio/reference.py.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from benchmarks.diffbio.examples import (
    BLOCK_BINS,
    EMISSION,
    FURTHER_SEEDS,
    N_MARKS,
    N_STATES,
    PUBLISHED_SEED,
    aligned_accuracy,
    draw_states,
)

from epizoo.models.hmm.decoding import decode
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.run_lengths import Float64Parameters, observe
from epizoo.states.em import LearningConfig
from epizoo.states.initialization import random_parameters
from epizoo.states.restarts import learn_best

TRAINING_SEEDS = tuple(range(1000, 1020))
N_STARTS = 20


def true_parameters() -> Float64Parameters:
    """Those that the draws are made with; blocks become a chance to leave a state in each bin."""
    leave = (1 - 1 / N_STATES) / BLOCK_BINS
    transition = np.full((N_STATES, N_STATES), leave / (N_STATES - 1))
    np.fill_diagonal(transition, 1 - leave)
    return Float64Parameters(np.full(N_STATES, 1 / N_STATES), transition, EMISSION.astype(np.float64))


def learn_without_labels(draws: list[tuple[np.ndarray, np.ndarray]]) -> Float64Parameters:
    """The likeliest of what EM finds from random starts."""
    random = np.random.default_rng(0)
    counter = RunCounter([observe(present(marks), N_MARKS) for marks, _ in draws])
    starts = [random_parameters(N_STATES, N_MARKS, random) for _ in range(N_STARTS)]
    best, _ = learn_best(counter, starts, LearningConfig(accelerate=True), trial_iterations=30, finalists=3)
    return best.parameters


def learn_with_labels(draws: list[tuple[np.ndarray, np.ndarray]]) -> Float64Parameters:
    """Frequencies of first states, transitions, and marks in each state, one count added to each: the MAP estimate."""
    initial, transition = np.ones(N_STATES), np.ones((N_STATES, N_STATES))
    shown, bins = np.ones((N_STATES, N_MARKS)), np.full((N_STATES, 1), 2.0)
    for marks, states in draws:
        initial[states[0]] += 1
        np.add.at(transition, (states[:-1], states[1:]), 1)
        np.add.at(shown, states, present(marks))
        bins[:, 0] += np.bincount(states, minlength=N_STATES)
    return Float64Parameters(initial / initial.sum(), transition / transition.sum(axis=1, keepdims=True), shown / bins)


def present(marks: np.ndarray) -> np.ndarray:
    """Marks as 0 and 1."""
    return (marks > 0.5).astype(np.uint8)


def accuracies(parameters: Float64Parameters) -> dict[str, float]:
    """On the published draw, and the mean and standard deviation over further ones."""
    found = []
    for seed in (PUBLISHED_SEED, *FURTHER_SEEDS):
        marks, states = draw_states(seed)
        found.append(aligned_accuracy(decode(parameters, present(marks)).states, states))
    further = np.array(found[1:])
    return {
        "published_draw": round(found[0], 4),
        "further_draws_mean": round(float(further.mean()), 4),
        "further_draws_sd": round(float(further.std(ddof=1)), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=Path, help="what benchmarks/diffbio/reference.py wrote")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/diffbio/states.json"))
    options = parser.parse_args()
    draws = [draw_states(seed) for seed in TRAINING_SEEDS]
    results = {
        "metric": "aligned accuracy, best posterior state of each bin",
        "trained_on_seeds": [TRAINING_SEEDS[0], TRAINING_SEEDS[-1]],
        "published_seed": PUBLISHED_SEED,
        "further_seeds": [FURTHER_SEEDS[0], FURTHER_SEEDS[-1]],
        "epizoo without labels": accuracies(learn_without_labels(draws)),
        "epizoo with labels": accuracies(learn_with_labels(draws)),
        "true parameters": accuracies(true_parameters()),
    }
    if options.reference is not None:
        results["diffbio 0.1.0"] = json.loads(options.reference.read_text())["states"]
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

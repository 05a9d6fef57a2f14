"""The recipe of the entries ``chromatin_states/encode-*``: states learned on the whole genome of one cell type.

``python -m epizoo.recipes.encode_states --data DIR --cell GM12878 --states 10 --seed 0 -o runs/encode-10``

EM over all chromosomes but chr8, chr11 and chr19, accelerated: a trial from ChromHMM's `information` initialisation and
from each of some random moves of it, then from the two best trials to the end. The result with the highest training
likelihood is kept. The same seed gives the same weights.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import UInt16
from safetensors.numpy import save_file

from epizoo.errors import EpizooError, InputError
from epizoo.files import atomic_path
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.annotator import (
    ChromatinStateAnnotator,
    ChromatinStateConfig,
)
from epizoo.models.hmm.decoding import decode_all
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.probabilities import probabilities_of_logits
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import Parameters, reorder
from epizoo.models.parameters import flatten_parameters
from epizoo.recipes.encode_states_run import CELLS, HELD_OUT, describe_entry, describe_training, read_codes
from epizoo.states.chromhmm_models import ChromHMMModel, read_model, write_model
from epizoo.states.em import Learned, LearningConfig
from epizoo.states.initialization import information_parameters, perturbed_parameters
from epizoo.states.iterations import progress_bar
from epizoo.states.restarts import learn_best
from epizoo.states.state_names import name_states, read_reference
from epizoo.zoo.state_runs import BIN_BP, describe_config

LEARNING = LearningConfig(
    max_iterations=300,
    tolerance=0.01,
    initial_pseudocount=1.0,
    transition_pseudocount=1.0,
    emission_pseudocount=1.0,
    accelerate=True,
)
# How far the random starts are moved: the standard deviation of the log-odds of emissions.
SPREAD = 1.0
TRIAL_ITERATIONS = 30
FINALISTS = 2


def learn(
    sequences: Sequence[runs.CodedMarks],
    n_states: int,
    seed: int,
    restarts: int,
    show_progress: bool = False,
) -> tuple[Learned, list[Learned]]:
    """Learn from the `information` initialisation and from random moves of it: the best result, and all results."""
    rng = np.random.default_rng(seed)
    first = information_parameters(sequences, n_states)
    starts = [
        first,
        *(perturbed_parameters(first, SPREAD, rng) for _ in range(restarts)),
    ]
    with progress_bar(LEARNING.max_iterations) as report:
        return learn_best(
            RunCounter(sequences),
            starts,
            LEARNING,
            trial_iterations=TRIAL_ITERATIONS,
            finalists=FINALISTS,
            report=report if show_progress else None,
        )


def log_likelihood_per_bin(
    parameters: Parameters,
    chromosomes: dict[str, UInt16[np.ndarray, " bin"]],
    held_out_only: bool,
) -> float:
    """Log-likelihood in nats per bin, over the held-out chromosomes or over all."""
    chosen = [codes for chrom, codes in chromosomes.items() if chrom in HELD_OUT or not held_out_only]
    total = sum(decoding.log_likelihood for decoding in decode_all(parameters, chosen))
    return total / sum(len(codes) for codes in chosen)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.recipes.encode_states", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--cell", choices=CELLS, default="GM12878")
    parser.add_argument("--states", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--restarts",
        type=int,
        default=7,
        help="random starts besides the information initialisation",
    )
    parser.add_argument(
        "--compare",
        action="append",
        default=[],
        metavar="TOOL=MODEL.txt",
        help="measure it beside ours",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    options = parser.parse_args(arguments)
    try:
        _run(
            options,
            " ".join(
                [
                    "python -m epizoo.recipes.encode_states",
                    *map(shlex.quote, arguments or sys.argv[1:]),
                ]
            ),
        )
    except EpizooError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _run(options: argparse.Namespace, command: str) -> None:
    began = time.perf_counter()
    compared = {tool: read_model(path) for tool, path in (pair.split("=", 1) for pair in options.compare)}
    marks, chromosomes = read_codes(options.data, options.cell)
    train = [runs.from_codes(codes, len(marks)) for chrom, codes in chromosomes.items() if chrom not in HELD_OUT]
    best, results = learn(train, options.states, options.seed, options.restarts, show_progress=True)
    states, order = name_states(best.parameters.emission, marks, read_reference(options.data))
    parameters = reorder(best.parameters, order)
    config = ChromatinStateConfig(marks=marks, n_states=options.states, bin_bp=BIN_BP)
    model = ChromatinStateAnnotator.from_parameters(config, HMMParameters(*parameters))
    arrays = flatten_parameters(model)
    options.output.mkdir(parents=True, exist_ok=True)
    with atomic_path(options.output / "weights.safetensors") as path:
        save_file(arrays, path)
    shipped = HMMParameters(*probabilities_of_logits(arrays))
    write_model(options.output / f"model_{options.states}.txt", ChromHMMModel(shipped, marks, "U"))
    _write_yaml(
        options.output / "config.yaml",
        describe_config(config, [states[state] for state in order]),
    )
    _write_json(
        options.output / "metrics.json",
        _metrics(options, probabilities_of_logits(arrays), marks, compared),
    )
    _write_yaml(options.output / "about.yaml", describe_entry(options))
    training = describe_training(options, command, list(chromosomes), LEARNING, results, time.perf_counter() - began)
    _write_json(options.output / "training.json", training)


def _metrics(
    options: argparse.Namespace,
    ours: Parameters,
    marks: tuple[str, ...],
    compared: dict,
) -> list[dict]:
    """Log-likelihood per bin on what was held out, ours and that of other tools' models."""
    for tool, model in compared.items():
        if model.marks != marks:
            raise InputError(f"the model of {tool} has marks {', '.join(model.marks)}, expected {', '.join(marks)}")
    metrics = []
    for cell in (options.cell, *(cell for cell in CELLS if cell != options.cell)):
        chromosomes = read_codes(options.data, cell)[1]
        for held_out_only in (True,) if cell == options.cell else (True, False):
            where = f"{', '.join(HELD_OUT)} (never seen)" if held_out_only else "all chromosomes"
            others = {
                tool: round(
                    log_likelihood_per_bin(model.parameters, chromosomes, held_out_only),
                    6,
                )
                for tool, model in compared.items()
            }
            value = round(log_likelihood_per_bin(ours, chromosomes, held_out_only), 6)
            metric = {
                "name": "log-likelihood per bin (nats)",
                "value": value,
                "on": f"{cell}, {where}",
            }
            metrics.append(metric | ({"compared_with": others} if others else {}))
    return metrics


def _write_json(path: Path, content: Any) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_yaml(path: Path, content: Any) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, width=120), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The recipe of the entries ``chromatin_states/encode-*``: states learned on the whole genome of one cell type.

``python -m epizoo.recipes.encode_states --data DIR --cell GM12878 --states 10 --seed 0 -o runs/encode-10``

EM over all chromosomes but chr8, chr11 and chr19, accelerated: a trial from ChromHMM's `information` initialisation and
from each of some random moves of it, then from the two best trials to the end. The result with the highest training
likelihood is kept. The same seed gives the same weights.

States stand in the order of Roadmap's 15 states that they are nearest to. They are named by the rule of
`epizoo.states.state_names`; a name that TSS in use or elements that regulate a gene contradict
(`epizoo.states.name_evidence`) is refused.
"""

import argparse
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt16
from safetensors.numpy import save_file

from epizoo.errors import InputError
from epizoo.files import atomic_path, sha256, write_json, write_yaml
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.hmm.decoding import decode_all
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.probabilities import probabilities_of_logits
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import Parameters, from_codes, reorder
from epizoo.models.parameters import flatten_parameters
from epizoo.recipes.run_folder import one_sentence_errors, prose
from epizoo.recipes.state_data import CELLS, HELD_OUT, ROADMAP, codes_path, order_like, read_codes, read_published
from epizoo.recipes.state_evidence import ELEMENTS, MEASURED_ON, TSS, name_by_evidence, regulation_metrics
from epizoo.states.chromhmm_models import ChromHMMModel, read_model, write_model
from epizoo.states.em import Learned, LearningConfig
from epizoo.states.iterations import progress_bar
from epizoo.states.learning_plan import FINALISTS, TRIAL_ITERATIONS, LearningPlan, LearningSequence, first_parameters
from epizoo.states.restarts import learn_best
from epizoo.zoo.state_runs import BIN_BP, describe_config

LEARNING = LearningConfig(
    max_iterations=300,
    tolerance=0.01,
    initial_pseudocount=1.0,
    transition_pseudocount=1.0,
    emission_pseudocount=1.0,
    accelerate=True,
)


def learn(sequences: Sequence[LearningSequence], n_states: int, seed: int, restarts: int) -> list[Learned]:
    """Learn from the `information` initialisation and from random moves of it: the best result, then all results."""
    starts = first_parameters(sequences, LearningPlan(n_states, "squarem", restarts=restarts, seed=seed))
    with progress_bar(LEARNING.max_iterations) as report:
        best, results = learn_best(
            RunCounter([one.marks for one in sequences]),
            starts,
            LEARNING,
            trial_iterations=TRIAL_ITERATIONS,
            finalists=FINALISTS,
            report=report,
        )
    return [best, *results]


def log_likelihood_per_bin(parameters: Parameters, chromosomes: Mapping[str, UInt16[np.ndarray, " bin"]]) -> float:
    """Log-likelihood in nats per bin, to six decimals."""
    total = sum(decoding.log_likelihood for decoding in decode_all(parameters, list(chromosomes.values())))
    return round(total / sum(map(len, chromosomes.values())), 6)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.recipes.encode_states", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--cell", choices=CELLS, default="GM12878", help="cell type to learn from")
    parser.add_argument("--states", type=int, default=10, help="number of states")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random starts")
    parser.add_argument("--restarts", type=int, default=7, help="random starts besides the information initialisation")
    compare = {"action": "append", "default": [], "metavar": "TOOL=MODEL.txt"}
    parser.add_argument("--compare", **compare, help="model of another tool to measure as well")  # type: ignore[arg-type]
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    options = parser.parse_args(arguments)
    words = ["python -m epizoo.recipes.encode_states", *map(shlex.quote, arguments or sys.argv[1:])]
    with one_sentence_errors():
        _run(options, " ".join(words).replace(str(options.data), "DIR"))


def _run(options: argparse.Namespace, command: str) -> None:
    began = time.perf_counter()
    compared = {tool: read_model(path) for tool, path in (pair.split("=", 1) for pair in options.compare)}
    marks, chromosomes = read_codes(options.data, options.cell)
    train = [
        LearningSequence(options.cell, chrom, chrom, from_codes(codes, len(marks)))
        for chrom, codes in chromosomes.items()
        if chrom not in HELD_OUT
    ]
    best, *results = learn(train, options.states, options.seed, options.restarts)
    order = order_like(read_published(options.data, 15)[1], best.parameters.emission, marks)
    config = ChromatinStateConfig(marks=marks, n_states=options.states, bin_bp=BIN_BP)
    parameters = HMMParameters(*reorder(best.parameters, order))
    arrays = flatten_parameters(ChromatinStateAnnotator.from_parameters(config, parameters))
    output = options.output
    output.mkdir(parents=True, exist_ok=True)
    with atomic_path(output / "weights.safetensors") as path:
        save_file(arrays, path)
    shipped = probabilities_of_logits(arrays)
    write_model(output / f"model_{options.states}.txt", ChromHMMModel(HMMParameters(*shipped), marks, "U"))
    states = name_by_evidence(shipped, marks, options.data)
    write_yaml(output / "config.yaml", describe_config(config, states, MEASURED_ON, order="U"))
    metrics = [*_metrics(options, shipped, marks, compared), *regulation_metrics(shipped, states, options.data)]
    write_json(output / "metrics.json", metrics)
    write_yaml(output / "about.yaml", words_of(options)["about"])
    training = _training(options, command, list(chromosomes), results)
    write_json(output / "training.json", training | {"seconds": round(time.perf_counter() - began, 1)})


def words_of(options: argparse.Namespace) -> dict[str, Any]:
    """The prose of the entry."""
    (other,) = (cell for cell in CELLS if cell != options.cell)
    return prose("encode_states", states=options.states, cell=options.cell, other=other, restarts=options.restarts)


def _metrics(
    options: argparse.Namespace, ours: Parameters, marks: tuple[str, ...], compared: Mapping[str, ChromHMMModel]
) -> list[dict[str, Any]]:
    """Log-likelihood per bin on what was held out, ours and that of other tools' models."""
    for tool, model in compared.items():
        if model.marks != marks:
            raise InputError(f"the model of {tool} has marks {', '.join(model.marks)}, expected {', '.join(marks)}")
    metrics = []
    for cell in (options.cell, *(cell for cell in CELLS if cell != options.cell)):
        whole = read_codes(options.data, cell)[1]
        held_out = {chrom: codes for chrom, codes in whole.items() if chrom in HELD_OUT}
        measured = {f"{', '.join(HELD_OUT)} (never seen)": held_out}
        for where, chosen in (measured if cell == options.cell else measured | {"all chromosomes": whole}).items():
            value = log_likelihood_per_bin(ours, chosen)
            others = {tool: log_likelihood_per_bin(model.parameters, chosen) for tool, model in compared.items()}
            metric = {"name": "log-likelihood per bin (nats)", "value": value, "on": f"{cell}, {where}"}
            metrics.append(metric | ({"compared_with": others} if others else {}))
    return metrics


def _training(
    options: argparse.Namespace, command: str, chromosomes: Sequence[str], results: Sequence[Learned]
) -> dict[str, Any]:
    """The content of ``training.json``."""
    words, kept = words_of(options), max(results, key=lambda result: result.log_likelihood)
    files = [*(codes_path(options.data, cell) for cell in CELLS), *ROADMAP[15].paths(options.data)]
    files += [options.data / TSS, options.data / ELEMENTS]
    return {
        "trained_on": {
            "data": words["data"],
            "assembly": "hg19",
            "cell_types": [options.cell],
            "chromosomes": [chrom for chrom in chromosomes if chrom not in HELD_OUT],
            "held_out_chromosomes": list(HELD_OUT),
            "held_out_cell_types": [cell for cell in CELLS if cell != options.cell],
        },
        "procedure": words["procedure"],
        "command": command,
        "seed": options.seed,
        "learning": asdict(LEARNING),
        "log_likelihoods": [round(result.log_likelihood, 3) for result in results],
        "trajectory": [round(float(value), 3) for value in kept.trajectory],
        "converged": kept.converged,
        "data_sha256": {str(path.relative_to(options.data)): sha256(path) for path in files},
        "versions": {name: version(name) for name in ("epizoo", "jax", "flax", "numba", "numpy")}
        | {"python": platform.python_version()},
    }


if __name__ == "__main__":
    main()

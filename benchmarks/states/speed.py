"""Speed and peak memory of decoding and of learning chromatin states, beside peers in the same run.

    pip install -r benchmarks/states/requirements.txt      # hmmlearn: left out where it is not installed
    python -m benchmarks.states.speed --data DIR [--chromhmm /usr/share/java/chromhmm.jar]

Decoding: best posterior state and log-likelihood of the whole genome of GM12878 (15.2 million bins, 9 marks) from codes
in memory. Learning: one EM iteration on ChromHMM's sample (two cell types, 1.3 million bins, 10 columns) from its
`information` initialisation. Each job runs in a process of its own; compilation is left out, the median of --repeat is
shown, and the peak memory is that of the process. ChromHMM's iterations are timed by its own clock. hmmlearn gets the
same emission probabilities, as a categorical model of codes. dynamax is not measured: its newest release (1.0.3) does
not import beside jax 0.10.
"""

import argparse
import gzip
import importlib.util
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.measuring import measure
from rich.console import Console
from rich.table import Table

from epizoo.compilation import usable_cores
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.decoding import decode_all
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.models.hmm.run_lengths import Float64Parameters
from epizoo.recipes.state_data import read_codes
from epizoo.states.em import LearningConfig, maximize
from epizoo.states.initialization import information_parameters

SAMPLE_CELLS = ("GM12878", "K562")


def whole_genome(data: Path, n_states: int) -> tuple[Float64Parameters, list[np.ndarray]]:
    marks, chromosomes = read_codes(data, "GM12878")
    codes = list(chromosomes.values())
    return information_parameters([runs.from_codes(sequence, len(marks)) for sequence in codes], n_states), codes


def sample(data: Path, n_states: int) -> tuple[Float64Parameters, list[np.ndarray]]:
    codes = []
    for cell in SAMPLE_CELLS:
        text = gzip.decompress((data / "states" / "sample_hg18" / f"{cell}_chr11_binary.txt.gz").read_bytes())
        body = text.split(b"\n", 2)[2].replace(b"\t", b"").replace(b"\n", b"")
        values = np.frombuffer(body, np.uint8).reshape(-1, 10) - ord("0")
        codes.append((values @ (1 << np.arange(9, -1, -1))).astype(np.uint16))
    return information_parameters([runs.from_codes(sequence, 10) for sequence in codes], n_states), codes


def emission_table(parameters: Float64Parameters) -> np.ndarray:
    """Probability of each code in each state, (code, state)."""
    n_marks = parameters.emission.shape[1]
    return runs.emission_products(parameters.emission, runs.from_codes(np.zeros(0, np.int64), n_marks).marks)


def epizoo_decode(parameters: Float64Parameters, codes: list[np.ndarray]) -> Callable[[], object]:
    return lambda: decode_all(parameters, codes)


def epizoo_viterbi(parameters: Float64Parameters, codes: list[np.ndarray]) -> Callable[[], object]:
    return lambda: decode_all(parameters, codes, viterbi=True)


def epizoo_em(parameters: Float64Parameters, codes: list[np.ndarray]) -> Callable[[], object]:
    counter = RunCounter([runs.from_codes(sequence, parameters.emission.shape[1]) for sequence in codes])
    return lambda: maximize(counter.count(parameters), counter.marks, parameters, LearningConfig())


def _hmmlearn(parameters: Float64Parameters):
    from hmmlearn.hmm import CategoricalHMM

    table = emission_table(parameters).T
    model = CategoricalHMM(len(table), n_features=table.shape[1], n_iter=1, init_params="", implementation="scaling")
    model.startprob_, model.transmat_ = parameters.initial, parameters.transition
    model.emissionprob_ = table / table.sum(axis=1, keepdims=True)
    return model


def hmmlearn_decode(parameters: Float64Parameters, codes: list[np.ndarray]) -> Callable[[], object]:
    model = _hmmlearn(parameters)
    return lambda: [model.score_samples(sequence[:, None])[1].argmax(axis=1) for sequence in codes]


def hmmlearn_viterbi(parameters: Float64Parameters, codes: list[np.ndarray]) -> Callable[[], object]:
    model = _hmmlearn(parameters)
    return lambda: [model.decode(sequence[:, None]) for sequence in codes]


def hmmlearn_em(parameters: Float64Parameters, codes: list[np.ndarray]) -> Callable[[], object]:
    observed, lengths = np.concatenate(codes)[:, None], [len(sequence) for sequence in codes]
    return lambda: _hmmlearn(parameters).fit(observed, lengths)


TASKS: dict[str, tuple[Callable, dict[str, Callable]]] = {
    "decode": (whole_genome, {"epizoo": epizoo_decode, "hmmlearn": hmmlearn_decode}),
    "decode and Viterbi path": (whole_genome, {"epizoo": epizoo_viterbi, "hmmlearn": hmmlearn_viterbi}),
    "EM iteration": (sample, {"epizoo": epizoo_em, "hmmlearn": hmmlearn_em}),
}


def run_job(data: Path, task: str, tool: str, n_states: int, repeat: int) -> None:
    """In a process of its own: print the number of bins and the seconds of each repetition."""
    source, tools = TASKS[task]
    parameters, codes = source(data, n_states)
    work = tools[tool](parameters, codes)
    work()
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    print(json.dumps([sum(len(sequence) for sequence in codes), seconds]))


def chromhmm_em(jar: str, data: Path, n_states: int, repeat: int) -> tuple[int, list[float], float]:
    """Seconds of ChromHMM's batch iterations on the sample, by the total time that it prints."""
    with tempfile.TemporaryDirectory() as output:
        options = ["-p", "2", "-r", str(repeat + 3), "-noautoopen", "-nobed", "-noenrich", "-nobrowser", "-noimage"]
        command = ["java", "-mx4000M", "-jar", jar, "LearnModel", *options]
        run = measure([*command, str(data / "states" / "sample_hg18"), output, str(n_states), "hg18"])
    totals = [float(row[-1]) for row in map(str.split, run.output.splitlines()) if re.match(r"\d+ -\d", " ".join(row))]
    return sum(len(codes) for codes in sample(data, n_states)[1]), list(np.diff(totals)), run.peak_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--states", type=int, nargs="+", default=[10, 15])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--chromhmm", metavar="JAR", help="measure ChromHMM's EM too")
    parser.add_argument("--job", nargs=2, metavar=("TASK", "TOOL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_job(options.data, *options.job, options.states[0], options.repeat)
        return
    table = Table(title=f"{usable_cores()} cores", box=None, title_justify="left")
    for column in ("task", "states", "tool", "seconds", "million bins/s", "peak MB", "times epizoo's"):
        table.add_column(column, justify="left" if column in ("task", "tool") else "right")
    for task, (_, tools) in TASKS.items():
        for n_states in options.states:
            ours = None
            measured = {}
            for tool in tools:
                if tool == "epizoo" or importlib.util.find_spec(tool):
                    own = [sys.executable, "-m", "benchmarks.states.speed", "--data", str(options.data)]
                    own += ["--states", str(n_states), "--repeat", str(options.repeat), "--job", task, tool]
                    run = measure(own)
                    measured[tool] = (*json.loads(run.output.splitlines()[-1]), run.peak_mb)
            if options.chromhmm and task == "EM iteration":
                measured["ChromHMM -p 2"] = chromhmm_em(options.chromhmm, options.data, n_states, options.repeat)
            for tool, (n_bins, seconds, peak) in measured.items():
                median = statistics.median(seconds)
                ours = ours or median
                speed = f"{n_bins / median / 1e6:.2f}"
                table.add_row(task, str(n_states), tool, f"{median:.3f}", speed, f"{peak:.0f}", f"{median / ours:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

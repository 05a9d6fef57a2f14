"""Learning chromatin states by gradients beside EM, with and without known states.

    python -m benchmarks.states.gradients --data DIR -o benchmarks/states/gradients.json

``sample``: ChromHMM's own sample, 10 and 15 states. Known are the states of GM12878, all of them or from the start of
its chromosome on, as ChromHMM 1.27 segments it; how well those of K562 are found, which nobody told, is the share of
its bins with the same state, learned states being matched to ChromHMM's one to one by the bins that they share.
``genome``: GM12878 and K562 without chr8, chr11 and chr19, 15 states, measured on these; ``genome-long``: EM for 200
iterations.
Seconds are those of learning, and of the processor.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

from epizoo.files import atomic_path
from epizoo.jobs.state_learning_data import LearningMarks, read_known_states, read_learning_marks
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.decoding import decode_all
from epizoo.recipes.state_data import CELLS, HELD_OUT, read_codes
from epizoo.states.em import Learned, LearningConfig
from epizoo.states.learning_plan import LearningPlan, LearningSequence, learn, log_likelihood_per_bin

SAMPLE, REFERENCE = "states/sample_hg18", "states/chromhmm_reference"
SEEDS, SHARES = (0, 1, 2), (0.01, 0.1, 0.25, 1.0)
FIFTY = LearningConfig(max_iterations=50, zero_transitions_below=1e-8)
GENOME = {
    "genome": [*(LearningPlan(15, "gradient", seed=seed) for seed in SEEDS), LearningPlan(15, config=FIFTY)],
    "genome-long": [LearningPlan(15)],
}


def timed(sequences: list[LearningSequence], plan: LearningPlan, name: str) -> tuple[Learned, dict[str, Any]]:
    """What was learned, and its row."""
    began, processor = time.monotonic(), time.process_time()
    learned = learn(sequences, plan)
    row = {
        "run": f"{name}, {plan.n_states} states, {plan.algorithm}, seed {plan.seed}",
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "log_likelihood": round(learned.log_likelihood, 1),
    }
    return learned, row


def matched_share(learned: Learned, one: LearningSequence) -> float:
    """The share of bins with their known state, states matched one to one."""
    states = decode_all(learned.parameters, [one.marks.marks[one.marks.codes]])[0].states
    known = np.asarray(one.known)
    shared = np.zeros((10, 10), np.int64)
    np.add.at(shared, (states[known >= 0], known[known >= 0]), 1)
    rows, columns = linear_sum_assignment(-shared)
    return round(float(shared[rows, columns].sum() / shared.sum()), 4)


def first_part(data: LearningMarks, share: float) -> list[LearningSequence]:
    """Known states of the first part of each chromosome alone."""
    return [
        one
        if one.known is None
        else one._replace(known=np.where(np.arange(len(one.known)) < share * len(one.known), one.known, -1))
        for one in data.sequences
    ]


def on_sample(data_dir: Path) -> list[dict[str, Any]]:
    """Rows of the sample."""
    marks = read_learning_marks(data_dir / SAMPLE)
    segments = {cell: data_dir / REFERENCE / f"{cell}_10_segments.bed.gz" for cell in CELLS}
    told = read_known_states(marks, {CELLS[0]: segments[CELLS[0]]}, 10)
    truth = read_known_states(marks, segments, 10, names=told.known_names).sequences
    plans = [LearningPlan(10), *(LearningPlan(10, "gradient", seed=seed) for seed in SEEDS)]
    jobs = [(marks.sequences, plan, "sample") for plan in plans]
    jobs += [
        (first_part(told, share), LearningPlan(10, "gradient"), f"sample, {share:.0%} of GM12878 known")
        for share in SHARES
    ]
    rows = []
    for sequences, plan, name in jobs:
        learned, row = timed(sequences, plan, name)
        rows.append(row | {"k562_share": matched_share(learned, truth[1])})
    plans = [LearningPlan(15), *(LearningPlan(15, "gradient", seed=seed) for seed in SEEDS)]
    return rows + [timed(marks.sequences, plan, "sample")[1] for plan in plans]


def on_genome(data_dir: Path, plans: list[LearningPlan]) -> list[dict[str, Any]]:
    """Rows of the genome."""
    sequences = []
    for cell in CELLS:
        marks, chromosomes = read_codes(data_dir, cell)
        for chrom, codes in chromosomes.items():
            sequences.append(LearningSequence(cell, chrom, f"{cell}_{chrom}", runs.from_codes(codes, len(marks))))
    training, left_out = ([one for one in sequences if (one.chrom in HELD_OUT) is kind] for kind in (False, True))
    rows = []
    for plan in plans:
        name = f"genome, {plan.config.max_iterations} iterations" if plan.algorithm == "em" else "genome"
        learned, row = timed(training, plan, name)
        rows.append(row | {"held_out_per_bin": round(log_likelihood_per_bin(learned.parameters, left_out), 6)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", default="sample,genome,genome-long")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    # Compilation is not what is compared.
    warm = read_learning_marks(options.data / SAMPLE)
    for algorithm in ("em", "gradient"):
        plan = LearningPlan(10, algorithm, config=replace(FIFTY, max_iterations=1))
        learn(warm.sequences, replace(plan, adam=replace(plan.adam, n_steps=1)))
    rows = json.loads(options.output.read_text(encoding="utf-8")) if options.output.is_file() else []
    table = Table(box=None)
    for column in ("run", "seconds", "of the processor", "log-likelihood", "measured"):
        table.add_column(column)
    for job in options.jobs.split(","):
        found = on_sample(options.data) if job == "sample" else on_genome(options.data, GENOME[job])
        rows = [row for row in rows if row["job"] != job] + [{"job": job} | row for row in found]
        with atomic_path(options.output) as path:
            path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        measured = row.get("k562_share", row.get("held_out_per_bin", ""))
        times = (str(row["seconds"]), str(row["processor_seconds"]))
        table.add_row(row["run"], *times, f"{row['log_likelihood']:,.1f}", str(measured))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

"""How strong the prior of adapted states should be: chromatin_states/encode-10 to K562, on training chromosomes alone.

    python -m benchmarks.finetuning.strength --data DIR -o benchmarks/finetuning/strength.json

Shares of seven chromosomes are learned on and three others are judged; chr8, chr11 and chr19, which the entry holds
out, are not looked at. This chose the default of `epizoo finetune --strength`.
"""

import argparse
import json
from pathlib import Path

from epizoo.files import atomic_path
from epizoo.finetuning.state_adaptation import StateSettings, tune_states
from epizoo.models.hmm import run_lengths as runs
from epizoo.models.hmm.expected_counts import RunCounter
from epizoo.recipes.state_data import HELD_OUT, read_codes
from epizoo.zoo import load

LEARNED = ("chr1", "chr2", "chr5", "chr9", "chr16", "chr17", "chr20")
JUDGED = ("chr7", "chr12", "chr22")
SEEDS = (0, 1, 2)
# Share of the bins, strength, random starts besides the pretrained one.
TRIALS = (
    *((share, strength, 0) for share in (0.002, 0.01, 0.1) for strength in (1_000.0, 100.0, 0.0)),
    (0.1, 1_000.0, 4),
    (0.1, 100.0, 4),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    entry = load("chromatin_states/encode-10")
    marks, chromosomes = read_codes(options.data, "K562")
    assert not set(HELD_OUT) & {*LEARNED, *JUDGED}
    learned, judged = (
        [runs.from_codes(chromosomes[chrom], len(marks)) for chrom in chroms] for chroms in (LEARNED, JUDGED)
    )
    counter = RunCounter(judged)

    def per_bin(parameters: runs.Parameters) -> float:
        return counter.count(parameters).log_likelihood / counter.n_bins

    pretrained = entry.parameters()
    content = {
        "entry": {"name": entry.name, "version": entry.version, "sha256": entry.sha256},
        "learned": LEARNED,
        "judged": JUDGED,
        "pretrained": per_bin(pretrained),
        "adapted": [],
    }
    for share, strength, restarts in TRIALS:
        for seed in SEEDS:
            settings = StateSettings("emissions", strength, share, restarts=restarts, seed=seed)
            tuned = tune_states(pretrained, learned, settings)
            row = {"share": share, "strength": strength, "starts": 1 + restarts, "seed": seed, "bins": tuned.n_bins}
            row |= {"iterations": tuned.n_iterations, "judged": per_bin(tuned.parameters)}
            content["adapted"].append(row)
            print(row, flush=True)
    with atomic_path(options.output) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

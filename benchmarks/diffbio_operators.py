"""DiffBio's Fourier and contextual operators beside its CNN and our peak caller: published example and human labels.

Run in an environment of its own, since DiffBio brings much::

    pip install -r benchmarks/requirements-diffbio.txt -e .
    python benchmarks/diffbio_operators.py example H3K4me3 H3K36me3 --data DIR

All networks are trained alike: arcsinh of the coverage, the loss on logits, AdamW with a warm-up and a cosine, and the
learning rate with the lowest loss on held-out training draws after a short training. The example is learned on draws
that are none of those it is tested on. For the labels all learn the same simulated coverage and see no label; only the
merging gap and the least width are chosen, for each chromosome on the others.
"""

import argparse
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import diffbio_contenders as contenders
import numpy as np
import pandas as pd
from diffbio_contenders import Contender, middles, windows
from diffbio_examples import FURTHER_SEEDS, PUBLISHED_SEED, draw_peaks, f1
from diffbio_labels import MARKS, Labels, summary
from diffbio_training import Batch, Trained, choose, describe, train

FIRST_TRAINING_SEED = 100_000
VALIDATION_SEEDS = tuple(range(50_000, 50_005))
OURS = "epizoo"
EXAMPLE = {
    OURS: (contenders.ours(bin_bp=1, dilations=(2, 4, 8, 16, 32, 64, 32)),),
    "DiffBio CNN": (contenders.cnn(),),
    "DiffBio CNN behind its VAE": (contenders.cnn(use_vae_denoising=True),),
    "DiffBio FNO, defaults": (contenders.fourier(16),),
    "DiffBio FNO, best of three": (
        contenders.fourier(512),
        contenders.fourier(16, 1024, 128),
        contenders.fourier(64, 1024, 128),
    ),
    "DiffBio contextual": (contenders.contextual(),),
}


def labelled_contenders(n_bins: int) -> dict[str, tuple[Contender, ...]]:
    """The same networks in the windows of the simulation."""
    return {
        OURS: (contenders.ours(dilations=(1, 2, 4, 8, 16, 32)),),
        "DiffBio CNN": (contenders.cnn(),),
        "DiffBio FNO, defaults": (contenders.fourier(16, n_bins),),
        "DiffBio FNO, best of two": (contenders.fourier(64, n_bins), contenders.fourier(256, n_bins)),
        "DiffBio contextual": (contenders.contextual(n_bins),),
    }


def example_batches(contender: Contender) -> tuple[Callable[[], Batch], list[Batch]]:
    """New training draws, and validation draws."""
    seeds = itertools.count(FIRST_TRAINING_SEED)
    return lambda: example_batch(contender, next(seeds)), [example_batch(contender, s) for s in VALIDATION_SEEDS]


draw = functools.cache(draw_peaks)


def example_batch(contender: Contender, seed: int) -> Batch:
    """One draw in a contender's windows."""
    signal, inside = draw(seed)
    width, margin = contender.window, contender.margin
    weight = windows(np.ones(len(signal), np.float32), width, margin)
    weight[:, :margin] = 0
    weight[:, width - margin :] = 0
    truth = windows(inside.astype(np.float32), width, margin)
    return Batch(windows(np.arcsinh(signal), width, margin), truth, weight)


def measure_example(contender: Contender, trained: Trained) -> list[float]:
    """F1 at probability 0.5 on the published draw and then on the further ones."""
    found = []
    for seed in (PUBLISHED_SEED, *FURTHER_SEEDS):
        inside = draw(seed)[1]
        logits = np.asarray(trained.logits(example_batch(contender, seed).coverage))
        found.append(f1(middles(logits, contender.margin, len(inside)) > 0, inside))
    return found


def run_example(n_steps: int, n_trial_steps: int) -> Iterator[tuple[str, dict]]:
    """All contenders on the published example, one after the other."""
    ours = np.zeros(0)
    for name, variants in EXAMPLE.items():
        contender, rate, trials = choose(variants, example_batches, n_trial_steps, 1e-4)
        next_batch, validation = example_batches(contender)
        trained = train(contender, next_batch, n_steps, rate, 1e-4)
        published, *further = measure_example(contender, trained)
        ours = np.array(further) if name == OURS else ours
        yield (
            name,
            {
                "published_draw": round(published, 4),
                "further_draws_mean": round(float(np.mean(further)), 4),
                "further_draws_sd": round(float(np.std(further, ddof=1)), 4),
                "further_draws_better_than_ours": int((np.array(further) > ours).sum()),
                **describe(contender, rate, trained, validation, trials),
            },
        )


def run_labels(data: Path, mark: str, n_steps: int, n_trial_steps: int) -> Iterator[tuple[str, dict]]:
    """All contenders on the labels of one mark, one after the other."""
    labels = Labels(data, mark, seed=0)
    ours = pd.DataFrame()
    for name, variants in labelled_contenders(MARKS[mark].crops.n_bins).items():
        contender, rate, trials = choose(variants, labels.batches, n_trial_steps, 1e-3)
        next_batch, validation = labels.batches(contender)
        trained = train(contender, next_batch, n_steps, rate, 1e-3)
        errors = labels.errors(trained)
        ours = errors if name == OURS else ours
        yield name, summary(errors, ours) | describe(contender, rate, trained, validation, trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["example", *MARKS], nargs="+", help="what to measure")
    parser.add_argument("--data", type=Path, help="the folder that holds peaks/histone_labels")
    parser.add_argument("--steps", type=int, default=1000, help="of training on the example; half as many for labels")
    parser.add_argument("--trial-steps", type=int, default=60, help="of each trial of a learning rate")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/diffbio_operators.json"))
    options = parser.parse_args()
    if options.data is None and options.part != ["example"]:
        parser.error("--data is needed for human labels")
    results: dict = json.loads(options.output.read_text()) if options.output.exists() else {}
    results["versions"] = {name: version(name) for name in ("diffbio", "opifex", "avitai-artifex", "jax", "flax")}
    for part in options.part:
        if part == "example":
            found, n_steps = run_example(options.steps, options.trial_steps), options.steps
        else:
            n_steps = options.steps // 2
            found = run_labels(options.data, part, n_steps, options.trial_steps)
        results[part] = {"n_steps": n_steps, "n_trial_steps": options.trial_steps, "networks": {}}
        for name, figures in found:
            print(part, name, json.dumps(figures), flush=True)
            results[part]["networks"][name] = figures
            options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

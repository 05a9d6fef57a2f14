"""DiffBio's Fourier and contextual operators beside its CNN and our peak caller: published example and human labels.

Run in an environment of its own, since DiffBio brings much::

    pip install -r benchmarks/diffbio/requirements.txt -e .
    python -m benchmarks.diffbio.operators example
    python -m benchmarks.diffbio.operators H3K4me3 --data DIR

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

import numpy as np
import pandas as pd
from benchmarks.diffbio import contenders
from benchmarks.diffbio.contenders import Contender, middles, windows
from benchmarks.diffbio.examples import FURTHER_SEEDS, PUBLISHED_SEED, draw_peaks, f1
from benchmarks.diffbio.labels import MARKS, Labels, summary
from benchmarks.diffbio.training import Batch, Settings, Trained, choose, describe, train

FIRST_TRAINING_SEED = 100_000
SEEDS_APART = 10_000
VALIDATION_SEEDS = tuple(range(50_000, 50_005))
STEPS_OF_EXAMPLE = 1_000
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


def example_batches(contender: Contender, seed: int) -> tuple[Callable[[], Batch], list[Batch]]:
    """New training draws, and validation draws."""
    seeds = itertools.count(FIRST_TRAINING_SEED + SEEDS_APART * seed)
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


def run_example(settings: Settings) -> Iterator[tuple[str, dict]]:
    """The chosen contenders on the published example, one after the other."""
    make_batches = functools.partial(example_batches, seed=settings.seed)
    ours = np.zeros(0)
    for name in settings.networks:
        contender, rate, trials = choose(EXAMPLE[name], make_batches, settings)
        next_batch, validation = make_batches(contender)
        trained = train(contender, next_batch, settings.n_steps, rate, settings)
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


def run_labels(data: Path, mark: str, settings: Settings) -> Iterator[tuple[str, dict]]:
    """The chosen contenders on the labels of one mark, one after the other."""
    labels = Labels(data, mark, settings.seed)
    networks = labelled_contenders(MARKS[mark].crops.n_bins)
    ours = pd.DataFrame()
    for name in settings.networks:
        contender, rate, trials = choose(networks[name], labels.batches, settings)
        next_batch, validation = labels.batches(contender)
        trained = train(contender, next_batch, settings.n_steps, rate, settings)
        errors = labels.errors(trained)
        ours = errors if name == OURS else ours
        yield name, summary(errors, ours) | describe(contender, rate, trained, validation, trials)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["example", *MARKS], help="what to measure")
    parser.add_argument("--data", type=Path, help="the folder that holds peaks/histone_labels")
    parser.add_argument("--steps", type=int, help=f"of training; {STEPS_OF_EXAMPLE} on the example, half for labels")
    parser.add_argument("--trial-steps", type=int, default=60, help="of each trial of a learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of weights and training data")
    parser.add_argument("--networks", nargs="+", help="which, ours first; all without it")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/diffbio/operators.json"))
    options = parser.parse_args()
    if options.data is None and options.part != "example":
        parser.error("--data is needed for human labels")
    return options


def main() -> None:
    options = read_options()
    results: dict = json.loads(options.output.read_text()) if options.output.exists() else {}
    results["versions"] = {name: version(name) for name in ("diffbio", "opifex", "avitai-artifex", "jax", "flax")}
    known, n_steps, decay = EXAMPLE, STEPS_OF_EXAMPLE, 1e-4
    if options.part != "example":
        known, n_steps, decay = labelled_contenders(MARKS[options.part].crops.n_bins), STEPS_OF_EXAMPLE // 2, 1e-3
    networks = tuple(options.networks or known)
    settings = Settings(options.steps or n_steps, options.trial_steps, options.seed, decay, networks)
    found = run_example(settings) if options.part == "example" else run_labels(options.data, options.part, settings)
    key = f"{options.part}, {settings.n_steps} steps, seed {settings.seed}"
    results[key] = {"n_trial_steps": settings.n_trial_steps, "networks": {}}
    for name, figures in found:
        print(key, name, json.dumps(figures), flush=True)
        results[key]["networks"][name] = figures
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

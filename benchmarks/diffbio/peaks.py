"""DiffBio's published peak example, learned on other draws: F1 over positions on the published draw and further ones.

    python -m benchmarks.diffbio.peaks [--reference benchmarks/diffbio/reference.json]

The peak caller with context (dilated blocks) and DiffBio's operator (the same network without them: its parameters can
be exchanged, see `epizoo.conversion.diffbio`) are trained alike: a new draw in each step, the loss on logits. Neither
sees the published draw (seed 42) nor the 20 further ones. The threshold is 0.5. DiffBio's own figures, trained as its
documentation says, come from benchmarks/diffbio/reference.py.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from benchmarks.diffbio.examples import FURTHER_SEEDS, PUBLISHED_SEED, draw_peaks, f1
from flax import nnx

from epizoo.models.peak_caller.network import PeakCaller, PeakCallerConfig

FIRST_TRAINING_SEED = 100_000
MODELS = {
    "epizoo, with context": PeakCallerConfig(bin_bp=1, n_filters=16, dilations=(2, 4, 8, 16, 32, 64, 32)),
    "DiffBio's operator": PeakCallerConfig(bin_bp=1),
}


def train(config: PeakCallerConfig, n_steps: int, show=print) -> PeakCaller:
    """Fit to a new draw in each step: AdamW, a short warm-up and a cosine to zero."""
    graph, parameters = nnx.split(PeakCaller(config, rngs=nnx.Rngs(0)))
    schedule = optax.warmup_cosine_decay_schedule(0.0, 3e-3, n_steps // 20, n_steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-4))
    state = optimiser.init(parameters)

    @jax.jit
    def step(parameters, state, coverage, inside):
        def loss(parameters):
            logits = nnx.merge(graph, parameters).logits(coverage)
            return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, inside))

        value, gradient = jax.value_and_grad(loss)(parameters)
        updates, state = optimiser.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    for number in range(n_steps):
        signal, inside = draw_peaks(FIRST_TRAINING_SEED + number)
        parameters, state, value = step(parameters, state, prepared(signal), inside[None].astype(np.float32))
        if number % 100 == 0:
            show(f"step {number}: loss {float(value):.4f}")
    return nnx.merge(graph, parameters)


def prepared(signal: np.ndarray) -> np.ndarray:
    """A signal as a batch of one with one track, on the scale of the entries' transform."""
    return np.arcsinh(signal)[None, :, None]


def measure(model: PeakCaller) -> dict[str, float]:
    """F1 on the published draw, and its mean and standard deviation over further ones."""
    predict = nnx.jit(lambda model, coverage: model(coverage).peak_probabilities[0] > 0.5)
    found = []
    for seed in (PUBLISHED_SEED, *FURTHER_SEEDS):
        signal, inside = draw_peaks(seed)
        found.append(f1(np.asarray(predict(model, prepared(signal))), inside))
    further = np.array(found[1:])
    return {
        "published_draw": round(found[0], 4),
        "further_draws_mean": round(float(further.mean()), 4),
        "further_draws_sd": round(float(further.std(ddof=1)), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--reference", type=Path, help="what benchmarks/diffbio/reference.py wrote")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/diffbio/peaks.json"))
    options = parser.parse_args()
    results: dict = {
        "metric": "F1 over positions at probability 0.5",
        "n_steps": options.steps,
        "first_training_seed": FIRST_TRAINING_SEED,
        "published_seed": PUBLISHED_SEED,
        "further_seeds": [FURTHER_SEEDS[0], FURTHER_SEEDS[-1]],
    }
    for name, config in MODELS.items():
        start = time.time()
        results[name] = measure(train(config, options.steps)) | {"seconds_of_training": round(time.time() - start)}
    if options.reference is not None:
        results["diffbio 0.1.0"] = json.loads(options.reference.read_text())["peaks"]
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

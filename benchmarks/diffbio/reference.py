"""What DiffBio's own operators reach on its published epigenomics example, trained as its documentation says.

Run in an environment of its own, since DiffBio brings much::

    pip install diffbio==0.1.0 && python -m benchmarks.diffbio.reference

Each operator is trained for 100 epochs of Adam on one draw: the published one (seed 42), on which the documentation
also evaluates it, or another one. The peak caller is trained with the documented loss and with the same loss on logits,
because the documented one takes log(0) in float32.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from benchmarks.diffbio.examples import (
    FURTHER_SEEDS,
    N_MARKS,
    N_STATES,
    PUBLISHED_SEED,
    aligned_accuracy,
    draw_peaks,
    draw_states,
    f1,
)
from diffbio.operators.epigenomics import (
    ChromatinStateAnnotator,
    ChromatinStateConfig,
    DifferentiablePeakCaller,
    PeakCallerConfig,
)
from flax import nnx

OTHER_SEED = 1000
N_EPOCHS = 100


def train(operator, loss, learning_rate):
    """The operator after all epochs, and the last loss."""
    optimizer = nnx.Optimizer(operator, optax.adam(learning_rate), wrt=nnx.Param)

    @nnx.jit
    def step(operator, optimizer):
        value, gradient = nnx.value_and_grad(loss)(operator)
        optimizer.update(operator, gradient)
        return value

    for _ in range(N_EPOCHS):
        value = step(operator, optimizer)
    return operator, float(value)


def train_states(seed):
    marks, states = draw_states(seed)
    one_hot = jax.nn.one_hot(states, N_STATES)

    def loss(operator):
        result, _, _ = operator.apply({"histone_marks": jnp.asarray(marks)}, {}, None)
        supervised = -jnp.mean(jnp.sum(one_hot * jnp.log(result["state_posteriors"] + 1e-8), axis=-1))
        return supervised - 0.001 * result["log_likelihood"]

    config = ChromatinStateConfig(num_states=N_STATES, num_marks=N_MARKS, temperature=1.0)
    return train(ChromatinStateAnnotator(config, rngs=nnx.Rngs(42)), loss, 1e-2)[0]


def train_peaks(seed, on_logits):
    signal, inside = draw_peaks(seed)
    labels = jnp.asarray(inside, jnp.float32)

    def loss(operator):
        result, _, _ = operator.apply({"coverage": jnp.asarray(signal)}, {}, None)
        if on_logits:
            temperature = jnp.abs(operator.temperature[...]) + 1e-6
            logits = (result["peak_scores"] - operator.threshold[...]) / temperature
            return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, labels))
        found = result["peak_probabilities"]
        return -jnp.mean(labels * jnp.log(found + 1e-8) + (1 - labels) * jnp.log(1 - found + 1e-8))

    return train(DifferentiablePeakCaller(PeakCallerConfig(), rngs=nnx.Rngs(42)), loss, 1e-3)


def summary(measure):
    """A figure on the published draw, and its mean and standard deviation over further ones."""
    further = np.array([measure(seed) for seed in FURTHER_SEEDS])
    values = (measure(PUBLISHED_SEED), further.mean(), further.std(ddof=1))
    names = ("published_draw", "further_draws_mean", "further_draws_sd")
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


def measure_states(operator):
    @nnx.jit
    def predict(operator, marks):
        return operator.apply({"histone_marks": marks}, {}, None)[0]["state_posteriors"].argmax(axis=-1)

    def measure(seed):
        marks, states = draw_states(seed)
        return aligned_accuracy(np.asarray(predict(operator, jnp.asarray(marks))), states)

    return summary(measure)


def measure_peaks(operator, last_loss):
    @nnx.jit
    def predict(operator, signal):
        return operator.apply({"coverage": signal}, {}, None)[0]["peak_probabilities"] > 0.5

    def measure(seed):
        signal, inside = draw_peaks(seed)
        return f1(np.asarray(predict(operator, jnp.asarray(signal))), inside)

    return summary(measure) | {"last_loss": last_loss if np.isfinite(last_loss) else str(last_loss)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/diffbio/reference.json"))
    options = parser.parse_args()
    seeds = {"trained on the published draw": PUBLISHED_SEED, "trained on another draw": OTHER_SEED}
    results = {"states": {}, "peaks": {}}
    for name, seed in seeds.items():
        results["states"][name] = measure_states(train_states(seed))
        for loss in ("documented loss", "loss on logits"):
            results["peaks"][f"{name}, {loss}"] = measure_peaks(*train_peaks(seed, loss == "loss on logits"))
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

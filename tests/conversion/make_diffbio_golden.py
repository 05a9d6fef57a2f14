"""Write data/diffbio_golden.npz: parameters, inputs and outputs of DiffBio's operators, made by diffbio 0.1.0 itself.

DiffBio brings much, so it has an environment of its own: ``pip install diffbio==0.1.0``, then run this file with it.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from diffbio.operators.epigenomics import (
    ChromatinStateAnnotator,
    ChromatinStateConfig,
    DifferentiablePeakCaller,
    PeakCallerConfig,
)
from flax import nnx


def shaken(operator, key):
    """Noise on all parameters, those that start at zero included."""
    flat = dict(nnx.to_flat_state(nnx.state(operator, nnx.Param)))
    for number, variable in enumerate(flat.values()):
        noise = jax.random.normal(jax.random.fold_in(key, number), variable[...].shape)
        variable[...] = variable[...] + 0.3 * noise
    nnx.update(operator, nnx.from_flat_state(list(flat.items())))
    return {".".join(map(str, path)): np.asarray(variable[...]) for path, variable in flat.items()}


def main():
    arrays = {}
    keys = jax.random.split(jax.random.key(0), 4)
    annotator = ChromatinStateAnnotator(
        ChromatinStateConfig(num_states=4, num_marks=3, temperature=0.7), rngs=nnx.Rngs(1)
    )
    caller = DifferentiablePeakCaller(PeakCallerConfig(num_filters=6, min_peak_width=20), rngs=nnx.Rngs(2))
    marks = jax.random.bernoulli(keys[0], 0.4, (2, 150, 3)).astype(jnp.float32)
    marks = marks.at[1].set(3 * jax.random.normal(keys[1], (150, 3)))
    coverage = jax.random.exponential(keys[2], (2, 300)) * jnp.where(jnp.arange(300) % 90 < 30, 4.0, 0.5)
    for name, operator, data in (
        ("states", annotator, {"histone_marks": marks}),
        ("peaks", caller, {"coverage": coverage}),
    ):
        arrays |= {f"{name}.parameter.{key}": value for key, value in shaken(operator, keys[3]).items()}
        result, _, _ = operator.apply(data, {}, None)
        arrays |= {
            f"{name}.{'input' if key in data else 'output'}.{key}": np.asarray(value) for key, value in result.items()
        }
    np.savez_compressed(Path(__file__).parent / "data" / "diffbio_golden.npz", **arrays)


if __name__ == "__main__":
    main()

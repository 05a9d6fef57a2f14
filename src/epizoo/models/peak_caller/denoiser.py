"""Denoised coverage: each bin a weighted mean of the coverage around it, with weights that a small network chooses.

The network picks, bin by bin, among bell-shaped windows of several widths, whole and one-sided, and fixed levels:
narrow windows where many fragments or a sharp edge speak for them, wide ones where a few fragments would else make a
landscape, and a level, such as the file's background, where hardly any fragment tells. So no peak can come out that is
not in the coverage. What the network sees are the windows' means, as ratios to the widest one and as multiples of the
scale, and how grainy the coverage is, which says how many fragments it holds.

It is what DiffBio's variational autoencoder of coverage and AtacWorks are for, with some 2,000 parameters.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from epizoo.models.peak_caller.denoising_windows import (
    GRAIN_FLOOR,
    RATIO_FLOOR,
    TINY,
    DenoiserConfig,
    grain_kernels,
    window_kernels,
)


class Denoiser(nnx.Module):
    """Weights of windows and levels for every bin, and the weighted mean; it starts as the plain mean of them."""

    def __init__(self, config: DenoiserConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        n_windows = window_kernels(config.widths).shape[-1]
        n_seen = n_windows + grain_kernels(config.widths).shape[-1] + 1
        n_parts = n_windows + len(config.levels)
        self.ratio_conv = nnx.Conv(n_seen, config.n_hidden, (1,), rngs=rngs)
        self.mix_conv = nnx.Conv(config.n_hidden, config.n_hidden, (1,), rngs=rngs)
        self.weight_conv = nnx.Conv(config.n_hidden, n_parts, (1,), kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, signal: Float[Array, "batch bin"]) -> Float[Array, "batch bin"]:
        """The denoised signal; both are linear, at least 0 and multiples of the file's scale.

        Outside the input the signal counts as zero; see `DenoiserConfig.reach_bins`.
        """
        means = _convolved(signal, window_kernels(self.config.widths))
        hidden = nnx.relu(self.mix_conv(nnx.relu(self.ratio_conv(self._seen(signal, means)))))
        levels = jnp.broadcast_to(jnp.asarray(self.config.levels, signal.dtype), (*signal.shape, self.n_levels))
        weights = jax.nn.softmax(self.weight_conv(hidden), axis=-1)
        return jnp.sum(weights * jnp.concatenate([means, levels], axis=-1), axis=-1)

    @property
    def n_levels(self) -> int:
        """Number of constants."""
        return len(self.config.levels)

    def _seen(
        self, signal: Float[Array, "batch bin"], means: Float[Array, "batch bin window"]
    ) -> Float[Array, "batch bin ratio"]:
        """The network's features of each bin."""
        after, before = signal[:, 1:], signal[:, :-1]
        steps = jnp.pad((after - before) ** 2 / (after + before + TINY), ((0, 0), (0, 1)))
        grain = _convolved(steps, grain_kernels(self.config.widths))
        last = len(self.config.widths) - 1
        widest = means[..., last : last + 1]
        seen = [means / (widest + TINY) + RATIO_FLOOR, grain / (widest + TINY) + GRAIN_FLOOR, widest + RATIO_FLOOR]
        return jnp.log(jnp.concatenate(seen, axis=-1))


def _convolved(
    signal: Float[Array, "batch bin"], kernels: Float[np.ndarray, "offset window"]
) -> Float[Array, "batch bin window"]:
    """Weighted means around each bin; bins outside count as 0."""
    weights = jnp.asarray(kernels, signal.dtype)[:, None, :]
    return jax.lax.conv_general_dilated(
        signal[..., None], weights, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )

"""The peak caller: multi-scale convolutions, dilated context, and DiffBio's differentiable peak outputs."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from epizoo.errors import InputError
from epizoo.models.peak_caller.config import CONTEXT_KERNEL, PeakCallerConfig
from epizoo.models.peak_caller.denoiser import Denoiser

_EDGE_SOFTNESS = 0.1
# DiffBio's operator keeps a learned temperature away from zero by this much, and so do we.
TEMPERATURE_FLOOR = 1e-6


class PeakCallerOutput(NamedTuple):
    """Outputs of the peak caller for every bin, in DiffBio's names."""

    peak_scores: Float[Array, "batch bin"]
    """Unbounded; higher is more like a peak."""
    peak_probabilities: Float[Array, "batch bin"]
    """sigmoid((score - threshold) / temperature)."""
    peak_summits: Float[Array, "batch bin"]
    """Share of the bin in a softmax over the summit window: near 1 at a lone maximum."""
    peak_starts: Float[Array, "batch bin"]
    """Above 0.5 where the probability rises from the bin before."""
    peak_ends: Float[Array, "batch bin"]
    """Above 0.5 where the probability falls from the bin before."""


class ContextBlock(nnx.Module):
    """A residual block with a dilated convolution; it starts as the identity."""

    def __init__(self, n_filters: int, dilation: int, *, rngs: nnx.Rngs) -> None:
        self.dilated_conv = nnx.Conv(
            n_filters, n_filters, (CONTEXT_KERNEL,), kernel_dilation=dilation, padding="SAME", rngs=rngs
        )
        self.mix_conv = nnx.Conv(n_filters, n_filters, (1,), kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, features: Float[Array, "batch bin feature"]) -> Float[Array, "batch bin feature"]:
        """Features plus what their surroundings, one dilation away on both sides, add to them."""
        return features + self.mix_conv(nnx.relu(self.dilated_conv(features)))


class PeakCaller(nnx.Module):
    """Peaks from binned coverage, differentiable end to end.

    Outside the input, coverage and hidden features count as zero: give `config.receptive_field_bins` more bins on both
    sides and crop them, and no output depends on where the input was cut.
    """

    def __init__(self, config: PeakCallerConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.scale_convs = nnx.List(
            [
                nnx.Conv(config.n_tracks, config.n_filters, (size,), padding="SAME", rngs=rngs)
                for size in config.kernel_sizes
            ]
        )
        n_combined = config.n_filters * len(config.kernel_sizes)
        self.combine_conv = nnx.Conv(n_combined, config.n_filters, (3,), padding="SAME", rngs=rngs)
        self.context = nnx.List([ContextBlock(config.n_filters, dilation, rngs=rngs) for dilation in config.dilations])
        self.output_conv = nnx.Conv(config.n_filters * (1 + config.paired), max(len(config.heads), 1), (1,), rngs=rngs)
        shape = (len(config.heads),) if config.heads else ()
        self.threshold = nnx.Param(jnp.full(shape, config.threshold))
        self.temperature = nnx.Param(jnp.full(shape, config.temperature))
        self.denoiser = Denoiser(config.denoise, rngs=rngs) if config.denoise is not None else None

    def __call__(self, coverage: Float[Array, "batch bin track"], head: str | int = 0) -> PeakCallerOutput:
        """All outputs for every input bin; coverage as the entry's transform gives it, head by name or number."""
        scores = self.scores(coverage, head)
        threshold, temperature = self._calibration(head)
        probabilities = nnx.sigmoid((scores - threshold) / temperature)
        summits = soft_local_maximum(scores * probabilities / temperature, self.config.summit_window_bins)
        rise = jnp.diff(probabilities, axis=-1, prepend=probabilities[:, :1])
        return PeakCallerOutput(
            peak_scores=scores,
            peak_probabilities=probabilities,
            peak_summits=summits,
            peak_starts=nnx.sigmoid(rise / _EDGE_SOFTNESS),
            peak_ends=nnx.sigmoid(-rise / _EDGE_SOFTNESS),
        )

    def features(self, coverage: Float[Array, "batch bin track"]) -> Float[Array, "batch bin feature"]:
        """The last hidden layer, from which the scores are one linear step: `n_filters` wide, twice that if paired."""
        if self.config.paired:
            conditions = jnp.split(coverage, 2, axis=-1)
            return jnp.concatenate([self._trunk(condition) for condition in conditions], axis=-1)
        return self._trunk(coverage)

    def _trunk(self, coverage: Float[Array, "batch bin track"]) -> Float[Array, "batch bin feature"]:
        scales = [nnx.relu(conv(coverage)) for conv in self.scale_convs]
        features = nnx.relu(self.combine_conv(jnp.concatenate(scales, axis=-1)))
        for block in self.context:
            features = block(features)
        return features

    def scores(self, coverage: Float[Array, "batch bin track"], head: str | int = 0) -> Float[Array, "batch bin"]:
        """`peak_scores` alone."""
        return self.output_conv(self.features(coverage))[..., self._head(head)]

    def logits(self, coverage: Float[Array, "batch bin track"], head: str | int = 0) -> Float[Array, "batch bin"]:
        """Log-odds of `peak_probabilities`, without their rounding: what a loss should use."""
        threshold, temperature = self._calibration(head)
        return (self.scores(coverage, head) - threshold) / temperature

    def denoised(self, coverage: Float[Array, "batch bin track"]) -> Float[Array, "batch bin"]:
        """The treatment's coverage without noise, at the same depth, as the transform gives it.

        Of coverage ``arcsinh(signal / scale)`` this is ``arcsinh(expected signal / scale)``. The trunk takes no part.

        Raises:
            InputError: the model has no denoiser.
        """
        if self.denoiser is None:
            raise InputError("denoised coverage: the model has no denoiser; set denoise in its config")
        return jnp.arcsinh(self.denoiser(jnp.sinh(coverage[..., 0])))

    def _calibration(self, head: str | int) -> tuple[Float[Array, ""], Float[Array, ""]]:
        threshold, temperature = self.threshold[...], jnp.abs(self.temperature[...]) + TEMPERATURE_FLOOR
        if not self.config.heads:
            return threshold, temperature
        return threshold[self._head(head)], temperature[self._head(head)]

    def _head(self, head: str | int) -> int:
        names = self.config.heads
        number = names.index(head) if isinstance(head, str) and head in names else head
        if isinstance(number, str) or not 0 <= number < max(len(names), 1):
            raise InputError(f"head: {head!r} found, the model has {', '.join(names) or 'one without a name'}")
        return number

    @property
    def receptive_field_bins(self) -> int:
        """Distance, in bins on either side, over which an input bin reaches any output."""
        return self.config.receptive_field_bins


def soft_local_maximum(values: Float[Array, "batch bin"], window_bins: int) -> Float[Array, "batch bin"]:
    """Softmax share of each bin among the `window_bins` bins around it (one more before than after, if even).

    Bins outside do not take part. Source: DiffBio's `_soft_local_max`, here without a copy of every window.

    >>> [round(float(share), 2) for share in soft_local_maximum(jnp.zeros((1, 4)), 3)[0]]
    [0.5, 0.33, 0.33, 0.5]
    """
    before = window_bins // 2
    # Finite, because the gradient of logaddexp(-inf, -inf) is not.
    outside = jnp.finfo(values.dtype).min / 4
    padded = jnp.pad(values, ((0, 0), (before, window_bins - 1 - before)), constant_values=outside)
    return jnp.exp(values - _windowed_logsumexp(padded, window_bins))


def _windowed_logsumexp(values: Float[Array, "batch bin"], window_bins: int) -> Float[Array, "batch window"]:
    """Log of the sum of exponentials of each run of `window_bins` values, in O(log window) passes."""
    n_windows = values.shape[-1] - window_bins + 1
    parts = []
    offset, width = 0, 1
    while True:
        # `values` holds runs of `width`; the binary digits of the window say which of them make it up.
        if window_bins & width:
            parts.append(values[:, offset : offset + n_windows])
            offset += width
        if 2 * width > window_bins:
            return functools.reduce(jnp.logaddexp, parts)
        values = jnp.logaddexp(values[:, :-width], values[:, width:])
        width *= 2

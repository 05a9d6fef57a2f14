"""The peak caller: multi-scale convolutions, dilated context, and DiffBio's differentiable peak outputs."""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from epizoo.errors import InputError
from epizoo.models.peak_caller.denoiser import Denoiser
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig

_EDGE_SOFTNESS = 0.1
# DiffBio's operator keeps a learned temperature away from zero by this much, and so do we.
TEMPERATURE_FLOOR = 1e-6
_CONTEXT_KERNEL = 3


@dataclass(frozen=True)
class PeakCallerConfig:
    """The shape of a `PeakCaller`; recorded with every entry.

    With `bin_bp=1`, one track and no dilations the network is DiffBio's `DifferentiablePeakCaller` (without its VAE).
    """

    bin_bp: int = 50
    n_tracks: int = 1
    """1 is the treatment alone, 2 is the treatment and its control."""
    optional_control: bool = False
    """Whether the network also knows a second track that is 0 everywhere, so that the control may be left out."""
    n_filters: int = 32
    kernel_sizes: tuple[int, ...] = (5, 11, 21)
    dilations: tuple[int, ...] = ()
    """One residual block of context for each, in bins."""
    threshold: float = 0.5
    """Where the learned threshold starts, on the scale of `peak_scores`."""
    temperature: float = 1.0
    """Where the learned temperature starts."""
    summit_window_bins: int = 50
    """A summit is a soft maximum over this many bins around it."""
    heads: tuple[str, ...] = ()
    """Names of cell types, each with a last layer, threshold and temperature of its own over one trunk; none is one."""
    paired: bool = False
    """Whether the input is two conditions, all tracks of the first before those of the second, and a peak is one of the
    first that is none of the second: a siamese network, whose trunk sees each condition by itself."""
    denoise: DenoiserConfig | None = None
    """The shape of the part that gives denoised coverage (a mapping of its values will do), if there is one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel_sizes", tuple(self.kernel_sizes))
        object.__setattr__(self, "dilations", tuple(self.dilations))
        object.__setattr__(self, "heads", tuple(self.heads))
        if isinstance(self.denoise, Mapping):
            object.__setattr__(self, "denoise", DenoiserConfig.from_dict(self.denoise))
        if self.paired and self.denoise is not None:
            raise InputError("peak caller: denoise is set, and the model is paired; leave one of them out")
        if len(set(self.heads)) < len(self.heads):
            raise InputError(f"peak caller: heads are {', '.join(self.heads)}; expected each name once")
        if not self.kernel_sizes:
            raise InputError("peak caller: kernel_sizes is empty; expected at least one width in bins")
        if self.n_tracks not in (1, 2):
            raise InputError(f"peak caller: n_tracks is {self.n_tracks}; expected 1 (treatment) or 2 (with control)")
        if self.optional_control and self.n_tracks == 1:
            raise InputError("peak caller: optional_control is set, but n_tracks is 1; expected 2, or leave it out")
        positive = {field: getattr(self, field) for field in ("bin_bp", "n_filters", "temperature")}
        positive |= {"summit_window_bins": self.summit_window_bins}
        positive |= {"kernel_sizes": min(self.kernel_sizes), "dilations": min(self.dilations, default=1)}
        for field, value in positive.items():
            if value <= 0:
                raise InputError(f"peak caller: {field} is {getattr(self, field)}; expected more than 0")

    @property
    def receptive_field_bins(self) -> int:
        """How far, on either side, an input bin can reach any output."""
        scores = max(self.kernel_sizes) // 2 + 1 + sum(self.dilations) * (_CONTEXT_KERNEL // 2)
        peaks = scores + max(self.summit_window_bins // 2, 1)
        return max(peaks, self.denoise.reach_bins if self.denoise is not None else 0)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config with these values, as `to_dict` gives them; absent ones keep their default.

        Raises:
            InputError: a key is unknown or a value is out of range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"peak caller: unknown key {unknown[0]!r}; expected some of {', '.join(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, for YAML and JSON."""
        values = dataclasses.asdict(self)
        if values["denoise"] is not None:
            values["denoise"] = {name: _plain(value) for name, value in values["denoise"].items()}
        return {name: _plain(value) for name, value in values.items()}


class PeakCallerOutput(NamedTuple):
    """What the peak caller says of every bin, in DiffBio's names."""

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
            n_filters, n_filters, (_CONTEXT_KERNEL,), kernel_dilation=dilation, padding="SAME", rngs=rngs
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
        """What the treatment's coverage would be without noise, at the same depth, as the transform gives it.

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
        """How far, on either side, an input bin can reach any output."""
        return self.config.receptive_field_bins


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


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

"""The shape of a peak caller. NumPy alone, so that an entry can be read without JAX."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from epizoo.errors import InputError
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig
from epizoo.validation import Config, Size

CONTEXT_KERNEL = 3
"""Bins that a residual block of context sees, `dilations` apart."""


@dataclass(frozen=True)
class PeakCallerConfig(Config):
    """The shape of a `PeakCaller`; recorded with every entry.

    With `bin_bp=1`, one track and no dilations the network is DiffBio's `DifferentiablePeakCaller` (without its VAE).
    """

    title: ClassVar[str] = "peak caller"

    bin_bp: Size = 50
    n_tracks: Size = 1
    """1 is the treatment alone, 2 is the treatment and its control."""
    optional_control: bool = False
    """Lets the network know a second track that is 0 everywhere, so that the control may be left out."""
    n_filters: Size = 32
    kernel_sizes: tuple[Size, ...] = (5, 11, 21)
    dilations: tuple[Size, ...] = ()
    """One residual block of context for each, in bins."""
    threshold: float = 0.5
    """Initial value of the learned threshold, on the scale of `peak_scores`."""
    temperature: float = 1.0
    """Initial value of the learned temperature."""
    summit_window_bins: Size = 50
    """A summit is a soft maximum over this many bins around it."""
    heads: tuple[str, ...] = ()
    """Names of cell types, each with a last layer, threshold and temperature of its own over one trunk; none is one."""
    paired: bool = False
    """The input is two conditions, all tracks of the first before those of the second, and a peak is one of the
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
        """Distance, in bins on either side, over which an input bin reaches any output."""
        scores = max(self.kernel_sizes) // 2 + 1 + sum(self.dilations) * (CONTEXT_KERNEL // 2)
        peaks = scores + max(self.summit_window_bins // 2, 1)
        return max(peaks, self.denoise.reach_bins if self.denoise is not None else 0)

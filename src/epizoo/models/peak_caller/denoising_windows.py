"""The parts of denoised coverage: bell-shaped windows over the bins around a bin, and fixed levels. NumPy alone."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from epizoo.errors import InputError
from epizoo.validation import Config, Size

TINY = 1e-9
"""Added to denominators, in the unit of the normalised coverage: far below one fragment of any file."""
RATIO_FLOOR, GRAIN_FLOOR = 1e-2, 1e-4
"""Added to ratios, and to what is a multiple of the scale, before the logarithm."""
_LEAST_ONE_SIDED = 15
_GRAIN_WIDTHS = 2


@dataclass(frozen=True)
class DenoiserConfig(Config):
    """The shape of a `epizoo.models.peak_caller.denoiser.Denoiser`."""

    title: ClassVar[str] = "peak caller: denoise"

    widths: tuple[Size, ...]
    """Of the windows, rising odd numbers of bins from 1, the bin itself."""
    levels: tuple[float, ...] = (1.0,)
    """Constants in units of the file's scale: what coverage may be where hardly any fragment tells."""
    n_hidden: Size = 32
    """Width of both hidden layers."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "levels", tuple(self.levels))
        rising = all(low < high for low, high in itertools.pairwise(self.widths))
        if len(self.widths) < 2 or self.widths[0] != 1 or not rising or not all(width % 2 for width in self.widths):
            found = ", ".join(map(str, self.widths)) or "none"
            raise InputError(f"peak caller: denoise.widths are {found}; expected rising odd numbers from 1, 2 or more")
        if not self.levels or min(self.levels) <= 0 or self.n_hidden < 1:
            raise InputError(
                f"peak caller: denoise has levels {', '.join(map(str, self.levels)) or 'none'} and n_hidden "
                f"{self.n_hidden}; expected positive numbers"
            )

    @property
    def reach_bins(self) -> int:
        """Distance, on either side, over which a bin reaches the result: half of the widest window and a step."""
        return self.widths[-1] // 2 + 1


def window_kernels(widths: Sequence[int]) -> Float[np.ndarray, "offset window"]:
    """Weights that sum to 1: of Hann windows of these widths, and of both halves of the wider ones.

    The halves, which reach to one side alone, keep the edges of a peak apart from what lies beside it; the widest
    window has none. Offset 0 is the middle row; earlier bins come first.

    Args:
        widths: odd numbers of bins in rising order.

    >>> window_kernels([1, 3])[:, 1].tolist()
    [0.25, 0.5, 0.25]
    """
    one_sided = [width for width in widths[:-1] if width >= _LEAST_ONE_SIDED]
    kernels = [_hann(width, widths[-1]) for width in widths]
    for width in one_sided:
        whole = _hann(width, widths[-1])
        before = np.where(np.arange(widths[-1]) <= widths[-1] // 2, whole, 0)
        kernels += [before / before.sum(), before[::-1] / before.sum()]
    return np.stack(kernels, axis=1).astype(np.float32)


def grain_kernels(widths: Sequence[int]) -> Float[np.ndarray, "offset window"]:
    """Weights that sum to 1, over which the grain of the coverage is averaged: the widest window and the third widest.

    Of two widths, the wider one alone.
    """
    kept = widths[::-2][:_GRAIN_WIDTHS]
    return np.stack([_hann(width, widths[-1]) for width in kept], axis=1).astype(np.float32)


def _hann(width: int, n_bins: int) -> Float[np.ndarray, " offset"]:
    """A Hann window, centred in this many bins."""
    bell = np.sin(np.pi * np.arange(1, width + 1) / (width + 1)) ** 2
    return np.pad(bell / bell.sum(), (n_bins - width) // 2)

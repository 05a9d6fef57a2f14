"""The shape of a peak scorer. NumPy alone, so that an entry can be read without JAX."""

from dataclasses import dataclass
from typing import ClassVar

from epizoo.errors import InputError
from epizoo.validation import Config, Size


@dataclass(frozen=True)
class PeakScorerConfig(Config):
    """The shape of a `epizoo.models.peak_scorer.network.PeakScorer`; the defaults are LanceOtron's."""

    title: ClassVar[str] = "peak scorer"

    bin_bp: Size = 1
    window_bins: Size = 2000
    """Bins of coverage around the middle of a candidate."""
    n_features: Size = 12
    """Enrichment features beside the coverage."""
    kernel_sizes: tuple[Size, ...] = (9, 6, 6, 6, 6)
    n_filters: tuple[Size, ...] = (70, 120, 120, 120, 120)
    """Of each convolution; all but the first halve the number of positions."""
    n_shape_features: Size = 10
    """Numbers for each position that is left."""
    n_hidden: tuple[Size, ...] = (70, 70)
    """Widths of the layers that see shape and enrichment together."""
    leak: float = 0.3
    """Slope of the activation below 0."""

    def __post_init__(self) -> None:
        for field in ("kernel_sizes", "n_filters", "n_hidden"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
            if not getattr(self, field) or min(getattr(self, field)) < 1:
                raise InputError(f"peak scorer: {field} is {list(getattr(self, field))}; expected numbers above 0")
        if len(self.kernel_sizes) != len(self.n_filters):
            raise InputError(
                f"peak scorer: {len(self.kernel_sizes)} kernel_sizes and {len(self.n_filters)} n_filters found, "
                "expected as many of each"
            )
        if min(self.bin_bp, self.n_positions, self.n_features, self.n_shape_features) < 1:
            raise InputError("peak scorer: a width of 0 found, expected widths above 0 and a window for each halving")

    @property
    def n_inputs(self) -> int:
        """Numbers by which a candidate is described: its coverage, then its features."""
        return self.window_bins + self.n_features

    @property
    def n_positions(self) -> int:
        """Positions that are left of the window behind the convolutions."""
        return self.window_bins // 2 ** (len(self.n_filters) - 1)

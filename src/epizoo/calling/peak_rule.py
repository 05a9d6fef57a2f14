"""The rule by which probabilities become peaks, without the code that applies it: entries are read with it."""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float
from pydantic import Field

from epizoo.errors import InputError
from epizoo.validation import Config


@dataclass(frozen=True)
class PeakCallingConfig(Config):
    """The rule that turns probabilities into peaks; recorded with every peak-caller entry.

    A peak is a run of bins with at least `extend_probability`, one of which has at least `enter_probability`. Peaks
    with at most `merge_gap_bp` between them become one, and those narrower than `min_width_bp` are then dropped. Weak
    peaks are made in the same way with `weak_probability` and `weak_q`, and those that overlap no other peak are added.
    """

    title: ClassVar[str] = "peak calling"

    enter_probability: float = 0.5
    extend_probability: float = 0.5
    min_width_bp: Annotated[int, Field(le=1_000_000_000)] = 0
    merge_gap_bp: Annotated[int, Field(le=1_000_000_000)] = 0
    background_bp: Annotated[int, Field(le=1_000_000_000)] = 10_000
    """Distance on both sides over which the background of a summit, and that of a peak's reads, is taken."""
    summit_smoothing_bp: Annotated[int, Field(le=1_000_000_000)] = 250
    """Width of the triangle, at half its height, that smooths the signal in which summits are the maxima."""
    summit_valley: float = 0.6
    """A second summit counts where the smoothed signal falls to this share of the lower one in between."""
    calibration: tuple[tuple[float, float], ...] = ()
    """The share of true peaks among peaks of a highest probability, as corners (probability, share) of a rising line;
    without any, the probability itself. The score is made of it; see `score_is_probability`."""
    score_evidence: bool = False
    """Makes the score grow with the evidence, without an end: see `call_peaks`."""
    most_q: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The highest q-value of a peak, by its reads: see `epizoo.calling.significance`. 1 leaves all peaks."""
    weak_probability: float | None = None
    """A weak peak has this probability at least, and a q-value of at most `weak_q`; None where there are none."""
    weak_q: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.extend_probability <= self.enter_probability <= 1.0:
            raise InputError(
                f"peak calling: extend_probability is {self.extend_probability} and enter_probability is "
                f"{self.enter_probability}; expected 0 < extend_probability <= enter_probability <= 1"
            )
        if not 0.0 < self.most_q <= 1.0:
            raise InputError(
                f"peak calling: the highest q-value is {self.most_q}; expected more than 0 and at most 1 (any peak)"
            )
        if self.weak_probability is not None:
            is_weaker = 0.0 < self.weak_probability < self.extend_probability
            if not (is_weaker and 0.0 < self.weak_q <= self.most_q):
                raise InputError(
                    f"peak calling: weak peaks have a probability of {self.weak_probability} and a q-value of at most "
                    f"{self.weak_q}; expected a probability above 0 and below extend_probability "
                    f"({self.extend_probability}), and a q-value above 0 and at most that of peaks ({self.most_q})"
                )
        for field in ("min_width_bp", "merge_gap_bp", "background_bp", "summit_smoothing_bp"):
            if not getattr(self, field) >= 0:
                raise InputError(f"peak calling: {field} is {getattr(self, field)}; expected at least 0")
        if not 0.0 < self.summit_valley < 1.0:
            raise InputError(f"peak calling: summit_valley is {self.summit_valley}; expected more than 0 and below 1")
        # Lists, as YAML has them, would make the config unhashable.
        object.__setattr__(self, "calibration", _checked_calibration(self.calibration))

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, for YAML and JSON; those that few rules have only where they are set."""
        optional = {"calibration": (), "score_evidence": False, "most_q": 1.0, "weak_probability": None, "weak_q": 0.0}
        values = super().to_dict().items()
        return {key: value for key, value in values if key not in optional or getattr(self, key) != optional[key]}

    @property
    def score_is_probability(self) -> bool:
        """True if the score is 1000 times a calibrated probability; otherwise it only ranks peaks.

        Of shipped entries the calibration error is at most 0.05, which a test holds.
        """
        return bool(self.calibration) and not self.score_evidence

    @property
    def tiers(self) -> "list[PeakCallingConfig]":
        """The rule of peaks, and that of weak peaks where there are any, each by itself."""
        peaks = dataclasses.replace(self, weak_probability=None, weak_q=0.0)
        weak = self.weak_probability
        if weak is None:
            return [peaks]
        return [peaks, dataclasses.replace(peaks, enter_probability=weak, extend_probability=weak, most_q=self.weak_q)]

    def calibrated(self, probability: Float[np.ndarray, " peak"]) -> Float[np.ndarray, " peak"]:
        """The share of true peaks among peaks of these highest probabilities; beyond the corners that of the nearest.

        >>> PeakCallingConfig(calibration=((0.5, 0.2), (1.0, 0.9))).calibrated(np.array([0.4, 0.75, 1.0])).tolist()
        [0.2, 0.55, 0.9]
        """
        clipped = np.clip(np.asarray(probability, np.float64), 0, 1)
        if not self.calibration:
            return clipped
        corners = np.array(self.calibration)
        return np.interp(clipped, corners[:, 0], corners[:, 1])


def _checked_calibration(corners: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    pairs = tuple((float(probability), float(share)) for probability, share in corners)
    flat = [value for pair in pairs for value in pair]
    rises = all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(pairs))
    if not rises or not all(0.0 <= value <= 1.0 for value in flat):
        raise InputError(
            f"peak calling: calibration is {list(pairs)}; expected corners (probability, share) within 0 to 1 that rise"
        )
    return pairs

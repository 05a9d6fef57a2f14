"""Settings of the peak callers that learn from human labels: one `EntrySettings` for each of them."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.peak_caller.network import PeakCallerConfig
from epizoo.peaks.distillation import DistillationSettings
from epizoo.peaks.labelled_calls import calling_candidates
from epizoo.peaks.labelled_stretches import CropSettings
from epizoo.peaks.network_fit import FitSettings
from epizoo.peaks.threshold_rule import rule_candidates
from epizoo.simulation.coverage import SimulationConfig

PRETRAINING = FitSettings(n_steps=500, learning_rate=3e-3, label_weight=0.0)
FINE_TUNING = FitSettings(n_steps=250, learning_rate=1e-3, label_weight=0.5)


class LabelledSet(NamedTuple):
    """Human labels of one mark in some cell types, and how the figures on them are headed."""

    mark: str
    cell_types: tuple[str, ...]
    on: str


@dataclass(frozen=True)
class EntrySettings:
    """A network and what it learns from; the prose of its card is in ``prose/NAME.yaml``."""

    name: str
    labelled: tuple[LabelledSet, ...]
    model: PeakCallerConfig
    transform: CoverageTransform
    crops: CropSettings
    simulations: tuple[SimulationConfig, ...]
    candidates: list[PeakCallingConfig]
    """Rules to choose from; the first of equals is taken."""
    pretraining: FitSettings = PRETRAINING
    fine_tuning: FitSettings = FINE_TUNING
    n_pool: int = 1_500
    """Simulated windows, drawn once."""
    n_pretraining_windows: int = 16
    n_simulated: int = 8
    n_real: int = 10
    n_fine_tunings: int = 3
    """Number that are averaged; 0: the labels reach no weight but through the rule that is learned, if there is one."""
    window_bins: int = 1_000
    distillation: tuple[DistillationSettings, ...] = ()
    """Settings of learning a threshold rule on each set of `labelled`, beside simulations if there are any; none: the
    network starts from simulations alone."""
    calibrate: bool = False
    """True if the score is calibrated on left-out predictions."""
    most_q: float = 1e-4
    """Highest q-value of the reads of a peak, asked for by the entry but not where rules are compared."""
    background_bp: int = 10_000
    """Reach of the surroundings of a peak, for its q-value."""
    weak_probability: float | None = None
    """Lowest probability of weak peaks, if the entry calls any."""
    weak_q: float = 0.0
    """Highest q-value of weak peaks."""


H3K4ME3_LABELS = LabelledSet(
    "H3K4me3",
    ("tcell", "monocyte"),
    "H3K4me3, T cells and monocytes, each chromosome left out once, 37 regions in 9 loci, without q-values",
)
H3K36ME3_LABELS = LabelledSet(
    "H3K36me3",
    ("tcell", "monocyte"),
    "H3K36me3, T cells and monocytes, each chromosome left out once, 24 regions on 5 chromosomes, without q-values",
)
BROAD_SIMULATION = SimulationConfig(
    peaks_per_10kb=(0.02, 0.3),
    width_bp=(20_000.0, 1.0, 2_500.0, 120_000.0),
    background_level=(0.1, 0.8),
    height=(2.2, 0.6, 0.3, 20.0),
    enter_level=1.5,
    extend_level=1.2,
    extend_share=0.25,
    knot_bp=1_500,
    dip_bp=(300.0, 2_500.0),
    truth_width_bp=2_000,
    truth_gap_bp=5_000,
)
"""Broad marks, over a scale that is half of the peaks' level."""

NARROW_SIMULATION = SimulationConfig(
    background_level=(0.05, 0.8), height=(3.0, 1.1, 0.3, 100.0), enter_level=2.5, extend_level=2.0
)
BROAD_MARKS_SIMULATION = replace(
    BROAD_SIMULATION, height=(2.8, 0.6, 0.4, 20.0), enter_level=2.0, extend_level=1.5, extend_share=0.3
)
POINT_SIMULATION = replace(NARROW_SIMULATION, width_bp=(250.0, 0.5, 100.0, 800.0))
ACCESSIBLE_SIMULATION = replace(
    NARROW_SIMULATION, width_bp=(400.0, 0.8, 100.0, 3_000.0), background_level=(0.2, 1.0), wave_sd=0.5
)
"""The universal peak caller's four, over its own scale."""

_H3K4ME3_MODEL = PeakCallerConfig(bin_bp=50, n_filters=16, dilations=(1, 2, 4, 8, 16, 32), summit_window_bins=9)
_UNIVERSAL_MODEL = PeakCallerConfig(bin_bp=100, n_filters=16, dilations=(1, 2, 4, 8, 16, 32, 64), summit_window_bins=9)
_H3K36ME3_MODEL = PeakCallerConfig(bin_bp=200, n_filters=16, dilations=(1, 2, 4, 8, 16, 32), summit_window_bins=9)

H3K4ME3 = EntrySettings(
    name="h3k4me3",
    labelled=(H3K4ME3_LABELS,),
    model=_H3K4ME3_MODEL,
    transform=CoverageTransform(peak_weight=0.85),
    crops=CropSettings(n_bins=512, flank_bins=_H3K4ME3_MODEL.receptive_field_bins),
    simulations=(),
    candidates=calling_candidates((0.5,), (0.5,), min_width_bp=(100,), merge_gap_bp=(200, 100)),
    distillation=(
        DistillationSettings(
            # No peak and no gap is shorter than a read.
            candidates=rule_candidates([2.5 * 1.1**step for step in range(11)], (0.9, 0.8, 0.7, 0.6), (200, 100), 100)
        ),
    ),
    pretraining=FitSettings(n_steps=2_400, learning_rate=3e-3, label_weight=0.0),
    n_pretraining_windows=24,
    # Fine-tuning on the labels made it no better: see docs/experiments/h3k4me3.md.
    n_fine_tunings=0,
    calibrate=True,
)
H3K36ME3 = EntrySettings(
    name="h3k36me3",
    labelled=(H3K36ME3_LABELS,),
    model=_H3K36ME3_MODEL,
    transform=CoverageTransform(peak_weight=1.0, peak_fold=2.0),
    # A domain of tens of kb would be its own surroundings within 10 kb.
    background_bp=300_000,
    crops=CropSettings(n_bins=1_024, flank_bins=_H3K36ME3_MODEL.receptive_field_bins, smallest_keep=0.1),
    simulations=(BROAD_SIMULATION,),
    candidates=calling_candidates((0.5,), (0.5,), min_width_bp=(1_000, 2_000), merge_gap_bp=(2_000, 1_000, 5_000)),
    n_pool=800,
    n_pretraining_windows=12,
    n_simulated=6,
    n_real=8,
)
UNIVERSAL = EntrySettings(
    name="universal",
    labelled=(
        H3K4ME3_LABELS,
        H3K36ME3_LABELS,
    ),
    model=_UNIVERSAL_MODEL,
    transform=CoverageTransform(peak_weight=0.85, broad_fold=2.0),
    crops=CropSettings(n_bins=1_024, flank_bins=_UNIVERSAL_MODEL.receptive_field_bins, smallest_keep=0.1),
    simulations=(
        NARROW_SIMULATION,
        BROAD_MARKS_SIMULATION,
        POINT_SIMULATION,
        replace(BROAD_MARKS_SIMULATION, depth=(0.05, 3.0)),
        ACCESSIBLE_SIMULATION,
    ),
    distillation=(
        DistillationSettings(
            candidates=rule_candidates([2.0 * 1.1**step for step in range(8)], (1.0, 0.9, 0.8), (200,), 100),
            smoothing_bp=300,
            fills_gaps=True,
        ),
        DistillationSettings(
            candidates=rule_candidates([1.6 * 1.1**step for step in range(8)], (0.8, 0.7, 0.6), (5_000,), 1_000),
            smoothing_bp=1_100,
            fills_gaps=True,
        ),
    ),
    candidates=[
        PeakCallingConfig(enter, extend, min_width_bp=200, merge_gap_bp=200)
        for enter, extend in ((0.6, 0.6), (0.5, 0.5), (0.7, 0.7), (0.7, 0.5), (0.7, 0.6), (0.6, 0.5))
    ],
    background_bp=20_000,
    weak_probability=0.3,
    weak_q=1e-40,
    pretraining=FitSettings(n_steps=6_000, learning_rate=3e-3, label_weight=0.0),
    n_pool=2_000,
    n_pretraining_windows=21,
    n_fine_tunings=0,
)
ENTRIES = {settings.name: settings for settings in (H3K4ME3, H3K36ME3, UNIVERSAL)}

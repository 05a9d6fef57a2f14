"""What the peak caller sees of a bigWig: its kind of signal, its background and peak levels and the arcsinh transform.

The levels are estimated once per file, never per window, so that equal signal looks equal everywhere in a genome.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from epizoo.errors import InputError
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.signal import SignalTrack, infinite_value

SignalKind = Literal["counts", "coverage", "cpm", "fold_change", "log10_p"]
"""counts: read starts; coverage: reads piled up per bp; cpm: either, scaled by the depth (CPM, RPKM, RPGC, BPM);
fold_change: over a control or background; log10_p: -log10 of a p-value."""
SIGNAL_KINDS: tuple[str, ...] = get_args(SignalKind)

_BLOCK_BP = 1_000_000
_KNOWN_STRETCH_BP = 10_000
# No count reaches 2 to this power.
_HIGHEST_LOGARITHM = 40.0
# Counts below the first tell whether values are whole numbers, if there are at least as many as the second.
_TELLING_COUNT, _LEAST_TELLING = 500.0, 5
_NAME_HINTS: dict[str, tuple[str, ...]] = {
    "fold_change": (".fc.", "foldchange", "fold_change", "fold-change", "_fe."),
    "log10_p": ("pval", "ppois", "log10p", "log10_p", "qval", "qpois"),
}


@dataclass(frozen=True)
class FittedTransform:
    """A transform with the figures of one file: ``arcsinh(signal / scale)``.

    Attributes:
        kind: the kind of signal.
        background: the file's typical signal outside peaks, per bp, in its own units (after the conversion of log10_p).
        scale: what the signal is divided by, in the same units; the background, or between it and the peaks' level.
        log10_p_background: see `CoverageTransform`.
    """

    kind: SignalKind
    background: float
    scale: float
    log10_p_background: float

    def __call__(self, values: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " bin"]:
        """Transform mean signal per bin; 0 stays 0, the scale becomes arcsinh(1) = 0.88. Returns float32."""
        return scaled_arcsinh(_to_linear(values, self.kind, self.log10_p_background), np.float32(self.scale))

    def inverse(self, transformed: Float[np.ndarray, " bin"], unit: float = 1.0) -> Float[np.ndarray, " bin"]:
        """Linear signal from transformed signal, in multiples of `unit`, in the dtype of `transformed`.

        Linear signal of ``log10_p`` is the count that its transform makes of it.

        Args:
            transformed: what the transform returned, or a prediction of it.
            unit: 1 for the unit of the file, `background` for folds over the background.

        >>> fitted = FittedTransform("coverage", 2.0, 4.0, 2.0)
        >>> fitted.inverse(fitted(np.array([0.0, 3.0, 40.0]))).round(4).tolist()
        [0.0, 3.0, 40.0]
        """
        return np.sinh(transformed) * (self.scale / unit)


def scaled_arcsinh(
    signal: Float[np.ndarray, "*axes"], scale: float | Float[np.ndarray, "*more"]
) -> Float[np.ndarray, "*axes"]:
    """``arcsinh(signal / scale)`` as float32: the transform of linear signal, wherever models are trained or used."""
    return np.arcsinh(signal / scale).astype(np.float32)


@dataclass(frozen=True)
class CoverageTransform:
    """How the scale of a file is estimated; recorded in an entry's config, shared by training and use.

    The background is the median over stretches of ``background_bin_bp`` in up to ``max_blocks`` blocks of 1 Mb, evenly
    spaced over what the file covers. Depth, and units that are a factor (CPM, fold change), cancel. Stretches are
    widened tenfold while their median is 0, so that shallow files work.

    People judge a peak by the file's other peaks as much as by its background. The peaks' level is the signal above
    which half of the excess over the background lies, among stretches of at least ``peak_fold`` times the background
    (that much where there are none): it hardly depends on how many peaks the covered parts of a genome hold. The scale
    is ``background ** (1 - peak_weight) * (peak level / peak_fold) ** peak_weight``, never below the background.

    Where no known regions are given, stretches of 10 kb without any value count as unknown (assembly gaps, or a file
    that holds a part of the genome); where they are given, absent is 0 inside and unknown outside.

    ``log10_p`` is not linear in the signal: a value L becomes the count x with P(X >= x) = 10^-L for a Poisson
    background of ``log10_p_background`` reads, as in MACS's ``ppois`` against a flat background.

    Attributes:
        background_bin_bp: width of a stretch in bp.
        max_blocks: how many blocks of 1 Mb are read at most.
        log10_p_background: the assumed mean of the background pile-up behind -log10 p, in reads.
        peak_weight: how far the scale follows the peaks' level; with 0 it is the background.
        peak_fold: how many times the background a stretch holds at least to count as peak.
        scale_factor: what the scale is multiplied by at the end, as adapting to a cell type without labels finds it.
    """

    background_bin_bp: int = 1_000
    max_blocks: int = 128
    log10_p_background: float = 2.0
    peak_weight: float = 0.0
    peak_fold: float = 5.0
    scale_factor: float = 1.0

    def fit(
        self, bigwig: SignalTrack, kind: str | None = None, known_regions: pd.DataFrame | None = None
    ) -> FittedTransform:
        """Estimate the background and the scale of a file.

        Args:
            bigwig: the file.
            kind: one of `SIGNAL_KINDS`; detected where None.
            known_regions: interval table of the regions where an absent value means 0.

        Raises:
            InputError: the kind is unknown or cannot be detected, values are negative, infinite or logarithms of
                counts, or there is no signal at all.
        """
        sampled = None if bigwig.kind is not None else _sampled_values(bigwig)
        if sampled is not None:
            _refuse_logarithms(bigwig, sampled)
        stated = check_signal_kind(kind, bigwig) if kind else detect_signal_kind(bigwig, sampled)
        stretches = np.concatenate([*self._stretches(bigwig, known_regions), np.zeros(0, np.float32)])
        if stretches.size and stretches.min() < 0:
            raise InputError(_negative(bigwig))
        linear = _to_linear(stretches, stated, self.log10_p_background)
        background = _first_positive_median(linear)
        if background is None:
            where = "inside the known regions" if known_regions is not None else "in any sampled stretch"
            raise InputError(f"{bigwig.path}: has no signal {where}, so its background is unknown; give another file")
        level = _peak_level(linear, background, self.peak_fold)
        scale = background ** (1 - self.peak_weight) * (level / self.peak_fold) ** self.peak_weight
        return FittedTransform(stated, background, scale * self.scale_factor, self.log10_p_background)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain numbers, for YAML."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "CoverageTransform":
        """The inverse of `to_dict`.

        Raises:
            InputError: a key is not a setting of the transform.
        """
        unknown = sorted(set(settings) - set(cls.__dataclass_fields__))
        if unknown:
            expected = ", ".join(cls.__dataclass_fields__)
            raise InputError(f"coverage transform: has no setting {unknown[0]}; its settings are {expected}")
        return cls(**settings)

    def _stretches(
        self, bigwig: SignalTrack, known_regions: pd.DataFrame | None
    ) -> Iterator[Float[np.ndarray, " stretch"]]:
        """Mean signal of the stretches of known signal in the sampled blocks."""
        width = self.background_bin_bp
        for chrom, start, end in sample_blocks(bigwig, self.max_blocks, known_regions):
            values = bigwig.values(chrom, start, end)
            np.copyto(values, 0, where=np.isnan(values))
            if not np.isfinite(values).all():
                # One infinite value would make the scale infinite and so hide every peak of the file.
                raise infinite_value(bigwig.path, f"{chrom}:{start + int(np.flatnonzero(~np.isfinite(values))[0])}")
            if known_regions is not None:
                yield _means(values, min(width, len(values)))
                continue
            per_known = max(_KNOWN_STRETCH_BP // width, 1)
            means = _means(values, min(width, len(values)))
            means = means[: max(len(means) // per_known, 1) * per_known]
            groups = means.reshape(-1, min(per_known, len(means)))
            yield groups[groups.any(axis=1)].ravel()


def check_signal_kind(kind: str, bigwig: SignalTrack) -> SignalKind:
    """Check that a stated kind exists.

    Raises:
        InputError: it does not, the track is of another kind by its format, or the file holds negative values, which
            no kind has.
    """
    if kind not in SIGNAL_KINDS:
        raise InputError(f"{bigwig.path}: {kind!r} is no kind of signal; state one of {', '.join(SIGNAL_KINDS)}")
    if bigwig.kind is not None and kind != bigwig.kind:
        raise InputError(f"{bigwig.path}: holds {bigwig.kind}, but {kind} was stated; leave the kind of signal out")
    if bigwig.summary.minimum < 0:
        raise InputError(_negative(bigwig))
    return kind  # type: ignore[return-value]


class SampledValues(NamedTuple):
    """Distinct values of a file, rising and without NaN, and the number of bp that hold each."""

    values: Float[np.ndarray, " value"]
    n_bp: Int64[np.ndarray, " value"]

    def positive(self) -> "SampledValues":
        """Those above 0."""
        return SampledValues(self.values[self.values > 0], self.n_bp[self.values > 0])

    def median(self) -> float:
        """The median over all bp."""
        middle = (int(self.n_bp.sum()) + np.array([-1, 0])) // 2
        return float(self.values[np.searchsorted(np.cumsum(self.n_bp), middle, side="right")].mean())


def detect_signal_kind(bigwig: SignalTrack, sampled: SampledValues | None = None) -> SignalKind:
    """Detect the kind of signal, by these rules in this order, unless the track's format fixes it.

    1. Whole numbers only: ``coverage`` (``counts`` look the same, and only binarisation tells them apart).
    2. Whole multiples of the smallest value, most of them small: scaled reads, ``cpm``.
    3. A file's name as Roadmap, ENCODE and MACS give them: ``.fc.``, ``_FE.`` or ``foldchange``: ``fold_change``;
       ``pval``, ``ppois`` or ``log10p``: ``log10_p``.

    Fold changes and p-values cannot be told apart by their values, so all else is refused.

    Args:
        bigwig: the file.
        sampled: its sampled values, where they have been read already.

    Raises:
        InputError: values are negative, or none of the rules applies.
    """
    if bigwig.kind is not None:
        return check_signal_kind(bigwig.kind, bigwig)
    found = sampled or _sampled_values(bigwig)
    if bigwig.summary.minimum < 0 or (found.values.size and found.values[0] < 0):
        raise InputError(_negative(bigwig))
    positive = found.positive()
    if positive.values.size and (positive.values == np.round(positive.values)).all():
        return "coverage"
    if positive.values.size and _is_scaled_counts(positive):
        return "cpm"
    name = os.path.basename(bigwig.path).lower()
    for kind, hints in _NAME_HINTS.items():
        if any(hint in name for hint in hints):
            return kind  # type: ignore[return-value]
    raise InputError(
        f"{bigwig.path}: holds fractions, which may be CPM, fold change or -log10 p; state which with --signal-kind "
        f"({', '.join(SIGNAL_KINDS)})"
    )


def sample_blocks(
    bigwig: SignalTrack, max_blocks: int, known_regions: pd.DataFrame | None = None
) -> list[tuple[str, int, int]]:
    """Blocks (chrom, start, end) of up to 1 Mb, evenly spaced over the known regions or over what the file covers.

    The total length is at most ``max_blocks`` times 1 Mb. No randomness: a file always gives the same blocks.
    """
    if known_regions is None:
        blocks = bigwig.covered_blocks(_BLOCK_BP)
    else:
        regions = zip(known_regions["chrom"], known_regions["start"], known_regions["end"], strict=True)
        blocks = [
            (chrom, start, min(start + _BLOCK_BP, int(end)))
            for chrom, first, end in regions
            for start in range(int(first), int(end), _BLOCK_BP)
        ]
    total_bp = sum(end - start for _, start, end in blocks)
    n_kept = max(len(blocks) * min(max_blocks * _BLOCK_BP, total_bp) // max(total_bp, 1), 1)
    return [blocks[i * len(blocks) // n_kept] for i in range(min(n_kept, len(blocks)))]


def _sampled_values(bigwig: SignalTrack, n_blocks: int = 16) -> SampledValues:
    """The values of some blocks."""
    values, n_bp = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    for block in sample_blocks(bigwig, n_blocks):
        found = bigwig.values(*block)
        found = found[~np.isnan(found)]
        # Runs of equal neighbours are far fewer than bp, and sorting is what takes the time.
        last = np.append(np.flatnonzero(found[1:] != found[:-1]), len(found) - 1)[: len(found)]
        values.append(found[last])
        n_bp.append(np.diff(last, prepend=-1))
    distinct, place = np.unique(np.concatenate(values), return_inverse=True)
    return SampledValues(distinct, np.bincount(place, np.concatenate(n_bp), len(distinct)).astype(np.int64))


def _is_scaled_counts(positive: SampledValues) -> bool:
    units = positive.values / positive.values[0]
    # Rounded decimals are multiples of a smallest value too, but of one far below the usual value.
    usual = SampledValues(units, positive.n_bp).median()
    return bool(usual <= 50 and (np.abs(units - np.round(units)) <= 1e-4 * units + 1e-3).all())


def _is_rounded(plain: Float[np.ndarray, " value"]) -> bool:
    telling = np.unique(plain[plain < _TELLING_COUNT].round(3))
    return len(telling) >= _LEAST_TELLING and bool((np.abs(plain - np.round(plain)) <= 1e-4 * plain).all())


def _refuse_logarithms(bigwig: SignalTrack, sampled: SampledValues) -> None:
    """Refuse signal whose values are logarithms of (scaled) counts, with or without a pseudo-count of 1."""
    positive = sampled.positive()
    positive = positive._replace(values=positive.values.astype(np.float64))
    if not positive.values.size or positive.values[-1] > _HIGHEST_LOGARITHM or _is_scaled_counts(positive):
        return
    for name, base in (("log2", 2.0), ("ln", math.e), ("log10", 10.0)):
        plain = base**positive.values
        if _is_scaled_counts(positive._replace(values=plain - 1)) or _is_rounded(plain):
            raise InputError(
                f"{bigwig.path}: holds logarithms of counts ({name} of the signal, or of 1 + the signal), and peaks "
                "are called in linear signal; give the bigWig as it was before the logarithm"
            )


def _negative(bigwig: SignalTrack) -> str:
    return (
        f"{bigwig.path}: holds negative values (a log ratio or a strand?), and signal must be 0 or more; "
        "give counts, coverage, CPM, fold change or -log10 p"
    )


def _means(values: Float[np.ndarray, " bp"], width: int) -> Float[np.ndarray, " stretch"]:
    n_whole = len(values) // width
    return values[: n_whole * width].reshape(n_whole, width).mean(axis=1)


def _first_positive_median(stretches: Float[np.ndarray, " stretch"]) -> float | None:
    """The median, over ever wider stretches while it is 0; None where nothing is positive."""
    while stretches.size and stretches.any():
        median = float(np.median(stretches))
        if median > 0:
            return median
        stretches = _means(stretches, min(10, len(stretches)))
    return None


def _peak_level(stretches: Float[np.ndarray, " stretch"], background: float, fold: float) -> float:
    """The signal above which half of the excess over the background lies, among the highest stretches."""
    high = np.sort(stretches[stretches >= fold * background]).astype(np.float64)
    if not high.size:
        return fold * background
    excess = np.cumsum(high - background)
    return float(high[np.searchsorted(excess, excess[-1] / 2)])


def _to_linear(values: Float[np.ndarray, " bin"], kind: str, log10_p_background: float) -> Float[np.ndarray, " bin"]:
    values = np.asarray(values, np.float32)
    if kind != "log10_p":
        return values
    counts, log10_p = _poisson_table(log10_p_background)
    return np.interp(values, log10_p, counts).astype(np.float32)


@lru_cache(maxsize=8)
def _poisson_table(mean: float) -> tuple[Float[np.ndarray, " entry"], Float[np.ndarray, " entry"]]:
    """Counts x (continuous) and -log10 P(X >= x) for a Poisson variable, both rising from 0."""
    counts = np.concatenate([np.linspace(0, 50, 501), np.geomspace(51, 1e6, 1000)])
    return counts, poisson_log10_p(counts, np.full_like(counts, mean))

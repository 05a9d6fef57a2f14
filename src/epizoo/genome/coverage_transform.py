"""The transform of coverage for peak callers: kind of signal, background and peak levels, and arcsinh.

The levels are estimated once per file, never per window, so that equal signal looks equal everywhere in a genome.
"""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float
from pydantic import Field

from epizoo.errors import InputError
from epizoo.genome.poisson import poisson_log10_p
from epizoo.genome.signal import SignalTrack
from epizoo.genome.signal_kinds import (
    SignalKind,
    check_signal_kind,
    detect_signal_kind,
    negative_values,
    refuse_logarithms,
    sample_blocks,
    sample_values,
)
from epizoo.validation import Config

if TYPE_CHECKING:
    import pandas as pd

_KNOWN_STRETCH_BP = 10_000
_BLOCK_BP = 250_000
# Evenly spread excess gives each of n blocks 1/n; several times that is a stretch that would speak for the genome.
_MOST_EVEN_SHARES = 4
_FEWEST_BLOCKS = 8
# Between the widest peaks of H3K4me3 and the domains of H3K36me3.
_DOMAIN_BP = 8_000


class CappedBlock(NamedTuple):
    """A stretch whose signal counted for less when the level of the peaks was estimated.

    Attributes:
        chrom, start, end: the stretch.
        share: share of all excess over the background that lies in it.
    """

    chrom: str
    start: int
    end: int
    share: float


@dataclass(frozen=True)
class FittedTransform:
    """A transform with the figures of one file: ``arcsinh(signal / scale)``.

    Attributes:
        kind: the kind of signal.
        background: the file's typical signal outside peaks, per bp, in its own units (after the conversion of log10_p).
        scale: what the signal is divided by, in the same units; the background, or between it and the peaks' level.
        log10_p_background: see `CoverageTransform`.
        capped: stretches whose share of the excess was capped, the largest first.
    """

    kind: SignalKind
    background: float
    scale: float
    log10_p_background: float
    capped: tuple[CappedBlock, ...] = ()

    def __call__(self, values: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " bin"]:
        """Transform mean signal per bin; 0 stays 0, the scale becomes arcsinh(1) = 0.88. Returns float32."""
        return scaled_arcsinh(_to_linear(values, self.kind, self.log10_p_background), self.scale)

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
class CoverageTransform(Config):
    """Estimate of the scale of a file; recorded in an entry's config, shared by training and use.

    The background is the median over stretches of ``background_bin_bp`` in up to ``max_blocks`` blocks of 1 Mb, evenly
    spaced over what the file covers. Depth, and units that are a factor (CPM, fold change), cancel. Stretches are
    widened tenfold while their median is 0, so that shallow files work.

    People judge a peak by the file's other peaks as much as by its background. The peaks' level is the signal above
    which half of the excess over the background lies, among stretches of at least ``peak_fold`` times the background
    (that much where there are none): it hardly depends on how many peaks the covered parts of a genome hold. A quarter
    of a megabase counts for at most 4 / n of the excess in all n quarters that have any (of 8 or more), so that one
    deep stretch, such as the mitochondrial genome or a collapsed repeat, does not set the scale of the genome. The
    scale is ``background ** (1 - peak_weight) * (peak level / peak_fold) ** peak_weight``, never below the background.

    Domains of broad marks rise less over the background than narrow peaks, and cover so much that their own signal
    enters it. With a ``broad_fold`` the breadth b of a file is measured: the share of the excess that lies in domains,
    which are at least 8 kb of stretches of at least ``broad_fold`` times the background. The peak level over its fold
    is then a mean, of logarithms, of what both folds give, with the weight ``b**2 / (b**2 + (1 - b)**2)`` for
    ``broad_fold``. No domain is seen where most of its stretches are empty (H3K36me3 below about half a fragment a kb),
    and none in blocks shorter than 8 kb, as of scaffolds: whether these hold a part of a domain or a whole peak, they
    do not tell. Such files are scaled as narrow marks.

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
        broad_fold: the same where the signal lies in broad domains; None: `peak_fold` for every file. It needs a
            `peak_weight` above 0.
        scale_factor: what the scale is multiplied by at the end, as adapting to a cell type without labels finds it.
    """

    title: ClassVar[str] = "coverage transform"

    background_bin_bp: Annotated[int, Field(gt=0, le=1_000_000)] = 1_000
    max_blocks: Annotated[int, Field(gt=0, le=1_000_000)] = 128
    log10_p_background: Annotated[float, Field(gt=0, le=1e6)] = 2.0
    peak_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    peak_fold: Annotated[float, Field(gt=0, le=1e6)] = 5.0
    broad_fold: Annotated[float, Field(gt=1, le=1e6)] | None = None
    scale_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0

    def __post_init__(self) -> None:
        if self.broad_fold is not None and not self.peak_weight:
            raise InputError(
                f"{self.title}: broad_fold is {self.broad_fold:g} and peak_weight 0, with which the level of the peaks "
                "does not count; expected a peak_weight above 0, or no broad_fold"
            )

    def fit(
        self,
        bigwig: SignalTrack,
        kind: str | None = None,
        known_regions: "pd.DataFrame | None" = None,
        *,
        excluded: Collection[str] = (),
        blacklist: "pd.DataFrame | None" = None,
    ) -> FittedTransform:
        """Estimate the background and the scale of a file.

        Args:
            bigwig: the file.
            kind: one of `SIGNAL_KINDS`; detected where None.
            known_regions: interval table of the regions where an absent value means 0.
            excluded: sequences that take no part in the estimate, such as the mitochondrial genome.
            blacklist: interval table of stretches that take none either.

        Raises:
            InputError: the kind is unknown or cannot be detected, values are negative, infinite or logarithms of
                counts, or there is no signal at all.
        """
        values = None if bigwig.kind is not None else sample_values(bigwig)
        if values is not None:
            refuse_logarithms(bigwig, values)
        stated = check_signal_kind(kind, bigwig) if kind else detect_signal_kind(bigwig, values)
        sampled = sample_blocks(bigwig, self.max_blocks, known_regions, excluded=excluded, blacklist=blacklist)
        blocks = [quarter for block in sampled for quarter in _quarters(*block)]
        stretches = [self._stretches(bigwig, *block, in_known=known_regions is not None) for block in blocks]
        if any(part.size and part.min() < 0 for part in stretches):
            raise negative_values(bigwig)
        linear = [_to_linear(part, stated, self.log10_p_background) for part in stretches]
        background = _first_positive_median(np.concatenate([*linear, np.zeros(0, np.float32)]))
        if background is None:
            where = "inside the known regions" if known_regions is not None else "in any sampled stretch"
            raise InputError(f"{bigwig.path}: has no signal {where}, so its background is unknown; give another file")
        level, capped = self._level(linear, background)
        scale = background ** (1 - self.peak_weight) * level**self.peak_weight
        parts = tuple(CappedBlock(*blocks[i], share) for i, share in capped) if self.peak_weight else ()
        return FittedTransform(stated, background, scale * self.scale_factor, self.log10_p_background, parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, for YAML and JSON; `broad_fold` only where it is set."""
        return {key: value for key, value in super().to_dict().items() if (key, value) != ("broad_fold", None)}

    def _level(
        self, linear: list[Float[np.ndarray, " stretch"]], background: float
    ) -> tuple[float, list[tuple[int, float]]]:
        """The peaks' level over its fold, and the blocks that were capped; see `_peak_level`."""
        level, capped = _peak_level(linear, background, self.peak_fold)
        level /= self.peak_fold
        if self.broad_fold is None:
            return level, capped
        broad_level, broad_capped = _peak_level(linear, background, self.broad_fold)
        share = _breadth(linear, background, self.broad_fold, -(-_DOMAIN_BP // self.background_bin_bp))
        weight = share**2 / (share**2 + (1 - share) ** 2)
        mean = level ** (1 - weight) * (broad_level / self.broad_fold) ** weight
        return mean, broad_capped if weight > 0.5 else capped

    def _stretches(
        self, bigwig: SignalTrack, chrom: str, start: int, end: int, *, in_known: bool
    ) -> Float[np.ndarray, " stretch"]:
        """Mean signal of the stretches of known signal in a block."""
        means = bigwig.stretch_means(chrom, start, end, min(self.background_bin_bp, end - start))
        if in_known:
            return means
        per_known = max(_KNOWN_STRETCH_BP // self.background_bin_bp, 1)
        means = means[: max(len(means) // per_known, 1) * per_known]
        groups = means.reshape(-1, min(per_known, len(means)))
        return groups[groups.any(axis=1)].ravel()


def _quarters(chrom: str, start: int, end: int) -> list[tuple[str, int, int]]:
    """A block in parts of a quarter of a megabase, of which the last one takes the rest.

    >>> _quarters("chr1", 100, 600_000)
    [('chr1', 100, 250100), ('chr1', 250100, 600000)]
    """
    starts = [start + number * _BLOCK_BP for number in range(max((end - start) // _BLOCK_BP, 1))]
    return [(chrom, low, high) for low, high in itertools.pairwise([*starts, end])]


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


def _peak_level(
    blocks: list[Float[np.ndarray, " stretch"]], background: float, fold: float
) -> tuple[float, list[tuple[int, float]]]:
    """The signal above which half of the capped excess over the background lies, and the blocks that were capped.

    Returns:
        The level, and of each capped block its number and its share of the whole excess, the largest first.
    """
    high = [block[block >= fold * background].astype(np.float64) for block in blocks]
    excess = np.array([float((block - background).sum()) for block in high])
    if not excess.any():
        return fold * background, []
    weight = _block_weights(excess)
    values = np.concatenate(high)
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(((values - background) * np.repeat(weight, list(map(len, high))))[order])
    level = float(values[order[np.searchsorted(mass, mass[-1] / 2)]])
    capped = sorted(np.flatnonzero(weight < 1).tolist(), key=lambda i: -excess[i])
    return level, [(i, float(excess[i] / excess.sum())) for i in capped]


def _breadth(blocks: list[Float[np.ndarray, " stretch"]], background: float, fold: float, n_domain: int) -> float:
    """The share of the capped excess over the background, among stretches of at least `fold` times it, in domains.

    A domain lies in one block, and unknown stretches, which are left out, do not end it. Wider stretches would show
    those of sparse files, and make domains of the narrow peaks in them.

    Args:
        blocks: mean signal of stretches, block by block.
        background: of the file.
        fold: how many times the background a stretch holds at least.
        n_domain: number of such stretches in a row that are a domain.
    """
    in_domains, all_excess = (np.zeros(len(blocks)) for _ in range(2))
    for number, block in enumerate(blocks):
        is_high = block >= fold * background
        edges = np.flatnonzero(np.diff(is_high, prepend=False, append=False))
        starts, ends = edges[::2], edges[1::2]
        sums = np.concatenate([[0.0], np.cumsum(block.astype(np.float64) - background)])
        excess = sums[ends] - sums[starts]
        all_excess[number] = excess.sum()
        in_domains[number] = excess[ends - starts >= n_domain].sum()
    if not all_excess.any():
        return 0.0
    weight = _block_weights(all_excess)
    return float((weight * in_domains).sum() / (weight * all_excess).sum())


def _block_weights(excess: Float[np.ndarray, " block"]) -> Float[np.ndarray, " block"]:
    """Weights of the excess of each block, with which no block has more than its cap."""
    cap = _most_of_a_block(excess[excess > 0])
    return np.divide(cap, excess, out=np.ones(len(excess)), where=excess > cap)


def _most_of_a_block(excess: Float[np.ndarray, " block"]) -> float:
    """The cap c with c = 4 / n times the sum of min(excess, c) over n blocks; infinite where none has to be capped.

    >>> _most_of_a_block(np.array([1.0] * 15 + [1e6]))
    5.0
    >>> _most_of_a_block(np.array([1.0, 1e6]))
    inf
    """
    if len(excess) < _FEWEST_BLOCKS:
        return float("inf")
    share = _MOST_EVEN_SHARES / len(excess)
    ordered = np.sort(excess)[::-1]
    rest = np.append(np.cumsum(ordered[::-1])[::-1], 0.0)
    if ordered[0] <= share * rest[0]:
        return float("inf")
    # With the k largest capped, c = share * (k c + the rest); fewer than n / 4 can be.
    n_capped = np.arange(1, -(-len(excess) // _MOST_EVEN_SHARES))
    caps = share * rest[n_capped] / (1 - share * n_capped)
    return float(caps[np.argmax(ordered[n_capped] <= caps)])


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

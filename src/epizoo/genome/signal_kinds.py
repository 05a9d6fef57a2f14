"""Kinds of signal, detected by a sample of a file's values."""

import math
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float, Int64

from epizoo.errors import InputError
from epizoo.genome.signal import SignalTrack

if TYPE_CHECKING:
    import pandas as pd

SignalKind = Literal["counts", "coverage", "cpm", "fold_change", "log10_p"]
"""counts: read starts; coverage: reads piled up per bp; cpm: either, scaled by the depth (CPM, RPKM, RPGC, BPM);
fold_change: over a control or background; log10_p: -log10 of a p-value."""
SIGNAL_KINDS: tuple[str, ...] = get_args(SignalKind)

_BLOCK_BP = 1_000_000
# More scaffolds of a draft assembly say nothing new, and each takes a while to find in a file.
_MOST_BLOCKS = 4096
# Shorter pieces between blacklisted stretches say little.
_LEAST_BLOCK_BP = 10_000
# No count reaches 2 to this power.
_HIGHEST_LOGARITHM = 40.0
# Counts below the first tell whether values are whole numbers, if there are at least as many as the second.
_TELLING_COUNT, _LEAST_TELLING = 500.0, 5
_NAME_HINTS: dict[str, tuple[str, ...]] = {
    "fold_change": (".fc.", "foldchange", "fold_change", "fold-change", "_fe."),
    "log10_p": ("pval", "ppois", "log10p", "log10_p", "qval", "qpois"),
}


class SampledValues(NamedTuple):
    """Distinct values of a file, rising and without NaN, and the number of bp that hold each."""

    level: Float[np.ndarray, " value"]
    n_bp: Int64[np.ndarray, " value"]

    def positive(self) -> "SampledValues":
        """Those above 0."""
        return SampledValues(self.level[self.level > 0], self.n_bp[self.level > 0])

    def median(self) -> float:
        """The median over all bp."""
        middle = (int(self.n_bp.sum()) + np.array([-1, 0])) // 2
        return float(self.level[np.searchsorted(np.cumsum(self.n_bp), middle, side="right")].mean())


def check_signal_kind(kind: str, bigwig: SignalTrack) -> SignalKind:
    """Check that a stated kind exists.

    Raises:
        InputError: it does not, the track is of another kind by its format, or the file holds negative values, which
            no kind has.
    """
    if kind not in SIGNAL_KINDS:
        raise InputError(f"{bigwig.path}: {kind!r} is not a kind of signal; state one of {', '.join(SIGNAL_KINDS)}")
    if bigwig.kind is not None and kind != bigwig.kind:
        raise InputError(f"{bigwig.path}: holds {bigwig.kind}, but {kind} was stated; leave the kind of signal out")
    if bigwig.summary.minimum < 0:
        raise negative_values(bigwig)
    return kind  # type: ignore[return-value]


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
    found = sample_values(bigwig) if sampled is None else sampled
    if bigwig.summary.minimum < 0 or (found.level.size and found.level[0] < 0):
        raise negative_values(bigwig)
    positive = found.positive()
    if positive.level.size and (positive.level == np.round(positive.level)).all():
        return "coverage"
    if positive.level.size and _is_scaled_counts(positive):
        return "cpm"
    name = os.path.basename(bigwig.path).lower()
    for kind, hints in _NAME_HINTS.items():
        if any(hint in name for hint in hints):
            return kind  # type: ignore[return-value]
    raise InputError(
        f"{bigwig.path}: holds fractions, which may be CPM, fold change or -log10 p; state which with --signal-kind "
        f"({', '.join(SIGNAL_KINDS)})"
    )


def refuse_logarithms(bigwig: SignalTrack, sampled: SampledValues) -> None:
    """Refuse signal whose values are logarithms of (scaled) counts, with or without a pseudo-count of 1.

    Raises:
        InputError: they are.
    """
    positive = sampled.positive()
    positive = positive._replace(level=positive.level.astype(np.float64))
    if not positive.level.size or positive.level[-1] > _HIGHEST_LOGARITHM or _is_scaled_counts(positive):
        return
    for name, base in (("log2", 2.0), ("ln", math.e), ("log10", 10.0)):
        plain = base**positive.level
        if _is_scaled_counts(positive._replace(level=plain - 1)) or _is_rounded(plain):
            raise InputError(
                f"{bigwig.path}: holds logarithms of counts ({name} of the signal, or of 1 + the signal), and peaks "
                "are called in linear signal; give the bigWig as it was before the logarithm"
            )


def sample_blocks(
    bigwig: SignalTrack,
    max_blocks: int,
    known_regions: "pd.DataFrame | None" = None,
    *,
    excluded: Collection[str] = (),
    blacklist: "pd.DataFrame | None" = None,
) -> list[tuple[str, int, int]]:
    """Blocks (chrom, start, end) of about 1 Mb, evenly spaced over the known regions or over what the file covers.

    Excluded sequences and the blacklist are left out. The total length is at most ``max_blocks`` times 1 Mb, and there
    are at most 4,096 blocks, which are shorter where sequences are. No randomness: a file always gives the same blocks.
    """
    if known_regions is None:
        # In an order that does not depend on the file's, which aligners choose as they like.
        blocks = sorted(bigwig.covered_blocks(_BLOCK_BP))
    else:
        regions = zip(known_regions["chrom"], known_regions["start"], known_regions["end"], strict=True)
        blocks = [
            (chrom, start, min(start + _BLOCK_BP, int(end)))
            for chrom, first, end in regions
            for start in range(int(first), int(end), _BLOCK_BP)
        ]
    blocks = [block for block in blocks if block[0] not in excluded]
    if blacklist is not None and blocks:
        blocks = _outside(blocks, blacklist)
    total_bp = sum(end - start for _, start, end in blocks)
    n_kept = max(len(blocks) * min(max_blocks * _BLOCK_BP, total_bp) // max(total_bp, 1), 1)
    n_kept = min(n_kept, len(blocks), _MOST_BLOCKS)
    return [blocks[i * len(blocks) // n_kept] for i in range(n_kept)]


def _outside(blocks: list[tuple[str, int, int]], blacklist: "pd.DataFrame") -> list[tuple[str, int, int]]:
    # Entries are listed and shown without pandas, which takes half a second to import.
    import pandas as pd

    from epizoo.genome.intervals import subtract_blacklist

    table = subtract_blacklist(pd.DataFrame(blocks, columns=["chrom", "start", "end"]), blacklist)
    table = table[table["end"] - table["start"] >= _LEAST_BLOCK_BP]
    return list(zip(table["chrom"], table["start"].tolist(), table["end"].tolist(), strict=True))


def sample_values(bigwig: SignalTrack, n_blocks: int = 16) -> SampledValues:
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


def negative_values(bigwig: SignalTrack) -> InputError:
    """The error of a file that holds negative values."""
    return InputError(
        f"{bigwig.path}: holds negative values (a log ratio or a strand?), and signal must be 0 or more; "
        "give counts, coverage, CPM, fold change or -log10 p"
    )


def _is_scaled_counts(positive: SampledValues) -> bool:
    units = positive.level / positive.level[0]
    # Rounded decimals are multiples of a smallest value too, but of one far below the usual value.
    usual = SampledValues(units, positive.n_bp).median()
    return bool(usual <= 50 and (np.abs(units - np.round(units)) <= 1e-4 * units + 1e-3).all())


def _is_rounded(plain: Float[np.ndarray, " value"]) -> bool:
    telling = np.unique(plain[plain < _TELLING_COUNT].round(3))
    return len(telling) >= _LEAST_TELLING and bool((np.abs(plain - np.round(plain)) <= 1e-4 * plain).all())

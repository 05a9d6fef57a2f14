"""Errors of peaks on human labels, by PeakError's rules, with bootstraps over loci."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from epizoo.errors import InputError

ANNOTATIONS = ("noPeaks", "peaks", "peakStart", "peakEnd")
LOCUS_GAP_BP = 50_000
FEWEST_LOCI = 5
"""Draws of fewer loci repeat themselves: their interval would be too narrow, so that none is given."""
_MOST_ALLOWED: dict[Any, float] = {"noPeaks": 0, "peaks": np.inf, "peakStart": 1, "peakEnd": 1}
_REGION = ["chrom", "start", "end"]


class Interval(NamedTuple):
    """A share with its 95% bootstrap interval over loci; of fewer than `FEWEST_LOCI` there is none, the bounds are NaN.

    >>> Interval(0.5, 0.25, 0.75).bounds(), Interval(0.5, np.nan, np.nan).bounds()
    ('95% bootstrap interval over loci 0.250 to 0.750', 'no interval of fewer than 5 loci')
    """

    value: float
    low: float
    high: float

    def bounds(self) -> str:
        """The interval in words."""
        if np.isnan(self.low):
            return f"no interval of fewer than {FEWEST_LOCI} loci"
        return f"95% bootstrap interval over loci {self.low:.3f} to {self.high:.3f}"


class ErrorSummary(NamedTuple):
    """Errors of one caller on one set of labels."""

    n_labels: int
    n_wrong: int
    n_regions: int
    n_loci: int
    wrong_labels: Interval
    """Share of all labels that are wrong."""
    mean_over_regions: Interval
    """Mean over regions of the share of the region's labels that are wrong."""


class Comparison(NamedTuple):
    """Mean over regions of one caller minus that of another, on the same loci."""

    difference: Interval
    share_better: float
    """Share of bootstrap draws in which the first caller is better; NaN of fewer than `FEWEST_LOCI` loci."""

    def in_words(self) -> str:
        """The interval and the share in words."""
        better = "" if np.isnan(self.share_better) else f", better in {self.share_better:.1%} of draws"
        return self.difference.bounds() + better


def label_errors(labels: pd.DataFrame, peaks: pd.DataFrame) -> pd.DataFrame:
    """The labels of one sample with what its peaks get wrong.

    The rules are PeakError's (github.com/tdhock/PeakError, `PeakError.c`): `noPeaks` is a false positive if any peak
    overlaps; `peaks` a false negative if none does; `peakStart` and `peakEnd` want exactly one peak to start or end
    inside: none is a false negative, more than one a false positive. All intervals are half-open, and a peak's end is
    inside a region if start < end <= region end.

    Args:
        labels: chrom, start, end, annotation, and any other columns.
        peaks: chrom, start, end; no two overlap.

    Returns:
        A copy of `labels` with boolean columns `false_positive`, `false_negative` and `wrong` (either of them).

    Raises:
        InputError: an annotation is unknown, or peaks overlap.
    """
    unknown = sorted(set(labels["annotation"]) - set(ANNOTATIONS))
    if unknown:
        raise InputError(f"labels: annotation {unknown[0]!r} is unknown; expected one of {', '.join(ANNOTATIONS)}")
    bounds: dict[Any, tuple[np.ndarray, np.ndarray]] = {
        chrom: _sorted_bounds(chrom, rows) for chrom, rows in peaks.groupby("chrom")
    }
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64)
    positives, negatives = [], []
    for label in labels.itertuples():
        starts, ends = bounds.get(label.chrom, nothing)
        if label.annotation in ("noPeaks", "peaks"):
            count = int(np.sum((starts < label.end) & (ends > label.start)))
        elif label.annotation == "peakStart":
            count = int(np.sum((starts >= label.start) & (starts < label.end)))
        else:
            count = int(np.sum((ends > label.start) & (ends <= label.end)))
        negatives.append(label.annotation != "noPeaks" and count == 0)
        positives.append(count > _MOST_ALLOWED[label.annotation])
    errors = labels.assign(
        false_positive=np.array(positives, bool),
        false_negative=np.array(negatives, bool),
    )
    return errors.assign(wrong=errors["false_positive"] | errors["false_negative"])


def assign_loci(labels: pd.DataFrame, gap_bp: int = LOCUS_GAP_BP) -> pd.Series:
    """A number for each label's locus: regions of a chromosome with at most `gap_bp` between neighbours."""
    regions = labels[_REGION].drop_duplicates().sort_values(_REGION)
    reach = regions.groupby("chrom")["end"].cummax().shift(fill_value=0)
    new = (regions["chrom"] != regions["chrom"].shift()) | (regions["start"] - reach > gap_bp)
    locus = pd.Series(new.cumsum().to_numpy(), index=pd.MultiIndex.from_frame(regions))
    return pd.Series(locus.loc[pd.MultiIndex.from_frame(labels[_REGION])].to_numpy(), index=labels.index, name="locus")


def summarise(errors: pd.DataFrame, *, n_draws: int = 10_000, seed: int = 0) -> ErrorSummary:
    """Totals and bootstrap intervals of what `label_errors` gave for any number of samples."""
    loci = _locus_sums(errors)
    draws = draw_sums(loci, n_draws, seed)
    wrong, labels, rates, regions = loci.sum(axis=0)
    return ErrorSummary(
        n_labels=int(labels),
        n_wrong=int(wrong),
        n_regions=int(regions),
        n_loci=len(loci),
        wrong_labels=interval(wrong / labels, draws[:, 0] / draws[:, 1], len(loci)),
        mean_over_regions=interval(rates / regions, draws[:, 2] / draws[:, 3], len(loci)),
    )


def compare(errors: pd.DataFrame, other: pd.DataFrame, *, n_draws: int = 10_000, seed: int = 0) -> Comparison:
    """Paired bootstrap over loci of two callers on the same labels; below 0 the first is better.

    Raises:
        InputError: the two tables are not about the same labels in the same order.
    """
    keys = [*_REGION, "annotation"]
    if not np.array_equal(errors[keys].to_numpy(), other[keys].to_numpy()):
        raise InputError("label errors: the two callers were scored on different labels; score both on the same ones")
    sums, other_sums = _locus_sums(errors), _locus_sums(other)
    draws, other_draws = draw_sums(sums, n_draws, seed), draw_sums(other_sums, n_draws, seed)
    drawn = (draws[:, 2] - other_draws[:, 2]) / draws[:, 3]
    value = (sums[:, 2].sum() - other_sums[:, 2].sum()) / sums[:, 3].sum()
    share_better = float(np.mean(drawn < 0)) if len(sums) >= FEWEST_LOCI else float("nan")
    return Comparison(interval(value, drawn, len(sums)), share_better)


def region_rates(errors: pd.DataFrame) -> pd.DataFrame:
    """One row for each region: its annotation, number of labels and share of wrong ones."""
    groups = errors.groupby([*_REGION, "annotation"], sort=True)["wrong"]
    return groups.agg(n_labels="size", n_wrong="sum", wrong_rate="mean").reset_index()


def interval(value: float, draws: Float[np.ndarray, " draw"], n_loci: int) -> Interval:
    """The middle 95% of bootstrap draws around a value, where there are loci enough for one."""
    if n_loci < FEWEST_LOCI:
        return Interval(float(value), float("nan"), float("nan"))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(value), float(low), float(high))


def draw_sums(sums: Float[np.ndarray, "locus column"], n_draws: int, seed: int) -> Float[np.ndarray, "draw column"]:
    """Sums over as many loci as there are, drawn with replacement."""
    counts = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=n_draws)
    return counts @ sums


def _sorted_bounds(chrom: Any, peaks: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(peaks["start"].to_numpy(), kind="stable")
    starts, ends = peaks["start"].to_numpy()[order], peaks["end"].to_numpy()[order]
    overlap = np.flatnonzero(starts[1:] < ends[:-1])
    if overlap.size:
        raise InputError(
            f"peaks: {chrom}:{starts[overlap[0]]}-{ends[overlap[0]]} overlaps the next peak; merge overlapping peaks"
        )
    return starts, ends


def _locus_sums(errors: pd.DataFrame) -> Float[np.ndarray, "locus 4"]:
    """For each locus: wrong labels, labels, the sum of its regions' wrong rates, and its regions."""
    rates = region_rates(errors)
    rates = rates.assign(locus=assign_loci(rates), region=1)
    return rates.groupby("locus")[["n_wrong", "n_labels", "wrong_rate", "region"]].sum().to_numpy(np.float64)

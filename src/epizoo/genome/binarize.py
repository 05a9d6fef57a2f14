"""Binarised marks from reads, pairs or peaks, by the rules of ChromHMM's BinarizeBam and BinarizeBed."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from epizoo.compilation import compiled_late, usable_cores
from epizoo.errors import InputError
from epizoo.genome.reads.read_counts import Counts, Paths, ReadCounting, count_reads, file_list

P_VALUE = 1e-4


@dataclass(frozen=True)
class ReadBinarization:
    """Settings for binarising reads; ChromHMM's option in brackets.

    Attributes:
        counting: which bin a read counts in.
        p_value: tail probability of the Poisson rule (-p).
        fold: least number of times that the expected count has to be reached too (-f).
        least_count: least number of reads of a present bin (-g).
        strict: the tail has to be below the p-value, one read more than by default (-strictthresh).
        pseudo_count: reads of the control that are added to every bin (-u).
        flank_bins: bins on each side over which the control is summed (-w).

    Raises:
        InputError: a setting is out of its range.
    """

    counting: ReadCounting = field(default_factory=ReadCounting)
    p_value: float = P_VALUE
    fold: float = 0.0
    least_count: float = 0.0
    strict: bool = False
    pseudo_count: int = 1
    flank_bins: int = 5

    def __post_init__(self) -> None:
        _require_p_value(self.p_value)
        for name in ("fold", "least_count", "pseudo_count", "flank_bins"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name}: {value:g} given, expected a number of 0 or more; correct it")

    def threshold(self, expected: float) -> int:
        """The smallest count of a present bin where so many reads are expected."""
        of_poisson = poisson_threshold(expected, self.p_value, strict=self.strict)
        return max(of_poisson, math.ceil(self.fold * expected), math.ceil(self.least_count))


def poisson_threshold(mean: float, p_value: float = P_VALUE, *, strict: bool = False) -> int:
    """Smallest count k with P(X <= k) > 1 - p_value for a Poisson variable, and at least 1, as ChromHMM adds it up.

    A bin with k reads or more is present. Note that this is P(X <= k), so P(X >= k) may exceed ``p_value``; with
    ``strict`` the threshold is one more, and it does not.

    >>> poisson_threshold(0.2), poisson_threshold(0.2, strict=True), poisson_threshold(0.0)
    (3, 4, 1)
    """
    _require_p_value(p_value)
    if mean <= 0:
        return 1
    count = -1
    cumulative = 0.0
    log_factorial = 0.0
    while cumulative <= 1 - p_value:
        count += 1
        log_factorial += math.log(count) if count else 0.0
        cumulative += math.exp(math.log(mean) * count - mean - log_factorial)
    return max(count + strict, 1)


def binarize_reads(
    reads: Mapping[str, Paths],
    chrom_sizes: Mapping[str, int],
    controls: Mapping[str, Paths] | None = None,
    settings: ReadBinarization | None = None,
) -> dict[str, UInt8[np.ndarray, "bin mark"]]:
    """Binarise the marks of one cell type, exactly as ChromHMM's BinarizeBam and BinarizeBed do.

    Without a control the expected count is the mean over all bins of the chromosomes that have reads. With one, it is
    the control (with its pseudo-count) summed over the bins around, scaled to the mark's number of reads.

    Args:
        reads: mark to file (BAM, or BED or tagAlign, plain or gzipped; peaks if so set) or files that are pooled.
        chrom_sizes: length of each chromosome in bp; reads on other chromosomes are left out.
        controls: mark to file or files. As in ChromHMM, once there is any, a mark without one has pseudo-counts alone,
            and chromosomes without control reads are left out.
        settings: the rule.

    Returns:
        Chromosome to values (bin, mark), 0 or 1, for the chromosomes with reads; floor(length / bin_bp) bins each.

    Raises:
        InputError: a file cannot be read, has a row that is not a stranded read, or none on a known chromosome.
    """
    rule = settings or ReadBinarization()
    _check_controls(reads, controls, rule)
    counted = _count_all([*reads.values(), *(controls or {}).values()], chrom_sizes, rule.counting)
    counts = {mark: counted[_key(paths)] for mark, paths in reads.items()}
    # A mark without a control has pseudo-counts alone.
    control_of = {mark: _key(controls[mark]) if mark in controls else () for mark in reads} if controls else {}
    backgrounds = {key: counted.get(key, {}) for key in control_of.values()}
    chroms = [chrom for chrom in chrom_sizes if any(chrom in mark for mark in counts.values())]
    if controls:
        chroms = [chrom for chrom in chroms if any(chrom in background for background in backgrounds.values())]
        if not chroms:
            raise InputError("no chromosome has both reads and control reads; give files of the same chromosomes")
    n_bins = {chrom: chrom_sizes[chrom] // rule.counting.bin_bp for chrom in chroms}

    def expected(key: tuple[str, ...]) -> Counts:
        background = _fill(backgrounds[key], n_bins)
        return {chrom: window_sums(count, rule.pseudo_count, rule.flank_bins) for chrom, count in background.items()}

    def present(mark: str) -> dict[str, UInt8[np.ndarray, " bin"]]:
        found = _fill(counts[mark], n_bins)
        if rule.counting.peaks:
            return {chrom: (count > 0).astype(np.uint8) for chrom, count in found.items()}
        if not controls:
            return _at_least(found, rule.threshold(_mean(found)))
        return _against_control(found, levels[control_of[mark]], rule)

    with ThreadPoolExecutor(usable_cores()) as pool:
        # Marks that share a control share what is expected.
        levels = dict(zip(backgrounds, pool.map(expected, backgrounds), strict=True))
        columns = list(pool.map(present, reads))
    return {chrom: np.stack([column[chrom] for column in columns], axis=1) for chrom in chroms}


def against_mean(counts: Counts, p_value: float) -> dict[str, UInt8[np.ndarray, " bin"]]:
    """1 where the Poisson rule finds a bin present against the mean of all bins."""
    return _at_least(counts, poisson_threshold(_mean(counts), p_value))


def _require_p_value(p_value: float) -> None:
    if not 1e-12 < p_value < 1:
        raise InputError(f"the p-value of binarisation is {p_value:g}, expected one between 1e-12 and 1, such as 1e-4")


def _check_controls(reads: Mapping[str, Paths], controls: Mapping[str, Paths] | None, rule: ReadBinarization) -> None:
    if controls and rule.counting.peaks:
        raise InputError(f"controls: given for {', '.join(controls)}, but peaks have no control; leave them out")
    odd = sorted(set(controls or ()) - set(reads))
    if odd:
        raise InputError(
            f"there is a control for {', '.join(odd)} but no reads of it, only of {', '.join(reads)}; correct its name"
        )


def _key(paths: Paths) -> tuple[str, ...]:
    return tuple(map(str, file_list(paths)))


def _count_all(groups: list[Paths], sizes: Mapping[str, int], counting: ReadCounting) -> dict[tuple[str, ...], Counts]:
    """Counts of each group of pooled files; a control that several marks share is read once."""
    distinct = {_key(paths): paths for paths in groups}
    with ThreadPoolExecutor(usable_cores()) as pool:
        found = pool.map(lambda paths: count_reads(paths, sizes, counting), distinct.values())
        return dict(zip(distinct, found, strict=True))


def _fill(counts: Counts, n_bins: Mapping[str, int]) -> Counts:
    return {chrom: counts.get(chrom, np.zeros(n, np.int32)) for chrom, n in n_bins.items()}


def _mean(counts: Counts) -> float:
    n_bins = sum(len(count) for count in counts.values())
    return sum(int(count.sum(dtype=np.int64)) for count in counts.values()) / max(n_bins, 1)


def _at_least(counts: Counts, threshold: int) -> dict[str, UInt8[np.ndarray, " bin"]]:
    return {chrom: (count >= threshold).astype(np.uint8) for chrom, count in counts.items()}


def _against_control(
    counts: Counts, background: Counts, rule: ReadBinarization
) -> dict[str, UInt8[np.ndarray, " bin"]]:
    """1 where a bin reaches the threshold of what the control lets expect there."""
    n_reads = sum(int(count.sum(dtype=np.int64)) for count in counts.values())
    n_background = sum(int(level.sum(dtype=np.int64)) for level in background.values())
    ratio = n_reads / max(n_background, 1)
    thresholds = np.zeros(max(int(level.max(initial=0)) for level in background.values()) + 1, np.int64)
    for level in background.values():
        # Thresholds of the levels that occur are computed once; 0 is none.
        for new in new_levels(level, thresholds).tolist():
            thresholds[new] = rule.threshold(ratio * new)
    return {chrom: reached(count, background[chrom], thresholds) for chrom, count in counts.items()}


@compiled_late
def window_sums(counts: Int32[np.ndarray, " bin"], pseudo_count: int, flank_bins: int) -> Int32[np.ndarray, " bin"]:
    """Sum of counts and pseudo-counts over so many bins on each side, cut off at the chromosome's ends."""
    sums, total, n_bins = np.empty(len(counts), np.int32), 0, len(counts)
    for ahead in range(min(flank_bins, n_bins)):
        total += counts[ahead] + pseudo_count
    for at in range(n_bins):
        if at + flank_bins < n_bins:
            total += counts[at + flank_bins] + pseudo_count
        if at > flank_bins:
            total -= counts[at - flank_bins - 1] + pseudo_count
        sums[at] = total
    return sums


@compiled_late
def new_levels(levels: Int32[np.ndarray, " bin"], thresholds: Int64[np.ndarray, " level"]) -> Int64[np.ndarray, " new"]:
    """The distinct levels whose threshold is 0."""
    is_new = np.zeros(len(thresholds), np.bool_)
    for level in levels:
        is_new[level] = thresholds[level] == 0
    return np.flatnonzero(is_new)


@compiled_late
def reached(
    counts: Int32[np.ndarray, " bin"], levels: Int32[np.ndarray, " bin"], thresholds: Int64[np.ndarray, " level"]
) -> UInt8[np.ndarray, " bin"]:
    """1 where the count of a bin is the threshold of its level or more."""
    present = np.empty(len(counts), np.uint8)
    for at in range(len(counts)):
        present[at] = counts[at] >= thresholds[levels[at]]
    return present

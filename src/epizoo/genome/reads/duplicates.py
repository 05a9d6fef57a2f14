"""Duplicates: reads at one position and strand, and pairs of the same ends, over all files of an experiment."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64, UInt64

from epizoo.genome.reads.pile_up_config import KeepDuplicates
from epizoo.genome.reads.read_positions import Genome, ReadPositions

_LEAST_P = 1e-5
_LONGEST_TOLD_BP = 10_000


def without_duplicates(genome: Genome, keep: KeepDuplicates, genome_bp: int) -> tuple[Genome, int | None]:
    """The reads less duplicates, and how many of one position were kept; None for all.

    Args:
        genome: reads of all files.
        keep: a number, ``auto`` or ``all``.
        genome_bp: length of all chromosomes together, for ``auto``.
    """
    if keep == "all":
        return genome, None
    limit = likely_most(sum(found.n_reads for found in genome.values()), genome_bp) if keep == "auto" else int(keep)
    return {chrom: _at_most(found, limit) for chrom, found in genome.items()}, limit


def likely_most(n_reads: int, genome_bp: int) -> int:
    """As many reads at one position as chance gives: the smallest k with P(X <= k) > 1 - 1e-5, as in MACS's ``auto``.

    X is binomial, of `n_reads` that fall on one of `genome_bp` positions.

    >>> likely_most(2_000_000, 1_000_000), likely_most(30_000_000, 3_000_000_000)
    (10, 2)
    """
    mean = n_reads / genome_bp
    counts = np.arange(min(n_reads, math.ceil(mean + 10 * math.sqrt(mean) + 20)) + 1)
    steps = np.log(n_reads - counts[:-1]) - np.log(counts[1:]) - math.log(max(genome_bp - 1, 1))
    log_p = np.concatenate([[0.0], np.cumsum(steps)])
    share = np.cumsum(np.exp(log_p - log_p.max()))
    return max(int(np.searchsorted(share / share[-1], 1 - _LEAST_P, side="right")), 1)


def share_by_chance(genome: Genome, chrom_sizes: Mapping[str, int]) -> float:
    """Share of reads that would be duplicates if all fell on the genome's positions evenly: how saturated these are.

    A single read has two positions per bp, a pair as many as there are usual lengths of fragments.
    """
    genome_bp = sum(chrom_sizes.values())
    n_singles = sum(len(found.forward) + len(found.reverse) for found in genome.values())
    n_of_length = np.zeros(_LONGEST_TOLD_BP + 1)
    for found in genome.values():
        if not len(found.pair_start):
            continue
        length = np.minimum(found.pair_end - found.pair_start, _LONGEST_TOLD_BP)
        n_of_length += np.bincount(length, minlength=len(n_of_length))
    n_pairs = n_of_length.sum()
    by_chance = _shared(n_singles, 2.0 * genome_bp)
    if n_pairs:
        by_chance += _shared(n_pairs, genome_bp * n_pairs**2 / (n_of_length**2).sum())
    return float(by_chance / max(n_singles + n_pairs, 1))


def _shared(n_reads: float, n_positions: float) -> float:
    """Expected number of reads less expected number of distinct positions."""
    return n_reads + n_positions * math.expm1(-n_reads / n_positions)


def _at_most(found: ReadPositions, limit: int) -> ReadPositions:
    """At most so many reads with the same 5' end and strand, and pairs with the same ends."""
    forward, reverse = _first_of_equals(found.forward, limit), _first_of_equals(found.reverse, limit)
    if not len(found.pair_start):
        return ReadPositions(forward, reverse, found.pair_start, found.pair_end)
    # Positions are below 2^32, so that both ends of a pair fit into one number.
    pairs = _first_of_equals(
        found.pair_start.astype(np.uint64) << np.uint64(32) | found.pair_end.astype(np.uint64), limit
    )
    return ReadPositions(
        forward,
        reverse,
        (pairs >> np.uint64(32)).astype(np.int64),
        (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64),
    )


def _first_of_equals(values: Int64[np.ndarray, " read"] | UInt64[np.ndarray, " read"], limit: int) -> np.ndarray:
    """The values, sorted, each at most `limit` times."""
    ordered = np.sort(values)
    is_new = ordered[limit:] != ordered[:-limit]
    return np.concatenate([ordered[:limit], ordered[limit:][is_new]])

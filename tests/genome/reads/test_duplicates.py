"""Duplicates against counting one by one, MACS's binomial limit against exact fractions, saturation against drawing."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from epizoo.genome.reads.duplicates import likely_most, share_by_chance, without_duplicates
from epizoo.genome.reads.read_positions import ReadPositions


def random_positions(seed, n=3_000, size=1_000):
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, size, n)
    return ReadPositions(rng.integers(0, size, n), rng.integers(0, size, n), starts, starts + rng.integers(50, 53, n))


def counted(found, limit):
    """How often each position occurs, at most `limit` times."""
    pairs = list(zip(found.pair_start.tolist(), found.pair_end.tolist(), strict=True))
    columns = (found.forward.tolist(), found.reverse.tolist(), pairs)
    return [{place: min(n, limit) for place, n in Counter(column).items()} for column in columns]


@pytest.mark.parametrize("keep", [1, 2, 5, "auto", "all"])
def test_at_most_so_many_of_a_position_are_kept(keep):
    genome = {"chr1": random_positions(0), "chr2": random_positions(1, n=10)}
    kept, limit = without_duplicates(genome, keep, 1_000)
    assert limit == {"all": None, "auto": likely_most(3 * 3_010, 1_000)}.get(keep, keep)
    for chrom, found in kept.items():
        assert counted(found, 10**9) == counted(genome[chrom], limit or 10**9)


@pytest.mark.parametrize(("n_reads", "genome_bp"), [(1, 10), (5, 1_000), (300, 100), (2_000, 1_000), (5_000, 100)])
def test_the_likely_number_is_that_of_the_binomial(n_reads, genome_bp):
    p = Fraction(1, genome_bp)
    term = (1 - p) ** n_reads
    below, k = term, 0
    while below <= 1 - Fraction(1, 100_000):
        term *= Fraction(n_reads - k, k + 1) * p / (1 - p)
        below, k = below + term, k + 1
    assert likely_most(n_reads, genome_bp) == max(k, 1)


def test_saturation_is_the_share_that_repeats_by_chance():
    rng = np.random.default_rng(2)
    size, nothing = 20_000, np.zeros(0, np.int64)
    forward, reverse = rng.integers(0, size, (2, 20_000))
    single = ReadPositions(forward, reverse, nothing, nothing)
    repeated = 1 - (len(set(forward.tolist())) + len(set(reverse.tolist()))) / 40_000
    assert share_by_chance({"chr1": single}, {"chr1": size}) == pytest.approx(repeated, abs=0.01)
    starts = rng.integers(0, size, 40_000)
    ends = starts + 100 + rng.integers(0, 4, 40_000)
    repeated = 1 - len(set(zip(starts.tolist(), ends.tolist(), strict=True))) / 40_000
    paired = ReadPositions(nothing, nothing, starts, ends)
    assert share_by_chance({"chr1": paired}, {"chr1": size}) == pytest.approx(repeated, abs=0.01)
    assert share_by_chance({}, {"chr1": size}) == 0

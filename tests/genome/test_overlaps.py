"""Overlaps against one bp at a time."""

import numpy as np
import pandas as pd
import pytest

from epizoo.genome.overlaps import merged, overlaps_any, shared_bp

SIZES = {"chr1": 300, "chr2": 120, "chr3": 50}


def table(rng, n, chroms):
    chrom = rng.choice(chroms, n)
    start = rng.integers(0, 40, n)
    return pd.DataFrame({"chrom": chrom, "start": start, "end": start + rng.integers(1, 9, n)})


def painted(intervals):
    covered = {chrom: np.zeros(size, bool) for chrom, size in SIZES.items()}
    for row in intervals.itertuples():
        covered[row.chrom][row.start : row.end] = True
    return covered


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("n", "m"), [(20, 8), (1, 5), (6, 0), (0, 6)])
def test_overlaps_match_one_bp_at_a_time(seed, n, m):
    rng = np.random.default_rng(seed)
    one, other = table(rng, n, ["chr1", "chr2"]), table(rng, m, ["chr2", "chr1", "chr3"])
    covered = painted(other)
    expected = [int(covered[row.chrom][row.start : row.end].sum()) for row in one.itertuples()]
    assert shared_bp(one, other).tolist() == expected
    assert overlaps_any(one, other).tolist() == [bp > 0 for bp in expected]


@pytest.mark.parametrize("seed", range(10))
def test_the_union_covers_the_same_and_its_parts_are_apart(seed):
    intervals = table(np.random.default_rng(seed), 12, ["chr2", "chr1"])
    union = merged(intervals)
    for chrom, covered in painted(intervals).items():
        np.testing.assert_array_equal(painted(union)[chrom], covered)
    same = union["chrom"].to_numpy()[1:] == union["chrom"].to_numpy()[:-1]
    assert (union["start"].to_numpy()[1:][same] > union["end"].to_numpy()[:-1][same]).all()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("grid_bp", [1, 4, 7])
def test_intervals_whose_bins_touch_are_joined(seed, grid_bp):
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 200, 12)
    ends = starts + rng.integers(1, 9, 12)
    is_taken = np.zeros(300, bool)
    for start, end in zip(starts, ends, strict=True):
        is_taken[start // grid_bp : -(-end // grid_bp)] = True
    edges = np.flatnonzero(np.diff(is_taken, prepend=False, append=False))
    expected = []
    for first, after in edges.reshape(-1, 2):
        inside = (starts // grid_bp >= first) & (starts // grid_bp < after)
        expected.append(["chr1", int(starts[inside].min()), int(ends[inside].max())])
    intervals = pd.DataFrame({"chrom": "chr1", "start": starts, "end": ends})
    assert merged(intervals, grid_bp=grid_bp).to_numpy().tolist() == expected

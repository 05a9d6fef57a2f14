"""Merged intervals against painted positions, and chromosomes in the order of their names."""

import numpy as np
import pandas as pd
import pytest

from epizoo.metrics.segmentations import by_chromosome, merge_intervals, rows_at


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30])
def test_merged_intervals_cover_the_same_positions(n):
    random = np.random.default_rng(n)
    starts = random.integers(0, 100, n)
    ends = starts + random.integers(1, 9, n)
    covered = np.zeros(110, bool)
    for start, end in zip(starts, ends, strict=True):
        covered[start:end] = True
    low, high = merge_intervals(starts, ends)
    edges = np.flatnonzero(np.diff(covered.astype(int), prepend=0, append=0))
    assert low.tolist() == edges[::2].tolist()
    assert high.tolist() == edges[1::2].tolist()
    inside = rows_at(low, high, np.arange(110)) >= 0
    assert inside.tolist() == covered.tolist()


def test_chromosomes_come_sorted_by_name_each_with_its_rows():
    table = pd.DataFrame({"chrom": ["chr2", "chr10", "chr2", "chr1"], "start": [5, 1, 0, 7]})
    found = {chrom: rows["start"].tolist() for chrom, rows in by_chromosome(table)}
    assert list(found.items()) == [("chr1", [7]), ("chr10", [1]), ("chr2", [5, 0])]

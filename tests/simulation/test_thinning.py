"""Fragments recovered from a pile-up give it back, and thinning them keeps each with its chance."""

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.simulation.thinning import fragments, thinned

SIZES = {"chr1": 50_000, "chr2": 4_000}
WINDOWS = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [1_000, 0], "end": [46_000, 4_000]})


def simulated_track(seed=0, width=100):
    random = np.random.default_rng(seed)
    starts = {chrom: np.sort(random.integers(0, size - width, size // 20)) for chrom, size in SIZES.items()}
    return ReadCoverage(["a.bed"], SIZES, {chrom: (first, first + width) for chrom, first in starts.items()}), starts


def test_the_pile_up_of_the_fragments_is_the_coverage():
    coverage = simulated_track()[0].values("chr1", 0, 50_000)
    starts, ends = fragments(coverage)
    rebuilt = np.zeros(len(coverage))
    for start, end in zip(starts, ends, strict=True):
        rebuilt[start:end] += 1
    np.testing.assert_array_equal(rebuilt, coverage)
    assert (ends > starts).all()


def test_fragments_of_one_length_are_found_again_where_none_follows_another_at_once():
    track, starts = simulated_track()
    free = np.setdiff1d(starts["chr2"], starts["chr2"] + 100)
    track = ReadCoverage(["a.bed"], SIZES, {"chr2": (free, free + 100)})
    first, last = fragments(track.values("chr2", 0, 4_000))
    np.testing.assert_array_equal(first, free)
    np.testing.assert_array_equal(last - first, 100)


def test_nothing_is_lost_when_all_are_kept():
    track, _ = simulated_track()
    same = thinned(track, WINDOWS, 1.0, seed=0)
    np.testing.assert_array_equal(same.values("chr1", 1_000, 46_000), track.values("chr1", 1_000, 46_000))
    assert not same.values("chr1", 46_000, 50_000).any()


def test_a_share_of_the_fragments_is_kept_and_each_as_a_whole():
    track, _ = simulated_track()
    tenth = thinned(track, WINDOWS, 0.1, seed=1)
    n_all = sum(len(fragments(track.values(c, s, e))[0]) for c, s, e in WINDOWS.itertuples(index=False))
    assert tenth.n_fragments == pytest.approx(0.1 * n_all, abs=4 * np.sqrt(0.09 * n_all))
    starts, ends = fragments(tenth.values("chr1", 1_100, 45_900))
    inside = (starts > 0) & (ends < 44_800)
    # At a tenth of the depth hardly any fragment touches another, so that nearly all are as long as they were.
    assert np.median((ends - starts)[inside]) == 100


def test_fractions_are_refused():
    with pytest.raises(InputError, match="fractions"):
        fragments(np.array([0.5, 1.0]))

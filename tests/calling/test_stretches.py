"""Stretches by hand."""

import pandas as pd

from epizoo.calling.stretches import stretches


def test_stretches_are_whole_bins_with_their_surroundings():
    table = pd.DataFrame(
        [("chr2", 10, 20), ("chr1", 90, 210), ("chr1", 200, 205), ("chr1", 250, 260), ("chr1", 9300, 9301)],
        columns=["chrom", "start", "end"],
    )
    sizes = {"chr1": 20_000, "chr2": 30}
    # Backgrounds of 1 kb are made of blocks of two bins of 50 bp, ten on each side.
    near = ("chr1", 0, 26, [(90, 260)])
    assert stretches(table, 50, 1_000, sizes) == [near, ("chr1", 166, 208, [(9300, 9301)]), ("chr2", 0, 1, [(10, 20)])]
    joined = ("chr1", 0, 208, [(90, 260), (9300, 9301)])
    assert stretches(table.iloc[1:], 50, 9_000, sizes)[0][:2] == ("chr1", 0)
    assert stretches(table.iloc[1:], 50, 9_000, sizes)[0].asked == joined[3]
    known = pd.DataFrame([("chr1", 40, 300), ("chr1", 9250, 9400)], columns=["chrom", "start", "end"])
    assert stretches(table, 50, 1_000, sizes, known) == [
        ("chr1", 0, 6, [(90, 260)]),
        ("chr1", 185, 188, [(9300, 9301)]),
        ("chr2", 0, 1, [(10, 20)]),
    ]

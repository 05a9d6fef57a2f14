"""Sums of signal over intervals against sums of pyBigWig's values."""

import struct

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from epizoo.errors import InputError
from epizoo.genome.signal import BigWig, open_signal
from epizoo.genome.signal_sums import signal_sums

SIZES = {"chr1": 9_000_000, "chr2": 5_000}


def write(path, rows):
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(SIZES.items()))
        chroms, starts, ends, values = (list(column) for column in zip(*rows, strict=True))
        file.addEntries(chroms, starts, ends=ends, values=values)
    return path


@pytest.mark.parametrize("opened", [BigWig, pyBigWig.open])
def test_sums_are_those_of_all_bp(tmp_path, opened):
    random = np.random.default_rng(1)
    edges = np.sort(random.choice(SIZES["chr1"] // 3, 4_000, replace=False)) * 3
    rows = [("chr1", int(a), int(b), float(random.gamma(2))) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    absent = float("nan") if opened is BigWig else 0.0
    path = write(tmp_path / "a.bw", [*rows, ("chr2", 10, 20, absent), ("chr2", 30, 4_000, 0.5)])
    starts = random.integers(0, SIZES["chr1"] - 100_000, 50)
    table = pd.DataFrame({"chrom": "chr1", "start": starts, "end": starts + random.integers(1, 90_000, 50)})
    # Across the border of the blocks that are read at a time, and at the ends of a chromosome.
    more = [("chr1", (1 << 22) - 9, (1 << 22) + 9_000), ("chr2", 0, 5_000), ("chr2", 0, 1), ("chr1", 0, SIZES["chr1"])]
    table = pd.concat([table, pd.DataFrame(more, columns=["chrom", "start", "end"])], ignore_index=True)
    with pyBigWig.open(str(path)) as file:
        values = {chrom: np.nan_to_num(file.values(chrom, 0, size, numpy=True)) for chrom, size in SIZES.items()}
    expected = [values[chrom][a:b].sum(dtype=np.float64) for chrom, a, b in table.itertuples(index=False)]
    with open_signal(opened(path if opened is BigWig else str(path))) as track:
        sums, inside, total = signal_sums(track, table)
    assert sums == pytest.approx(expected, rel=1e-9)
    assert total == pytest.approx(sum(part.sum(dtype=np.float64) for part in values.values()), rel=1e-9)
    assert inside == pytest.approx(total, rel=1e-9)


def test_negative_signal_is_refused(tmp_path):
    path = write(tmp_path / "a.bw", [("chr2", 10, 20, -1.0)])
    with BigWig(path) as track, pytest.raises(InputError, match="negative or infinite value on chr2"):
        signal_sums(track, pd.DataFrame({"chrom": ["chr2"], "start": [0], "end": [5]}))


@pytest.mark.parametrize(
    ("stated", "is_used"), [(1234.5, True), (34.0, False), (float("inf"), False), (float("nan"), False)]
)
def test_the_sum_of_the_genome_is_that_of_the_header_where_it_is_a_number(tmp_path, stated, is_used):
    path = write(tmp_path / "a.bw", [("chr1", 10, 20, 2.0), ("chr1", 8_000_000, 8_000_010, 5.0), ("chr2", 0, 100, 1.0)])
    table = pd.DataFrame({"chrom": ["chr1", "chr9"], "start": [15, 0], "end": [8_000_005, 10]})
    with BigWig(path) as track:
        assert track.summary.total == 170
        track.summary = track.summary._replace(total=stated)
        sums, inside, total = signal_sums(track, table)
    assert (sums.tolist(), inside, total) == ([35, 0], 35, stated if is_used else 170)


@pytest.mark.parametrize("total", [0.0, -5.0, 601.0, float("nan")])
def test_a_sum_that_cannot_be_by_the_rest_of_the_header_is_not_used(tmp_path, total):
    path = write(tmp_path / "a.bw", [("chr1", 10, 20, 2.0), ("chr1", 8_000_000, 8_000_010, 5.0), ("chr2", 0, 100, 1.0)])
    content = bytearray(path.read_bytes())
    # The header's offset of the summary, in which the sum is the fourth of five numbers.
    at = struct.unpack_from("<Q", content, 44)[0] + 24
    assert struct.unpack_from("<d", content, at) == (170.0,)
    struct.pack_into("<d", content, at, total)
    path.write_bytes(content)
    with BigWig(path) as track:
        assert track.summary.total is None
        assert signal_sums(track, pd.DataFrame({"chrom": ["chr1"], "start": [15], "end": [20]}))[1:] == (10, 170)

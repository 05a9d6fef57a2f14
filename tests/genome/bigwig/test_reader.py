"""bigWigs of all kinds of blocks against pyBigWig, and damaged ones, which give the same values or one sentence."""

import itertools
import struct
from contextlib import closing

import numpy as np
import pyBigWig
import pytest

from epizoo.errors import InputError
from epizoo.genome.bigwig.reader import BigWigReader
from epizoo.genome.signal import BigWig

SIZES = {"chr1": 60_000, "chr10": 500, "chr2": 20_000, "chrEmpty": 900}


def stretches(rng, size, n):
    edges = np.sort(rng.choice(size, 2 * n, replace=False))
    return edges[::2], edges[1::2], rng.integers(1, 9, n).astype(float)


def write(path, kind, *, max_zooms=10, absent=None):
    """A bigWig of stretches, of places with one span, or of evenly spaced values, on three of the chromosomes."""
    rng = np.random.default_rng(3)
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(SIZES.items()), maxZooms=max_zooms)
        for chrom, n in (("chr1", 3_000), ("chr10", 20), ("chr2", 1_500)):
            starts, ends, values = stretches(rng, SIZES[chrom], n)
            if absent is not None:
                starts, ends = np.append(0, ends[:-1]), np.append(starts[0], ends[1:])
                values[rng.random(n) < 0.3] = absent
                values[0] = absent
                keep = starts < ends
                starts, ends, values = starts[keep], ends[keep], values[keep]
            if kind == "stretches":
                file.addEntries([chrom] * len(starts), starts.tolist(), ends=ends.tolist(), values=values.tolist())
            elif kind == "places":
                places = np.unique(starts // 4 * 4)
                file.addEntries(chrom, places.tolist(), values=values[: len(places)].tolist(), span=3)
            else:
                file.addEntries(chrom, 7, values=values.tolist(), span=5, step=11 if n > 20 else 20)
    return path


def all_values(path):
    with BigWig(path) as bigwig:
        sizes = bigwig.chrom_sizes.items()
        found = {chrom: bigwig.values(chrom, 0, min(size, 100_000)) for chrom, size in sizes}
        return found, bigwig.covered_blocks(1_000)


@pytest.mark.parametrize("kind", ["stretches", "places", "steps"])
@pytest.mark.parametrize("absent", [None, np.nan])
def test_values_are_those_of_pybigwig(tmp_path, kind, absent):
    path = write(tmp_path / "x.bw", kind, absent=absent)
    rng = np.random.default_rng(0)
    with pyBigWig.open(str(path)) as file, BigWig(path) as bigwig:
        assert bigwig.chrom_sizes == file.chroms()
        for chrom, size in SIZES.items():
            for _ in range(20):
                start, end = np.sort(rng.choice(size + 1, 2, replace=False)).tolist()
                expected = file.values(chrom, start, end, numpy=True)
                np.testing.assert_array_equal(bigwig.values(chrom, start, end), expected)


@pytest.mark.parametrize("max_zooms", [0, 10])
@pytest.mark.parametrize("absent", [None, 0.0, np.nan])
def test_covered_blocks_are_those_with_a_value_above_zero(tmp_path, max_zooms, absent):
    path = write(tmp_path / "x.bw", "stretches", max_zooms=max_zooms, absent=absent)
    expected = set()
    with BigWig(path) as bigwig:
        for chrom, size in SIZES.items():
            n_blocks = max(size // 1_000, 1)
            edges = [size * block // n_blocks for block in range(n_blocks + 1)]
            values = bigwig.values(chrom, 0, size)
            pairs = itertools.pairwise(edges)
            expected |= {(chrom, start, end) for start, end in pairs if (values[start:end] > 0).any()}
        assert set(bigwig.covered_blocks(1_000)) >= expected
        if absent is None or max_zooms == 0:
            assert set(bigwig.covered_blocks(1_000)) == expected


def test_a_file_without_a_summary_is_read(tmp_path):
    path = write(tmp_path / "x.bw", "stretches")
    expected = all_values(path)[0]
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, 4, 1)
    struct.pack_into("<Q", content, 44, 0)
    path.write_bytes(content)
    for chrom, values in all_values(path)[0].items():
        np.testing.assert_array_equal(values, expected[chrom])


def uncompressed(path, rows=((10, 20, 3.0), (30, 50, 4.0), (50, 60, 1.0))):
    """A bigWig by the format's description alone: one chromosome, two blocks, no zoom level, nothing compressed."""
    tree = struct.pack("<IIIIQQ", 0x78CA8C91, 1, 4, 8, 1, 0) + struct.pack("<BBH4sII", 1, 0, 1, b"chr1", 0, 1_000)
    blocks = [
        struct.pack("<IIIIIBBH", 0, part[0][0], part[-1][1], 0, 0, 1, 0, len(part))
        + b"".join(struct.pack("<IIf", *row) for row in part)
        for part in (rows[:2], rows[2:])
    ]
    summary = 64
    start = summary + 40 + len(tree)
    first = start + 8
    places = [first, first + len(blocks[0])]
    index = first + sum(map(len, blocks))
    leaves = [
        struct.pack("<IIIIQQ", 0, part[0][0], 0, part[-1][1], place, len(block))
        for part, place, block in zip((rows[:2], rows[2:]), places, blocks, strict=True)
    ]
    header = struct.pack("<IHHQQQHHQQIQ", 0x888FFC26, 4, 0, summary + 40, start, index, 0, 0, 0, summary, 0, 0)
    covered = struct.pack("<Qdddd", sum(end - begin for begin, end, _ in rows), 1, 4, 0, 0)
    root = struct.pack("<IIQIIIIQII", 0x2468ACE0, 2, 2, 0, rows[0][0], 0, rows[-1][1], index, 1, 0)
    data = struct.pack("<Q", 2) + b"".join(blocks)
    path.write_bytes(header + covered + tree + data + root + struct.pack("<BBH", 1, 0, 2) + b"".join(leaves))
    return path, first, index


def test_a_file_by_the_description_of_the_format_is_read(tmp_path):
    path, *_ = uncompressed(tmp_path / "x.bw")
    values = np.full(1_000, np.nan)
    values[10:20], values[30:50], values[50:60] = 3, 4, 1
    np.testing.assert_array_equal(all_values(path)[0]["chr1"], values)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_any_damaged_byte_gives_the_same_values_or_one_sentence(tmp_path, flip):
    path, first, index = uncompressed(tmp_path / "x.bw")
    content, expected = path.read_bytes(), all_values(path)[0]["chr1"]
    records = set(range(first + 24, first + 48)) | set(range(first + 72, index))
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= flip
        path.write_bytes(damaged)
        try:
            found, _ = all_values(path)
        except InputError as error:
            assert "x.bw" in str(error)  # noqa: PT017
            continue
        # Records state no checksum, lengths of chromosomes may be anything, and names too.
        if place not in records:
            values = next(iter(found.values()))
            n = min(len(values), 1_000)
            np.testing.assert_array_equal(values[:n], expected[:n])


@pytest.mark.parametrize("seed", range(3))
def test_compressed_blocks_that_are_damaged_give_the_same_values_or_one_sentence(tmp_path, seed):
    path = write(tmp_path / "x.bw", "stretches")
    content, (expected, _) = path.read_bytes(), all_values(path)
    rng = np.random.default_rng(seed)
    sentences = []
    for _ in range(150):
        damaged = bytearray(content)
        place = int(rng.integers(64 if rng.random() < 0.7 else 0, len(content)))
        damaged[place : place + 4] = rng.bytes(4)
        path.write_bytes(damaged[: len(content)])
        try:
            found, _ = all_values(path)
        except InputError as error:
            sentences.append(str(error))
            continue
        if found.keys() == expected.keys():
            for chrom, values in found.items():
                n = min(len(values), len(expected[chrom]))
                np.testing.assert_array_equal(values[:n], expected[chrom][:n])
    assert len(sentences) > 50
    assert all("x.bw" in sentence and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize("n_bins", [21, 4_001])
def test_a_last_bin_that_ends_past_its_chromosome_is_cut_there(tmp_path, n_bins):
    size = (n_bins - 1) * 50 + 10
    with pyBigWig.open(str(tmp_path / "x.bw"), "w") as file:
        file.addHeader([("chr1", size), ("chr2", 500)])
        file.addEntries("chr1", 0, values=[float(i + 1) for i in range(n_bins)], span=50, step=50)
        file.addEntries("chr2", 0, values=[1.0, 2.0], span=50, step=50)
    with BigWig(tmp_path / "x.bw") as bigwig:
        assert bigwig.values("chr1", size - 20, size).tolist() == [n_bins - 1.0] * 10 + [float(n_bins)] * 10
        assert bigwig.binned("chr1", n_bins - 2, n_bins, 50).tolist() == [n_bins - 1, n_bins]
        assert max(end for chrom, _, end in bigwig.covered_blocks(1_000) if chrom == "chr1") == size


def test_stretches_that_follow_each_other_decode_each_block_once(tmp_path):
    path = tmp_path / "x.bw"
    starts = np.arange(50_000) * 40
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", 2_000_000)])
        file.addEntries(["chr1"] * len(starts), starts, ends=starts + 40, values=np.arange(50_000) % 7.0)
    with BigWig(path) as bigwig:
        reader = bigwig._reader
        reader._block.cache_clear()
        for start in range(0, 2_000_000, 10_000):
            bigwig.values("chr1", start, start + 10_000)
        assert len(reader._blocks) > 10
        assert reader._block.cache_info().misses == len(reader._blocks)


@pytest.mark.parametrize("edge", ["start", "end"])
def test_records_beside_what_the_index_says_of_their_block_are_not_lost_in_silence(tmp_path, edge):
    path = tmp_path / "x.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", 400_000)], maxZooms=0)
        file.addEntries("chr1", 0, values=np.arange(1.0, 40_001.0).tolist(), span=10, step=10)
    with closing(BigWigReader(path)) as reader:
        start, end = (int(reader._blocks[name][1]) for name in ("start", "end"))
        assert len(reader._blocks) > 2
    content = path.read_bytes()
    place = content.index(struct.pack("<4I", 0, start, 0, end))
    damaged = (0, start + 700, 0, end) if edge == "start" else (0, start, 0, end - 700)
    path.write_bytes(content[:place] + struct.pack("<4I", *damaged) + content[place + 16 :])
    asked = (start, start + 50) if edge == "start" else (end - 50, end)
    with closing(BigWigReader(path)) as reader, pytest.raises(InputError, match=r"x\.bw: .*damaged"):
        reader.records("chr1", *asked)

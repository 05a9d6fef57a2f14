"""bigWigs that are written, as pyBigWig reads them."""

import itertools
import struct
import subprocess
import sys

import numpy as np
import pyBigWig
import pytest

from epizoo.errors import InputError
from epizoo.genome.bigwig.reader import BigWigReader
from epizoo.genome.bigwig.writer import BigWigWriter


def test_bigwig_gives_back_every_bin(tmp_path):
    values = np.random.default_rng(5).uniform(size=101).round(1).astype(np.float32)
    other = np.linspace(0, 1, 30, dtype=np.float32)
    with BigWigWriter(tmp_path / "x.bw", {"chr2": 1008, "chr10": 500}, 10) as writer:
        writer.add("chr10", 20, other[:10])
        writer.add("chr10", 30, other[10:])
        writer.add("chr2", 0, values[:50])
        writer.add("chr2", 50, np.concatenate([values[50:], np.ones(9, np.float32)]))
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert file.chroms() == {"chr10": 500, "chr2": 1008}
        np.testing.assert_allclose(file.values("chr2", 0, 1008, numpy=True), np.repeat(values, 10)[:1008])
        np.testing.assert_allclose(file.values("chr10", 200, 500, numpy=True), np.repeat(other, 10), atol=5e-5)
        assert np.isnan(file.values("chr10", 0, 200, numpy=True)).all()
        assert file.header()["nBasesCovered"] == 1308


@pytest.mark.parametrize("share_of_changes", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("size", [5000, 4997, 4991])
def test_bigwig_keeps_runs_and_noise_alike(tmp_path, share_of_changes, size):
    rng = np.random.default_rng(7)
    values = np.cumsum(rng.uniform(size=500) < share_of_changes).astype(np.float32) / 1000
    with BigWigWriter(tmp_path / "x.bw", {"chr1": size}, 10) as writer:
        for start in range(0, 500, 60):
            writer.add("chr1", start, values[start : start + 60])
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        np.testing.assert_allclose(file.values("chr1", 0, size, numpy=True), np.repeat(values, 10)[:size], atol=1e-7)


def test_what_was_written_is_counted_before_it_is_named(tmp_path, monkeypatch):
    path = tmp_path / "x.bw"
    values = np.random.default_rng(0).random(4_000)

    def write_half():
        with BigWigWriter(path, {"chr1": 40_000}, 10) as writer:
            writer.add("chr1", 0, values[:2_000])
            monkeypatch.setattr(writer._file, "add_fixed", lambda *values: None)
            writer.add("chr1", 2_000, values[2_000:])

    with pytest.raises(InputError, match=r"x\.bw: was not written to its end \(2,000 of 4,000"):
        write_half()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sort", ["runs", "noise"])
def test_zoom_levels_hold_what_the_values_give(tmp_path, sort):
    rng = np.random.default_rng(1)
    n_bins = 2_000_000
    values = np.repeat(rng.gamma(1, 1, n_bins // 40), 40) if sort == "runs" else rng.gamma(1, 1, n_bins)
    with BigWigWriter(tmp_path / "x.bw", {"chr1": n_bins * 10 - 3}, 10) as writer:
        # Pieces that end within a stretch of every level.
        for start in range(0, n_bins, 77_777):
            writer.add("chr1", start, values[start : start + 77_777])
    stored = np.round(values, 4).astype(np.float32)
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert file.header()["nLevels"] > 3
        # As many stretches as the finest level that pyBigWig takes for them divides, so that none is split.
        size, n_stretches = 16_384_000, 128
        rows = stored[: size // 10].reshape(n_stretches, -1)
        for name, expected in (("mean", rows.mean(axis=1)), ("min", rows.min(axis=1)), ("max", rows.max(axis=1))):
            found = file.stats("chr1", 0, size, type=name, nBins=n_stretches)
            np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)
        summary = file.header()
    assert summary["nBasesCovered"] == n_bins * 10 - 3
    assert summary["sumData"] == pytest.approx(np.repeat(stored.astype(float), 10)[:-3].sum(), rel=1e-6)


@pytest.mark.parametrize(("bin_bp", "finest_bp"), [(10, 1_000), (50, 4_000)])
def test_the_finest_zoom_level_holds_stretches_of_many_bins(tmp_path, bin_bp, finest_bp):
    with BigWigWriter(tmp_path / "x.bw", {"chr1": 200_000 * bin_bp}, bin_bp) as writer:
        writer.add("chr1", 0, np.random.default_rng(2).gamma(1, 1, 200_000))
    content = (tmp_path / "x.bw").read_bytes()
    n_levels = struct.unpack_from("<H", content, 6)[0]
    reductions = [struct.unpack_from("<I", content, 64 + 24 * level)[0] for level in range(n_levels)]
    assert reductions[0] == finest_bp
    assert all(wide == 4 * narrow for narrow, wide in itertools.pairwise(reductions))


@pytest.mark.parametrize("n_chroms", [0, 1, 256, 257, 70_000])
def test_any_number_of_chromosomes_is_found_again(tmp_path, n_chroms):
    sizes = {f"scaffold_{number}": 100 + number % 7 for number in range(n_chroms)}
    chosen = sorted(sizes)[:: max(n_chroms // 300, 1)]
    with BigWigWriter(tmp_path / "x.bw", sizes, 10) as writer:
        for number, chrom in enumerate(chosen):
            writer.add(chrom, 2, np.array([number + 1.0] * 5 + [0.5]))
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert file.chroms() == sizes
        for number, chrom in enumerate(chosen):
            assert file.intervals(chrom) == ((20, 70, number + 1), (70, 80, 0.5))
    if n_chroms:
        reader = BigWigReader(tmp_path / "x.bw")
        assert reader.chrom_sizes == dict(sorted(sizes.items()))
        assert reader.count()[0] == 2 * len(chosen)
        reader.close()


@pytest.mark.parametrize("many", [1, 7, 1 << 14])
def test_zoom_levels_keep_short_chromosomes_apart(tmp_path, monkeypatch, many):
    monkeypatch.setattr("epizoo.genome.bigwig.stream._MANY_PENDING", many)
    sizes = {f"scaffold_{number:02}": 8_000 for number in range(40)}
    with BigWigWriter(tmp_path / "x.bw", sizes, 10) as writer:
        for number, chrom in enumerate(sizes):
            writer.add(chrom, 0, np.array([number + 1.0, 0.5] * 400))
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        for number, chrom in enumerate(sizes):
            # Wide enough to be answered by a zoom level.
            assert file.stats(chrom, 0, 8_000, type="max", nBins=2) == [number + 1.0] * 2
    reader = BigWigReader(tmp_path / "x.bw")
    for width_bp in (2_000, 16_000, 1 << 30):
        assert list(reader.positive_stretches(width_bp)) == list(sizes)
    reader.close()


def test_positions_up_to_2_to_the_32_are_written(tmp_path):
    size = 2**32 - 1
    with BigWigWriter(tmp_path / "x.bw", {"chr1": size}, 50) as writer:
        writer.add("chr1", (size - 1_000_000) // 50, np.arange(20_001) % 97)
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert file.chroms() == {"chr1": size}
        first = (size - 1_000_000) // 50 * 50
        assert file.values("chr1", first, first + 100) == [0.0] * 50 + [1.0] * 50
        assert file.values("chr1", size - 1, size) == [20_000 % 97]


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path):
    program = """
import resource, sys
import numpy as np
from epizoo.errors import InputError
from epizoo.genome.bigwig.writer import BigWigWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with BigWigWriter(sys.argv[1], {"chr1": 2_000_000}, 10) as writer:
        writer.add("chr1", 0, np.random.default_rng(0).random(200_000))
except InputError as error:
    print(error)
"""
    for limit in (10, 500, 100_000, 400_000):
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "x.bw"), str(limit)], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        assert "x.bw: was not written to its end (File too large)" in run.stdout
        assert not list(tmp_path.iterdir())

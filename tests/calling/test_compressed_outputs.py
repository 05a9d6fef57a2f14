"""Outputs that end in .gz can be indexed, and equal results make equal files."""

import gzip

import pysam
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli import app
from epizoo.genome.text_files import write_text


def test_compressed_text_is_indexed_by_tabix(tmp_path):
    text = "".join(f"chr1\t{100 * i}\t{100 * i + 50}\tp{i}\n" for i in range(20_000))
    write_text(tmp_path / "x.bed.gz", text, compressed=True)
    write_text(tmp_path / "y.bed.gz", text, compressed=True)
    assert (tmp_path / "x.bed.gz").read_bytes() == (tmp_path / "y.bed.gz").read_bytes()
    assert gzip.decompress((tmp_path / "x.bed.gz").read_bytes()).decode() == text
    pysam.tabix_index(str(tmp_path / "x.bed.gz"), preset="bed")
    with pysam.TabixFile(str(tmp_path / "x.bed.gz")) as file:
        assert list(file.fetch("chr1", 1_000_010, 1_000_120)) == [
            "chr1\t1000000\t1000050\tp10000",
            "chr1\t1000100\t1000150\tp10001",
        ]


@pytest.mark.parametrize("suffix", ["narrowPeak.gz", "broadPeak.gz", "bed.gz"])
def test_peaks_are_indexed_by_tabix(tmp_path, random_zoo, suffix):
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    path = tmp_path / f"peaks.{suffix}"
    peaks = entry.call_peaks(random_zoo.bigwig, q_value=1, enter_probability=1e-6, extend_probability=1e-6, output=path)
    assert len(peaks)
    pysam.tabix_index(str(path), preset="bed")
    with pysam.TabixFile(str(path)) as file:
        assert sum(1 for _ in file.fetch()) == len(peaks)


def test_a_browsers_region_is_the_interval_of_a_bed_file(tmp_path, random_zoo):
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    (tmp_path / "x.bed").write_text("chr1\t1000\t30000\n")
    options = {"q_value": 1, "enter_probability": 1e-6, "extend_probability": 1e-6}
    from_file = entry.call_peaks(random_zoo.bigwig, regions=tmp_path / "x.bed", **options)
    assert len(from_file)
    for text in ("chr1:1,001-30,000", "chr1:1001-30000"):
        assert entry.call_peaks(random_zoo.bigwig, regions=text, **options).equals(from_file)
    words = ["call-peaks", random_zoo.folder / "peak_caller/random", "--bigwig", random_zoo.bigwig, "--q-value", 1]
    words += ["--enter-probability", 1e-6, "--extend-probability", 1e-6, "--regions", "chr1:1,001-30,000"]
    result = CliRunner().invoke(app, [*map(str, words), "-o", str(tmp_path / "x.narrowPeak")])
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "x.narrowPeak").read_text().splitlines()) == len(from_file)

"""Outputs that end in .gz can be indexed, and equal results make equal files."""

import errno
import gzip
import os
from pathlib import Path

import pysam
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.genome.text_files import bed_file, index_of, write_text


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


def test_the_index_of_compressed_rows_finds_them(tmp_path):
    rows = [f"chr{c}\t{100 * i}\t{100 * i + 50}\tp{i}\n" for c in (1, 10, 2) for i in range(5_000)]
    with bed_file(tmp_path / "x.bed.gz", 'track name="x"\n') as write:
        for row in rows:
            write(row.encode())
    assert index_of(tmp_path / "x.bed.gz") == tmp_path / "x.bed.gz.tbi"
    with pysam.TabixFile(str(tmp_path / "x.bed.gz")) as file:
        assert list(file.fetch("chr10", 120_010, 120_120)) == [
            "chr10\t120000\t120050\tp1200",
            "chr10\t120100\t120150\tp1201",
        ]
        assert sum(1 for chrom in file.contigs for _ in file.fetch(chrom)) == len(rows)
    with bed_file(tmp_path / "y.bed") as write:
        write(rows[0].encode())
    assert index_of(tmp_path / "y.bed") is None
    assert (tmp_path / "y.bed").read_text() == rows[0]


def test_chromosomes_that_tbi_cannot_hold_have_a_csi(tmp_path):
    row = "chr1\t700000000\t700000100\tp\n"
    (tmp_path / "x.bed.gz.tbi").touch()
    with bed_file(tmp_path / "x.bed.gz") as write:
        write(row.encode())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bed.gz", "x.bed.gz.csi"]
    with pysam.TabixFile(str(tmp_path / "x.bed.gz"), index=str(tmp_path / "x.bed.gz.csi")) as file:
        assert list(file.fetch("chr1", 699_999_999, 700_000_001)) == [row.rstrip()]


def test_no_rows_have_an_index_too(tmp_path):
    with bed_file(tmp_path / "x.bed.gz"):
        pass
    with pysam.TabixFile(str(tmp_path / "x.bed.gz")) as file:
        assert file.contigs == []


def test_what_fails_leaves_neither_file_nor_index(tmp_path):
    def work():
        with bed_file(tmp_path / "x.bed.gz") as write:
            write(b"chr1\t0\t9\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert list(tmp_path.iterdir()) == []


def test_an_index_never_stands_beside_other_rows(tmp_path, monkeypatch):
    def write(row):
        with bed_file(tmp_path / "x.bed.gz") as append:
            append(row)

    def replace(path, target):
        if Path(target).name == "x.bed.gz":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return os.replace(path, target)

    write(b"chr1\t0\t9\n")
    old = (tmp_path / "x.bed.gz").read_bytes()
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="Input/output"):
        write(b"chr2\t0\t9\n")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x.bed.gz": old}

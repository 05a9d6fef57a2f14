"""Peaks of any caller are read, ranked and placed as their formats say."""

import pytest

from epizoo.calling.peak_files import FORMATS, write_peaks
from epizoo.calling.peak_reader import peak_rank, read_peaks, summit_places
from epizoo.calling.peaks import peak_table
from epizoo.errors import InputError


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "bed"])
def test_what_was_written_is_read(tmp_path, kind):
    peaks = peak_table(
        chrom=["chr1", "chr2"],
        start=[5, 8],
        end=[50, 80],
        name=["a", "b"],
        score=[7, 9],
        strand=".",
        signalValue=[1.5, 2.5],
        pValue=-1,
        qValue=-1,
        peak=[3, 4],
        blockStarts="0",
        blockSizes=["45", "72"],
        summits=["3", "4"],
    )
    write_peaks(tmp_path / "x.gz", peaks, kind, track="track name=x")
    read = read_peaks(tmp_path / "x.gz")
    columns = ["chrom", "start", "end", "score", "signalValue", "pValue"]
    assert read[columns].to_numpy().tolist() == peaks[columns].to_numpy().tolist()
    assert read["peak"].tolist() == ([3, 4] if kind == "narrowPeak" else [-1, -1])


def test_ranks_follow_p_values_then_scores_then_signal(tmp_path):
    (tmp_path / "macs").write_text("c\t0\t9\ta\t1000\t.\t5\t12\t9\t3\nc\t10\t19\tb\t1000\t.\t4\t30\t9\t3\n")
    assert peak_rank(read_peaks(tmp_path / "macs")).tolist() == [12, 30]
    (tmp_path / "ours").write_text(
        "c\t0\t9\ta\t990\t.\t5\t-1\t-1\t3\nc\t10\t19\tb\t990\t.\t7\t-1\t-1\t3\nc\t20\t29\tb\t100\t.\t9\t-1\t-1\t3\n"
    )
    assert peak_rank(read_peaks(tmp_path / "ours")).argsort().tolist() == [2, 0, 1]
    (tmp_path / "bed").write_text("c\t0\t9\nc 10 20\n")
    plain = read_peaks(tmp_path / "bed")
    assert peak_rank(plain) is None
    assert summit_places(plain).tolist() == [4, 15]
    assert summit_places(read_peaks(tmp_path / "macs")).tolist() == [3, 13]


@pytest.mark.parametrize("rest", ["5\t50\t255,0,0", "5\t50\t0", "5\t50\t0\t1\t45\t0"])
def test_the_colours_of_bed9_and_bed12_are_no_p_values(tmp_path, rest):
    (tmp_path / "x.bed").write_text(f"chr1\t5\t50\ta\t7\t.\t{rest}\n")
    read = read_peaks(tmp_path / "x.bed")
    assert read["score"].tolist() == [7]
    assert read[["signalValue", "pValue"]].isna().to_numpy().all()


def test_a_file_without_peaks_is_empty_and_no_error(tmp_path):
    (tmp_path / "x.bed").write_text("# nothing\n")
    assert len(read_peaks(tmp_path / "x.bed")) == 0
    assert peak_rank(read_peaks(tmp_path / "x.bed")) is None


@pytest.mark.parametrize("row", ["chr1\t5", "chr1\t9\t5", "chr1\ta\tb", "chr1\t1\t5\tn\thigh\t.\t1\t1\t1\t1"])
def test_rows_that_are_no_peaks_are_named(tmp_path, row):
    (tmp_path / "x.bed").write_text("chr1\t1\t5\n" + row + "\n")
    with pytest.raises(InputError, match=r"x\.bed: line 2\b"):
        read_peaks(tmp_path / "x.bed")


def test_a_score_that_is_not_stated_counts_as_none(tmp_path):
    (tmp_path / "x").write_text("c\t0\t9\ta\t.\t.\t3\t-1\t-1\t3\nc\t10\t19\tb\t0\t.\t5\t-1\t-1\t3\n")
    assert peak_rank(read_peaks(tmp_path / "x")).tolist() == [0, 1]

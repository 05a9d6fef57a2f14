"""Files of peaks, read back by other parsers than ours and by UCSC's rules."""

import gzip

import bioframe
import numpy as np
import pytest

from epizoo.calling.bed9 import track_line
from epizoo.calling.peak_files import FORMATS, peak_format, write_peaks, write_summits
from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.peaks import call_peaks, narrowpeak_table, peak_table
from epizoo.errors import InputError


@pytest.fixture
def peaks():
    return peak_table(
        chrom=["chr2", "chr10", "chr10"],
        start=[500, 900, 100],
        end=[700, 950, 150],
        name=["b", "d", "c"],
        score=[1000, 3, 512],
        strand=".",
        signalValue=[12.345678, 1e6, 0.25],
        pValue=-1,
        qValue=-1,
        peak=[20, 0, 49],
        blockStarts=["0,150", "0", "0"],
        blockSizes=["100,50", "50", "50"],
        summits=["20,80,151", "0", "49"],
    )


@pytest.fixture(scope="module")
def called():
    """Real calls of noise, many of them of several blocks."""
    rng = np.random.default_rng(0)
    wave = np.convolve(rng.normal(size=4030), np.ones(31) / 4, mode="valid")
    probabilities = (1 / (1 + np.exp(-wave))).astype(np.float32)
    config = PeakCallingConfig(0.7, 0.5, merge_gap_bp=300)
    signal = rng.gamma(2.0, 1.0, 4000).astype(np.float32)
    return call_peaks("chr1", 0, probabilities, signal, config, bin_bp=10, chrom_size=39_995)


def test_narrowpeak_is_read_by_bioframe(tmp_path, peaks):
    write_peaks(tmp_path / "x.narrowPeak", peaks)
    read = bioframe.read_table(tmp_path / "x.narrowPeak", schema="narrowPeak")
    assert read["chrom"].tolist() == ["chr10", "chr10", "chr2"]
    assert read["start"].tolist() == [100, 900, 500]
    assert read["relSummit"].tolist() == [49, 0, 20]
    assert read["score"].tolist() == [512, 3, 1000]
    np.testing.assert_allclose(read["fc"], [0.25, 1e6, 12.345678], rtol=1e-4)
    assert (tmp_path / "x.narrowPeak").read_text().splitlines()[0] == "chr10\t100\t150\tc\t512\t.\t0.25\t-1\t-1\t49"


def test_broadpeak_is_read_by_bioframe(tmp_path, peaks):
    write_peaks(tmp_path / "x.broadPeak", peaks, "broadPeak")
    read = bioframe.read_table(tmp_path / "x.broadPeak", schema="broadPeak")
    assert read[["start", "end", "score"]].to_numpy().tolist() == [[100, 150, 512], [900, 950, 3], [500, 700, 1000]]
    assert (tmp_path / "x.broadPeak").read_text().splitlines()[0] == "chr10\t100\t150\tc\t512\t.\t0.25\t-1\t-1"


def test_gappedpeak_is_bed12_of_the_joined_stretches(tmp_path, peaks):
    write_peaks(tmp_path / "x.gappedPeak", peaks, "gappedPeak")
    rows = (tmp_path / "x.gappedPeak").read_text().splitlines()
    assert rows[2] == "chr2\t500\t700\tb\t1000\t.\t500\t700\t0\t2\t100,50\t0,150\t12.346\t-1\t-1"


def test_blocks_follow_the_rules_of_bed12(tmp_path, called):
    write_peaks(tmp_path / "x.gappedPeak", called, "gappedPeak")
    counts = []
    for row in (tmp_path / "x.gappedPeak").read_text().splitlines():
        fields = row.split("\t")
        assert len(fields) == 15
        start, end = int(fields[1]), int(fields[2])
        sizes, starts = ([int(part) for part in fields[i].split(",")] for i in (10, 11))
        assert len(sizes) == len(starts) == int(fields[9])
        assert starts[0] == 0
        assert start + starts[-1] + sizes[-1] == end
        assert all(a + size < b for a, size, b in zip(starts, sizes, starts[1:], strict=False))
        assert 0 <= int(fields[4]) <= 1000
        counts.append(len(sizes))
    assert max(counts) > 1


def test_summits_are_named_after_their_peaks(tmp_path, peaks):
    write_summits(tmp_path / "x.bed", peaks)
    assert (tmp_path / "x.bed").read_text().splitlines() == [
        "chr10\t149\t150\tc\t512",
        "chr10\t900\t901\td\t3",
        "chr2\t520\t521\tba\t1000",
        "chr2\t580\t581\tbb\t1000",
        "chr2\t651\t652\tbc\t1000",
    ]


def test_every_summit_lies_in_a_stretch_of_its_peak(called):
    assert called["summits"].str.contains(",").sum() > 5
    for peak in called.itertuples():
        starts, sizes, summits = (
            np.array(text.split(","), int) for text in (peak.blockStarts, peak.blockSizes, peak.summits)
        )
        inside = (starts <= summits[:, None]) & (summits[:, None] < starts + sizes)
        assert inside.any(axis=1).all()
        assert inside.any(axis=0).all()
        assert peak.peak in summits


def test_names_choose_the_format_and_contradictions_are_refused(tmp_path):
    assert peak_format(tmp_path / "x.bed", "BROADPEAK") == "broadPeak"
    assert peak_format(tmp_path / "x.bed.gz") == "bed"
    with pytest.raises(InputError, match=r"'bed12'.*narrowPeak, broadPeak, gappedPeak"):
        peak_format(tmp_path / "x.bed", "bed12")
    with pytest.raises(InputError, match=r"x\.narrowPeak\.gz: .*\bnarrowPeak\b.*\bgappedPeak\b"):
        peak_format(tmp_path / "x.narrowPeak.gz", "gappedPeak")
    assert peak_format("peaks") == "narrowPeak"
    assert peak_format("x.txt", "bed") == "bed"
    assert peak_format("x.parquet") == peak_format("y.parquet", "parquet") == "parquet"
    with pytest.raises(InputError, match=r"x: .*\.parquet"):
        peak_format("x", "parquet")
    with pytest.raises(InputError, match=r"x\.parquet: .*\bparquet\b.*\bbroadPeak\b"):
        peak_format("x.parquet", "broadPeak")
    for name in ("x.csv", "x.txt.gz"):
        with pytest.raises(InputError, match=r"\.(csv|txt) is no suffix.*\.narrowPeak, \.broadPeak.*--format"):
            peak_format(name)


def test_gzipped_files_hold_the_same_bytes_each_time(tmp_path, peaks):
    for name in ("a.narrowPeak.gz", "b.narrowPeak.gz", "c.narrowPeak"):
        write_peaks(tmp_path / name, peaks)
    packed = (tmp_path / "a.narrowPeak.gz").read_bytes()
    assert packed == (tmp_path / "b.narrowPeak.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "c.narrowPeak").read_bytes()


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "bed"])
def test_track_lines_stand_first_and_only_when_asked_for(tmp_path, peaks, kind):
    line = track_line(kind, "mine")
    write_peaks(tmp_path / "x", peaks, kind, track=line)
    assert (tmp_path / "x").read_text().splitlines()[0] == line
    assert line.startswith(f"track type={kind} ")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_without_peaks_is_an_empty_file(tmp_path, kind):
    write_peaks(tmp_path / "x", peak_table(), kind)
    write_summits(tmp_path / "y", peak_table())
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes() == b""


def test_narrowpeak_needs_no_more_than_its_own_columns(tmp_path, peaks):
    write_peaks(tmp_path / "x", peaks[list(narrowpeak_table().columns)])
    assert len((tmp_path / "x").read_text().splitlines()) == 3


def test_a_bed_has_the_first_six_columns_of_narrow_peaks(tmp_path, peaks):
    write_peaks(tmp_path / "x.narrowPeak", peaks)
    write_peaks(tmp_path / "x.bed", peaks, "bed", track_line("bed", "mine"))
    track, *rows = (tmp_path / "x.bed").read_text().splitlines()
    assert track == 'track name="mine" description="mine" visibility=1'
    assert rows == ["\t".join(row.split("\t")[:6]) for row in (tmp_path / "x.narrowPeak").read_text().splitlines()]

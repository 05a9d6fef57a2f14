import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.metrics.label_errors import label_errors
from epizoo.metrics.label_files import labels_of_peaks, read_listed_peaks, read_region_labels


def intervals(rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def random_peaks(random, n):
    edges = np.sort(random.choice(np.arange(1, 400), 2 * n, replace=False)) * 50
    return intervals([("chr1", int(low), int(high)) for low, high in edges.reshape(-1, 2)])


@pytest.mark.parametrize("seed", range(20))
def test_the_listed_peaks_themselves_satisfy_every_label_that_follows_from_them(seed):
    random = np.random.default_rng(seed)
    peaks = random_peaks(random, int(random.integers(1, 9)))
    low, high = sorted(random.integers(0, 20_000, 2) * 1)
    labels = labels_of_peaks(peaks, intervals([("chr1", int(low), int(high) + 1)]))
    assert not label_errors(labels, peaks)["wrong"].any()
    starts, ends = labels["start"].to_numpy(), labels["end"].to_numpy()
    assert (starts[1:] >= ends[:-1]).all()
    assert starts.min(initial=low) >= low - 250
    assert ends.max(initial=0) <= high + 251


def test_a_missed_an_added_and_a_shifted_peak_are_each_wrong():
    peaks = intervals([("chr1", 2_000, 4_000), ("chr1", 9_000, 11_000)])
    labels = labels_of_peaks(peaks, intervals([("chr1", 0, 20_000)]))
    wrong = {
        "missed": peaks.iloc[:1],
        "added": intervals([*peaks.to_numpy().tolist(), ("chr1", 15_000, 15_500)]),
        "shifted": intervals([("chr1", 2_600, 4_000), ("chr1", 9_000, 11_000)]),
    }
    assert {name: int(label_errors(labels, called)["wrong"].sum()) for name, called in wrong.items()} == {
        "missed": 2,
        "added": 1,
        "shifted": 1,
    }


def test_a_bed_and_a_table_with_a_header_are_the_same_labels(tmp_path):
    (tmp_path / "a.bed").write_text("track name=x\nchr1\t10\t90\tpeaks\nchr1\t100\t200\tnoPeaks\n")
    (tmp_path / "b.tsv").write_text(
        "sample\tchrom\tchromStart\tchromEnd\tannotation\ns\tchr1\t10\t90\tpeaks\ns\tchr1\t100\t200\tnoPeaks\n"
    )
    first, second = read_region_labels(tmp_path / "a.bed"), read_region_labels(tmp_path / "b.tsv")
    pd.testing.assert_frame_equal(first, second)
    assert first.to_numpy().tolist() == [["chr1", 10, 90, "peaks"], ["chr1", 100, 200, "noPeaks"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t10\t90\tPeak\n", r"line 1: .*'Peak'.*noPeaks, peaks"),
        ("chr1\t90\t10\tpeaks\n", r"line 1: .*\b90\b.*\b10\b"),
        ("chr1\t10\tx\tpeaks\n", r"line 1: .*chrom, start, end"),
        ("chr1\t10\t90\n", r"line 1: .*chrom, start, end"),
        ("", r"labels\.bed: .*no label"),
        ("chr1\t10\t90\tpeaks\nchr1\t10\t90\tnoPeaks\n", r"chr1:10-90\b.*\bpeaks\b.*\bnoPeaks\b"),
    ],
)
def test_bad_labels_are_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "labels.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_region_labels(path)


def test_peaks_outside_the_regions_are_refused(tmp_path):
    (tmp_path / "peaks.bed").write_text("chr2\t10\t90\n")
    (tmp_path / "regions.bed").write_text("chr1\t0\t1000\n")
    with pytest.raises(InputError, match=r"peaks\.bed: .*regions\.bed"):
        read_listed_peaks(tmp_path / "peaks.bed", tmp_path / "regions.bed")


def test_a_peak_that_the_region_just_reaches_or_cuts_gives_no_label_beyond_it():
    region = intervals([("c", 1_000, 2_000)])
    touching = intervals([("c", 500, 1_000), ("c", 2_000, 2_500)])
    assert labels_of_peaks(touching, region, 100).to_numpy().tolist() == [["c", 1_000, 2_000, "noPeaks"]]
    cut = intervals([("c", 500, 1_400), ("c", 1_800, 2_500)])
    assert labels_of_peaks(cut, region, 100).to_numpy().tolist() == [
        ["c", 1_300, 1_500, "peakEnd"],
        ["c", 1_500, 1_700, "noPeaks"],
        ["c", 1_700, 1_900, "peakStart"],
    ]


def test_a_border_that_the_region_cuts_off_gives_no_label():
    peaks = intervals([("chr1", 1_000, 3_000), ("chr1", 8_000, 9_000)])
    labels = labels_of_peaks(peaks, intervals([("chr1", 1_000, 9_000)]), border_bp=100)
    assert labels.to_numpy().tolist() == [
        ["chr1", 2_900, 3_100, "peakEnd"],
        ["chr1", 3_100, 7_900, "noPeaks"],
        ["chr1", 7_900, 8_100, "peakStart"],
    ]

import gzip
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.intervals import (
    check_blacklist,
    check_intervals,
    read_bed,
    read_chrom_sizes,
    subtract_blacklist,
    tile,
    whole_genome,
)
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.metrics.label_files import read_labels

SIZES = {"chr1": 1000, "chr2": 500}


def table(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def test_bed_rows_are_kept_and_browser_lines_are_not(tmp_path):
    text = (
        '# made by hand\nbrowser position chr1\ntrack name="x"\nchr1\t0\t10\ta b\t5\t+\n\nchr2\t7\t9\tc\t.\t-\textra\n'
    )
    plain, gzipped = tmp_path / "x.bed", tmp_path / "x.bed.gz"
    plain.write_text(text)
    gzipped.write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    expected = [["chr1", 0, 10, "a b", "5", "+"], ["chr2", 7, 9, "c", ".", "-"]]
    for path in (plain, gzipped):
        found = read_bed(path)
        assert found.to_numpy().tolist() == expected
        assert found.columns.tolist() == ["chrom", "start", "end", "name", "score", "strand"]
        assert found["start"].dtype == found["end"].dtype == np.int64


def test_columns_that_some_rows_lack_are_left_out(tmp_path):
    path = tmp_path / "x.bed"
    path.write_text("chr1 0 10 a\nchr1 20 30\n")
    assert read_bed(path).to_numpy().tolist() == [["chr1", 0, 10], ["chr1", 20, 30]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no interval"),
        ("# nothing\ntrack name=x\n", "no interval"),
        ("chr1\t5\t9\nchr1\t9\t9\n", r"line 2: .*\b9\b.*\b9\b"),
        ("#c\nchr1\t9\t5\n", r"line 2: .*\b9\b.*\b5\b"),
        ("chr1\t-3\t5\n", r"line 1: .*-3\b"),
        ("chr1\t1.5\t5\n", r"line 1: .*whole numbers.*'1\.5' and '5'"),
        ("chr1\t1\n", r"line 1: .*chrom, start.*'chr1\\t1'"),
    ],
)
def test_bad_bed_is_refused_by_line(tmp_path, text, sentence):
    path = tmp_path / "bad.bed"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_bed(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert re.search(sentence, str(caught.value))


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "cut.bed.gz").write_bytes(gzip.compress(b"chr1\t0\t10\n" * 100)[:-20])
    (tmp_path / "raw.bed").write_bytes(bytes(range(128, 256)))
    for name, sentence in (
        ("no.bed", "no such file"),
        (".", "is a folder"),
        ("cut.bed.gz", "read"),
        ("raw.bed", "read"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_bed(tmp_path / name)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], r"peaks\.bed: .*no interval"),
        ([("chr9", 0, 5)], r"peaks\.bed: .*\bchr9\b.*x\.bw.*chr1, chr2"),
        ([("1", 0, 5)], r"peaks\.bed: .*\b1\b.*\bchr1 in x\.bw"),
        (
            [("chr1", 0, 5), ("chr2", 499, 501)],
            r"chr2:499-501 .*past the end.*x\.bw.*\b500 bp",
        ),
        ([("chr1", -1, 5)], r"chr1:-1-5 .*\b0\b"),
        ([("chr1", 5, 5)], r"chr1:5-5 .*start"),
    ],
)
def test_intervals_outside_chromosomes_are_refused(rows, sentence):
    with pytest.raises(InputError) as caught:
        check_intervals(table(*rows), SIZES, "peaks.bed", "x.bw")
    assert re.search(sentence, str(caught.value))


def test_names_with_chr_against_names_without_are_named():
    with pytest.raises(InputError, match=r"\bchr1\b.*\b1 in x"):
        check_intervals(table(("chr1", 0, 5)), {"1": 10}, "peaks.bed", "x.bw")


def test_intervals_that_touch_both_edges_pass():
    check_intervals(table(("chr1", 0, 1000), ("chr2", 499, 500)), SIZES, "peaks.bed", "x.bw")


@pytest.mark.parametrize(
    ("interval", "windows"),
    [
        # bins of 10 bp, windows of 3 bins: (start, end, valid_bins)
        ((0, 30), [(0, 30, 3)]),
        ((0, 31), [(0, 30, 3), (30, 60, 1)]),
        ((0, 1), [(0, 30, 1)]),
        ((9, 10), [(0, 30, 1)]),
        ((9, 11), [(0, 30, 2)]),
        ((15, 61), [(10, 40, 3), (40, 70, 3)]),
        ((15, 75), [(10, 40, 3), (40, 70, 3), (70, 100, 1)]),
        ((990, 1000), [(990, 1020, 1)]),
        ((999, 1000), [(990, 1020, 1)]),
    ],
)
def test_tiles_cover_their_interval_on_the_grid(interval, windows):
    found = tile(table(("chr1", *interval)), width_bp=30, bin_bp=10)
    assert list(zip(found["start"], found["end"], found["valid_bins"], strict=True)) == windows


def test_valid_bins_of_tiles_are_the_bins_that_an_interval_touches():
    rng = np.random.default_rng(1)
    starts = rng.integers(0, 5000, 300)
    intervals = table(*[("chr1", int(s), int(s + w)) for s, w in zip(starts, rng.integers(1, 900, 300), strict=True)])
    found = tile(intervals, width_bp=70, bin_bp=7)
    for row, (_, start, end) in enumerate(intervals.itertuples(index=False)):
        own = found[found["interval"] == row]
        bins = [s // 7 + i for s, valid in zip(own["start"], own["valid_bins"], strict=True) for i in range(valid)]
        assert bins == sorted({bp // 7 for bp in range(start, end)})


def test_windows_that_are_no_whole_bins_are_refused():
    with pytest.raises(InputError, match=r"\b25 bp\b.*\b10 bp"):
        tile(table(("chr1", 0, 5)), width_bp=25, bin_bp=10)


def test_blacklist_cuts_pieces_and_keeps_order_and_columns():
    intervals = table(("chr2", 0, 100), ("chr1", 0, 50), ("chr1", 200, 300)).assign(name=["a", "b", "c"])
    blacklist = table(("chr1", 210, 220), ("chr1", 40, 60), ("chr2", 0, 10), ("chr7", 0, 5))
    left = subtract_blacklist(intervals, blacklist)
    assert left.to_numpy().tolist() == [
        ["chr2", 10, 100, "a"], ["chr1", 0, 40, "b"], ["chr1", 200, 210, "c"], ["chr1", 220, 300, "c"],
    ]  # fmt: skip
    assert left["start"].dtype == np.int64


def test_a_blacklist_of_everything_is_refused():
    with pytest.raises(InputError, match="blacklist covers"):
        subtract_blacklist(table(("chr1", 5, 10)), table(("chr1", 0, 50)))


def test_chrom_sizes_keep_the_order_of_their_file(tmp_path):
    path = tmp_path / "sizes.txt"
    path.write_text("chr10\t50\nchr2\t70\t9\t9\n")
    assert list(read_chrom_sizes(path).items()) == [("chr10", 50), ("chr2", 70)]
    assert whole_genome(read_chrom_sizes(path)).to_numpy().tolist() == [["chr10", 0, 50], ["chr2", 0, 70]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no chromosome"),
        ("chr1 x\n", "line 1: "),
        ("chr1\t0\n", "line 1"),
        ("a 1\na 2\n", "second time"),
    ],
)
def test_bad_chrom_sizes_are_refused(tmp_path, text, sentence):
    path = tmp_path / "sizes.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_chrom_sizes(path)


def test_a_gzipped_file_with_damaged_content_is_refused(tmp_path):
    damaged = bytearray(gzip.compress(b"".join(b"chr1\t%d\t%d\n" % (i, i * 7 + 1) for i in range(5000))))
    damaged[200:230] = b"\xff" * 30
    path = tmp_path / "x.bed.gz"
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"x\.bed\.gz: .*read"):
        read_bed(path)


@pytest.mark.parametrize(("start", "end"), [("1_000", "2_000"), ("+5", "9"), ("--5", "9"), ("", "9")])
def test_positions_are_decimal_digits_alone(tmp_path, start, end):
    path = tmp_path / "x.bed"
    path.write_text(f"chr1\t{start}\t{end}\n")
    with pytest.raises(InputError, match="whole numbers"):
        read_bed(path)


def test_text_is_utf8_whatever_the_locale_says(tmp_path):
    path, zipped = tmp_path / "x.bed", tmp_path / "y.bed.gz"
    path.write_bytes("chr1\t0\t9\tPäk\n".encode())
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    script = (
        "import sys; from epizoo.genome.intervals import read_bed; "
        "print(ascii([read_bed(path)['name'][0] for path in sys.argv[1:]]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, path, zipped],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == r"['P\xe4k', 'P\xe4k']"


@pytest.mark.parametrize(
    "text",
    [
        "chr1\t0\t10\nchr1\t5\t9\n",
        'track name="x"\n\n# c\nchr1\t0\t10\tNA\t0\t+\textra\nchr2\t5\t9\t"q\t.\t-\tmore\n',
        "chr1\t0\t10\ta\t0\nchr1\t5\t9\tb\n",
        "chr1\t0\t10\nchr1\t5\t9\tb\n",
        "chr1\t0\t10\ta\nchr1\t5\t9\t\n",
        "chr1\t0\t10\n\n#c\nbrowser x\nchr1 5 9\n",
        "chr1 0 10\nchr1\t5\t9\n",
        "chr1\t0\t10\r\nchr1\t5\t9\r\n",
        "chr1\t0\t10\tx\t0\t+\nchr1\t5\t9\t+1\t0\t+\n",
        "1\t00\t 10\nNaN\t5\t9",
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_files_read_at_once_give_what_their_rows_give(tmp_path, monkeypatch, text, gzipped):
    path = tmp_path / "x.bed"
    path.write_bytes(gzip.compress(text.encode()) if gzipped else text.encode())
    at_once = read_bed(path)
    monkeypatch.setattr("epizoo.genome.intervals._read_plain_bed", lambda path: None)
    pd.testing.assert_frame_equal(at_once, read_bed(path))


def test_what_a_blacklist_leaves_is_numbered_from_0():
    left = subtract_blacklist(table(("chr2", 0, 90), ("chr1", 0, 50)), table(("chr1", 10, 20), ("chr2", 5, 6)))
    assert left.index.tolist() == [0, 1, 2, 3]
    assert left["start"].tolist() == [0, 6, 0, 20]


def test_a_blacklist_that_shares_a_chromosome_is_of_the_assembly():
    check_blacklist(table(("chr1", 0, 5), ("chrUn", 0, 5)), SIZES, "blacklist.bed", "x.bw")
    with pytest.raises(InputError, match=r"blacklist\.bed: .*\bchrUn\b.*x\.bw.*\bchr1\b"):
        check_blacklist(table(("chrUn", 0, 5)), SIZES, "blacklist.bed", "x.bw")


@pytest.mark.parametrize("end", [2**32, 2**63 + 5, 10**25])
def test_positions_past_any_chromosome_are_refused_with_their_line(tmp_path, end):
    (tmp_path / "x.bed").write_text(f"chr1\t0\t10\nchr1\t5\t{end}\n")
    with pytest.raises(InputError, match=rf"x\.bed: line 2: .*{end}"):
        read_bed(tmp_path / "x.bed")
    (tmp_path / "x.sizes").write_text(f"chr1\t10\nchr2\t{end}\n")
    with pytest.raises(InputError, match=rf"x\.sizes: line 2: .*{end}"):
        read_chrom_sizes(tmp_path / "x.sizes")
    (tmp_path / "labels.bed").write_text(f"chr1\t0\t10\tpeaks\nchr1\t5\t{end}\tnoPeaks\n")
    with pytest.raises(InputError, match=rf"labels\.bed: line 2: .*{end}"):
        read_labels(tmp_path / "labels.bed")


@pytest.mark.parametrize("gzipped", [False, True])
def test_the_mark_that_windows_programs_write_is_no_part_of_a_name(tmp_path, gzipped):
    content = b"\xef\xbb\xbfchr1\t0\t50\tx\t0\t+\nchr1\t60\t90\ty\t0\t-\n"
    (tmp_path / "x.bed").write_bytes(gzip.compress(content) if gzipped else content)
    assert read_bed(tmp_path / "x.bed")["chrom"].tolist() == ["chr1", "chr1"]
    coverage = pile_up([tmp_path / "x.bed"], PileUpConfig(), chrom_sizes={"chr1": 1_000})
    assert coverage.n_fragments == 2
    (tmp_path / "x.sizes").write_bytes(b"\xef\xbb\xbfchr1\t1000\n")
    assert read_chrom_sizes(tmp_path / "x.sizes") == {"chr1": 1000}


def test_comments_and_headers_behind_the_first_row_are_no_rows(tmp_path):
    lines = [
        "chr1\t0\t50",
        "#chr1\t60\t90",
        "track name=x",
        "browser position chr1",
        "chr1\t100\t150",
        "track\t5\t9",
        "tracker_1\t5\t9",
    ]
    (tmp_path / "x.bed").write_text("\n".join(lines) + "\n")
    found = read_bed(tmp_path / "x.bed")
    assert found.to_numpy().tolist() == [["chr1", 0, 50], ["chr1", 100, 150], ["track", 5, 9], ["tracker_1", 5, 9]]


@pytest.mark.parametrize("number", ["1e3", "60.0", "+60", "6_0"])
def test_positions_are_digits_alone(tmp_path, number):
    (tmp_path / "x.bed").write_text(f"chr1\t0\t50\nchr1\t55\t{number}\n")
    with pytest.raises(InputError, match=r"x\.bed: line 2: start and end must be whole numbers"):
        read_bed(tmp_path / "x.bed")


def test_lines_that_end_in_a_return_alone_are_lines(tmp_path):
    (tmp_path / "old_mac.bed").write_bytes(b"chr1\t0\t50\r#\t100\t150\rchr2\t5\t90\r")
    assert read_bed(tmp_path / "old_mac.bed").to_numpy().tolist() == [["chr1", 0, 50], ["chr2", 5, 90]]
    (tmp_path / "power.bed").write_bytes(b"chr1\t0\t50\rchr2\t5\t1e3\r")
    with pytest.raises(InputError, match=r"power.bed: line 2.*1e3"):
        read_bed(tmp_path / "power.bed")

import multiprocessing
import pickle
import re
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.binarize_bigwigs import BigWigBinarization
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.marks import BinarizedChromosome, write_binarized
from epizoo.genome.windows import CoverageWindows, MarkWindows, WindowShape

SHAPE = WindowShape(window_bins=4, flank_bins=2, bin_bp=10)
MARK_SHAPE = WindowShape(window_bins=4, flank_bins=3, bin_bp=200)
MARKS = ("CTCF", "H3K4me3", "H3K27me3")


def table(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


@pytest.fixture
def bigwig(make_bigwig):
    values = np.random.default_rng(0).integers(0, 9, 1005).astype(float)
    return make_bigwig({"chr1": values, "chr2": np.full(95, 2.0)}), values


@pytest.mark.parametrize(
    ("interval", "start", "end", "valid"),
    [
        ((0, 40), 0, 40, 4),
        ((0, 1), 0, 10, 1),
        ((13, 38), 10, 40, 3),
        ((500, 540), 500, 540, 4),
        ((965, 1005), 960, 1000, 4),
        ((990, 1005), 990, 1005, 2),
        ((1004, 1005), 1000, 1005, 1),
    ],
)
def test_a_window_is_the_transformed_signal_of_its_bins(bigwig, interval, start, end, valid):
    path, values = bigwig
    windows = CoverageWindows(path, table(("chr1", *interval)), SHAPE, CoverageTransform())
    row = windows[0]
    first = start // 10 - 2
    padded = [values[max(i * 10, 0) : max(i * 10 + 10, 0)] for i in range(first, first + 8)]
    means = np.array([of.mean() if len(of) else 0 for of in padded])
    coverage = row["inputs"]["coverage"]
    assert coverage.dtype == np.float32
    assert coverage.shape == (8, 1)
    np.testing.assert_allclose(coverage[:, 0], np.arcsinh(means / windows.fitted[0].background), rtol=1e-5)
    assert row["metadata"] == {
        "ranges": {"chr": "chr1", "start": start, "end": end, "id": "0", "strand": "*"},
        "valid_bins": valid,
    }


def test_the_whole_genome_is_tiled_once(bigwig):
    windows = CoverageWindows(bigwig[0], None, SHAPE, CoverageTransform())
    found = [(row["metadata"]["ranges"]["chr"], row["metadata"]["ranges"]["start"]) for row in windows]
    assert found == [("chr1", start) for start in range(0, 1005, 40)] + [("chr2", start) for start in range(0, 95, 40)]
    assert sum(row["metadata"]["valid_bins"] for row in windows) == 101 + 10
    assert [row["metadata"]["ranges"]["end"] for row in windows][-1] == 95
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_the_transform_is_fitted_per_file_and_never_per_window(bigwig):
    everywhere = CoverageWindows(bigwig[0], None, SHAPE, CoverageTransform())
    somewhere = CoverageWindows(bigwig[0], table(("chr2", 40, 80)), SHAPE, CoverageTransform())
    expected = everywhere[len(everywhere) - 2]["inputs"]["coverage"]
    np.testing.assert_array_equal(somewhere[0]["inputs"]["coverage"], expected)


def test_names_and_strands_of_a_bed_reach_the_metadata(bigwig, tmp_path):
    bed = tmp_path / "regions.bed"
    bed.write_text("chr1\t0\t40\tfirst\t0\t-\nchr2\t0\t95\tsecond\t0\t.\n")
    windows = CoverageWindows(bigwig[0], bed, SHAPE, CoverageTransform())
    found = [(row["metadata"]["ranges"]["id"], row["metadata"]["ranges"]["strand"]) for row in windows]
    assert found == [("first", "-")] + [("second", "*")] * 3


def test_a_control_is_the_second_track_with_its_own_background(bigwig, make_bigwig):
    control = make_bigwig({"chr1": np.full(1005, 7.0), "chr2": np.full(95, 7.0)}, "control.bw")
    windows = CoverageWindows(bigwig[0], None, SHAPE, CoverageTransform(), control=control)
    coverage = windows[3]["inputs"]["coverage"]
    assert coverage.shape == (8, 2)
    np.testing.assert_allclose(coverage[:, 1], np.arcsinh(1), rtol=1e-6)


def test_a_control_that_is_not_given_is_an_empty_track_where_two_are_wanted(bigwig):
    windows = CoverageWindows(bigwig[0], None, SHAPE, CoverageTransform(), n_tracks=2)
    alone = CoverageWindows(bigwig[0], None, SHAPE, CoverageTransform())
    for both, one in zip(windows, alone, strict=True):
        np.testing.assert_array_equal(both["inputs"]["coverage"][:, :1], one["inputs"]["coverage"])
        assert not both["inputs"]["coverage"][:, 1].any()


def test_blacklisted_stretches_are_left_out(bigwig):
    windows = CoverageWindows(
        bigwig[0], table(("chr1", 0, 200)), SHAPE, CoverageTransform(), blacklist=table(("chr1", 40, 160))
    )
    assert [row["metadata"]["ranges"]["start"] for row in windows] == [0, 160]


def test_bad_input_is_refused_by_the_constructor(bigwig, make_bigwig, tmp_path):
    path, _ = bigwig
    other = make_bigwig({"chr1": np.ones(1000)}, "other.bw")
    lacking = make_bigwig({"chr3": np.ones(95)}, "lacking.bw")
    empty = tmp_path / "empty.bed"
    empty.touch()
    past = tmp_path / "past.bed"
    past.write_text("chr1\t0\t40\nchr1\t1000\t1006\n")
    for arguments, options, sentence in (
        ((tmp_path / "none.bw", None), {}, r"none\.bw: no such file"),
        ((path, empty), {}, r"empty\.bed: .*no interval"),
        ((path, past), {}, r"past\.bed: .*chr1:1000-1006 .*past the end"),
        ((path, table(("1", 0, 10))), {}, r"intervals: .*\b1\b.*\bchr1\b"),
        ((path, None), {"control": other}, r"other\.bw: .*\b1,000 bp\b.*\bchr1\b"),
        ((path, None), {"control": lacking}, r"lacking\.bw: .*\bchr3\b.*none of the sequences.*\bchr1\b"),
        ((path, None), {"kind": "rpm"}, "'rpm'"),
        ((path, None), {"known_regions": table(("chrX", 0, 10))}, r"known regions: .*\bchrX\b"),
        ((path, None), {"blacklist": table(("chr1", 0, 2000), ("chr2", 0, 95))}, "blacklist covers"),
    ):
        with pytest.raises(InputError) as caught:
            CoverageWindows(*arguments, SHAPE, CoverageTransform(), **options)
        assert re.search(sentence, str(caught.value))
        assert "\n" not in str(caught.value)


@pytest.fixture
def binarized(tmp_path):
    """Marks of two chromosomes with 11 and 3 bins, columns in another order than the model's."""
    rng = np.random.default_rng(1)
    values = {"chr1": rng.integers(0, 2, (11, 3)).astype(np.uint8), "chr2": rng.integers(0, 2, (3, 3)).astype(np.uint8)}
    folder = tmp_path / "marks"
    folder.mkdir()
    for chrom, of in values.items():
        shuffled = BinarizedChromosome("K562", chrom, (MARKS[2], MARKS[0], MARKS[1]), of[:, [2, 0, 1]])
        write_binarized(folder / f"K562_{chrom}_binary.txt.gz", shuffled)
    return folder, values


@pytest.mark.parametrize(
    ("interval", "start_bin", "valid"),
    [
        ((0, 800), 0, 4),
        ((0, 1), 0, 1),
        ((600, 1400), 3, 4),
        ((1400, 2200), 7, 4),
        ((1999, 2001), 9, 2),
        ((2100, 2399), 10, 1),
    ],
)
def test_a_window_is_the_marks_of_its_bins_and_minus_one_outside(binarized, interval, start_bin, valid):
    folder, values = binarized
    row = MarkWindows.from_binarized(folder, MARKS, table(("chr1", *interval)), MARK_SHAPE)[0]
    bins = range(start_bin - 3, start_bin + 7)
    expected = [values["chr1"][i].tolist() if 0 <= i < 11 else [-1] * 3 for i in bins]
    assert row["inputs"]["marks"].dtype == np.float32
    assert row["inputs"]["marks"].tolist() == expected
    assert row["metadata"]["valid_bins"] == valid
    assert row["metadata"]["ranges"]["start"] == start_bin * 200
    assert row["metadata"]["ranges"]["end"] == (start_bin + valid) * 200


def test_everything_in_the_folder_is_tiled_once(binarized):
    windows = MarkWindows.from_binarized(binarized[0], MARKS, None, MARK_SHAPE)
    found = [(row["metadata"]["ranges"]["chr"], row["metadata"]["valid_bins"]) for row in windows]
    assert found == [("chr1", 4), ("chr1", 4), ("chr1", 3), ("chr2", 3)]


def test_missing_marks_are_nan_only_when_allowed(binarized):
    marks = (*MARKS, "H3K9me3")
    with pytest.raises(InputError, match=r"H3K9me3.*H3K27me3, CTCF, H3K4me3"):
        MarkWindows.from_binarized(binarized[0], marks, None, MARK_SHAPE)
    found = MarkWindows.from_binarized(binarized[0], marks, None, MARK_SHAPE, allow_missing=True)[0]["inputs"]["marks"]
    assert (found[:3] == -1).all()
    assert np.isnan(found[3:, 3]).all()
    assert not np.isnan(found[:, :3]).any()


def test_bad_marks_are_refused_by_the_constructor(binarized, tmp_path):
    folder, _ = binarized
    other = BinarizedChromosome("GM12878", "chr1", MARKS, np.zeros((4, 3), np.uint8))
    for intervals, sentence in (
        (table(("chr7", 0, 10)), r"\bchr7\b"),
        (table(("2", 0, 10)), r"\b2\b.*\bchr2\b"),
        (table(("chr2", 0, 10), ("chr1", 0, 2400)), "chr1:0-2400 .*past the end"),
        (table(("chr1", 2200, 2399)), "no interval .*200 bp"),
    ):
        with pytest.raises(InputError) as caught:
            MarkWindows.from_binarized(folder, MARKS, intervals, MARK_SHAPE)
        assert re.search(sentence, str(caught.value))
        assert str(folder) in str(caught.value)
    write_binarized(folder / "GM12878_chr1_binary.txt", other)
    with pytest.raises(InputError, match=r"several cell types .*GM12878, K562"):
        MarkWindows.from_binarized(folder, MARKS, None, MARK_SHAPE)
    assert len(MarkWindows.from_binarized(folder, MARKS, None, MARK_SHAPE, cell="GM12878")) == 1


def test_marks_from_bigwigs_are_those_of_the_stated_threshold(make_bigwig):
    rng = np.random.default_rng(2)
    expected = rng.integers(0, 2, (11, 2))
    files = {}
    for column, mark in enumerate(MARKS[:2]):
        signal = np.repeat(expected[:, column] * 5.0 + 0.5, 200)
        files[mark] = make_bigwig({"chr1": np.append(signal, np.full(150, 9.0))}, f"{mark}.bw")
    settings = BigWigBinarization("fold_change", threshold=3.0)
    reverse = (MARKS[1], MARKS[2], MARKS[0])
    windows = MarkWindows.from_bigwigs(
        files, reverse, table(("chr1", 0, 2350)), MARK_SHAPE, binarization=settings, allow_missing=True
    )
    assert [row["metadata"]["valid_bins"] for row in windows] == [4, 4, 3]
    found = np.concatenate([row["inputs"]["marks"][3:7] for row in windows])
    np.testing.assert_array_equal(found[:11, [2, 0]], expected)
    assert np.isnan(found[:11, 1]).all()
    assert (found[11] == -1).all()
    with pytest.raises(InputError, match="no mark H3K27me3"):
        MarkWindows.from_bigwigs(files, reverse, None, MARK_SHAPE, binarization=settings)
    with pytest.raises(InputError, match=r"fold_change.*no read counts"):
        MarkWindows.from_bigwigs(files, MARKS[:2], None, MARK_SHAPE, binarization=BigWigBinarization("fold_change"))


# Python warns of any fork in a process with threads, and other tests may have started some.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning", "ignore:os.fork:RuntimeWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_the_same_windows(bigwig, binarized, method):
    coverage = CoverageWindows(bigwig[0], None, SHAPE, CoverageTransform())
    marks = MarkWindows.from_binarized(binarized[0], MARKS, None, MARK_SHAPE)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        for windows, name in ((coverage, "coverage"), (marks, "marks")):
            rows = [pool.submit(windows.__getitem__, i) for i in range(len(windows))]
            for row, expected in zip(rows, windows, strict=True):
                found = row.result(timeout=60)
                np.testing.assert_array_equal(found["inputs"][name], expected["inputs"][name])
                assert found["metadata"] == expected["metadata"]
    assert pickle.loads(pickle.dumps(coverage)).fitted == coverage.fitted


def binarized_folder(tmp_path):
    for chrom, n_bins in (("chr1", 10), ("chr2", 6)):
        values = np.ones((n_bins, 3), np.uint8)
        write_binarized(tmp_path / f"c_{chrom}_binary.txt", BinarizedChromosome("c", chrom, MARKS, values))
    return tmp_path


@pytest.mark.parametrize("intervals", [None, table(("chr1", 0, 1000))])
def test_a_blacklist_with_other_names_is_refused_and_one_of_another_chromosome_is_not(bigwig, tmp_path, intervals):
    folder = binarized_folder(tmp_path)
    settings = BigWigBinarization("coverage", threshold=1.0)
    bigwigs = dict.fromkeys(MARKS, bigwig[0])
    named, other = table(("chr2", 0, 1)), table(("1", 0, 90_000), ("2", 0, 90_000))
    for make in (
        lambda blacklist: CoverageWindows(bigwig[0], intervals, SHAPE, CoverageTransform(), blacklist=blacklist),
        lambda blacklist: MarkWindows.from_binarized(folder, MARKS, intervals, MARK_SHAPE, blacklist=blacklist),
        lambda blacklist: MarkWindows.from_bigwigs(
            bigwigs, MARKS, intervals, MARK_SHAPE, binarization=settings, blacklist=blacklist
        ),
    ):
        assert len(make(named))
        with pytest.raises(InputError, match=r"blacklist: .*\b1, 2\b.*\bchr1\b"):
            make(other)


def test_chromosomes_shorter_than_a_bin_are_left_out_of_a_whole_genome(make_bigwig):
    path = make_bigwig({"chr1": np.full(1000, 2.0), "chrT": np.full(30, 2.0)})
    settings = BigWigBinarization("coverage", threshold=1.0)
    windows = MarkWindows.from_bigwigs(dict.fromkeys(MARKS, path), MARKS, None, MARK_SHAPE, binarization=settings)
    assert [row["metadata"]["ranges"]["chr"] for row in windows] == ["chr1", "chr1"]
    assert sum(row["metadata"]["valid_bins"] for row in windows) == 5

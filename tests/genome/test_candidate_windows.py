"""What a peak scorer sees of a candidate is what LanceOtron itself computes of it."""

from pathlib import Path

import lanceotron_experiment as experiment
import numpy as np
import pandas as pd
import pyBigWig
import pytest

from epizoo.errors import InputError
from epizoo.genome import candidate_windows
from epizoo.genome.candidate_windows import REACHES_BP, WINDOW_BP, CandidateSignal, CandidateWindows, groups
from epizoo.genome.intervals import read_bed

GOLDEN = Path(__file__).parents[1] / "jobs" / "data" / "lanceotron_scored.tsv"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return experiment.write_experiment(folder / "made.bw"), experiment.write_regions(folder / "regions.bed")


def write(path, sizes, values):
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader(list(sizes.items()))
        for chrom, (start, end, value) in values:
            bigwig.addEntries([chrom], [start], ends=[end], values=[value])
    return path


def interval(chrom, start, end):
    return pd.DataFrame({"chrom": [chrom], "start": [start], "end": [end]})


def test_enrichment_is_that_of_lanceotron(made):
    expected = pd.read_csv(GOLDEN, sep="\t")
    columns = [name for name in expected if name.startswith("pvalue_")]
    assert len(columns) == 1 + len(REACHES_BP)
    windows = CandidateWindows(CandidateSignal(made[0]), made[1])
    rows = [row["inputs"]["candidates"][WINDOW_BP:-1, 0] for row in windows]
    # LanceOtron writes 100 for what is above 10.
    found = [np.where(row > 10, 100, row) for row in rows]
    assert len(found) == len(expected) > 100
    np.testing.assert_allclose(found, expected[columns], rtol=1e-5, atol=1e-6)


def test_coverage_is_standardised_around_the_middle_and_moved_inwards_at_ends(made):
    signal = CandidateSignal(made[0])
    with pyBigWig.open(str(made[0])) as bigwig:
        values = np.nan_to_num(bigwig.values("chr2", 0, experiment.SIZES["chr2"], numpy=True)).astype(float)
    table = pd.DataFrame({"chrom": "chr2", "start": [30, 20_001, 39_900], "end": [90, 20_100, 40_000]})
    for row, start in zip(CandidateWindows(signal, table), (0, 19_050, 38_000), strict=True):
        window = values[start : start + WINDOW_BP]
        expected = (window - window.mean()) / window.std()
        np.testing.assert_allclose(row["inputs"]["candidates"][:WINDOW_BP, 0], expected, atol=1e-5)


def test_candidates_are_described_alike_alone_and_together(made):
    signal = CandidateSignal(made[0])
    table = read_bed(made[1])
    table = table[table["chrom"] == "chr1"]
    together = signal.describe(signal.stretches[0], table["start"].to_numpy(), table["end"].to_numpy())
    rows = np.stack([row["inputs"]["candidates"] for row in CandidateWindows(signal, table)])
    np.testing.assert_allclose(rows, together.inputs, rtol=1e-5, atol=1e-6)


def test_groups_hold_each_candidate_once_and_are_bounded():
    starts = np.sort(np.random.default_rng(0).integers(0, 60_000_000, 2_000))
    starts[:600] = np.arange(600)
    ends = starts + 100
    parts = list(groups(starts, ends))
    assert np.concatenate([starts[part] for part in parts]).tolist() == starts.tolist()
    assert max(len(starts[part]) for part in parts) == candidate_windows._GROUP_SIZE
    assert max(ends[part].max() - starts[part].min() for part in parts) <= candidate_windows._GROUP_BP
    assert not list(groups(starts[:0], ends[:0]))


def test_a_known_part_has_the_depth_of_a_whole_genome_like_it(tmp_path):
    whole = write(tmp_path / "whole.bw", {"chr1": 100_000}, [("chr1", (0, 100_000, 3.0))])
    part = write(tmp_path / "part.bw", {"chr1": 100_000}, [("chr1", (20_000, 30_000, 3.0))])
    known = pd.DataFrame({"chrom": ["chr1"], "start": [20_000], "end": [30_000]})
    assert CandidateSignal(part, known).level == CandidateSignal(whole).level
    assert CandidateSignal(part).level.depth == pytest.approx(CandidateSignal(whole).level.depth / 10)


def test_an_absent_value_is_no_part_of_the_mean_unless_it_is_known_to_be_0(tmp_path):
    path = write(tmp_path / "a.bw", {"chr1": 1_000, "chr2": 500}, [("chr1", (0, 100, 4.0))])
    assert CandidateSignal(path).level.means == {"chr1": 4.0}
    known = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [1_000]})
    assert CandidateSignal(path, known).level.means == {"chr1": 0.4}


@pytest.mark.parametrize(
    ("value", "message"), [(0.0, "holds no signal"), (-1.0, "negative"), (float("inf"), "infinite value")]
)
def test_signal_that_cannot_be_used_is_named(tmp_path, value, message):
    path = write(tmp_path / "a.bw", {"chr1": 1_000}, [("chr1", (0, 100, value))])
    with pytest.raises(InputError, match=rf"a\.bw.*{message}"):
        _ = CandidateSignal(path).level


def test_without_signal_a_candidate_has_no_shape_and_no_enrichment(tmp_path):
    path = write(tmp_path / "a.bw", {"chr1": 300_000}, [("chr1", (0, 1_000, 4.0))])
    table = pd.DataFrame({"chrom": ["chr1"], "start": [150_000], "end": [150_500]})
    (row,) = CandidateWindows(CandidateSignal(path), table)
    assert not row["inputs"]["candidates"][:-1].any()


def test_signal_of_another_depth_is_scaled_to_that_of_rpkm_and_warned_of(made, tmp_path, caplog):
    rpkm = np.stack([row["inputs"]["candidates"] for row in CandidateWindows(CandidateSignal(made[0]), made[1])])
    assert "expected RPKM" not in caplog.text
    # The experiment's genome is a small one.
    assert "chromosomes have" in caplog.text
    assert "human" in caplog.text
    for depth in (5.0, 4_000.0):
        path = experiment.write_experiment(tmp_path / "other.bw", depth)
        signal = CandidateSignal(path)
        scaled = np.stack([row["inputs"]["candidates"] for row in CandidateWindows(signal, made[1])])
        np.testing.assert_allclose(scaled, rpkm, rtol=1e-4, atol=1e-4)
        assert signal.level.factor == pytest.approx(experiment.DEPTH / depth)
        assert f"other.bw: depth {depth:g} found" in caplog.text
        assert f"multiplied by {experiment.DEPTH / depth:g} to a depth of 200" in caplog.text
        assert caplog.text.count("expected RPKM") == 1
        caplog.clear()


def test_the_depth_of_rpkm_is_the_length_of_its_fragments(tmp_path):
    n_fragments, length = 500, 120
    starts = np.arange(n_fragments) * 150
    with pyBigWig.open(str(tmp_path / "rpkm.bw"), "w") as bigwig:
        bigwig.addHeader([("chr1", 100_000)])
        rpkm = 1 / (1 / 1_000) / (n_fragments / 1e6)
        bigwig.addEntries(["chr1"] * n_fragments, starts, ends=starts + length, values=[rpkm] * n_fragments)
    level = CandidateSignal(tmp_path / "rpkm.bw").level
    assert (level.depth, level.factor) == (pytest.approx(length), 1)


def test_depths_at_the_ends_of_the_range_are_left_as_they_are(tmp_path):
    for depth, is_scaled in ((49.9, True), (50.1, False), (349.9, False), (350.1, True)):
        path = write(tmp_path / "a.bw", {"chr1": 1_000_000}, [("chr1", (0, 1_000_000, 1_000 * depth))])
        assert (CandidateSignal(path).level.factor != 1) is is_scaled


def test_excluded_sequences_set_no_depth_where_the_signal_is_scaled(tmp_path):
    for level, expected in ((1.0, 0.001), (70_000.0, 91.0)):
        stretches = [("chr1", (0, 1_000_000, level)), ("chrM", (0, 100_000, 3 * level))]
        path = write(tmp_path / f"{level}.bw", {"chr1": 1_000_000, "chrM": 100_000}, stretches)
        assert CandidateSignal(path, excluded=["chrM"]).level.depth == pytest.approx(expected)


def test_a_candidate_outside_is_refused_before_the_signal_is_read(made, tmp_path, monkeypatch):
    monkeypatch.setattr(CandidateSignal, "_measure_level", lambda _: pytest.fail("read"))
    for table, known, message in (
        (("chr1", 4_900, 5_100), ("chr1", 0, 5_000), r"chr1:4900-5100 does not lie in one of the known regions"),
        (("chr2", 100, 200), ("chr1", 0, 5_000), r"chr2:100-200 does not lie in one of the known regions"),
        (("chr2", 40_000, 40_100), None, "chr2"),
        (("chr9", 0, 100), None, "chr9"),
    ):
        signal = CandidateSignal(made[0], None if known is None else interval(*known))
        with pytest.raises(InputError, match=message):
            CandidateWindows(signal, interval(*table))


def test_candidates_are_seen_in_their_known_region(tmp_path):
    path = write(tmp_path / "a.bw", {"chr1": 500_000}, [("chr1", (0, 500_000, 3.0))])
    known = pd.concat([interval("chr1", 0, 10_000), interval("chr1", 300_000, 400_000), interval("chr1", 90, 9_000)])
    rows = pd.concat([interval("chr1", 350_000, 350_100), interval("chr1", 9_900, 10_000)])
    assert [stretch.start for stretch in CandidateWindows(CandidateSignal(path, known), rows)._stretches] == [
        300_000,
        0,
    ]


def test_values_of_0_alone_have_no_fold(tmp_path):
    path = write(tmp_path / "a.bw", {"chr1": 1_000, "chr2": 5_000}, [("chr1", (0, 900, 0.0)), ("chr2", (0, 900, 7.0))])
    signal = CandidateSignal(path)
    assert signal.describe(signal.stretches[0], np.array([100]), np.array([200])).fold.tolist() == [0.0]


def test_where_nothing_lies_before_the_middle_the_mean_of_the_chromosome_stands_for_the_surroundings(tmp_path):
    sizes, values = {"chr1": 300_000, "chr2": 1_000_000}, [("chr1", (0, 100_000, 300.0)), ("chr2", (0, 1_000_000, 2e5))]
    signal = CandidateSignal(write(tmp_path / "a.bw", sizes, values))
    found = signal.describe(signal.stretches[0], np.array([0]), np.array([1]))
    features = found.inputs[0, WINDOW_BP:-1, 0]
    assert signal.level.factor == 1
    assert 0 < features[0] < 999
    assert (features == features[0]).all()


def test_an_excerpt_that_is_not_known_to_be_one_is_warned_of(tmp_path, caplog):
    sizes = {"chr1": 20_000_000, "chr2": 30_000_000}
    path = write(tmp_path / "part.bw", sizes, [("chr1", (5_000_000, 6_000_000, 9.0))])
    known = interval("chr1", 5_000_000, 6_000_000)
    assert CandidateSignal(path, known).level.share == 1
    assert "known regions" not in caplog.text
    assert CandidateSignal(path).level.share == 4 * 2**20 / 50_000_000
    assert "part.bw: 8.4% of the genome has signal" in caplog.text
    caplog.clear()
    places = [(chrom, (low, low + 10, 9.0)) for chrom, size in sizes.items() for low in range(0, size, 4_000_000)]
    assert CandidateSignal(write(tmp_path / "whole.bw", sizes, places)).level.share > 0.9
    assert "known regions" not in caplog.text

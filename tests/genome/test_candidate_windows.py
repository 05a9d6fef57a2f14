"""What a peak scorer sees of a candidate is what LanceOtron itself computes of it."""

from pathlib import Path

import lanceotron_experiment as experiment
import numpy as np
import pandas as pd
import pyBigWig
import pytest

from epizoo.errors import InputError
from epizoo.genome import candidate_windows
from epizoo.genome.candidate_windows import REACHES_BP, WINDOW_BP, CandidateSignal, CandidateWindows
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


def test_candidates_are_described_alike_alone_and_together(made, monkeypatch):
    signal = CandidateSignal(made[0])
    table = read_bed(made[1])
    table = table[table["chrom"] == "chr1"]
    starts, ends = table["start"].to_numpy(), table["end"].to_numpy()
    together = signal.describe(signal.stretches[0], starts, ends)
    monkeypatch.setattr(candidate_windows, "_GROUP_SIZE", 3)
    for one, other in zip(together, signal.describe(signal.stretches[0], starts, ends), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    rows = np.stack([row["inputs"]["candidates"] for row in CandidateWindows(signal, table)])
    np.testing.assert_allclose(rows, together.inputs, rtol=1e-5, atol=1e-6)


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
        CandidateSignal(path)


def test_a_candidate_outside_the_known_regions_is_refused(made, tmp_path):
    known = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [5_000]})
    table = pd.DataFrame({"chrom": ["chr1"], "start": [4_900], "end": [5_100]})
    with pytest.raises(InputError, match=r"chr1:4900-5100 does not lie in one of the known regions"):
        CandidateWindows(CandidateSignal(made[0], known), table)


def test_without_signal_a_candidate_has_no_shape_and_no_enrichment(tmp_path):
    path = write(tmp_path / "a.bw", {"chr1": 300_000}, [("chr1", (0, 1_000, 4.0))])
    table = pd.DataFrame({"chrom": ["chr1"], "start": [150_000], "end": [150_500]})
    (row,) = CandidateWindows(CandidateSignal(path), table)
    assert not row["inputs"]["candidates"][:-1].any()

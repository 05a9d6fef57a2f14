"""Replicates that are called together, against their reads put together by hand and against SciPy."""

import numpy as np
import pandas as pd
import pytest
from read_writers import SIZES, write_bed
from scipy.stats import poisson

import epizoo
from epizoo.calling.reproducibility import replicate_evidence, return_probability, with_reproducibility
from epizoo.errors import InputError
from epizoo.genome.reads.pileup import ReadCoverage, pile_up

SEARCHED = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [30_000]})


def reads(seed, n_inside=400, n_outside=600):
    """Reads of which many lie in two places, chr1:10,000-10,400 and chr1:20,000-20,400."""
    random = np.random.default_rng(seed)
    starts = [10_000 + int(x) for x in random.integers(0, 400, n_inside)]
    starts += [20_000 + int(x) for x in random.integers(0, 400, n_inside)]
    starts += [int(x) for x in random.integers(0, 29_000, n_outside)]
    return [("chr1", start, start + 50, str(random.choice(["+", "-"]))) for start in starts]


@pytest.fixture
def files(tmp_path):
    sizes = tmp_path / "sizes"
    sizes.write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    return [write_bed(tmp_path / f"{seed}.bed", reads(seed)) for seed in range(3)], sizes


def test_coverage_together_is_the_sum_of_each_without_its_own_duplicates(files):
    paths, _ = files
    parts = [pile_up(path, chrom_sizes=SIZES) for path in paths]
    together = ReadCoverage.together(parts)
    expected = sum(part.values("chr1", 0, 30_000) for part in parts)
    np.testing.assert_array_equal(together.values("chr1", 0, 30_000), expected)
    # Pooling finds duplicates over all files together, which of replicates are none.
    assert together.n_fragments > pile_up(paths, chrom_sizes=SIZES).n_fragments


def test_replicates_are_called_in_their_coverage_together(files, tmp_path):
    paths, sizes = files
    table, output = tmp_path / "replicates.tsv", tmp_path / "peaks.narrowPeak"
    peaks = epizoo.call_peaks(
        "peak_caller/universal", replicates=paths, chrom_sizes=sizes, output=output, replicate_table=table
    )
    together = ReadCoverage.together([pile_up(path, chrom_sizes=SIZES) for path in paths])
    one = epizoo.call_peaks("peak_caller/universal", ReadCoverage(together.sources, SIZES, spans(together)))
    place = ["chrom", "start", "end", "peak", "pValue", "qValue"]
    pd.testing.assert_frame_equal(pd.DataFrame(peaks[place]), pd.DataFrame(one[place]))
    assert len(peaks) >= 2
    assert (peaks["score"] == (1000 * peaks["return_probability"]).round()).all()
    written = pd.read_csv(table, sep="\t")
    assert written["name"].tolist() == peaks["name"].tolist()
    assert [name for name in written if name.startswith("log10_p")] == ["log10_p_1", "log10_p_2", "log10_p_3"]


def spans(coverage):
    """The fragments of a coverage, in some order."""
    return {
        chrom: (coverage._starts[chrom].astype(np.int64), coverage._ends[chrom].astype(np.int64))
        for chrom in coverage._starts
    }


def test_evidence_is_the_poisson_tail_of_the_fragments_in_a_peak(files):
    paths, _ = files
    peaks = pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [5_000, 10_000], "end": [5_400, 10_400]})
    replicate = pile_up(paths[0], chrom_sizes=SIZES)
    starts, ends = spans(replicate)["chr1"]
    # Each fragment that overlaps has begun before the end, less those that ended before the start.
    counts = [int((starts < high).sum() - (ends <= low).sum()) for low, high in ((5_000, 5_400), (10_000, 10_400))]
    length = (ends.sum() - starts.sum()) / len(starts)
    rate = (len(starts) - sum(counts)) / (30_000 - 800)
    expected = [-poisson.logsf(count - 1, rate * (400 + length)) / np.log(10) for count in counts]
    np.testing.assert_allclose(replicate_evidence(peaks, [replicate], SEARCHED)[:, 0], expected, rtol=1e-6)


def test_fragments_of_sequences_that_are_left_out_are_no_background(tmp_path):
    sizes = tmp_path / "sizes"
    sizes.write_text("chr1\t30000\nchrM\t16000\n")
    random = np.random.default_rng(7)
    organelle = [("chrM", int(start), int(start) + 50, "+") for start in random.integers(0, 15_000, 4_000)]
    found = []
    for name, more in (("without", []), ("with", organelle)):
        paths = [write_bed(tmp_path / f"{name}{seed}.bed", [*reads(seed), *more]) for seed in range(2)]
        found.append(epizoo.call_peaks("peak_caller/universal", replicates=paths, chrom_sizes=sizes))
    columns = ["start", "end", "score", "return_probability", "log10_p_1", "log10_p_2"]
    # The mean length of fragments is that of all.
    pd.testing.assert_frame_equal(pd.DataFrame(found[1][columns]), pd.DataFrame(found[0][columns]), rtol=1e-3)


def test_more_evidence_and_more_replicates_that_share_it_are_more_probable():
    log10_q = np.linspace(0, 60, 40)
    even = np.repeat(log10_q[:, None] / 2, 2, axis=1)
    probability = return_probability(log10_q, even, 4.0)
    assert (np.diff(probability) > 0).all()
    assert probability[0] < 0.05
    assert probability[-1] > 0.95
    lonely = return_probability(np.full(3, 50.0), np.array([[50.0, 0.0], [25.0, 25.0], [49.0, 1.0]]), 4.0)
    assert lonely[0] < 0.05 < lonely[2] < 0.5 < 0.9 < lonely[1]


def test_an_artefact_of_one_replicate_ranks_last(files):
    paths, _ = files
    parts = [pile_up(path, chrom_sizes=SIZES) for path in paths]
    artefact = np.arange(5_000, 5_300)
    starts, ends = spans(parts[0])["chr1"]
    parts[0] = ReadCoverage([paths[0]], SIZES, {"chr1": (np.r_[starts, artefact], np.r_[ends, artefact + 200])})
    peaks = pd.DataFrame({"chrom": "chr1", "start": [5_000, 10_000, 20_000], "end": [5_500, 10_500, 20_500]})
    found = with_reproducibility(peaks.assign(qValue=50.0), parts, SEARCHED, 1e-4)
    assert found["score"].idxmin() == 0
    assert found["score"].iloc[0] < 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicates": ["0.bed"]}, "one file given, expected two or more"),
        ({"replicates": ["0.bed", "1.bed"], "reads": "2.bed"}, "--reads and --replicates given"),
        ({"replicates": ["0.bed", "0.bed"]}, "is given twice"),
        ({"reads": "0.bed", "replicate_table": "x.tsv"}, "given without --replicates"),
        ({"replicates": ["0.bed", "missing.bed"]}, "no such file"),
    ],
)
def test_replicates_that_cannot_be_called_are_refused(files, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        epizoo.call_peaks("peak_caller/universal", chrom_sizes=files[1], **options)


@pytest.mark.data
def test_peaks_come_back_as_often_as_they_are_said_to(data_dir):
    # Two of three ATAC-seq replicates together, and the third by itself: few peaks, so a wide tolerance.
    folder = data_dir / "peaks/replicates/atacseqqc_gl"
    paths = [folder / f"GL{number}.bam" for number in (2, 3, 4)]
    where = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [1_000_000]})
    said, seen = [], []
    for left in range(3):
        two = [path for number, path in enumerate(paths) if number != left]
        peaks = epizoo.call_peaks("peak_caller/atac", replicates=two, regions=where)
        third = epizoo.call_peaks("peak_caller/atac", reads=paths[left], regions=where)
        hits = [
            any((third["start"] < end) & (third["end"] > start))
            for start, end in zip(peaks["start"], peaks["end"], strict=True)
        ]
        said, seen = [*said, *peaks["return_probability"]], [*seen, *hits]
    error = 3 * np.sqrt(sum(p * (1 - p) for p in said)) / len(said)
    assert abs(np.mean(said) - np.mean(seen)) < 0.05 + error

"""Peaks and scores of peak_caller/lanceotron are those of lanceotron 1.2.7, which wrote the tables in ``data``."""

from pathlib import Path

import lanceotron_experiment as experiment
import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.calling.peaks import PEAK_COLUMNS
from epizoo.errors import InputError
from epizoo.genome import candidate_windows
from epizoo.genome.candidate_windows import CandidateSignal
from epizoo.jobs.candidate_peaks import SCORE_COLUMNS
from epizoo.zoo.loading import load_peak_caller

DATA = Path(__file__).parent / "data"
PLACES = ["chrom", "start", "end"]
THEIRS = ["overall_peak_score", "shape_score", "enrichment_score"]


@pytest.fixture(scope="module")
def entry():
    return epizoo.load("peak_caller/lanceotron")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return experiment.write_experiment(tmp_path_factory.mktemp("made") / "made.bw")


@pytest.fixture(scope="module")
def candidates(entry, made):
    return entry.call_peaks(made, enter_probability=0)


@pytest.fixture(scope="module")
def example(entry):
    files = entry.folder / "example_files"
    return {"bigwig": files / "H3K4me3.bw", "known_regions": files / "known.bed"}


def of_lanceotron(name):
    return pd.read_csv(DATA / f"lanceotron_{name}.tsv", sep="\t").sort_values(PLACES)


def assert_same(found, theirs, atol=1e-5):
    assert found[PLACES].to_numpy().tolist() == theirs[PLACES].to_numpy().tolist()
    assert (found["start"] + found["peak"]).tolist() == theirs["max_coverage_position"].tolist()
    np.testing.assert_allclose(found[list(SCORE_COLUMNS)], theirs[THEIRS], rtol=0, atol=atol)


def test_candidates_and_scores_of_a_genome_are_those_of_lanceotron(entry, candidates, tmp_path):
    theirs = of_lanceotron("called")
    assert (theirs["overall_peak_score"] > 0.5).sum() > 20
    assert_same(candidates, theirs)
    shallow = experiment.write_experiment(tmp_path / "shallow.bw", experiment.SHALLOW_DEPTH)
    assert_same(entry.call_peaks(shallow, enter_probability=0), of_lanceotron("called_shallow"))


@pytest.mark.parametrize("depth", [2.0, 3_000.0])
def test_signal_of_another_depth_has_the_scores_of_rpkm(entry, tmp_path, caplog, depth):
    path = experiment.write_experiment(tmp_path / "other.bw", depth)
    found = entry.call_peaks(path, enter_probability=0)
    assert_same(found, of_lanceotron("called"), atol=1e-4)
    assert f"other.bw: depth {depth:g} found" in caplog.text
    assert f"multiplied by {experiment.DEPTH / depth:.4g} to 200 as in RPKM" in " ".join(
        found.decided.summary().split()
    )


def test_signal_in_rpkm_is_taken_as_it_is(candidates):
    assert "depth of the signal (its sum / 1e9): 200, as in rpkm." in candidates.decided.summary().lower()


def test_scores_do_not_depend_on_the_groups_and_few_candidates_are_held(entry, made, candidates, monkeypatch):
    seen = []
    predict = type(entry).predict
    monkeypatch.setattr(candidate_windows, "_GROUP_SIZE", 5)
    monkeypatch.setattr(
        type(entry), "predict", lambda self, inputs: seen.append(len(inputs["candidates"])) or predict(self, inputs)
    )
    found = entry.call_peaks(made, enter_probability=0)
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(candidates), rtol=1e-5)
    assert max(seen) == 5


def test_regions_are_checked_before_the_genome_is_read(entry, made, monkeypatch):
    monkeypatch.setattr(CandidateSignal, "_measure_level", lambda _: pytest.fail("read"))
    region = pd.DataFrame({"chrom": ["chr2"], "start": [39_000], "end": [50_000]})
    with pytest.raises(InputError, match=r"chr2.*50,?000"):
        entry.call_peaks(made, regions=region)


@pytest.mark.parametrize("backend", ["jax", "onnx"])
def test_scores_of_given_regions_are_those_of_lanceotron(entry, made, tmp_path, backend):
    regions = experiment.write_regions(tmp_path / "regions.bed")
    windows = entry.windows(intervals_file=regions, bigwig_file=made)
    inputs = np.stack([row["inputs"]["candidates"] for row in windows])
    found = entry.with_backend(backend).predict({"candidates": inputs})
    theirs = pd.read_csv(DATA / "lanceotron_scored.tsv", sep="\t")
    assert len(theirs) > 100
    np.testing.assert_allclose(np.stack([*found.values()], axis=1), theirs[THEIRS], rtol=0, atol=1e-5)


def test_peaks_are_the_candidates_above_a_score(entry, made, candidates):
    for least in (0.5, 0.01):
        peaks = entry.call_peaks(made, enter_probability=least)
        expected = candidates[candidates["overallScore"] > least]
        pd.testing.assert_frame_equal(
            pd.DataFrame(peaks).drop(columns="name"), pd.DataFrame(expected).drop(columns="name").reset_index(drop=True)
        )
        assert list(peaks.columns) == [*PEAK_COLUMNS, *SCORE_COLUMNS]
    assert len(entry.call_peaks(made)) == (candidates["overallScore"] > 0.5).sum() > 0


def test_all_candidates_are_given_whatever_their_scores(entry, made, candidates, monkeypatch):
    def predict(_self, inputs):
        return dict.fromkeys(entry.output_names, np.zeros(len(inputs["candidates"]), np.float32))

    monkeypatch.setattr(type(entry), "predict", predict)
    assert len(entry.call_peaks(made, enter_probability=0)) == len(candidates)
    assert entry.call_peaks(made, enter_probability=1e-6).empty


def test_peaks_of_regions_are_those_whose_summit_lies_there(entry, made, candidates):
    first = candidates.iloc[0]
    summit = first["start"] + first["peak"]
    region = pd.DataFrame({"chrom": ["chr1"], "start": [first["start"] - 50], "end": [summit + 1]})
    (found,) = entry.call_peaks(made, regions=region, enter_probability=0).to_dict("records")
    assert (found["start"], found["end"], found["start"] + found["peak"]) == (first["start"], summit + 1, summit)
    assert found["blockSizes"] == str(found["end"] - found["start"])
    assert entry.call_peaks(made, regions=region.assign(end=summit), enter_probability=0).empty


def test_blacklist_and_excluded_sequences_have_no_peaks(entry, made, candidates):
    first = candidates.iloc[:1][["chrom", "start", "end"]]
    assert len(entry.call_peaks(made, blacklist=first, enter_probability=0)) == len(candidates) - 1
    left = entry.call_peaks(made, exclude=["chr1"], enter_probability=0)
    assert set(left["chrom"]) == {"chr2"}


def test_reads_and_their_coverage_have_the_same_peaks(entry, tmp_path, caplog):
    random = np.random.default_rng(0)
    starts = np.sort(np.concatenate([random.integers(0, 400_000, 3_000), random.integers(50_000, 50_600, 300)]))
    reads, sizes = tmp_path / "reads.bed", tmp_path / "sizes.txt"
    reads.write_text("".join(f"chr1\t{start}\t{start + 36}\tr\t0\t+\n" for start in starts))
    sizes.write_text("chr1\t401000\n")
    coverage = tmp_path / "coverage.bw"
    whole = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [401_000]})
    options = {"enter_probability": 0, "known_regions": whole}
    of_reads = entry.call_peaks(reads=reads, chrom_sizes=sizes, coverage=coverage, **options)
    of_coverage = entry.call_peaks(coverage, **options)
    assert len(of_reads) > 0
    assert caplog.text.count("expected RPKM") == caplog.text.count("coverage.bw: depth") == 1
    pd.testing.assert_frame_equal(pd.DataFrame(of_reads), pd.DataFrame(of_coverage), rtol=1e-5)


def test_the_settings_that_decided_are_told(entry, example):
    decided = entry.call_peaks(**example).decided
    assert decided.caller == f"peak_caller/lanceotron {entry.version}"
    assert "overall score above 0.5" in decided.summary()
    assert f"{decided.n_candidates} candidates" in decided.summary()


def test_a_file_without_peaks_is_said_to_have_none(entry, example, caplog):
    assert entry.call_peaks(**example, enter_probability=1).empty
    assert "no peaks: none of" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q_value": 0.1, "probabilities": "p.bw"}, r"--probabilities, --q-value: peak_caller/lanceotron scores"),
        ({"control": "control.bw"}, r"--control: peak_caller/lanceotron scores"),
        ({"control_reads": "input.bam"}, r"--control-reads: peak_caller/lanceotron scores"),
        ({"signal_kind": "log10_p"}, r"--signal-kind: log10_p given"),
        ({"signal_kind": "reads"}, r"--signal-kind: 'reads' is unknown"),
        ({"enter_probability": 1.5}, r"--enter-probability: 1\.5 given"),
    ],
)
def test_what_it_has_no_use_for_is_refused(entry, example, options, message):
    with pytest.raises(InputError, match=message):
        entry.call_peaks(**example | options)


def test_jobs_on_probabilities_of_bins_refuse_it():
    with pytest.raises(InputError, match=r"lanceotron: scores candidate peaks and gives no probability of each bin"):
        load_peak_caller("peak_caller/lanceotron")


def test_fine_tuning_refuses_it_before_files_are_read(tmp_path):
    with pytest.raises(InputError, match=r"lanceotron: scores candidate peaks.*use peak_caller/atac, "):
        epizoo.finetune("peak_caller/lanceotron", tmp_path / "data.yaml", name="mine", output=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_input_of_another_length_is_refused(entry):
    with pytest.raises(InputError, match=r"candidates: 2,000 numbers of a candidate found.*2,012"):
        entry.predict({"candidates": np.zeros((1, 2_000, 1), np.float32)})


def test_a_run_that_is_refused_late_leaves_no_coverage(tmp_path):
    (tmp_path / "reads.bed").write_text("chr1\t100\t300\tr\t0\t+\n" * 50)
    (tmp_path / "sizes.txt").write_text("chr1\t100000\nchr2\t100000\n")
    known = pd.DataFrame([("chr2", 0, 50_000)], columns=["chrom", "start", "end"])
    with pytest.raises(InputError, match="no signal"):
        epizoo.call_peaks(
            "peak_caller/lanceotron",
            reads=tmp_path / "reads.bed",
            chrom_sizes=tmp_path / "sizes.txt",
            keep_duplicates="all",
            known_regions=known,
            coverage=tmp_path / "coverage.bw",
        )
    assert not (tmp_path / "coverage.bw").exists()

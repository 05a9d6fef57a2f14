"""States of a genome, file in and file out, against a forward-backward written out in this file."""

import threading
import time

import bioframe
import numpy as np
import pandas as pd
import pyBigWig
import pytest
import random_entries

import epizoo
from epizoo.errors import EntryError, InputError
from epizoo.genome import mark_sources
from epizoo.genome.binarize import binarize_reads
from epizoo.genome.binarize_bigwigs import BigWigBinarization, binarize_bigwigs
from epizoo.genome.marks import BinarizedChromosome, read_binarized, write_binarized

MARKS = random_entries.MARKS


@pytest.fixture(scope="module")
def entry(random_zoo):
    return epizoo.load(random_zoo.folder / "chromatin_states/random")


def parameters(entry):
    """Softmax and sigmoid of the logits in the file, in float64."""
    logits = {name: array.astype(np.float64) for name, array in entry.weights().items()}
    initial, transition = (np.exp(logits[name]) for name in ("initial_logits", "transition_logits"))
    emission = 1 / (1 + np.exp(-logits["emission_logits"]))
    return initial / initial.sum(), transition / transition.sum(axis=1, keepdims=True), emission


def test_parameters_are_those_of_the_file_in_float64(entry):
    for found, expected in zip(entry.parameters(), parameters(entry), strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def emissions(emission, marks):
    """p(bin | state), bin by bin and mark by mark."""
    table = np.ones((len(marks), len(emission)))
    for i, row in enumerate(marks):
        for mark, value in enumerate(row):
            if value != 2:
                table[i] *= emission[:, mark] if value else 1 - emission[:, mark]
    return table


def posteriors(entry, marks):
    """Posteriors and log-likelihood in probability space, scaled at each step."""
    initial, transition, emission = parameters(entry)
    likelihoods = emissions(emission, marks)
    forward, total = [], 0.0
    for i, row in enumerate(likelihoods):
        message = (initial if i == 0 else forward[-1] @ transition) * row
        total += np.log(message.sum())
        forward.append(message / message.sum())
    backward = [np.ones_like(initial)]
    for row in likelihoods[:0:-1]:
        message = transition @ (row * backward[0])
        backward.insert(0, message / message.sum())
    joint = np.array(forward) * np.array(backward)
    return joint / joint.sum(axis=1, keepdims=True), total


def log_probability(entry, marks, path):
    initial, transition, emission = parameters(entry)
    steps = np.log(transition[path[:-1], path[1:]]).sum()
    return np.log(initial[path[0]]) + steps + np.log(emissions(emission, marks)[np.arange(len(path)), path]).sum()


def painted(segments, chrom, bin_bp=200):
    rows = segments[segments["chrom"] == chrom]
    return np.repeat(rows["state"].to_numpy(), (rows["end"] - rows["start"]).to_numpy() // bin_bp)


def folder_of(marks_by_chrom, folder, names=MARKS):
    folder.mkdir()
    for chrom, values in marks_by_chrom.items():
        chromosome = BinarizedChromosome("cell", chrom, names, values.astype(np.uint8))
        write_binarized(folder / f"cell_{chrom}_binary.txt.gz", chromosome)
    return folder


@pytest.fixture(scope="module")
def marks(random_zoo):
    return {chrom: read_binarized(random_zoo.marks / f"cell_{chrom}_binary.txt")[3] for chrom in ("chr1", "chr2")}


def test_states_are_the_best_posteriors(entry, random_zoo, marks):
    annotation = entry.annotate(random_zoo.marks)
    total = 0.0
    for chrom, values in marks.items():
        expected, log_likelihood = posteriors(entry, values)
        np.testing.assert_array_equal(painted(annotation.segments, chrom), expected.argmax(axis=1))
        total += log_likelihood
    assert annotation.log_likelihood == pytest.approx(total, rel=1e-6)
    assert annotation.n_bins == 240


def test_viterbi_is_at_least_as_probable_as_any_other_path_at_hand(entry, random_zoo, marks):
    best = entry.annotate(random_zoo.marks, viterbi=True)
    rng = np.random.default_rng(0)
    for chrom, values in marks.items():
        path = painted(best.segments, chrom)
        score = log_probability(entry, values, path)
        assert score >= log_probability(entry, values, posteriors(entry, values)[0].argmax(axis=1)) - 1e-9
        for _ in range(200):
            other = path.copy()
            start = rng.integers(0, len(path) - 3)
            other[start : start + rng.integers(1, 4)] = rng.integers(0, 4)
            assert score >= log_probability(entry, values, other) - 1e-9


def test_bed_and_posteriors_are_read_by_others(entry, random_zoo, marks, tmp_path):
    annotation = entry.annotate(random_zoo.marks, output=tmp_path / "x.bed", posteriors=tmp_path)
    read = bioframe.read_table(tmp_path / "x.bed", schema="bed9")
    assert read["name"].tolist() == annotation.segments["name"].tolist()
    assert set(read["itemRgb"]) <= {"0,0,0", "1,0,0", "2,0,0", "3,0,0"}
    assert (read["thickStart"] == read["start"]).all()
    pd.testing.assert_frame_equal(read, read.sort_values(["chrom", "start"], ignore_index=True))
    for chrom, values in marks.items():
        tracks = []
        for path in sorted(tmp_path.glob("state_*.bw")):
            with pyBigWig.open(str(path)) as bigwig:
                tracks.append(bigwig.values(chrom, 0, len(values) * 200, numpy=True)[::200])
        np.testing.assert_allclose(np.array(tracks).T, posteriors(entry, values)[0], atol=6e-5)


def test_a_missing_mark_says_nothing(entry, marks, tmp_path):
    two = {chrom: values[:, [2, 0]] for chrom, values in marks.items()}
    folder = folder_of(two, tmp_path / "m", ("H3K36me3", "H3K4me3"))
    with pytest.raises(InputError, match="mark H3K27ac"):
        entry.annotate(folder)
    annotation = entry.annotate(folder, allow_missing=True)
    for chrom, values in marks.items():
        missing = values.copy()
        missing[:, 1] = 2
        np.testing.assert_array_equal(painted(annotation.segments, chrom), posteriors(entry, missing)[0].argmax(axis=1))


def test_marks_missing_on_one_chromosome_or_in_some_bins(entry, marks, tmp_path):
    partly = {chrom: values.copy() for chrom, values in marks.items()}
    partly["chr1"][20:60, 0] = 2
    partly["chr2"][:, 2] = 2
    annotation = entry.annotate(folder_of(partly, tmp_path / "m"))
    for chrom, values in partly.items():
        np.testing.assert_array_equal(painted(annotation.segments, chrom), posteriors(entry, values)[0].argmax(axis=1))


def write_reads(path, seed):
    rng = np.random.default_rng(seed)
    starts = np.concatenate([rng.integers(0, 24_000, 150), rng.normal(9000, 150, 150).astype(int)])
    strands, chroms = rng.choice(["+", "-"], 300), rng.choice(["chr1", "chr2"], 300)
    rows = zip(chroms, starts, strands, strict=True)
    path.write_text("".join(f"{chrom}\t{start}\t{start + 36}\t.\t0\t{strand}\n" for chrom, start, strand in rows))
    return path


def test_reads_and_bigwigs_are_annotated_as_their_binarised_marks(entry, tmp_path):
    sizes = random_entries.CHROM_SIZES
    (tmp_path / "sizes.txt").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in sizes.items()))
    reads = {mark: write_reads(tmp_path / f"{mark}.bed", seed) for seed, mark in enumerate(MARKS[1:])}
    bigwig = random_entries.write_bigwig(tmp_path / "a.bw")
    from_reads = binarize_reads(reads, sizes)
    from_bigwig = binarize_bigwigs({MARKS[0]: bigwig}, BigWigBinarization("fold_change", threshold=4.0))
    together = {chrom: np.concatenate([from_bigwig[chrom], from_reads[chrom]], axis=1) for chrom in sizes}
    assert all(0 < values[:, column].mean() < 1 for values in together.values() for column in range(3))
    expected = entry.annotate(folder_of(together, tmp_path / "m"))
    settings = {"chrom_sizes": tmp_path / "sizes.txt", "signal_kind": "fold_change", "threshold": 4.0}
    found = entry.annotate(marks={**reads, MARKS[0]: bigwig}, **settings, output=tmp_path / "x.bed")
    pd.testing.assert_frame_equal(found.segments, expected.segments)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"H3K4me3": "a.bw"}, "H3K27ac, H3K36me3"),
        ({"H3K4me3": "a.bw", "H3K9ac": "b.bw"}, "no mark H3K9ac"),
        (dict.fromkeys(MARKS, "a.bw"), "kind of signal"),
        (dict.fromkeys(MARKS, "a.bed"), r"a\.bed: .*lengths .*--chrom-sizes"),
    ],
)
def test_marks_that_cannot_be_used_are_refused(entry, files, message):
    with pytest.raises(InputError, match=message):
        entry.annotate(marks=files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"color": "red"}, r"\.states\.0\.color: .*'red'"),
        ({"color": "256,0,0"}, r"\.states\.0\.color: .*'256,0,0'"),
        ({"color": None}, r"\.states\.0\.color: "),
        ({"name": "S1"}, r"\bstates: 4 .*3 different names"),
    ],
)
def test_states_without_a_name_or_a_colour_are_refused(entry, change, message):
    states = [dict(state) for state in entry.zoo.config["states"]]
    states[0] |= change
    zoo = entry.zoo.model_copy(update={"config": entry.zoo.config | {"states": states}})
    with pytest.raises(EntryError, match=rf"model\.yaml: zoo\.config.*{message}"):
        type(entry)(entry.folder, entry.kipoi, zoo)


def test_one_source_of_marks_is_wanted(entry, random_zoo):
    with pytest.raises(InputError, match=r"neither .*binari[sz]ed"):
        entry.annotate()
    with pytest.raises(InputError, match=r"both .*binari[sz]ed"):
        entry.annotate(random_zoo.marks, marks={"H3K4me3": "a.bw"})


def test_nothing_is_left_of_a_run_that_is_interrupted(entry, random_zoo, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        entry.annotate(random_zoo.marks, output=tmp_path / "x.bed", posteriors=tmp_path, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_regions_are_cut_from_the_whole_genome(entry, random_zoo, tmp_path):
    whole = entry.annotate(random_zoo.marks).segments
    regions = tmp_path / "regions.bed"
    regions.write_text("chr2\t300\t4100\nchr1\t1000\t5000\nchr1\t4500\t9900\n")
    part = entry.annotate(random_zoo.marks, regions=regions).segments
    by_bp = {
        (row.chrom, position): row.state for row in whole.itertuples() for position in range(row.start, row.end, 100)
    }
    found = {
        (row.chrom, position): row.state for row in part.itertuples() for position in range(row.start, row.end, 100)
    }
    wanted = {("chr1", position) for position in range(1000, 9900, 100)}
    wanted |= {("chr2", position) for position in range(300, 4100, 100)}
    assert found == {locus: by_bp[locus] for locus in wanted}
    assert not part.duplicated(["chrom", "start"]).any()


def test_regions_outside_the_marks_are_refused(entry, random_zoo):
    unknown = pd.DataFrame({"chrom": ["chr9"], "start": [0], "end": [200]})
    with pytest.raises(InputError, match="chr9"):
        entry.annotate(random_zoo.marks, regions=unknown)


def write_steps(path, sizes):
    """Steps of coverage over chromosomes of any length."""
    with pyBigWig.open(str(path), "w") as bigwig:
        bigwig.addHeader(list(sizes.items()))
        for chrom, size in sizes.items():
            values = np.random.default_rng(size).poisson(3, -(-size // 100)) + 1.0
            starts = np.arange(0, size, 100)
            ends = np.minimum(starts + 100, size)
            bigwig.addEntries([chrom] * len(starts), starts.tolist(), ends=ends.tolist(), values=values.tolist())
    return path


def coverage_of(path, **settings):
    return {"marks": dict.fromkeys(MARKS, path), "signal_kind": "coverage", "threshold": 4.0, **settings}


def test_files_of_reads_are_pooled_and_bigwigs_are_not(entry, tmp_path):
    (tmp_path / "sizes.txt").write_text(
        "".join(f"{name}\t{size}\n" for name, size in random_entries.CHROM_SIZES.items())
    )
    parts = [write_reads(tmp_path / f"{seed}.bed", seed) for seed in (0, 1)]
    whole = tmp_path / "whole.bed"
    whole.write_text("".join(part.read_text() for part in parts))
    settings = {"chrom_sizes": tmp_path / "sizes.txt"}
    pooled = entry.annotate(marks=dict.fromkeys(MARKS, parts), **settings)
    pd.testing.assert_frame_equal(
        pooled.segments, entry.annotate(marks=dict.fromkeys(MARKS, whole), **settings).segments
    )
    bigwigs = [write_steps(tmp_path / f"{name}.bw", {"chr1": 20_000}) for name in "ab"]
    for mixed in (bigwigs, [parts[0], bigwigs[0]]):
        with pytest.raises(InputError, match="only files of reads are pooled"):
            entry.annotate(marks=dict.fromkeys(MARKS, mixed), signal_kind="coverage", threshold=4.0)


def test_bigwigs_and_reads_of_different_lengths_are_refused_by_name(entry, tmp_path):
    bigwig = write_steps(tmp_path / "a.bw", {"chr1": 20_000})
    (tmp_path / "sizes.txt").write_text("chr1\t24000\n")
    paths = dict.fromkeys(MARKS[1:], bigwig) | {MARKS[0]: write_reads(tmp_path / "r.bed", 0)}
    with pytest.raises(InputError, match=r"sizes\.txt: .*chr1.*24,000 bp.*20,000 bp.*a\.bw"):
        entry.annotate(marks=paths, chrom_sizes=tmp_path / "sizes.txt", signal_kind="coverage", threshold=4.0)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (("chr1", 0, 20_151), "past the end"),
        (("chr9", 0, 200), "chr9"),
        (("chr1", 20_010, 20_140), "regions: .*200 bp"),
        (("tiny", 0, 30), "regions: .*200 bp"),
    ],
)
def test_regions_are_checked_by_true_lengths_before_the_genome_is_binarised(
    entry, tmp_path, monkeypatch, region, message
):
    def binarize(*arguments):
        raise AssertionError("binarised before the regions were checked")

    monkeypatch.setattr(mark_sources, "binarize_bigwigs", binarize)
    bigwig = write_steps(tmp_path / "a.bw", {"chr1": 20_150, "tiny": 30})
    with pytest.raises(InputError, match=message):
        entry.annotate(**coverage_of(bigwig), regions=pd.DataFrame([region], columns=["chrom", "start", "end"]))


def test_regions_past_the_bins_of_binarised_text_are_refused(entry, random_zoo):
    regions = pd.DataFrame({"chrom": ["chr1"], "start": [30_010], "end": [30_150]})
    with pytest.raises(InputError, match=r"regions: .*200 bp"):
        entry.annotate(random_zoo.marks, regions=regions)


def test_posteriors_have_the_chromosomes_true_lengths(entry, tmp_path):
    sizes = {"chr1": 20_150, "tiny": 30}
    bigwig = write_steps(tmp_path / "a.bw", sizes)
    annotation = entry.annotate(**coverage_of(bigwig), posteriors=tmp_path)
    assert annotation.segments["end"].max() == 20_000
    tracks = sorted(tmp_path.glob("state_*.bw"))
    assert len(tracks) == 4
    for path in tracks:
        with pyBigWig.open(str(path)) as track:
            assert dict(track.chroms()) == sizes
            assert not np.isnan(track.values("chr1", 0, 20_000)).any()
            assert np.isnan(track.values("chr1", 20_000, 20_150)).all()


def test_inputs_are_never_overwritten(entry, random_zoo, tmp_path):
    regions = tmp_path / "regions.bed"
    regions.write_text("chr1\t0\t2000\n")
    marks = next(random_zoo.marks.iterdir())
    before = marks.read_bytes()
    for output in (regions, marks):
        with pytest.raises(InputError, match="overwrite an input"):
            entry.annotate(random_zoo.marks, regions=regions, output=output)
    assert regions.read_text() == "chr1\t0\t2000\n"
    assert marks.read_bytes() == before


def test_settings_that_would_be_ignored_are_refused(entry, random_zoo):
    bigwigs = dict.fromkeys(MARKS, random_zoo.bigwig)
    for settings, cell, message in (
        ({"controls": {MARKS[0]: "none.bed"}, "threshold": 1.0, "signal_kind": "counts"}, None, "controls: "),
        ({"chrom_sizes": "none.txt", "threshold": 1.0, "signal_kind": "counts"}, None, "chromosome sizes: "),
        ({"threshold": 1.0, "signal_kind": "counts"}, "K562", "cell: K562"),
    ):
        with pytest.raises(InputError, match=message):
            entry.annotate(marks=bigwigs, **settings, cell=cell)
    with pytest.raises(InputError, match=r"--chrom-sizes: .*--marks"):
        entry.annotate(random_zoo.marks, chrom_sizes="none.txt")
    with pytest.raises(InputError, match=r"--threshold: .*--marks"):
        entry.annotate(random_zoo.marks, threshold=0)
    with pytest.raises(InputError, match=r"threshold: 1\.0"):
        entry.windows(intervals_file=random_zoo.intervals, binarized=random_zoo.marks, threshold=1.0)


def test_no_thread_outlives_marks_that_are_refused(entry, random_zoo, monkeypatch):
    # Kernels that take their time, as they do on a busy machine, load while marks are read, and no longer.
    started = threading.Event()

    def load(*_, **__):
        started.set()
        time.sleep(0.5)

    def refuse(*_, **__):
        assert started.wait(30)
        raise InputError("refused")

    monkeypatch.setattr("epizoo.models.hmm.decoding.load_kernels", load)
    monkeypatch.setattr("epizoo.jobs.annotate.read_folder", refuse)
    before = set(threading.enumerate())
    with pytest.raises(InputError, match="refused"):
        entry.annotate(random_zoo.marks)
    assert set(threading.enumerate()) == before

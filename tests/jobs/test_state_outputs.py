"""All files of an annotation say the same, and window by window the states are those of the genome."""

import re

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pytest
import random_entries
from chromhmm_text import read_bins, read_segments
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.genome.marks import BinarizedChromosome, read_binarized, write_binarized
from epizoo.metrics.enrichment import overlap_enrichment
from epizoo.metrics.segmentations import read_segmentation
from epizoo.metrics.state_comparison import compare_segmentations

MARKS = random_entries.MARKS


@pytest.fixture(scope="module")
def entry(random_zoo):
    return epizoo.load(random_zoo.folder / "chromatin_states/random")


@pytest.fixture(scope="module")
def marks(random_zoo):
    return {chrom: read_binarized(random_zoo.marks / f"cell_{chrom}_binary.txt")[3] for chrom in ("chr1", "chr2")}


def long_marks(folder, n_bins=(9_000, 1, 2_047), seed=0):
    """Chromosomes of several windows, of one bin, and of nearly one window; marks missing in places."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number, n in enumerate(n_bins, start=1):
        values = np.repeat(rng.integers(0, 2, (n, 3)), rng.integers(1, 9, n), axis=0)[:n].astype(np.uint8)
        values[n // 3 : n // 2, 1] = 2
        path = folder / f"K562_chr{number}_binary.txt.gz"
        write_binarized(path, BinarizedChromosome("K562", f"chr{number}", MARKS, values))
    return folder


def painted(segments, chrom):
    rows = segments[segments["chrom"] == chrom]
    return np.repeat(rows["state"].to_numpy(), (rows["end"] - rows["start"]).to_numpy() // 200)


@pytest.mark.parametrize("viterbi", [False, True])
def test_all_files_say_the_same(entry, tmp_path, viterbi):
    source = long_marks(tmp_path / "marks")
    annotation = entry.annotate(
        source,
        viterbi=viterbi,
        output=tmp_path / "s.bed",
        posteriors=tmp_path / "bw",
        hdf5=tmp_path / "s.h5",
        chromhmm=tmp_path / "chromhmm",
        state_by_line=True,
        text_posteriors=True,
    )
    folder = tmp_path / "chromhmm"
    segments, order = read_segments(folder / "K562_4_segments.bed")
    assert order == "E"
    pd.testing.assert_frame_equal(segments, annotation.segments[["chrom", "start", "end", "state"]])
    assert "1_S0" in (folder / "K562_4_dense.bed").read_text()
    assert (folder / "K562_4_expanded.bed").read_text().startswith('track name="Expanded_K562_4"')
    with h5py.File(tmp_path / "s.h5") as file:
        assert dict(file.attrs)["model"] == "chromatin_states/random"
        assert file["marks"].asstr()[:].tolist() == list(MARKS)
        assert file["state_colors"][2].tolist() == [2, 0, 0]
        total = 0.0
        for chrom, group in file["chromosomes"].items():
            chosen = group["viterbi_path"] if viterbi else group["state"]
            np.testing.assert_array_equal(chosen[:], painted(annotation.segments, chrom))
            posteriors = group["posteriors"][:]
            assert posteriors.dtype == np.float32
            np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=3e-4)
            sure = posteriors.max(axis=1) > 0.51
            np.testing.assert_array_equal(posteriors.argmax(axis=1)[sure], group["state"][:][sure])
            _, _, by_line = read_bins(folder / "STATEBYLINE" / f"K562_4_{chrom}_statebyline.txt")
            np.testing.assert_array_equal(by_line[:, 0] - 1, chosen[:])
            _, _, text = read_bins(folder / "POSTERIOR" / f"K562_4_{chrom}_posterior.txt")
            # Halves of the last digit may be rounded to either side.
            np.testing.assert_allclose(text, posteriors, atol=1.01e-4)
            for path in (tmp_path / "bw").glob("state_*.bw"):
                state = int(re.search(r"state_(\d+)", path.name).group(1)) - 1
                with pyBigWig.open(str(path)) as bigwig:
                    values = bigwig.values(chrom, 0, len(posteriors) * 200, numpy=True)[::200]
                np.testing.assert_allclose(values, posteriors[:, state], atol=1.01e-4)
            total += group.attrs["log_likelihood"]
            assert group.attrs["missing_marks"] == ("" if chrom == "chr2" else "H3K27ac")
        assert total == pytest.approx(annotation.log_likelihood)


@pytest.mark.parametrize("backend", ["jax", "onnx", "torch"])
def test_states_of_windows_are_those_of_the_genome(entry, tmp_path, backend):
    source = long_marks(tmp_path / "marks")
    expected = entry.annotate(source, hdf5=tmp_path / "a.h5")
    found = entry.annotate(source, backend=backend, hdf5=tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as other:
        for chrom in one["chromosomes"]:
            first, second = (file["chromosomes"][chrom]["posteriors"][:] for file in (one, other))
            np.testing.assert_allclose(first, second, atol=1.01e-4)
    pd.testing.assert_frame_equal(found.segments, expected.segments)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-9)


def test_windows_have_no_most_probable_path(entry, random_zoo):
    with pytest.raises(InputError, match=r"viterbi: .*whole chromosomes"):
        entry.annotate(random_zoo.marks, viterbi=True, backend="jax")


def test_missing_marks_are_told(entry, tmp_path):
    source = long_marks(tmp_path / "marks")
    shares = entry.annotate(source).missing_marks
    assert shares == {"H3K27ac": (1500 + 0 + 341) / 11_048}
    folder = tmp_path / "two"
    folder.mkdir()
    values = np.ones((10, 2), np.uint8)
    write_binarized(folder / "a_chr1_binary.txt", BinarizedChromosome("a", "chr1", MARKS[:2], values))
    assert entry.annotate(folder, allow_missing=True).missing_marks == {MARKS[2]: 1.0}


def test_an_annotation_is_compared_and_enriched_without_a_file(entry, tmp_path):
    source = long_marks(tmp_path / "marks")
    annotation = entry.annotate(source, output=tmp_path / "s.bed")
    segmentation = annotation.segmentation()
    assert segmentation.labels == ("S0", "S1", "S2", "S3")
    from_file = read_segmentation(tmp_path / "s.bed", segmentation.labels)
    found = compare_segmentations(segmentation, from_file)
    assert (found.adjusted_rand, found.agreement) == (1, 1)
    over = {"start": pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [300_000]})}
    pd.testing.assert_frame_equal(overlap_enrichment(segmentation, over), overlap_enrichment(from_file, over))


@pytest.mark.parametrize("backend", [None, "jax"])
def test_a_chromosome_shorter_than_a_bin_has_no_state(entry, tmp_path, backend):
    with pyBigWig.open(str(tmp_path / "a.bw"), "w") as bigwig:
        bigwig.addHeader([("chr1", 20_150), ("tiny", 30)])
        bigwig.addEntries(["chr1", "tiny"], [0, 0], ends=[9_000, 30], values=[5.0, 5.0])
    annotation = entry.annotate(
        marks=dict.fromkeys(MARKS, tmp_path / "a.bw"),
        signal_kind="coverage",
        threshold=4.0,
        backend=backend,
        hdf5=tmp_path / "s.h5",
        posteriors=tmp_path,
        chromhmm=tmp_path,
        state_by_line=True,
        text_posteriors=True,
    )
    assert set(annotation.segments["chrom"]) == {"chr1"}
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["chromosomes/tiny/posteriors"].shape == (0, 4)
        assert file["chromosomes/chr1"].attrs["length_bp"] == 20_150
    assert len(read_bins(tmp_path / "POSTERIOR" / "cell_4_tiny_posterior.txt")[2]) == 0


def test_no_file_is_left_where_one_cannot_be_written(entry, tmp_path):
    source = long_marks(tmp_path / "marks")
    (tmp_path / "chromhmm" / "K562_4_segments.bed").mkdir(parents=True)
    with pytest.raises(InputError, match=r"K562_4_segments\.bed: "):
        entry.annotate(source, output=tmp_path / "s.bed", hdf5=tmp_path / "s.h5", chromhmm=tmp_path / "chromhmm")
    assert not (tmp_path / "s.bed").exists()
    assert not (tmp_path / "s.h5").exists()


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_writes_them_and_names_missing_marks(random_zoo, tmp_path):
    source = long_marks(tmp_path / "marks")
    (tmp_path / "regions.bed").write_text("chr1\t0\t20000\n")
    entry = random_zoo.folder / "chromatin_states/random"
    files = ["-o", tmp_path / "s.bed", "--hdf5", tmp_path / "s.h5", "--chromhmm", tmp_path / "c"]
    more = ["--state-by-line", "--text-posteriors", "--backend", "jax", "--regions", tmp_path / "regions.bed"]
    result = run("annotate", entry, "--binarized", source, *files, *more)
    assert result.exit_code == 0, result.output
    assert "Marks missing in places: H3K27ac in 16.67% of the bins." in result.output
    assert "STATE  REGIONS" in result.output
    assert (tmp_path / "c" / "POSTERIOR" / "K562_4_chr1_posterior.txt").exists()
    assert (tmp_path / "s.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--state-by-line"], "--state-by-line: .*--chromhmm"),
        (["--backend", "tensorflow"], "backend: 'tensorflow'"),
        (["--backend", "jax", "--viterbi"], "backend.*viterbi|viterbi.*backend"),
        (["--hdf5", "none/s.h5"], r"none/s\.h5: "),
        (["--chromhmm", "c", "--state-by-line", "--posteriors", "p", "--regions", "none.bed"], r"none\.bed: "),
        (["--chromhmm", "c", "--text-posteriors", "--cell", "none"], "none"),
    ],
)
def test_options_that_do_not_fit_are_refused(random_zoo, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    entry = random_zoo.folder / "chromatin_states/random"
    result = run("annotate", entry, "--binarized", random_zoo.marks, "-o", "s.bed", *arguments)
    assert result.exit_code == 2, result.output
    assert re.search(message, " ".join(result.output.split()))
    assert not list(tmp_path.iterdir())


def test_controls_are_named_as_they_were_given(entry, random_zoo):
    files = dict.fromkeys(MARKS, random_zoo.bigwig)
    with pytest.raises(InputError, match=r"controls: .*H3K4me3=none\.bed.*reads"):
        entry.annotate(marks=files, controls={MARKS[0]: "none.bed"}, signal_kind="counts", threshold=1.0)


def test_a_cell_types_name_does_not_lead_out_of_the_folder(entry, marks, tmp_path):
    (tmp_path / "marks").mkdir()
    values = np.zeros((30, len(MARKS)), np.uint8)
    write_binarized(tmp_path / "marks/x_chr1_binary.txt", BinarizedChromosome("../../outside", "chr1", MARKS, values))
    with pytest.raises(InputError, match=r"outside.*cannot be a file's name"):
        entry.annotate(binarized=tmp_path / "marks", chromhmm=tmp_path / "a")
    assert not list(tmp_path.rglob("*outside*"))


@pytest.mark.parametrize("name", ["encode-10", "encode-15"])
def test_shipped_states_in_an_order_of_their_own_have_the_letter_of_user_order(name, tmp_path):
    shipped = epizoo.load(f"chromatin_states/{name}")
    shipped.annotate(shipped.folder / "example_files" / "marks", chromhmm=tmp_path)
    (path,) = tmp_path.glob("*_segments.bed")
    assert {line.split("\t")[3][0] for line in path.read_text().splitlines()} == {"U"}

"""Decoding over runs equals the sequential answer."""

import gzip

import numpy as np
import pytest
from hmm_oracles import Model, emission_rows, enumerate_paths, random_model, read_chromhmm_model, smooth, viterbi

from epizoo.errors import InputError
from epizoo.models.hmm import message_kernels as hmm_kernels
from epizoo.models.hmm import run_kernels
from epizoo.models.hmm.decoding import decode, decode_all


def runs_of_codes(rng, n_bins, n_codes, mean_run):
    """Codes in runs, the first code being the most frequent and in long runs, as empty bins are."""
    lengths = rng.geometric(1 / mean_run, n_bins)
    codes = np.where(rng.random(n_bins) < 0.5, 0, rng.integers(0, n_codes, n_bins))
    return np.repeat(codes, np.where(codes == 0, 4 * lengths, lengths))[:n_bins].astype(np.uint16)


def as_values(codes, n_marks):
    return (codes[:, None] >> np.arange(n_marks - 1, -1, -1) & 1).astype(float)


@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_posteriors_likelihood_and_path_equal_enumeration(zeros):
    rng = np.random.default_rng(1)
    for n_bins in (1, 2, 3, 6):
        model = random_model(rng, 3, 2, zeros)
        codes = rng.choice([0, 0, 0, 1, 2, 3], n_bins)
        paths, weights = enumerate_paths(model, emission_rows(model, as_values(codes, 2)))
        expected = (
            np.array([[weights[paths[:, t] == s].sum() for s in range(3)] for t in range(n_bins)]) / weights.sum()
        )
        found = decode(model, codes, posteriors=True, viterbi=True)
        assert found.log_likelihood == pytest.approx(np.log(weights.sum()), abs=1e-12)
        np.testing.assert_allclose(found.posteriors, expected, atol=1e-7)
        np.testing.assert_array_equal(found.states, expected.argmax(1))
        np.testing.assert_array_equal(found.viterbi_path, paths[weights.argmax()])


@pytest.mark.parametrize("block_pieces", [1, 2, 7, 100])
def test_blocks_of_every_size_are_stitched_exactly(block_pieces, monkeypatch):
    rng = np.random.default_rng(2)
    model = random_model(rng, 5, 3, zeros=0.4)
    codes = runs_of_codes(rng, 600, 8, 3)
    # Run as plain Python: compiled code holds the block size as a constant.
    monkeypatch.setattr(hmm_kernels, "_BLOCK_PIECES", block_pieces)
    for module in (hmm_kernels, run_kernels):
        for name, function in vars(module).copy().items():
            if hasattr(function, "py_func"):
                monkeypatch.setattr(module, name, function.py_func)
    found = decode(model, codes, posteriors=True)
    expected = smooth(model, emission_rows(model, as_values(codes, 3)))
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(found.posteriors, expected.posteriors, atol=1e-7)
    np.testing.assert_array_equal(decode(model, codes).states, expected.posteriors.argmax(1))


@pytest.mark.parametrize("mean_run", [1, 3, 60])
@pytest.mark.parametrize("zeros", [0.0, 0.5])
def test_long_sequences_equal_sequential_float64(mean_run, zeros):
    rng = np.random.default_rng(mean_run)
    model = random_model(rng, 7, 4, zeros)
    codes = runs_of_codes(rng, 20_000, 16, mean_run)
    rows = emission_rows(model, as_values(np.arange(16), 4))[codes]
    expected = smooth(model, rows)
    found = decode(model, codes, posteriors=True, viterbi=True)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(found.posteriors, expected.posteriors, atol=1e-7)
    np.testing.assert_array_equal(found.states, expected.posteriors.argmax(1))
    np.testing.assert_array_equal(decode(model, codes).states, found.states)
    np.testing.assert_array_equal(found.viterbi_path, viterbi(model, rows))


def test_missing_marks_in_any_form_leave_their_factor_out():
    rng = np.random.default_rng(4)
    model = random_model(rng, 4, 3)
    codes = runs_of_codes(rng, 500, 8, 3)
    values = as_values(codes, 3)
    values[:, 1] = np.nan
    expected = smooth(model, emission_rows(model, values)).posteriors
    integers = np.where(np.isnan(values), 2, values).astype(np.uint8)
    present = np.array([True, False, True])
    for marks, mask in [(codes, present), (values, None), (integers, None), (as_values(codes, 3), present)]:
        found = decode(model, marks, mask, posteriors=True)
        np.testing.assert_allclose(found.posteriors, expected, atol=1e-7)


def test_marks_missing_in_some_bins_equal_sequential_float64():
    rng = np.random.default_rng(5)
    model = random_model(rng, 4, 3)
    values = as_values(runs_of_codes(rng, 400, 8, 3), 3)
    values[100:200, 0] = np.nan
    values[150:300] = np.nan
    found = decode(model, values, posteriors=True)
    np.testing.assert_allclose(found.posteriors, smooth(model, emission_rows(model, values)).posteriors, atol=1e-7)


def test_soft_values_equal_sequential_float64():
    rng = np.random.default_rng(6)
    model = random_model(rng, 4, 3, zeros=0.4)
    values = rng.random((5000, 3))
    values[rng.random((5000, 3)) < 0.1] = np.nan
    rows = emission_rows(model, values)
    expected = smooth(model, rows)
    found = decode(model, values, posteriors=True, viterbi=True)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(found.posteriors, expected.posteriors, atol=1e-7)
    np.testing.assert_array_equal(found.states, expected.posteriors.argmax(1))
    np.testing.assert_array_equal(found.viterbi_path, viterbi(model, rows))


def test_ties_go_to_the_lowest_state():
    model = Model(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), np.array([[0.1], [0.5], [0.5]]))
    found = decode(model, np.ones(50, np.uint16), viterbi=True)
    assert set(found.states) == {1}
    assert set(found.viterbi_path) == {1}


def test_an_impossible_bin_counts_as_unobserved():
    # State 1 is never left and never shows the mark.
    model = Model(np.array([0.0, 1.0]), np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.5], [0.0]]))
    found = decode(model, np.array([0, 0, 1, 0]), posteriors=True, viterbi=True)
    assert found.log_likelihood == pytest.approx(np.log(1e-300))
    np.testing.assert_array_equal(found.posteriors, np.tile([0.0, 1.0], (4, 1)))
    assert found.states.tolist() == found.viterbi_path.tolist() == [1, 1, 1, 1]


def test_emissions_below_the_floor_in_all_states_are_equal():
    model = Model(np.array([0.3, 0.7]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.0, 0.4], [0.0, 0.6]]))
    found = decode(model, np.array([3]), posteriors=True)
    np.testing.assert_allclose(found.posteriors, [[0.3, 0.7]])
    assert found.log_likelihood == pytest.approx(np.log(1e-300))


def test_states_that_almost_vanish_within_a_run_do_not_underflow():
    # Over 32 bins the stuck state loses 1e-320: a run must not be carried in one product.
    model = Model(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1e-10], [0.9]]))
    found = decode(model, np.ones(100, np.uint16), posteriors=True)
    assert found.log_likelihood == pytest.approx(100 * np.log(1e-10))
    np.testing.assert_array_equal(found.posteriors[:, 0], 1)


def test_empty_and_one_bin_sequences():
    model = random_model(np.random.default_rng(0), 3, 2)
    empty, one = decode_all(model, [np.zeros(0, np.uint16), np.array([3])], posteriors=True, viterbi=True)
    assert empty.states.shape == empty.viterbi_path.shape == (0,)
    assert (empty.posteriors.shape, empty.log_likelihood) == ((0, 3), 0.0)
    weights = model.initial * model.emission.prod(1)
    np.testing.assert_allclose(one.posteriors[0], weights / weights.sum(), atol=1e-7)
    assert decode_all(model, []) == []


def test_more_marks_than_a_code_holds():
    rng = np.random.default_rng(7)
    model = random_model(rng, 3, 20)
    values = np.repeat((rng.random((100, 20)) < 0.3).astype(np.uint8), 3, axis=0)
    expected = smooth(model, emission_rows(model, values.astype(float)))
    np.testing.assert_allclose(decode(model, values, posteriors=True).posteriors, expected.posteriors, atol=1e-7)


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        (np.array([4]), r"\b4\b.*\b2 marks"),
        (np.array([-1]), r"-1\b.*\b2 marks"),
        (np.array([0.5]), "integer"),
        (np.zeros((3, 4)), r"\b2 columns"),
        (np.full((3, 2), 1.5), r"\b0 to 1\b"),
        (np.full((3, 2), 3), "binari[sz]e"),
    ],
)
def test_marks_that_do_not_fit_are_refused(marks, message):
    with pytest.raises(InputError, match=message):
        decode(random_model(np.random.default_rng(0), 3, 2), marks)


def test_parameters_that_do_not_fit_are_refused():
    model = random_model(np.random.default_rng(0), 3, 2)
    with pytest.raises(InputError, match=r"\brow\b.*\b3 states"):
        decode(model._replace(transition=np.eye(2)), np.array([0]))
    with pytest.raises(InputError, match="emission"):
        decode(model._replace(emission=model.emission - 0.5 - model.emission.min()), np.array([0]))


def read_sample(data_dir, cell):
    path = data_dir / "states" / "sample_hg18" / f"{cell}_chr11_binary.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return np.array([line.split("\t") for line in lines[2:]], np.uint8)


def read_state_by_line(data_dir, cell):
    folder = data_dir / "states" / "chromhmm_reference" / "STATEBYLINE"
    lines = gzip.decompress((folder / f"{cell}_10_chr11_statebyline.txt.gz").read_bytes()).decode().splitlines()
    return np.array(lines[2:], int) - 1


@pytest.mark.data
def test_chromhmm_sample_has_its_states_and_likelihood(data_dir):
    model, _ = read_chromhmm_model(data_dir / "states" / "chromhmm_reference" / "model_10.txt")
    cells = ("GM12878", "K562")
    found = decode_all(model, [read_sample(data_dir, cell) for cell in cells])
    assert sum(decoding.log_likelihood for decoding in found) == pytest.approx(-742604.11689, abs=1e-2)
    for cell, decoding in zip(cells, found, strict=True):
        np.testing.assert_array_equal(decoding.states, read_state_by_line(data_dir, cell))


def whole_genome(data_dir, names):
    """Codes of all chromosomes for a model's marks, and which of these were measured."""
    with np.load(data_dir / "states" / "wholegenome_hg19" / "GM12878_codes9.npz") as file:
        marks = list(file["marks"])
        chromosomes = {name: file[name] for name in file.files if name != "marks"}
    sequences = {}
    for name, codes in chromosomes.items():
        arranged = np.zeros_like(codes)
        for mark in names:
            arranged = arranged << 1
            if mark in marks:
                arranged |= codes >> (len(marks) - 1 - marks.index(mark)) & 1
        sequences[name] = arranged
    return sequences, np.array([mark in marks for mark in names])


@pytest.mark.data
def test_whole_genome_has_chromhmms_likelihood(data_dir):
    model, names = read_chromhmm_model(data_dir / "states" / "chromhmm_reference" / "model_10.txt")
    sequences, present = whole_genome(data_dir, names)
    found = decode_all(model, list(sequences.values()), present)
    assert sum(decoding.log_likelihood for decoding in found) == pytest.approx(-7743654.14211, abs=1e-2)


@pytest.mark.data
@pytest.mark.parametrize("name", ["model_15_coreMarks.txt", "model_18_core_K27ac.txt"])
def test_roadmap_models_equal_sequential_float64(data_dir, name):
    model, names = read_chromhmm_model(data_dir / "states" / "published_models" / name)
    sequences, present = whole_genome(data_dir, names)
    codes = sequences["chr19"][:100_000]
    table = np.arange(1 << len(names))[:, None] >> np.arange(len(names) - 1, -1, -1) & 1
    rows = emission_rows(model, np.where(present, table, np.nan))[codes]
    expected = smooth(model, rows)
    found = decode(model, codes, present, posteriors=True, viterbi=True)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(found.posteriors, expected.posteriors, atol=1e-7)
    np.testing.assert_array_equal(decode(model, codes, present).states, expected.posteriors.argmax(1))
    np.testing.assert_array_equal(found.viterbi_path, viterbi(model, rows))


def test_posteriors_of_denormal_probabilities_are_numbers():
    # The second state is reached with 1e-310 alone, and one over that is infinite; the third bin is impossible.
    model = Model(np.array([1.0, 0.0]), np.array([[1.0, 1e-310], [0.0, 1.0]]), np.array([[0.0, 0.5], [1.0, 0.0]]))
    found = decode_all(model, [np.array([[0, 1], [1, 0], [1, 1], [1, 0]], np.uint8)], posteriors=True)[0]
    np.testing.assert_array_equal(found.posteriors, [[1, 0], [0, 1], [0, 1], [0, 1]])
    assert np.isfinite(found.log_likelihood)

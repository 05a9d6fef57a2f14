"""ChromHMM's models as text: what it wrote is read to the last digit, and what is written is what it would write."""

import gzip

import jax
import numpy as np
import pytest

from epizoo.errors import InputError
from epizoo.genome.marks import read_binarized
from epizoo.models.hmm import reference as hmm
from epizoo.models.hmm.reference import HMMParameters
from epizoo.states.chromhmm_models import (
    ChromHMMModel,
    java_double,
    read_model,
    read_table,
    similarity_order,
    write_emissions,
    write_model,
    write_transitions,
)

MODEL = ChromHMMModel(
    HMMParameters(
        np.array([0.0, 1.0]), np.array([[0.75, 0.25], [1e-5, 0.99999]]), np.array([[0.5, 0.0], [0.125, 4.9e-320]])
    ),
    marks=("H3K4me3", "H3K27me3"),
    order="T",
    log_likelihood=-29418047.5,
    iterations=200,
)
TEXT = """\
2	2	T	-2.94180475E7	200
probinit	1	0.0
probinit	2	1.0
transitionprobs	1	1	0.75
transitionprobs	1	2	0.25
transitionprobs	2	1	1.0E-5
transitionprobs	2	2	0.99999
emissionprobs	1	0	H3K4me3	0	0.5
emissionprobs	1	0	H3K4me3	1	0.5
emissionprobs	1	1	H3K27me3	0	1.0
emissionprobs	1	1	H3K27me3	1	0.0
emissionprobs	2	0	H3K4me3	0	0.875
emissionprobs	2	0	H3K4me3	1	0.125
emissionprobs	2	1	H3K27me3	0	1.0
emissionprobs	2	1	H3K27me3	1	4.9E-320
"""


def assert_same_model(found, expected):
    for array, other in zip(found.parameters, expected.parameters, strict=True):
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, other)
    assert found._replace(parameters=None) == expected._replace(parameters=None)


def test_a_model_is_written_as_chromhmm_writes_it(tmp_path):
    write_model(tmp_path / "model_2.txt", MODEL)
    assert (tmp_path / "model_2.txt").read_text() == TEXT


@pytest.mark.parametrize("name", ["model.txt", "model.txt.gz"])
def test_a_model_is_read_to_the_last_digit(tmp_path, name):
    content = TEXT.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert_same_model(read_model(tmp_path / name), MODEL)


def test_likelihood_and_iterations_may_be_absent(tmp_path):
    bare = MODEL._replace(log_likelihood=None, iterations=None)
    write_model(tmp_path / "model.txt", bare)
    assert (tmp_path / "model.txt").read_text().startswith("2\t2\tT\n")
    assert_same_model(read_model(tmp_path / "model.txt"), bare)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("2\t2\tT", "two\t2\tT", "first line"),
        ("2\t2\tT", "2\t2\tX", "first line"),
        ("2\t2\tT", "3\t2\tT", "missing"),
        ("probinit\t2\t1.0\n", "", r"\b1 of 2\b.*probinit"),
        (TEXT[-40:], "", "emissionprobs"),
        ("probinit\t1\t0.0", "probinit\t1\t0.5", r"probinit\b.*\b1\.5\b"),
        ("1\t1\t0.75", "1\t1\t0.5", r"transitionprobs\b.*state 1\b.*\b0\.75\b"),
        ("1\t0.125", "1\t0.5", r"emissionprobs\b.*state 2\b.*\b1\.375\b"),
        ("probinit\t1\t0.0", "probinit\t1\t-1", r"line 2\b.*\b0 and 1\b"),
        ("probinit\t1\t0.0", "probinit\t1\tlow", r"line 2\b.*\b0 and 1\b"),
        ("probinit\t1\t0.0", "probinit\t3\t0.0", "line 2"),
        ("probinit\t1\t0.0", "probinit\t2\t0.0", "second time"),
        ("probinit\t1\t0.0", "start\t1\t0.0", "line 2"),
        ("2\t0\tH3K4me3\t0", "2\t0\tH3K9ac\t0", "H3K9ac.*H3K4me3"),
        (TEXT, "", "first line"),
    ],
)
def test_a_damaged_model_is_refused(tmp_path, old, new, reason):
    assert old in TEXT
    path = tmp_path / "model.txt"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputError, match=reason) as error:
        read_model(path)
    assert str(path) in str(error.value)


def test_a_missing_or_cut_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_model(tmp_path / "model.txt")
    (tmp_path / "model.txt.gz").write_bytes(gzip.compress(TEXT.encode())[:-20])
    with pytest.raises(InputError, match="read"):
        read_model(tmp_path / "model.txt.gz")


@pytest.mark.parametrize("change", [{"marks": ("H3K4me3",)}, {"order": "Z"}])
def test_a_model_that_does_not_fit_is_not_written(tmp_path, change):
    with pytest.raises(InputError, match="written"):
        write_model(tmp_path / "model.txt", MODEL._replace(**change))
    assert not list(tmp_path.iterdir())


def test_tables_are_written_as_chromhmm_writes_them_and_read_back(tmp_path):
    write_emissions(tmp_path / "emissions.txt", MODEL, names=["TssA", "Quies"])
    write_transitions(tmp_path / "transitions.txt", MODEL)
    assert (tmp_path / "emissions.txt").read_text() == (
        "State (Transition order)\tH3K4me3\tH3K27me3\n1_TssA\t0.5\t0.0\n2_Quies\t0.125\t4.9E-320\n"
    )
    assert (tmp_path / "transitions.txt").read_text() == (
        "State (from\\to) (Transition order)\t1\t2\n1\t0.75\t0.25\n2\t1.0E-5\t0.99999\n"
    )
    table = read_table(tmp_path / "emissions.txt")
    assert (table.rows, table.columns) == (("1_TssA", "2_Quies"), ("H3K4me3", "H3K27me3"))
    np.testing.assert_array_equal(table.values, MODEL.parameters.emission)
    with pytest.raises(InputError, match=r"\b1 names?\b.*\b2 states"):
        write_emissions(tmp_path / "emissions.txt", MODEL, names=["TssA"])


@pytest.mark.parametrize("text", ["", "State\t1\n", "State\t1\t2\n1\t0.5\n", "State\t1\n1\thigh\n", "State\n1\n"])
def test_a_damaged_table_is_refused(tmp_path, text):
    (tmp_path / "emissions.txt").write_text(text)
    with pytest.raises(InputError, match=r"emissions\.txt"):
        read_table(tmp_path / "emissions.txt")


def test_java_prints_a_double_that_reads_back():
    rng = np.random.default_rng(0)
    for value in rng.uniform(size=500) * 10.0 ** rng.integers(-320, 12, size=500):
        assert float(java_double(value)) == value


def test_a_constant_mark_does_not_disturb_the_order():
    assert sorted(similarity_order(np.array([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8]]))) == [0, 1, 2]


@pytest.mark.data
def test_tables_of_chromhmm_are_reproduced_byte_for_byte(data_dir, tmp_path):
    reference = data_dir / "states" / "chromhmm_reference"
    model = read_model(reference / "model_10.txt")
    write_emissions(tmp_path / "emissions_10.txt", model)
    write_transitions(tmp_path / "transitions_10.txt", model)
    for name in ("emissions_10.txt", "transitions_10.txt"):
        assert (tmp_path / name).read_bytes() == (reference / name).read_bytes()


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "chromhmm_reference/model_10.txt",
        "published_models/model_15_coreMarks.txt",
        "published_models/model_18_core_K27ac.txt",
    ],
)
def test_models_survive_reading_and_writing(data_dir, tmp_path, name):
    """Only p(absent), which is 1 - p(present), may differ in its last digits."""
    model = read_model(data_dir / "states" / name)
    write_model(tmp_path / "model.txt", model)
    assert_same_model(read_model(tmp_path / "model.txt"), model)
    written, original = (path.read_text().splitlines() for path in (tmp_path / "model.txt", data_dir / "states" / name))
    assert len(written) == len(original)
    for line, expected in zip(written, original, strict=True):
        if line != expected:
            assert line.rsplit("\t", 1)[0] == expected.rsplit("\t", 1)[0]
            assert line.split("\t")[4] == "0"
            np.testing.assert_allclose(float(line.split("\t")[-1]), float(expected.split("\t")[-1]), atol=1e-15)


@pytest.mark.data
def test_log_likelihood_of_the_sample_is_chromhmms(data_dir):
    """-742604.11689 in float64 (ChromHMM's exact figure for the written model), and within 1e-6 of it in float32."""
    model = read_model(data_dir / "states" / "chromhmm_reference" / "model_10.txt")
    files = [data_dir / "states" / "sample_hg18" / f"{cell}_chr11_binary.txt.gz" for cell in ("GM12878", "K562")]
    sequences = [read_binarized(path) for path in files]
    assert all(sequence.marks == model.marks for sequence in sequences)
    likelihood = jax.jit(hmm.log_likelihood)
    with jax.enable_x64(True):
        exact = sum(float(likelihood(model.parameters, sequence.values.astype(np.float64))) for sequence in sequences)
    assert exact == pytest.approx(-742604.117, abs=0.01)
    single = sum(float(likelihood(model.parameters, sequence.values.astype(np.float32))) for sequence in sequences)
    assert single == pytest.approx(-742604.117, rel=1e-6)

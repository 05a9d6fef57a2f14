"""Models that ChromHMM learned, as entries: the same probabilities, the same states, or one clear sentence."""

import gzip

import numpy as np
import pytest
import random_entries
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.conversion.chromhmm.import_entry import import_model
from epizoo.errors import EntryError, InputError
from epizoo.genome.marks import find_binarized, read_binarized
from epizoo.models.hmm.decoding import decode
from epizoo.models.hmm.reference import HMMParameters
from epizoo.models.hmm.run_lengths import Float64Parameters
from epizoo.states.chromhmm_models import ChromHMMModel, write_model
from epizoo.zoo import state_runs

pytestmark = pytest.mark.usefixtures("without_graphs")

MARKS = random_entries.MARKS


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(3)
    transition = rng.dirichlet(np.ones(4), 4)
    transition[2, 0], transition[2, 1] = 0.0, transition[2, 1] + transition[2, 0]
    initial, emission = rng.dirichlet(np.ones(4)), rng.random((4, len(MARKS)))
    emission[1, 0] = 0.0
    found = ChromHMMModel(HMMParameters(initial, transition, emission), tuple(MARKS))
    write_model(tmp_path / "model_4.txt", found)
    return found


@pytest.fixture
def marks(tmp_path):
    return random_entries.write_marks(tmp_path / "marks")


def test_an_imported_model_has_the_files_probabilities_and_states(tmp_path, model, marks):
    entry = import_model(tmp_path / "model_4.txt", "mine", tmp_path / "zoo", binarized=marks)
    for found, wanted in zip(entry.parameters(), model.parameters, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=0)
        np.testing.assert_array_equal(np.asarray(found) == 0, wanted == 0)
    assert [state.name for state in entry.config.states] == ["E1", "E2", "E3", "E4"]
    annotation = entry.annotate(str(marks))
    for file in find_binarized(marks):
        wanted = decode(Float64Parameters(*model.parameters), read_binarized(file.path).values).states
        segments = annotation.segments[annotation.segments["chrom"] == file.chrom]
        found = np.repeat(segments["state"], (segments["end"] - segments["start"]) // 200)
        np.testing.assert_array_equal(found, wanted)
    n_bins = 150 + 90
    assert entry.zoo.metrics[0].value == pytest.approx(annotation.log_likelihood / n_bins, abs=1e-5)


def test_names_and_colours_are_chromhmms_mapping_files(tmp_path, model, marks, with_graphs):
    (tmp_path / "labels.txt").write_text("1\tTssA\nE3\tTx strong\n")
    (tmp_path / "colors.txt").write_text("U2\t255,0,7\n")
    with gzip.open(tmp_path / "model.txt.gz", "wb") as file:
        file.write((tmp_path / "model_4.txt").read_bytes())
    arguments = ["--labels", tmp_path / "labels.txt", "--colors", tmp_path / "colors.txt", "-o", tmp_path / "zoo"]
    arguments = ["import-chromhmm", tmp_path / "model.txt.gz", "--name", "mine", "--binarized", marks, *arguments]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    entry = epizoo.load(str(tmp_path / "zoo" / "chromatin_states" / "mine"))
    assert [state.name for state in entry.config.states] == ["TssA", "E2", "Tx strong", "E4"]
    assert entry.config.states[1].color == "255,0,7"
    assert entry.zoo.onnx is not None
    again = CliRunner().invoke(app, list(map(str, arguments)))
    assert again.exit_code == 2
    assert "exists already" in again.output


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("labels", "5\tTssA\n", r"line 1: '5.+TssA'.*\b1 to 4\b"),
        ("labels", "TssA\n", r"line 1: 'TssA'.*\b1 to 4\b.* tab\b"),
        ("labels", "1\ta\n2\ta\n", r"\ba\b.*several states"),
        ("colors", "1\tred\n", r"'red'.*state 1\b.*255,0,0"),
        ("colors", "1\t256,0,0\n", r"'256,0,0'.*state 1\b.*255,0,0"),
    ],
)
def test_mappings_that_do_not_fit_are_refused(tmp_path, model, marks, file, text, message):
    path = tmp_path / f"{file}.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message.replace("\t", ".")):
        import_model(tmp_path / "model_4.txt", "mine", tmp_path / "zoo", binarized=marks, **{file: path})
    assert not (tmp_path / "zoo").exists()


def test_marks_of_another_model_are_refused_and_some_may_be_missing(tmp_path, model, marks):
    other = ChromHMMModel(model.parameters, ("X", *MARKS[1:]))
    write_model(tmp_path / "other.txt", other)
    entry = import_model(tmp_path / "other.txt", "mine", tmp_path / "zoo", binarized=marks)
    assert entry.channels[0] == "X"
    assert "without X, which is not among their marks" in entry.zoo.metrics[0].on
    nothing = ChromHMMModel(model.parameters, tuple(f"X{i}" for i in range(len(MARKS))))
    write_model(tmp_path / "nothing.txt", nothing)
    with pytest.raises(InputError, match=r"binary\.txt.*\bX0\b"):
        import_model(tmp_path / "nothing.txt", "none", tmp_path / "zoo", binarized=marks)


def test_an_entry_of_other_probabilities_is_not_left(tmp_path, model, marks, monkeypatch):
    wrong = state_runs.flatten_parameters
    monkeypatch.setattr(
        state_runs, "flatten_parameters", lambda one: {k: v + 1e-3 * v**2 for k, v in wrong(one).items()}
    )
    with pytest.raises(EntryError, match=r"initial probabilities .*by \d"):
        import_model(tmp_path / "model_4.txt", "mine", tmp_path / "zoo", binarized=marks)
    assert not list((tmp_path / "zoo").rglob("*.yaml"))


def test_a_file_given_as_an_entry_is_told_how_to_become_one(tmp_path, model):
    with pytest.raises(EntryError, match="`epizoo import-chromhmm`"):
        epizoo.load(str(tmp_path / "model_4.txt"))


@pytest.mark.data
def test_chromhmms_own_model_gives_its_own_segments(data_dir, tmp_path):
    reference = data_dir / "states" / "chromhmm_reference"
    sample = data_dir / "states" / "sample_hg18"
    entry = import_model(reference / "model_10.txt", "own", tmp_path / "zoo", binarized=sample, cell="GM12878")
    entry.annotate(str(sample), cell="GM12878", chromhmm=tmp_path / "files")
    with gzip.open(reference / "GM12878_10_segments.bed.gz") as file:
        assert (tmp_path / "files" / "GM12878_10_segments.bed").read_bytes() == file.read()

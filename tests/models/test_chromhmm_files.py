"""ChromHMM's model files."""

import numpy as np
import pytest
from hmm_oracles import random_model, read_chromhmm_model

from epizoo.errors import InputError
from epizoo.models import chromhmm_files


def test_a_written_model_is_read_back_to_the_last_bit(tmp_path):
    model = random_model(np.random.default_rng(0), 5, 3, zeros=0.4)
    model.emission[0] = [0.0, 1.0, 5e-324]
    path = tmp_path / "model_5.txt"
    chromhmm_files.write_chromhmm_model(path, model, ("A", "B", "C"))
    found = chromhmm_files.read_chromhmm_model(path)
    assert found.marks == ("A", "B", "C")
    for values, expected in zip(found.parameters, model, strict=True):
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("probinit\t2", "probinit\tx"),
            "line 3 is not in the format",
        ),
        (
            lambda text: text.replace("probinit\t2", "start\t2"),
            "line 3 is not in the format",
        ),
        (lambda text: text[: len(text) // 2], "line|missing"),
        (
            lambda text: text.replace("probinit\t2\t", "probinit\t1\t"),
            "1 initial probabilities are missing",
        ),
        (lambda text: "", "line 1 is not in the format"),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, message):
    path = tmp_path / "model_2.txt"
    chromhmm_files.write_chromhmm_model(path, random_model(np.random.default_rng(0), 2, 2), ("A", "B"))
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=message):
        chromhmm_files.read_chromhmm_model(path)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        chromhmm_files.read_chromhmm_model(tmp_path / "none.txt")


@pytest.mark.data
def test_published_models_are_read_in_full(data_dir):
    path = data_dir / "states" / "published_models" / "model_18_core_K27ac.txt"
    found = chromhmm_files.read_chromhmm_model(path)
    expected, marks = read_chromhmm_model(path)
    assert list(found.marks) == marks
    for values, others in zip(found.parameters, expected, strict=True):
        np.testing.assert_array_equal(values, others)

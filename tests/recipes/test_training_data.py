"""The check of training data tells intact, changed and missing files apart, for every entry."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

import epizoo
from epizoo.recipes.training_data import check_files, main, recorded_files

NO_FILES = {"peak_caller/tf", "peak_caller/atac", "peak_caller/cutrun", "peak_caller/lanceotron"}
"""Simulated, or converted from published weights."""


def test_every_entry_that_was_trained_on_files_names_them():
    for name in epizoo.list_entries():
        assert bool(recorded_files(epizoo.load(name))) == (name not in NO_FILES), name


def test_intact_changed_and_missing_files_are_told_apart(tmp_path):
    entry = epizoo.load("chromatin_states/encode-10")
    entry.zoo.training["data_sha256"] = {
        name: hashlib.sha256(b"as it was").hexdigest() for name in ("states/a", "states/b", "states/c")
    }
    (tmp_path / "states").mkdir()
    (tmp_path / "states" / "a").write_bytes(b"as it was")
    (tmp_path / "states" / "b").write_bytes(b"as it is")
    assert check_files(entry, tmp_path) == (["states/a"], ["states/b"], ["states/c"])


def test_a_folder_that_lacks_files_ends_in_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training_data", "peak_caller/h3k4me3", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "27 are missing" in capsys.readouterr().err


def test_simulated_entries_need_no_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training_data", "peak_caller/tf", "--data", str(tmp_path)])
    main()
    assert "needs no data" in capsys.readouterr().out


@pytest.mark.data
@pytest.mark.skipif("EPIZOO_DATA" not in os.environ, reason="needs EPIZOO_DATA")
def test_the_data_at_hand_are_those_of_training():
    for name in epizoo.list_entries():
        found = check_files(epizoo.load(name), Path(os.environ["EPIZOO_DATA"]))
        assert (found.different, found.missing) == ([], []), name

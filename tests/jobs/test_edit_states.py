"""An edited entry is the same model: its segments follow, under new numbers, names and colours."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.jobs.edit_states import edit_states

pytestmark = pytest.mark.usefixtures("without_graphs")


@pytest.fixture(scope="module")
def entry(random_zoo):
    return epizoo.load(random_zoo.folder / "chromatin_states/random")


def test_segments_follow(entry, random_zoo, tmp_path):
    names = [state.name for state in entry.config.states]
    (tmp_path / "labels.txt").write_text(f"2\tActive promoter\n{names[2]}\tGenes\n")
    (tmp_path / "colors.txt").write_text("E2\t255,0,7\n")
    order = ["3", names[0], "4", "2"]
    arguments = ["--order", ",".join(order), "--labels", tmp_path / "labels.txt", "--colors", tmp_path / "colors.txt"]
    result = CliRunner().invoke(
        app, ["edit-states", str(entry.folder), *map(str, arguments), "--name", "mine", "-o", str(tmp_path / "zoo")]
    )
    assert result.exit_code == 0, result.output
    new = epizoo.load(tmp_path / "zoo/chromatin_states/mine")
    new.check_files()
    renamed = {1: "Active promoter", 2: "Genes"}
    wanted = [renamed.get(number, names[number]) for number in (2, 0, 3, 1)]
    assert [state.name for state in new.config.states] == wanted
    assert new.config.states[3].color == "255,0,7"
    assert [state.color for state in new.config.states][:3] == [entry.config.states[at].color for at in (2, 0, 3)]
    assert new.config.order == "U"
    before, after = entry.annotate(random_zoo.marks), new.annotate(random_zoo.marks)
    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-12)
    place = np.array([wanted.index(renamed.get(number, names[number])) for number in range(4)])
    columns = ["chrom", "start", "end"]
    pd.testing.assert_frame_equal(after.segments[columns], before.segments[columns])
    np.testing.assert_array_equal(after.segments["state"], place[before.segments["state"]])


def test_names_alone_leave_the_order(entry, tmp_path):
    (tmp_path / "labels.txt").write_text("1\tA\n")
    new = edit_states(entry, "mine", tmp_path / "zoo", labels=tmp_path / "labels.txt")
    assert new.config.order == entry.config.order
    assert new.config.states[0].name == "A"
    np.testing.assert_array_equal(new.parameters().emission, entry.parameters().emission)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "nothing to change"),
        ({"order": ["1", "2"]}, "without .*each of the 4 states once"),
        ({"order": ["1", "2", "3", "3"]}, "without"),
        ({"order": ["1", "2", "3", "4", "4"]}, "a state twice"),
        ({"order": ["1", "2", "3", "9"]}, "9 is no state"),
        ({"labels": "1\tA\n2\tA\n"}, r"labels\.txt: A would name several"),
        ({"labels": "7\tA\n"}, r"labels\.txt: line 1: .*from 1 to 4"),
        ({"colors": "1\tred\n"}, r"colors\.txt: 'red' found for state 1"),
    ],
)
def test_edits_that_cannot_be_made_are_refused(entry, tmp_path, settings, sentence):
    given = dict(settings)
    for name in ("labels", "colors"):
        if name in given:
            (tmp_path / f"{name}.txt").write_text(given[name])
            given[name] = tmp_path / f"{name}.txt"
    with pytest.raises(InputError, match=sentence):
        edit_states(entry, "mine", tmp_path / "zoo", **given)
    assert not (tmp_path / "zoo/chromatin_states/mine").exists()

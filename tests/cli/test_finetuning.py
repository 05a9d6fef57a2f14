"""`epizoo finetune` and `epizoo.jobs.finetune.finetune` take the same options and refuse them by the same sentence."""

import pytest
import typer

from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.jobs.finetune import finetune

COMMAND = typer.main.get_command(app).commands["finetune"]
NOT_OPTIONS = {"help", "progress"}


@pytest.mark.parametrize(
    ("family", "given", "message"),
    [
        ("peak_caller", {"strength": 0.0}, r"--strength: is not for peak_caller/random"),
        ("peak_caller", {"unlabelled": True, "folds": 3}, r"--folds: requires labels"),
        ("peak_caller", {"unlabelled": True, "resume": True}, r"--resume: is not for --unlabelled"),
        ("peak_caller", {"evaluate": "none", "from_scratch": True}, r"--from-scratch: has no effect"),
        ("peak_caller", {"evaluate": "chromosome", "folds": 3}, r"--folds: has no effect"),
        (
            "chromatin_states",
            {"train": "all"},
            r"--train: all is not for chromatin_states/random; expected transitions or emissions",
        ),
        ("chromatin_states", {"steps": 0}, r"--steps: is not for chromatin_states/random"),
        ("chromatin_states", {"unlabelled": True}, r"--unlabelled: is not for chromatin_states/random"),
    ],
)
def test_an_option_of_another_case_is_refused_before_any_file_is_read(random_zoo, tmp_path, family, given, message):
    with pytest.raises(InputError, match=message):
        finetune(random_zoo.folder / family / "random", tmp_path / "no.yaml", "x", tmp_path / "zoo", **given)
    assert not (tmp_path / "zoo").exists()

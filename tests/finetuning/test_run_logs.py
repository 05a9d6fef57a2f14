import sys
import types

import pytest

from epizoo.errors import InputError, MissingDependencyError
from epizoo.finetuning.run_logs import open_logs

ROWS = [{"stage": "held-out loci", "step": 0, "held_out_loss": 0.5}, {"stage": "all loci", "step": 10, "loss": 0.25}]


def write(kinds, folder):
    with open_logs(kinds, folder, {"rank": 4}, "peak_caller/x") as log:
        for row in ROWS:
            log(row)


def test_csv_holds_every_row_with_all_columns(tmp_path):
    write(["csv", "csv"], tmp_path)
    assert (tmp_path / "history.csv").read_text().splitlines() == [
        "stage,step,held_out_loss,loss",
        "held-out loci,0,0.5,",
        "all loci,10,,0.25",
    ]


def test_no_log_writes_nothing(tmp_path):
    write([], tmp_path)
    assert not list(tmp_path.iterdir())


def test_tensorboard_gets_an_event_for_each_row(tmp_path, monkeypatch):
    events = []

    class Writer:
        def __init__(self, folder):
            events.append(folder)

        def add_event(self, event):
            events.append(event)

        def close(self):
            events.append("closed")

    summary = types.SimpleNamespace(Value=lambda tag, simple_value: (tag, simple_value))
    fakes = {
        "tensorboard.compat.proto.event_pb2": {"Event": lambda step, summary: (step, summary)},
        "tensorboard.compat.proto.summary_pb2": {
            "Summary": type("Summary", (), {"Value": summary.Value, "__new__": lambda cls, value: value})
        },
        "tensorboard.summary.writer.event_file_writer": {"EventFileWriter": Writer},
    }
    for name, content in fakes.items():
        for depth in range(1, name.count(".") + 1):
            parent = ".".join(name.split(".")[:depth])
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    write(["tensorboard"], tmp_path)
    assert events == [
        str(tmp_path / "tensorboard"),
        (0, [("held-out loci/held_out_loss", 0.5)]),
        (10, [("all loci/loss", 0.25)]),
        "closed",
    ]


def test_wandb_is_offline_unless_the_user_says_otherwise(tmp_path, monkeypatch):
    calls = []

    class Run:
        def log(self, row):
            calls.append(row)

        def finish(self):
            calls.append("finished")

    fake = types.ModuleType("wandb")
    fake.init = lambda **options: calls.append(options) or Run()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    write(["wandb"], tmp_path)
    assert calls[0]["mode"] == "offline"
    assert calls[0]["config"] == {"rank": 4}
    assert calls[1:] == [
        {"held-out loci/held_out_loss": 0.5, "step": 0},
        {"all loci/loss": 0.25, "step": 10},
        "finished",
    ]
    monkeypatch.setenv("WANDB_MODE", "online")
    write(["wandb"], tmp_path)
    assert calls[4]["mode"] == "online"


@pytest.mark.parametrize("kind", ["tensorboard", "wandb"])
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, kind):
    for name in [name for name in sys.modules if name.split(".")[0] == kind]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(MissingDependencyError, match=f"log: {kind} .*pip install {kind}"):
        write([kind], tmp_path)


def test_an_unknown_log_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"log: 'paper'.*csv, tensorboard, wandb"):
        write(["paper"], tmp_path)

"""`list`, `show` and `example`: complete, within 80 columns, and as JSON."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.cli.entry_summary import figures, settings

ENTRIES = epizoo.list_entries()


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.stderr
    return result


def test_list_names_every_entry_within_80_columns():
    lines = run("list").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if "/" in line.split()[0]] == ENTRIES


def test_list_as_json_holds_every_entry():
    found = json.loads(run("list", "--json").stdout)
    assert [one["name"] for one in found] == ENTRIES
    for one in found:
        entry = epizoo.load(one["name"])
        assert one["version"] == entry.version
        assert one["license"] == entry.kipoi["info"]["license"]
        assert " ".join(entry.kipoi["info"]["doc"].split()).startswith(one["description"])


@pytest.mark.parametrize("name", ENTRIES)
def test_show_fits_80_columns_and_says_what_decides(name):
    text = run("show", name).stdout
    entry = epizoo.load(name)
    # Paths are never broken, so that they can be copied.
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("Folder"))
    assert f"Folder       {entry.folder}\n" in text
    assert entry.sha256 in text
    words = " ".join(text.split())
    assert entry.kipoi["info"]["license"] in words
    for limit in entry.zoo.limits:
        assert " ".join(limit.split()) in words
    shown = figures(entry)
    assert 2 <= len(shown) <= 9
    for figure in shown:
        assert figure in words
    for setting in settings(entry):
        assert setting in words


def test_settings_are_the_numbers_of_the_rule():
    rules = {name: " ".join(settings(epizoo.load(f"peak_caller/{name}"))) for name in ("h3k4me3", "atac", "tf")}
    assert "probability 0.5 to enter" in rules["h3k4me3"]
    assert "gaps up to 200 bp joined" in rules["h3k4me3"]
    assert "at least 100 bp wide" in rules["h3k4me3"]
    assert "calibrated" in rules["h3k4me3"]
    assert "weight 0.85" in rules["h3k4me3"]
    assert "q-value of its reads at most" in rules["atac"]
    assert "not a probability" in rules["tf"]


@pytest.mark.parametrize("name", ENTRIES)
def test_show_as_json_holds_what_model_yaml_holds(name):
    found = json.loads(run("show", name, "--json").stdout)
    entry = epizoo.load(name)
    zoo = entry.zoo.model_dump(mode="json")
    assert {key: found[key] for key in zoo} == zoo
    assert found["inputs"] == entry.kipoi["schema"]["inputs"]
    assert found["outputs"] == entry.kipoi["schema"]["targets"]


def test_show_prints_the_whole_card_uncut_when_asked():
    card = (epizoo.load("peak_caller/h3k4me3").folder / "README.md").read_text(encoding="utf-8")
    assert run("show", "peak_caller/h3k4me3", "--card").stdout.strip() == card.split("---\n", 2)[2].strip()
    assert "--json, --card" in run("show", "peak_caller/h3k4me3", "--card", "--json", code=2).stderr


def test_show_draws_where_an_entry_comes_from(random_zoo, monkeypatch):
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    from epizoo.zoo.description import Ancestor

    ancestors = [Ancestor(name=f"peak_caller/{name}", version="1.2.0", sha256="0" * 64) for name in ("old", "mid")]
    block = entry.zoo.model_copy(update={"lineage": ancestors})
    monkeypatch.setattr(entry, "zoo", block)
    monkeypatch.setattr("epizoo.zoo.load", lambda name: entry)
    lines = run("show", "x").stdout.splitlines()
    places = [next(n for n, line in enumerate(lines) if f"{one} 1." in line and n) for one in ("old", "mid")]
    assert places[1] == places[0] + 1
    assert lines[places[1] + 1].endswith(f"└─ {entry.name} {entry.version}")


@pytest.mark.parametrize("name", ["peak_caller/random", "chromatin_states/random"])
def test_the_command_of_an_example_runs(random_zoo, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    entry = random_zoo.folder / name
    result = run("example", entry)
    folder = tmp_path / "random-example"
    originals = entry / "example_files"
    files = [path for path in originals.rglob("*") if path.is_file()]
    assert files
    for file in files:
        assert (folder / file.relative_to(originals)).read_bytes() == file.read_bytes()
    assert len([path for path in folder.rglob("*") if path.is_file()]) == len(files)
    command = shlex.split(result.stdout.split("\n\n")[-1].replace("\\\n", " "))
    assert command[0] == "epizoo"
    assert run(*command[1:]).stdout
    assert Path(command[-1]).is_file()


def test_an_example_replaces_nothing(random_zoo, tmp_path):
    entry = random_zoo.folder / "peak_caller/random"
    (tmp_path / "mine").mkdir()
    assert "exists already" in run("example", entry, "-o", tmp_path / "mine", code=2).stderr
    assert list((tmp_path / "mine").iterdir()) == []
    assert "none/mine" in run("example", entry, "-o", tmp_path / "none/mine", code=2).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_quiet_leaves_the_command_alone(random_zoo, tmp_path):
    printed = run("example", random_zoo.folder / "peak_caller/random", "-o", tmp_path / "new", "-q").stdout
    assert printed.startswith("epizoo call-peaks ")


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_ships_the_files_that_its_example_names(name):
    from epizoo.zoo.examples import example_arguments

    entry = epizoo.load(name)
    arguments = example_arguments(entry)
    files = [value for value in arguments.values() if str(value).startswith("example_files/")]
    assert len(files) >= 2
    assert all((entry.folder / value).exists() for value in files)

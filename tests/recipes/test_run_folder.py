"""Recipes say the same of an entry as its ``model.yaml`` does, and the commands that they name can be run."""

import argparse
import re
import shlex
import sys

import pytest
import yaml

from epizoo.errors import InputError
from epizoo.recipes import denoiser, labelled_peaks, peak_caller_examples, simulated_peaks
from epizoo.recipes.run_folder import Progress, one_sentence_errors, prose, recipe_training
from epizoo.recipes.state_data import ROADMAP
from epizoo.zoo import load

RECIPES = dict.fromkeys(labelled_peaks.ENTRIES, labelled_peaks) | dict.fromkeys(
    simulated_peaks.ENTRIES, simulated_peaks
)


@pytest.mark.parametrize("name", RECIPES)
def test_the_prose_is_that_of_the_shipped_entry(name):
    entry, words, added = load(f"peak_caller/{name}"), prose(name), prose("denoiser")
    info, about = entry.kipoi["info"], words["about"]
    of_denoiser = entry.denoises
    assert info["doc"] == about["doc"] + (f" {added['doc']}" if of_denoiser else "")
    assert entry.zoo.limits == [*about["limits"], *([added["limit"]] if of_denoiser else [])]
    assert info["tags"] == [*about["tags"], *(["denoising"] if of_denoiser else [])]
    for key in ("license", "cite_as"):
        assert info.get(key) == about.get(key)
    assert entry.zoo.weights_license == about["weights_license"]
    assert entry.zoo.datasets == about["datasets"]
    assert entry.zoo.card == type(entry.zoo.card).model_validate(about["card"])
    trained_on = entry.zoo.trained_on.model_dump()
    assert {key: trained_on[key] for key in words["trained_on"]} == words["trained_on"] | {
        "chromosomes": trained_on["chromosomes"]
    }
    procedure = f"{words['procedure']} {added['procedure']}" if of_denoiser else words["procedure"]
    assert entry.zoo.training["procedure"] == procedure


@pytest.mark.parametrize("name", ["encode-10", "encode-15", "roadmap-15", "roadmap-18"])
def test_the_prose_of_states_is_that_of_the_shipped_entry(name):
    entry, n_states = load(f"chromatin_states/{name}"), int(name.split("-")[1])
    if name.startswith("encode"):
        words = prose("encode_states", states=n_states, cell="GM12878", other="K562", restarts=7)
    else:
        fields = {"title": ROADMAP[n_states].title, "marks": ", ".join(entry.channels)}
        words = prose("roadmap_states", states=n_states, **fields)
    info, zoo = entry.kipoi["info"], entry.zoo
    assert words["about"] == {
        **{key: info[key] for key in ("doc", "license", "tags", "cite_as")},
        "authors": [author["name"] for author in info["authors"]],
        **{key: getattr(zoo, key) for key in ("weights_license", "limits", "datasets")},
        "card": zoo.card.model_dump(exclude_defaults=True),
    }
    assert words["data"] == [one.model_dump() for one in zoo.trained_on.data]
    assert words["procedure"] == zoo.training["procedure"]


class _ParsedError(Exception):
    pass


@pytest.mark.parametrize("name", [*RECIPES, *(f"{name}-denoiser" for name in denoiser.ENTRIES)])
def test_the_command_of_a_recipe_is_one_that_it_takes(name, monkeypatch):
    entry = name.removesuffix("-denoiser")
    if name != entry:
        recipe, command = denoiser, denoiser.describe(denoiser.ENTRIES[entry], 3)["command"]
    else:
        recipe = RECIPES[name]
        module = recipe.__name__.rpartition(".")[2]
        command = recipe_training(name, module, 3, {}, reads_data=recipe is labelled_peaks)["command"]
    words, parse = shlex.split(command), argparse.ArgumentParser.parse_args
    assert words[:3] == ["python", "-m", recipe.__name__]

    def parse_only(parser, *given):
        raise _ParsedError(parse(parser, *given))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    monkeypatch.setattr(sys, "argv", words[2:])
    with pytest.raises(_ParsedError) as parsed:
        recipe.main()
    options = parsed.value.args[0]
    assert (options.entry, options.seed, str(options.output)) == (entry, 3, f"runs/{name}")


def test_an_error_is_one_sentence_and_code_2(capsys):
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise InputError("file: wrong; mend it")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "file: wrong; mend it\n"


def test_examples_of_real_coverage_ask_for_their_data(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["examples", "tf", "-o", str(tmp_path / "new")])
    with pytest.raises(SystemExit) as stop:
        peak_caller_examples.main()
    assert stop.value.code == 2
    assert "--data: not given" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_progress_reports_the_first_step_and_then_every_so_many(capsys):
    report = Progress().steps("fitting", every=100)
    for step in range(0, 201, 50):
        report(step, 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"^ *\d+ s  ", "", line) for line in lines] == [
        f"fitting, step {step}: loss 0.5000" for step in (0, 100, 200)
    ]


def test_every_file_of_prose_is_of_a_recipe():
    from epizoo.recipes import run_folder

    files = {path.stem for path in run_folder._PROSE.iterdir()}
    assert files == {*RECIPES, "denoiser", "encode_states", "lanceotron", "roadmap_states"}
    assert all(isinstance(yaml.safe_load((run_folder._PROSE / f"{name}.yaml").read_text()), dict) for name in files)

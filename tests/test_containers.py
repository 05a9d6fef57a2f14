"""The containers name what exists, and the conda files what pyproject.toml asks for. No engine runs here."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from epizoo import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What python:slim and Debian have, and what the stage `develop` installs.
COMMANDS = {"$VENV/bin/pip", "python", "find", "useradd", "apt-get", "rm"}


@pytest.fixture(scope="module")
def stages():
    spec = importlib.util.spec_from_file_location("run_lines", ROOT / "containers" / "run_lines.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.stages((ROOT / "containers" / "Dockerfile").read_text(encoding="utf-8"))


def test_what_is_copied_exists(stages):
    for keyword, rest in [line for lines in stages.values() for line in lines]:
        if keyword == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists(), name


def test_every_command_of_a_run_line_is_there(stages):
    for rest in [rest for lines in stages.values() for keyword, rest in lines if keyword == "RUN"]:
        for command in re.split(r"\s*&&\s*", rest):
            assert command.split()[0].strip('"') in COMMANDS, command


def test_extras_that_are_installed_exist(stages):
    arguments = [rest for lines in stages.values() for keyword, rest in lines if keyword == "ARG"]
    extras = {extra for rest in arguments if rest.startswith("EXTRAS=") for extra in rest[7:].split(",")}
    assert extras
    assert extras <= set(PROJECT["optional-dependencies"])


def test_the_image_that_runs_is_small_and_has_no_root(stages):
    run = stages["run"]
    assert [rest for keyword, rest in run if keyword == "USER"] == ["1000"]
    assert ("COPY", "--from=build /opt/epizoo /opt/epizoo") in run
    assert "build" in stages
    assert run[-2] == ("ENTRYPOINT", '["epizoo"]')


def test_apptainer_copies_what_exists():
    text = (ROOT / "containers" / "epizoo.def").read_text(encoding="utf-8")
    files = re.search(r"%files\n(.*?)\n\n", text, re.DOTALL)[1].split("\n")
    assert all((ROOT / line.split()[0]).exists() for line in files)
    assert all(f"%{section}" in text for section in ("environment", "post", "runscript", "test"))


def test_the_devcontainer_builds_a_stage_that_exists(stages):
    description = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert description["build"]["target"] in stages
    assert (ROOT / ".devcontainer" / description["build"]["dockerfile"]).exists()


def requirements(lines):
    """Name and versions of each requirement; conda calls matplotlib without a GUI matplotlib-base."""
    pairs = [re.match(r"([\w-]+)\s*(.*)", line).groups() for line in lines]
    return {(name.lower().removesuffix("-base"), versions) for name, versions in pairs} - {("pip", "")}


def test_conda_asks_for_what_the_package_asks_for():
    wanted = requirements([*PROJECT["dependencies"], f"python{PROJECT['requires-python']}"])
    environment = yaml.safe_load((ROOT / "conda" / "environment.yml").read_text(encoding="utf-8"))
    assert requirements(environment["dependencies"]) == wanted
    template = re.sub(r"^\{%.*\n", "", (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8"))
    recipe = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "_", template))
    assert requirements(recipe["requirements"]["run"]) == wanted
    assert f'set version = "{__version__}"' in (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")

"""The containers name what exists, and the conda files what pyproject.toml asks for. No engine runs here."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from epizoo import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCKERFILE = (ROOT / "containers" / "Dockerfile").read_text(encoding="utf-8")
APPTAINER = (ROOT / "containers" / "epizoo.def").read_text(encoding="utf-8")
# What python:slim and Debian have, and what the stage `develop` installs.
COMMANDS = {"$VENV/bin/pip", "python", "useradd", "install", "mkdir", "apt-get", "rm", "make"}


@pytest.fixture(scope="module")
def stages():
    """The instructions of each stage, as (keyword, rest), by the name of the stage."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    found = {}
    name = ""
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            name = rest.rpartition(" AS ")[2]
        found.setdefault(name, []).append((keyword, rest))
    return found


def run_commands(stage):
    """The commands of a stage's RUN lines."""
    return [command for keyword, rest in stage if keyword == "RUN" for command in re.split(r"\s*&&\s*", rest)]


def test_what_is_copied_exists(stages):
    for keyword, rest in [line for lines in stages.values() for line in lines]:
        if keyword == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists(), name


def test_every_command_of_a_run_line_is_there(stages):
    for command in [command for stage in stages.values() for command in run_commands(stage)]:
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


def test_the_user_of_the_image_can_write_where_it_starts(stages):
    assert ("WORKDIR", "/data") in stages["run"]
    assert "install --directory --owner=reader --group=reader /data" in run_commands(stages["run"])


def test_bytecode_is_kept_because_the_user_cannot_write_it(stages):
    """Each command took 4 s longer where every module was compiled anew."""
    for text in (DOCKERFILE, APPTAINER):
        assert not re.search("__pycache__|PYTHONDONTWRITEBYTECODE|--no-compile", text)
        assert "python -m compileall -q" in text
    assert any("compileall" in command for command in run_commands(stages["run"]))


def test_java_finds_the_folder_of_manual_pages_that_slim_lacks(stages):
    commands = run_commands(stages["develop"])
    java = next(index for index, command in enumerate(commands) if "default-jre-headless" in command)
    assert "mkdir -p /usr/share/man/man1" in commands[:java]


def test_make_uses_the_environment_of_the_image(stages, tmp_path):
    """`make test`, `make docs` and `make demo` make no second environment in the stage `develop`."""
    assert "MAKEFLAGS=VENV=/opt/epizoo" in dict(stages["develop"])["ENV"].split()
    assert run_commands(stages["develop"])[-1] == 'make "$VENV/.dev"'
    environment = os.environ | {"MAKEFLAGS": f"VENV={tmp_path}"}
    for target in (f"{tmp_path}/.dev", "demo"):
        command = ["make", "--dry-run", target]
        said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        assert ".venv" not in said
        assert f"{tmp_path}/bin/python -m pip install" in said
    assert f'PATH="{tmp_path}/bin:$PATH"' in said


def test_apptainer_copies_what_exists():
    files = [
        name for line in re.findall(r"    cp -r (.*) \"\$APPTAINER_ROOTFS/src\"", APPTAINER) for name in line.split()
    ]
    assert set(files) >= {"containers", "src", "model_zoo"}
    assert all((ROOT / name).exists() for name in files)
    assert "\n%files\n" not in APPTAINER
    assert all(f"%{section}" in APPTAINER for section in ("environment", "post", "runscript", "test"))


def test_apptainer_installs_what_docker_does(stages):
    base = re.search("ARG (BASE=.*)", DOCKERFILE)[1]
    assert f"%arguments\n    {base}\n" in APPTAINER
    assert "pip install --no-cache-dir --require-hashes -r containers/requirements.txt" in APPTAINER
    assert '"$VENV/bin/pip" install --require-hashes -r containers/requirements.txt' in run_commands(stages["build"])


def test_apptainer_shares_no_folder_between_users():
    """It mounts /tmp of the machine, where a folder of one user is closed to the next."""
    assert "/tmp" not in APPTAINER


def test_the_devcontainer_builds_a_stage_that_exists(stages):
    description = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert description["build"]["target"] in stages
    assert (ROOT / ".devcontainer" / description["build"]["dockerfile"]).exists()
    assert description["postCreateCommand"].endswith("touch $VENV/.light $VENV/.dev")
    assert re.search(r"\bVENV=/opt/epizoo\b", dict(reversed(stages["build"]))["ENV"])


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

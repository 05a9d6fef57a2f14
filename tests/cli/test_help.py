"""Every command explains itself: its help, and each of its options in plain English."""

import re

import pytest
import typer
from typer.testing import CliRunner

from epizoo.cli.all_commands import app
from epizoo.cli.app import COMMANDS as MODULES

COMMANDS = typer.main.get_command(app).commands
BEGINNINGS = re.compile(r"(Of|How|Where|What|Whether|Or) ", re.IGNORECASE)


def test_every_command_is_made_where_it_is_looked_for():
    made = {name: command.callback.__module__ for name, command in COMMANDS.items()}
    assert made == {name: f"epizoo.cli.{module}" for name, module in MODULES.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_shown(name):
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.stderr
    assert name in result.stdout
    assert not re.search("<(bool|int|float|str|file|path)", result.stdout)
    assert result.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text_in_plain_english(name):
    for parameter in COMMANDS[name].params:
        if getattr(parameter, "hidden", False):
            continue
        text, option = getattr(parameter, "help", None), " ".join(parameter.opts)
        assert text, f"{name} {option}: has no help text"
        assert text.endswith("."), f"{name} {option}: its help text does not end with a full stop: {text}"
        assert not BEGINNINGS.match(text), f"{name} {option}: its help text is no sentence of its own: {text}"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_is_declared_twice_and_reporting_is_everywhere(name):
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts]
    assert len(options) == len(set(options)), sorted(options)
    assert {"--quiet", "-q", "--verbose", "-v", "--log", "--version", "-V"} <= set(options)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_description_is_a_sentence(name):
    first = COMMANDS[name].help.split("\n\n")[0].strip()
    assert first.endswith("."), first
    assert not BEGINNINGS.match(first), first

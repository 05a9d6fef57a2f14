"""Options of `epizoo call-peaks` and parameters of the function behind it are the same, in name and in default."""

import inspect

import typer

from epizoo.cli import app
from epizoo.jobs.call_peaks import call_peaks

IN_PYTHON_ALONE = {"config", "progress"}


def test_a_command_and_its_function_take_the_same():
    parameters = inspect.signature(call_peaks).parameters
    commands = typer.main.get_command(app).commands
    # What every command takes says how it reports, and is no matter of the function.
    reporting = set.intersection(*({option.name for option in each.params} for each in commands.values()))
    options = {option.name: option for option in commands["call-peaks"].params if option.name not in reporting}
    assert set(options) == set(parameters) - IN_PYTHON_ALONE
    for name, option in options.items():
        if not option.required:
            default = option.default if option.default is not None else parameters[name].default
            assert parameters[name].default == default, name


def test_both_commands_state_shared_options_alike():
    commands = typer.main.get_command(app).commands
    names = ("call-peaks", "evaluate")
    calling, evaluating = ({option.name: option.help for option in commands[name].params} for name in names)
    for name in ("signal_kind", "control_signal_kind", "known_regions", "backend"):
        assert calling[name] == evaluating[name]

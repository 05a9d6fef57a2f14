"""The parts of pages that are made from the code: the commands' reference from their help, modules from docstrings.

A page asks for them by a line such as ``<!-- commands -->`` or ``<!-- modules: epizoo.genome -->``.
"""

import importlib
import pkgutil
import re
from typing import Any

import typer
from typer.core import TyperCommand

from epizoo.cli.all_commands import app

_ASKED = re.compile(r"^<!-- (commands|functions|modules)(?:: ([\w.]+))? -->$", re.MULTILINE)


def filled(text: str) -> str:
    """The text of a page with all that it asks for."""
    made = {"commands": commands, "functions": functions, "modules": modules}
    return _ASKED.sub(lambda asked: made[asked[1]](*filter(None, [asked[2]])), text)


def commands() -> str:
    """A section for each command: its purpose, its usage, and its options, as its help prints them."""
    group = typer.main.get_command(app)
    context = group.context_class(group, info_name="epizoo")
    return "\n\n".join(_command(group.commands[name], context) for name in group.list_commands(context))


def _command(command: TyperCommand, parent: Any) -> str:
    context = command.context_class(command, info_name=command.name, parent=parent)
    usage = " ".join([command.name or "", *command.collect_usage_pieces(context)])
    panels: dict[str, list[str]] = {}
    for param in command.get_params(context):
        title = getattr(param, "rich_help_panel", None) or "Options"
        record = param.get_help_record(context)
        # The options under Reporting are the same for all, so the page tells them once.
        if record and record[0] != "--help" and title != "Reporting":
            panels.setdefault(title, []).append(_row(*record))
    tables = [f"| {title} | Description |\n| --- | --- |\n" + "\n".join(rows) for title, rows in panels.items()]
    return "\n\n".join([f"## {command.name}", command.help or "", f"```text\nepizoo {usage}\n```", *tables])


def _row(option: str, text: str) -> str:
    cells = (f"`{option.removesuffix(' <str>')}`", text.replace("[required]", "**Required.**"))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def functions(package: str) -> str:
    """The documentation of the functions that a package itself offers."""
    inside = importlib.import_module(package)
    names = [name for name in inside.__all__ if callable(getattr(inside, name))]
    return "\n\n".join(f"## {name}\n\n```{{eval-rst}}\n.. autofunction:: {package}.{name}\n```" for name in names)


def modules(package: str) -> str:
    """The documentation of every module of a package that has anything public."""
    inside = importlib.import_module(package)
    names = [package, *(module.name for module in pkgutil.walk_packages(inside.__path__, f"{package}."))]
    return "\n\n".join(_module(name) for name in names)


def _module(name: str) -> str:
    # autodoc takes jax.Array for a member of each module that imports it, and fails on it in Python 3.13.
    options = ":members:", ":exclude-members: Array", ":member-order: bysource"
    lines = "\n".join(f"   {option}" for option in options)
    return f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n{lines}\n```"

"""Loading of what makes the commands."""

import importlib
from collections.abc import Sequence

from epizoo.cli.app import COMMANDS


def load_commands(words: Sequence[str] = ()) -> None:
    """Import what makes the commands: those that the words of a command line name, else all.

    Importing all of them takes as long as a small call of one. Options may stand before a command's name.
    """
    named = [word for word in words if word in COMMANDS] or list(COMMANDS)
    for module in dict.fromkeys(COMMANDS[word] for word in named):
        importlib.import_module(f"epizoo.cli.{module}")

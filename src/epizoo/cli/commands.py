"""Loading of what makes the commands."""

import importlib
from collections.abc import Sequence

from epizoo.cli.app import COMMANDS


def load_commands(words: Sequence[str] = ()) -> None:
    """Import what makes the commands: the one that the words of a command line name, else all.

    Importing all of them takes as long as a small call of one.
    """
    if not words or words[0] not in COMMANDS:
        words = list(COMMANDS)
    for module in dict.fromkeys(COMMANDS[word] for word in words if word in COMMANDS):
        importlib.import_module(f"epizoo.cli.{module}")

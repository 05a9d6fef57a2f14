"""The application with all its commands, to be called from Python; the command line loads the one that is given."""

from epizoo.cli.app import app
from epizoo.cli.commands import load_commands

__all__ = ["app"]

load_commands()

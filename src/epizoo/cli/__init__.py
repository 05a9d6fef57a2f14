"""The command line: parses, calls, prints. Everything it does can be done from Python."""

import atexit
import gc
import os
import signal
import sys

from epizoo.cli.app import app, err
from epizoo.cli.commands import load_commands
from epizoo.cli.signals import STOPPED, heard


def main() -> None:
    """Run the command line."""
    # Searching all that the libraries hold for garbage, when the process ends anyway, takes a fifth of a second.
    atexit.register(gc.freeze)
    code: str | int | None = None
    # A signal may come before the application is built and after it is done.
    try:
        with heard():
            load_commands(sys.argv[1:])
            app(prog_name="epizoo")
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    if isinstance(code, int) and code in STOPPED:
        err.print(f"epizoo: {STOPPED[code]}; no output is half written, run the command again", markup=False)
        # Threads of JAX that a signal finds at work crash where the interpreter takes their modules away.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)

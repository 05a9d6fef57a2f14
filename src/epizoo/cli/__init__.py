"""The command line: parses, calls, prints. Everything it does can be done from Python."""

import atexit
import gc
import signal
import sys

# Each module of commands adds its own to the application.
from epizoo.cli import (
    bench,
    binarization,
    comparison,
    conversions,
    enrichment,
    evaluation,
    finetuning,
    hub,
    peaks,
    pictures,
    region_states,
    reports,
    state_differences,
    state_editing,
    state_learning,
    state_reproducibility,
    states,
    studies,
    web,
    zoo,
)
from epizoo.cli.app import app

__all__ = [
    "app",
    "bench",
    "binarization",
    "comparison",
    "conversions",
    "enrichment",
    "evaluation",
    "finetuning",
    "hub",
    "main",
    "peaks",
    "pictures",
    "region_states",
    "reports",
    "state_differences",
    "state_editing",
    "state_learning",
    "state_reproducibility",
    "states",
    "studies",
    "web",
    "zoo",
]


def main() -> None:
    """Run the command line."""
    # Turned into an exception, so that temporary files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Searching all that the libraries hold for garbage, when the process ends anyway, takes a fifth of a second.
    atexit.register(gc.freeze)
    app()

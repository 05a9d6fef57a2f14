"""The command ``epizoo``, and ``python -m epizoo``."""

import signal


def main() -> None:
    """Load the command line and run it; a signal that comes while it loads ends the process, without a traceback."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from epizoo.cli import main as run

    run()


if __name__ == "__main__":
    main()

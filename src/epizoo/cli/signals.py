"""The end of a command that Ctrl-C or SIGTERM stops."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["STOPPED", "heard", "stopped"]

# By exit code, as a shell shows it.
STOPPED = {128 + signal.SIGINT: "interrupted", 128 + signal.SIGTERM: "terminated"}

_received: list[int] = []


def stopped() -> int | None:
    """The exit code of the signal that came first, if one came.

    Compiled libraries turn the exception that a signal raises into errors of their own, so that an error may be no
    more than the signal's echo.
    """
    return 128 + _received[0] if _received else None


@contextmanager
def heard() -> Iterator[None]:
    """Make signals exceptions, so that what is half written is removed; they just end the process once that is done.

    Ctrl-C stays ignored where it was, as in the background of a shell.
    """
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, before)
        _received.clear()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    sys.exit(128 + number)

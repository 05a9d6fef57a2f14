"""The end of a command that Ctrl-C or SIGTERM stops."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["STOPPED", "heard", "stopped"]

# By exit code, as a shell shows it.
STOPPED = {128 + signal.SIGINT: "interrupted", 128 + signal.SIGTERM: "terminated"}

_MOMENT_S = 0.02

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

    Ctrl-C stays ignored where it was, as in the background of a shell. Where Python swallows exceptions, as in what it
    runs while it collects garbage, they are raised once more a moment later. While a module is imported they wait for
    its end: compiled ones abort the process on an exception.
    """
    before, before_alarm, hook = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), sys.unraisablehook
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _receive)
    signal.signal(signal.SIGTERM, _receive)
    sys.unraisablehook = lambda swallowed: _later(hook, swallowed)
    try:
        yield
        if _received:
            # It was swallowed just now.
            _raise()
    finally:
        if _received:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before_alarm)
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, before)
        _received.clear()


def _receive(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    _raise(number, frame)


def _raise(number: int = 0, frame: FrameType | None = None) -> None:
    """Raise the exception of the signal that came first, now or when imports that are under way have ended."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _wait()
            return
        frame = frame.f_back
    if _received[0] == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + _received[0])


def _later(hook: Callable[["sys.UnraisableHookArgs"], Any], swallowed: "sys.UnraisableHookArgs") -> None:
    """Raise a signal's exception again when a timer ends; show all other exceptions as before."""
    if _received and issubclass(swallowed.exc_type, KeyboardInterrupt | SystemExit):
        _wait()
    else:
        hook(swallowed)


def _wait() -> None:
    signal.signal(signal.SIGALRM, _raise)
    signal.setitimer(signal.ITIMER_REAL, _MOMENT_S)

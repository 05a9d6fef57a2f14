"""The errors that epizoo raises on purpose.

Each message is one sentence that names the file or the key, what was found, what was expected, and what to do.
The command line prints the message alone and exits with code 2; Kipoi prints it as the last line of its traceback.
"""

import re

_LONGEST = 900


class EpizooError(Exception):
    """Base of every error that epizoo raises on purpose.

    What a message quotes of a file may be anything: it is shortened, and what a terminal would act on is escaped.
    """

    def __init__(self, message: object = "") -> None:
        line = re.sub(r"\s*\n\s*", " ", str(message))
        text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST * 2 // 3]} … {text[-_LONGEST // 3 :]}"
        super().__init__(text)


class InputError(EpizooError, ValueError):
    """A user's file, interval, mark or argument cannot be used."""


class EntryError(EpizooError, ValueError):
    """A zoo entry is unknown, incomplete, or its weights do not match their hash."""


class MissingDependencyError(EpizooError, ImportError):
    """An optional dependency is not installed; the message names the extra that installs it."""

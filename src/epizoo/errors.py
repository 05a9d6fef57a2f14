"""The errors that epizoo raises on purpose.

Each message is one sentence that names the file or the key, what was found, what was expected, and what to do.
The command line prints the message alone and exits with code 2; Kipoi prints it as the last line of its traceback.
"""


class EpizooError(Exception):
    """Base of every error that epizoo raises on purpose."""


class InputError(EpizooError, ValueError):
    """A user's file, interval, mark or argument cannot be used."""


class EntryError(EpizooError, ValueError):
    """A zoo entry is unknown, incomplete, or its weights do not match their hash."""


class MissingDependencyError(EpizooError, ImportError):
    """An optional dependency is not installed; the message names the extra that installs it."""

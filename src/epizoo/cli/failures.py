"""The one sentence that a command ends with when something is wrong that is no bug of epizoo."""

import contextlib
import zlib

from epizoo.errors import EpizooError


def sentence(error: BaseException) -> str | None:
    """The sentence for an error of the input or of the machine; None for any other, which is a bug.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "peaks.bed"))
    'peaks.bed: No such file or directory'
    >>> sentence(KeyError("chrom"))
    """
    match error:
        case EpizooError():
            return " ".join(str(error).split())
        case OSError(filename=None, strerror=str(reason)):
            return f"{reason} (error {error.errno} of the operating system, for a file that it did not name)"
        case OSError(strerror=str(reason)):
            return f"{error.filename}: {reason}"
        case OSError() | EOFError() | zlib.error():
            return f"a file is damaged or cut off ({error or type(error).__name__}); compare it with its source"
        case MemoryError():
            detail = f" ({error})" if str(error) else ""
            return f"out of memory{detail}; close other programs, or give a smaller part of the genome"
        case RecursionError():
            return f"an input is nested too deeply to be read ({error}); simplify it"
        case UnicodeDecodeError():
            found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
            return f"a text file holds {found}, which is not {error.encoding}; give plain or gzipped text"
    return None


def usage_sentence(error: BaseException) -> str:
    """The sentence for a command line that cannot be parsed, with the command that shows the options."""
    text = " ".join(error.format_message().split())  # type: ignore[attr-defined]
    text = text.replace(". Did you mean", "; did you mean").rstrip(".?")
    path = "epizoo"
    with contextlib.suppress(AttributeError):
        path = " ".join(["epizoo", *error.ctx.command_path.split()[1:]])  # type: ignore[attr-defined]
    return f"{text[:1].lower()}{text[1:]}; see `{path} --help`"

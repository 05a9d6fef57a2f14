"""Roles of the files that commands take, which decide whether a pipe can take a file's place.

A command names the role beside the option of its own, and in ``options_of(…, files={"metrics": OUTPUT})``.
"""

import inspect
from typing import NamedTuple, get_args


class FileRole(NamedTuple):
    """The use that a command makes of a file.

    Attributes:
        is_output: True if the file is written.
        refused: name of what no pipe can carry, empty where a pipe can take the file's place.
        suffix: suffix of text that is piped in, by which readers know its format.
    """

    is_output: bool = False
    refused: str = ""
    suffix: str = ".bed"


INPUT = FileRole()
TABLE = FileRole(suffix=".tsv")
MODEL = FileRole(suffix=".txt")
OUTPUT = FileRole(is_output=True)
FOLDER = FileRole(refused="folder")
BIGWIG = FileRole(is_output=True, refused="bigWig")
HDF5 = FileRole(is_output=True, refused="file of HDF5")
PICTURE = FileRole(is_output=True, refused="picture, whose suffix is its format,")
EXPORT = FileRole(is_output=True, refused="model, beside which its proof is written,")
OF_SUFFIX = FileRole(is_output=True, refused="file whose name is its format")
SESSION = FileRole(is_output=True, refused="session for IGV")
LISTING = FileRole(refused="list of files, which lie beside it,")
IMPORTED = FileRole(refused="model, whose name the entry keeps,")
STARTING_POINT = FileRole(refused="model to start from")
PROGRAM = FileRole(refused="program")
LOG = FileRole(is_output=True, refused="log")


def file_role(parameter: inspect.Parameter) -> FileRole | None:
    """The role of the files that an option or argument takes, None if it takes none."""
    return next((one for one in get_args(parameter.annotation) if isinstance(one, FileRole)), None)

"""The example that every entry ships: small input files, and the dataloader's arguments that name them."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from epizoo.errors import EntryError, InputError
from epizoo.files import scratch_folder
from epizoo.zoo.entry_files import entry_files

if TYPE_CHECKING:
    from epizoo.zoo.entry import Entry

EXAMPLE_FOLDER = "example_files"


def example_arguments(entry: "Entry") -> dict[str, Any]:
    """The dataloader's arguments for the entry's example; paths are relative to its folder.

    Raises:
        EntryError: the entry has no ``dataloader.yaml``, or it describes no arguments.
    """
    path = entry.folder / "dataloader.yaml"
    if not path.is_file():
        raise EntryError(f"{path}: missing; install epizoo again or restore the file")
    try:
        arguments = yaml.safe_load(path.read_text(encoding="utf-8"))["args"]
        return {name: argument["example"] for name, argument in arguments.items() if "example" in argument}
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise EntryError(f"{path}: describes no arguments ({type(error).__name__}); restore the file") from error


def copy_example(entry: "Entry", output: Path) -> dict[str, Any]:
    """Copy the example files of an entry into a new folder, whole or not at all.

    Returns:
        The dataloader's arguments for the example, with the paths of the copies.

    Raises:
        EntryError: the entry has no example files.
        InputError: the folder exists already, or cannot be made.
    """
    source = entry.folder / EXAMPLE_FOLDER
    if not source.is_dir():
        raise EntryError(f"{source}: no such folder; the entry ships no example files")
    if output.exists() or output.is_symlink():
        raise InputError(f"{output}: exists already; give the name of a new folder")
    try:
        with scratch_folder(output.parent) as scratch:
            copy = scratch / output.name
            copy.mkdir()
            for file in entry_files(source):
                target = copy / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                # Neither modes nor times are copied: an installed package may be read-only.
                shutil.copyfile(file, target)
            copy.rename(output)
    except OSError as error:
        raise InputError(f"{output}: this folder cannot be made ({error.strerror})") from error
    return {name: _moved(value, output) for name, value in example_arguments(entry).items()}


def _moved(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {name: _moved(one, folder) for name, one in value.items()}
    prefix = f"{EXAMPLE_FOLDER}/"
    return str(folder / value.removeprefix(prefix)) if isinstance(value, str) and value.startswith(prefix) else value

"""The installed zoo as a source of Kipoi, named in ``~/.kipoi/config.yaml``."""

import os
from pathlib import Path
from typing import Any

import yaml

from epizoo.errors import InputError
from epizoo.files import atomic_path
from epizoo.zoo import ZOO_FOLDER

SOURCE_NAME = "epizoo"
# What Kipoi writes itself when it finds no config file.
_KIPOI_DEFAULT: dict[str, Any] = {
    "type": "git",
    "remote_url": "https://github.com/kipoi/models.git",
    "auto_update": True,
    "use_lfs": False,
}


def register_source(zoo_folder: str | os.PathLike[str] = ZOO_FOLDER, name: str = SOURCE_NAME) -> Path:
    """Register a zoo as a local source in Kipoi's config file, keeping everything else that is there.

    Afterwards ``kipoi predict peak_caller/h3k4me3 --source=epizoo`` works from any folder. Registering again replaces
    the source of this name alone. The file is written whole or not at all; comments in it are lost, as YAML's are.

    Args:
        zoo_folder: folder of the zoo; that of the installed epizoo by default.
        name: name of the source.

    Returns:
        The config file, ``~/.kipoi/config.yaml`` (of ``$HOME``).

    Raises:
        InputError: the config file is not Kipoi's YAML, or it cannot be written.
    """
    path = config_path()
    config = _read(path)
    config["model_sources"][name] = {"type": "local", "local_path": os.fspath(Path(zoo_folder).resolve())}
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: this folder of Kipoi's config cannot be made ({error.strerror})") from error
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(config, indent=4, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def config_path() -> Path:
    """Kipoi's config file, where Kipoi looks for it: in ``$HOME``, or in ``/tmp`` where that cannot be written to."""
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".kipoi" / "config.yaml"


def _read(path: Path) -> dict[str, Any]:
    """Kipoi's config, or the one that it would make itself.

    Raises:
        InputError: the file is there and is not a mapping with ``model_sources``.
    """
    if not path.exists():
        default = _KIPOI_DEFAULT | {"local_path": f"{path.parent}/models/"}
        return {"model_sources": {"kipoi": default}}
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not a YAML file ({' '.join(str(error).split())}); correct or remove it") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_sources"), dict):
        raise InputError(
            f"{path}: the key model_sources is missing, Kipoi expects it to hold its sources; correct the file"
        )
    return config

"""Entries on the Hugging Face hub: ``hf://ORG/NAME@REVISION``, downloaded once, and checked whenever they are loaded.

The client is the extra ``hub``, imported when a reference is used.
"""

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from epizoo.errors import EntryError, InputError, MissingDependencyError

PREFIX = "hf://"
CHECKPOINT = "model.ckpt"
"""Name of gReLU's checkpoint in a repository."""
_FORM = re.compile(r"^hf://(?P<repo>[\w.-]+/[\w.-]+)(?P<entry>/[a-z0-9_]+/[\w.-]+)?(@(?P<revision>[^@\s]+))?$")


class Reference(NamedTuple):
    """An entry on the hub.

    Attributes:
        repo_id: ``ORG/NAME``.
        entry: ``family/tag`` in a repository that holds several entries; empty where the repository is the entry.
        revision: branch, tag or commit; ``main`` where None.
    """

    repo_id: str
    entry: str
    revision: str | None


def is_remote(entry: object) -> bool:
    """True if a name means an entry on the hub."""
    return isinstance(entry, str) and entry.startswith(PREFIX)


def parse_reference(text: str) -> Reference:
    """The parts of ``hf://ORG/NAME[/FAMILY/TAG][@REVISION]``.

    >>> parse_reference("hf://org/h3k4me3@v1")
    Reference(repo_id='org/h3k4me3', entry='', revision='v1')

    Raises:
        InputError: it is not of this form.
    """
    match = _FORM.match(text)
    if match is None:
        raise InputError(f"{text}: not of the form hf://ORG/NAME@REVISION or hf://ORG/NAME/FAMILY/TAG@REVISION")
    return Reference(match["repo"], (match["entry"] or "").strip("/"), match["revision"])


def download_entry(text: str) -> Path:
    """The folder of an entry on the hub; the hub's own cache keeps it.

    Raises:
        InputError: the reference is not of the right form.
        EntryError: there is no such repository or revision, it cannot be reached, or it holds no entry.
        MissingDependencyError: huggingface_hub is not installed.
    """
    reference = parse_reference(text)
    hub = client()
    try:
        hub.utils.validate_repo_id(reference.repo_id)
    except hub.errors.HFValidationError as error:
        raise InputError(f"{text}: {reference.repo_id} is not the name of a repository; {error}") from None
    below = f"{reference.entry}/" if reference.entry else ""
    try:
        # The checkpoint for gReLU is no part of the entry.
        with progress_on_terminals(hub):
            root = hub.snapshot_download(
                reference.repo_id,
                revision=reference.revision,
                allow_patterns=[f"{below}*"],
                ignore_patterns=["*.ckpt", "*.ckpt.parity.json"],
            )
    except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError, OSError) as error:
        raise hub_error(text, error) from error
    folder = Path(root) / reference.entry
    if not (folder / "model.yaml").is_file():
        raise EntryError(
            f"{text}: holds no entry, there is no {below}model.yaml; give a repository that epizoo publish made"
        )
    return folder


def local_checkpoint(path: str | os.PathLike[str]) -> str:
    """The path itself, or the checkpoint of a repository ``hf://ORG/NAME[/FAMILY/TAG][@REVISION]``, downloaded.

    Raises:
        EntryError: the repository has no model.ckpt, or cannot be reached.
    """
    if not is_remote(path):
        return os.fspath(path)
    reference = parse_reference(os.fspath(path))
    hub = client()
    name = f"{reference.entry}/{CHECKPOINT}" if reference.entry else CHECKPOINT
    try:
        with progress_on_terminals(hub):
            return hub.hf_hub_download(reference.repo_id, name, revision=reference.revision)
    except hub.errors.EntryNotFoundError as error:
        if isinstance(error, hub.errors.LocalEntryNotFoundError):
            raise hub_error(os.fspath(path), error) from error
        raise EntryError(
            f"{path}: the repository has no {name}; give one that gReLU or epizoo publish uploaded a model to"
        ) from error
    except (hub.errors.HfHubHTTPError, OSError) as error:
        raise hub_error(os.fspath(path), error) from error


def client() -> ModuleType:
    """The module huggingface_hub.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        hub = importlib.import_module("huggingface_hub")
        for part in ("errors", "utils"):
            importlib.import_module(f"huggingface_hub.{part}")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "huggingface_hub: not installed, and entries on the hub need it; install it with: pip install 'epizoo[hub]'"
        ) from error
    return hub


@contextlib.contextmanager
def progress_on_terminals(hub: ModuleType) -> Iterator[None]:
    """The client's progress bars only where somebody watches."""
    if sys.stderr.isatty() or hub.utils.are_progress_bars_disabled():
        yield
        return
    hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        hub.utils.enable_progress_bars()


def hub_error(text: str, error: Exception) -> EntryError:
    """The client's error, in one sentence."""
    reason = {
        "RepositoryNotFoundError": "the hub has no such repository, or it is private",
        "GatedRepoError": "its authors must grant you access first",
        "RevisionNotFoundError": "the repository has no such revision",
        "EntryNotFoundError": "the repository has no such file",
        "RemoteEntryNotFoundError": "the repository has no such file",
        "LocalEntryNotFoundError": "the hub cannot be reached, and it was not downloaded before",
    }.get(type(error).__name__, f"the hub answers {' '.join(str(error).split())[:200]}")
    return EntryError(f"{text}: {reason}; check the name, the revision and your network")

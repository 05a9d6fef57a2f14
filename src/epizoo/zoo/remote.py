"""Entries on the Hugging Face hub: ``hf://ORG/NAME@REVISION``, downloaded once, and checked whenever they are loaded.

The client is the extra ``hub``, imported when a reference is used.
"""

import contextlib
import importlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from epizoo.errors import EntryError, InputError, MissingDependencyError
from epizoo.zoo.entry_files import entry_sha256

PREFIX = "hf://"
CHECKPOINT = "model.ckpt"
"""Name of gReLU's checkpoint in a repository."""
_FORM = re.compile(
    r"^hf://(?P<repo>[\w.-]+/[\w.-]+)(?P<entry>/[a-z0-9_]+/[\w.-]+)?(@(?P<revision>[^@\s#]+))?(#sha256=(?P<sha256>[0-9a-f]{64}))?$"
)
_LARGEST_BYTES = 1 << 30
_CHECKPOINTS = ["*.ckpt", "*.ckpt.parity.json"]
logger = logging.getLogger(__name__)


class Reference(NamedTuple):
    """An entry on the hub.

    Attributes:
        repo_id: ``ORG/NAME``.
        entry: ``family/tag`` in a repository that holds several entries; empty where the repository is the entry.
        revision: branch, tag or commit; ``main`` where None.
        sha256: hash that the entry must have, see `epizoo.zoo.entry_files.entry_sha256`; None where any will do.
    """

    repo_id: str
    entry: str
    revision: str | None
    sha256: str | None


def is_remote(entry: object) -> bool:
    """True if a name means an entry on the hub."""
    return isinstance(entry, str) and entry.startswith(PREFIX)


def parse_reference(text: str) -> Reference:
    """The parts of ``hf://ORG/NAME[/FAMILY/TAG][@REVISION][#sha256=HASH]``.

    >>> parse_reference("hf://org/h3k4me3@v1")
    Reference(repo_id='org/h3k4me3', entry='', revision='v1', sha256=None)

    Raises:
        InputError: it is not of this form.
    """
    match = _FORM.match(text)
    if match is None:
        raise InputError(
            f"{text}: not of the form hf://ORG/NAME@REVISION#sha256=HASH or hf://ORG/NAME/FAMILY/TAG@REVISION, where "
            "@REVISION and #sha256=HASH (64 digits) may be left out"
        )
    return Reference(match["repo"], (match["entry"] or "").strip("/"), match["revision"], match["sha256"])


def download_entry(text: str) -> Path:
    """The folder of an entry on the hub; the hub's own cache keeps it.

    Raises:
        InputError: the reference is not of the right form.
        EntryError: there is no such repository or revision, it cannot be reached, it holds no entry or more than 1 GiB,
            or its hash is not the one that was given.
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
        _check_size(hub, text, reference)
        # The checkpoint for gReLU is no part of the entry.
        with progress_on_terminals(hub):
            root = hub.snapshot_download(
                reference.repo_id,
                revision=reference.revision,
                allow_patterns=[f"{below}*"],
                ignore_patterns=_CHECKPOINTS,
            )
    except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError, OSError) as error:
        raise hub_error(text, error) from error
    folder = Path(root) / reference.entry
    if not (folder / "model.yaml").is_file():
        raise EntryError(
            f"{text}: holds no entry, there is no {below}model.yaml; give a repository that epizoo publish made"
        )
    found = entry_sha256(folder)
    if reference.sha256 not in (None, found):
        raise EntryError(
            f"{text}: sha256 of the entry is {found}, expected {reference.sha256}; it is not the one that was reviewed"
        )
    logger.info("%s: commit %s, sha256 %s", text, Path(root).name, found)
    return folder


def _check_size(hub: ModuleType, text: str, reference: Reference) -> None:
    """Refuse what no entry can be before it is downloaded; without the hub nothing is downloaded."""
    try:
        listed = hub.HfApi().list_repo_tree(
            reference.repo_id, reference.entry or None, recursive=True, revision=reference.revision
        )
        files = hub.utils.filter_repo_objects(
            [item for item in listed if hasattr(item, "size")], ignore_patterns=_CHECKPOINTS, key=lambda item: item.path
        )
        n_bytes = sum(item.size for item in files)
    except OSError as error:
        if isinstance(error, hub.errors.HfHubHTTPError):
            raise
        return
    if n_bytes > _LARGEST_BYTES:
        raise EntryError(f"{text}: {n_bytes:,} bytes, expected {_LARGEST_BYTES:,} at most; entries are a few megabytes")


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

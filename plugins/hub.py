"""Entries as complete repositories on the Hugging Face hub: made, shown, uploaded, and their checkpoints fetched."""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from epizoo.errors import EntryError, InputError
from epizoo.files import require_writable
from epizoo.zoo import load
from epizoo.zoo.card import render_card
from epizoo.zoo.entry import Entry
from epizoo.zoo.entry_files import entry_files, entry_sha256
from epizoo.zoo.remote import CHECKPOINT, client, progress_on_terminals

# The licences of our entries as the hub spells them; any other is called "other" there, with its name beside.
_LICENSES = {
    "CC-BY-4.0": "cc-by-4.0",
    "CC0-1.0": "cc0-1.0",
    "GPL-3.0-only": "gpl-3.0",
    "GPL-3.0-or-later": "gpl-3.0",
    "MIT": "mit",
}
_TASK_TYPES = {
    "peak_caller": "peak-calling",
    "peak_scorer": "peak-calling",
    "chromatin_states": "chromatin-state-annotation",
}


class Published(NamedTuple):
    """Content of a repository.

    Attributes:
        repo_id: ``ORG/NAME``.
        files: path in the repository to size in bytes, sorted.
        hashes: name of each entry to its hash, see `epizoo.zoo.entry_files.entry_sha256`.
        url: of the commit, None where nothing was uploaded.
    """

    repo_id: str
    files: dict[str, int]
    hashes: dict[str, str]
    url: str | None


def publish(
    entries: Sequence[Entry | str],
    repo_id: str,
    *,
    dry_run: bool = False,
    folder: str | os.PathLike[str] | None = None,
    private: bool = False,
    base_model: str | None = None,
) -> Published:
    """Make a repository of one or several entries and upload it.

    Args:
        entries: the entries, or their names. One entry lies at the top of the repository, several in ``FAMILY/TAG``.
        repo_id: Repository on the Hugging Face hub, made where there is none.
        dry_run: Make all files and upload nothing.
        folder: Keep the files in this new folder too.
        private: Make the repository private, if it is new.
        base_model: Repository of the model that these were fine-tuned from, for the card.

    Raises:
        InputError: no entry, an entry twice, a repository's name that is none, or a folder that is not empty or
            cannot be written to.
        EntryError: a file of an entry does not match its hash, an export is another model, or the hub refuses.
        MissingDependencyError: huggingface_hub or gReLU is not installed.
    """
    hub = client()
    loaded = [entry if isinstance(entry, Entry) else load(entry) for entry in entries]
    names = [entry.name for entry in loaded]
    if not names or len(set(names)) < len(names):
        raise InputError(f"entries: {', '.join(names) or 'none'} given, expected one or more, each of them once")
    try:
        hub.utils.validate_repo_id(repo_id)
    except hub.errors.HFValidationError as error:
        raise InputError(f"repo-id: {repo_id!r} is not the name of a repository; give ORG/NAME") from error
    if repo_id.count("/") != 1:
        raise InputError(f"repo-id: {repo_id!r} is not the name of a repository; give ORG/NAME")
    if folder is not None:
        _require_new_folder(Path(folder))
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "repository"
        stage(loaded, repo_id, staged, base_model)
        paths = sorted(path for path in staged.rglob("*") if path.is_file())
        files = {path.relative_to(staged).as_posix(): path.stat().st_size for path in paths}
        hashes = {entry.name: entry_sha256(_place(entry, loaded, staged)) for entry in loaded}
        url = None if dry_run else _upload(hub, staged, repo_id, loaded, private)
        if folder is not None:
            shutil.copytree(staged, folder, dirs_exist_ok=True)
    return Published(repo_id, files, hashes, url)


def stage(entries: Sequence[Entry], repo_id: str, folder: Path, base_model: str | None = None) -> None:
    """Write the files of a repository: entries, checkpoints, ONNX graphs and cards."""
    for entry in entries:
        own = _place(entry, entries, folder)
        reference = repo_id if len(entries) == 1 else f"{repo_id}/{entry.name}"
        _stage_entry(entry, own, repo_id, reference, base_model)
    if len(entries) > 1:
        (folder / "README.md").write_text(_index(entries, repo_id), encoding="utf-8")


def _place(entry: Entry, entries: Sequence[Entry], folder: Path) -> Path:
    return folder if len(entries) == 1 else folder / entry.name


def _require_new_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
    if any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; give a new folder")
    require_writable(folder / "README.md")


def _stage_entry(entry: Entry, folder: Path, repo_id: str, reference: str, base_model: str | None) -> None:
    from epizoo.plugins.grelu import export_checkpoint

    entry.check_files()
    for file in entry_files(entry.folder):
        if file.name != "README.md":
            copy = folder / file.relative_to(entry.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    if entry.zoo.onnx is None:
        from epizoo.conversion import export

        export(entry, "onnx", folder / "model.onnx")
    export_checkpoint(entry, folder / CHECKPOINT)
    (folder / "README.md").write_text(_card(entry, repo_id, reference, base_model), encoding="utf-8")


def _card(entry: Entry, repo_id: str, reference: str, base_model: str | None) -> str:
    """The entry's card with the hub's front matter, and how to load it from there."""
    _, _, body = render_card(entry, f"hf://{reference}").split("---\n", 2)
    use = (
        "## From the hub\n\n```python\nimport epizoo\n\n"
        f'entry = epizoo.load("hf://{reference}")  # needs the extra hub\n```\n\n'
        "```python\nimport epizoo.plugins.grelu  # needs the extra grelu\nimport grelu.resources\n\n"
        f'model = grelu.resources.load_model(repo_id="{repo_id}"{_filename(repo_id, reference)})\n```\n'
    )
    return f"---\n{_front_matter(entry, base_model)}---\n{body.rstrip()}\n\n{use}"


def _filename(repo_id: str, reference: str) -> str:
    below = reference.removeprefix(repo_id).strip("/")
    return f', filename="{below}/{CHECKPOINT}"' if below else ""


def _front_matter(entry: Entry, base_model: str | None) -> str:
    """Licence, tags, datasets, base model and metrics, by the hub's own class for them."""
    hub = client()
    info = entry.kipoi["info"]
    known = _LICENSES.get(info["license"])
    results = [
        hub.EvalResult(
            task_type=_TASK_TYPES[entry.family],
            # Results of one type are taken for results on the same data.
            dataset_type=_slug(metric.on),
            dataset_name=" ".join(metric.on.split()),
            metric_type=_slug(metric.name),
            metric_name=metric.name,
            metric_value=metric.value,
        )
        for metric in entry.zoo.metrics
    ]
    data = hub.ModelCardData(
        license=known or "other",
        license_name=None if known else info["license"].lower(),
        library_name="epizoo",
        tags=list(dict.fromkeys([*info.get("tags", []), "genomics", "epizoo", "grelu", "onnx"])),
        datasets=entry.zoo.datasets or None,
        base_model=base_model or entry.zoo.base_model,
        model_name=entry.name,
        eval_results=results,
    )
    return yaml.safe_dump(data.to_dict(), sort_keys=False, allow_unicode=True, width=120)


def _slug(text: str) -> str:
    """Small letters, digits and hyphens.

    >>> _slug("H3K4me3, chr1: left out")
    'h3k4me3-chr1-left-out'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _index(entries: Sequence[Entry], repo_id: str) -> str:
    """The card of a repository of several entries."""
    licenses = sorted({entry.kipoi["info"]["license"] for entry in entries})
    known = _LICENSES.get(licenses[0]) if len(licenses) == 1 else None
    front: dict[str, Any] = {"license": known or "other"}
    if known is None:
        front["license_name"] = " and ".join(licenses).lower()
    front |= {"library_name": "epizoo", "tags": ["genomics", "epizoo", "grelu", "onnx"]}
    datasets = list(dict.fromkeys(name for entry in entries for name in entry.zoo.datasets))
    bases = list(dict.fromkeys(entry.zoo.base_model for entry in entries if entry.zoo.base_model))
    front |= {key: value for key, value in (("datasets", datasets), ("base_model", bases)) if value}
    rows = [
        f"| [`{entry.name}`]({entry.name}/README.md) | {entry.version} | `hf://{repo_id}/{entry.name}` |"
        for entry in entries
    ]
    table = "\n".join(["| entry | version | for `epizoo.load` |", "| --- | --- | --- |", *rows])
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return (
        f"---\n{text}---\n\n# {repo_id}\n\nEntries of epizoo, each in a folder of its own with its card.\n\n{table}\n"
    )


def _upload(hub: Any, folder: Path, repo_id: str, entries: Sequence[Entry], private: bool) -> str:
    what = ", ".join(f"{entry.name} {entry.version}" for entry in entries)
    api = hub.HfApi()
    try:
        api.create_repo(repo_id, repo_type="model", exist_ok=True, private=private)
        with progress_on_terminals(hub):
            commit = api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=f"Publish {what}")
    except (hub.errors.HfHubHTTPError, hub.errors.LocalTokenNotFoundError, OSError, ValueError) as error:
        raise EntryError(
            f"{repo_id}: the hub refuses the upload ({' '.join(str(error).split())[:200]}); log in with hf auth login, "
            "and check that you may write there"
        ) from error
    return str(commit.commit_url)

"""The last section of a report: the command, the files with their hashes, the versions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from epizoo.files import sha256
from epizoo.reports.blocks import Code, Section, Table, Text
from epizoo.version import __version__, versions


def provenance(
    files: Sequence[tuple[str, Path]], command: str | None, names: Mapping[str, str], hashes: Mapping[str, str]
) -> Section:
    """Command, files and versions that made the results.

    Args:
        files: files of the report, by what they are.
        command: as it can be typed; None if it is not known.
        names: what files are called, by path, where that is not the path.
        hashes: SHA-256 of files, by path, as far as they are known.
    """
    rows = [
        [what, names.get(str(path), str(path)), f"{path.stat().st_size:,}", hashes.get(str(path)) or sha256(path)]
        for what, path in files
    ]
    packages = ", ".join(f"{name} {version}" for name, version in {"epizoo": __version__, **versions()}.items())
    blocks = [
        *([Text(["The command:"]), Code(command)] if command else []),
        Table("Files", ["Content", "File", "Bytes", "SHA-256"], rows, is_text=True),
        Text([f"Versions: {packages}."]),
    ]
    return Section("provenance", "Files and versions", blocks)

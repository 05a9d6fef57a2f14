"""Writes `requirements.txt` beside this file: the light installation, each package pinned to the hashes of its files.

    .venv/bin/python containers/hash_requirements.py

The packages are those that `pip install -c constraints.txt '.[kipoi]'` brings on Python 3.11 to 3.13, Linux and macOS.
Hashes come from the index that pip is configured with. The installed environment says what needs what.
"""

import json
import os
import subprocess
import sys
import tomllib
import urllib.request
from importlib.metadata import requires
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[1]
OUTPUT = Path(__file__).with_name("requirements.txt")
PYTHONS = ("3.11", "3.12", "3.13")
_PLATFORMS = ("manylinux", "macosx", "any")
_HEAD = "# Written by containers/hash_requirements.py: pip install --require-hashes -r containers/requirements.txt\n"


def pinned() -> dict[str, str]:
    """The version of each package in constraints.txt, by its normalised name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.split(";")[0].strip() for name, version in pairs}


def light_packages() -> list[str]:
    """All packages that epizoo[kipoi] needs on some Python and platform, itself left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [*project["dependencies"], *project["optional-dependencies"]["kipoi"]]
    found: set[str] = set()
    todo: list[tuple[str, frozenset[str]]] = [("", frozenset())]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        for text in (requires(name) or []) if name else own:
            need = Requirement(text)
            if not _is_wanted(need, extras):
                continue
            key = (canonicalize_name(need.name), frozenset(need.extras))
            found.add(key[0])
            if key not in seen:
                seen.add(key)
                todo.append(key)
    return sorted(found)


def _is_wanted(need: Requirement, extras: frozenset[str]) -> bool:
    if need.marker is None:
        return True
    platforms = (("linux", "Linux", "x86_64"), ("darwin", "Darwin", "arm64"))
    environments = (
        {
            **default_environment(),
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": system,
            "platform_system": title,
            "platform_machine": machine,
            "extra": extra,
        }
        for python in PYTHONS
        for system, title, machine in platforms
        for extra in ("", *extras)
    )
    return any(need.marker.evaluate(environment) for environment in environments)


def file_hashes(name: str, version: str) -> list[str]:
    """SHA-256 of the wheels for these Pythons, or of the source where there is no wheel."""
    files = _listing(name)
    wheels = [file for file in files if file["filename"].endswith(".whl") and _fits(file["filename"], version)]
    sources = [file for file in files if file["filename"].endswith((f"-{version}.tar.gz", f"-{version}.zip"))]
    return sorted(file["hashes"]["sha256"] for file in wheels or sources)


def _fits(filename: str, version: str) -> bool:
    if f"-{version}-" not in filename:
        return False
    _, _, _, tags = parse_wheel_filename(filename)
    pythons = {f"cp{python.replace('.', '')}" for python in PYTHONS} | {"py3"}
    return any(
        (tag.interpreter in pythons or tag.abi == "abi3") and tag.platform.startswith(_PLATFORMS) for tag in tags
    )


def _listing(name: str) -> list[dict]:
    request = urllib.request.Request(
        f"{_index().rstrip('/')}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["files"]


def _index() -> str:
    """The index that pip uses."""
    from pip._internal.models.index import PyPI

    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    return os.environ.get("PIP_INDEX_URL") or asked.stdout.strip() or PyPI.simple_url


def main() -> None:
    """The command."""
    versions = pinned()
    rows = []
    for name in light_packages():
        hashes = "".join(f" \\\n    --hash=sha256:{value}" for value in file_hashes(name, versions[name]))
        if not hashes:
            sys.exit(f"{name}: the index has no file of version {versions[name]}, which constraints.txt pins")
        rows.append(f"{name}=={versions[name]}{hashes}\n")
    OUTPUT.write_text(_HEAD + "".join(rows), encoding="utf-8")
    print(f"{OUTPUT}: {len(rows)} packages")


if __name__ == "__main__":
    main()

"""Entries that carry their ONNX graph and so run without JAX.

``python -m epizoo.conversion.onnx.entry_graph [ENTRY …]`` writes the graphs and the proof of each.
To be run again whenever an entry was built anew: `epizoo.zoo.build` cannot know what lies above it.
"""

import argparse
import sys

import yaml

from epizoo.conversion.exporting import export
from epizoo.conversion.parity import ParityReport
from epizoo.errors import EntryError, EpizooError
from epizoo.files import atomic_path, sha256
from epizoo.optional import is_installed
from epizoo.zoo import list_entries, load
from epizoo.zoo.engines import BACKENDS
from epizoo.zoo.entry import Entry, PeakScorerEntry

ONNX_FILE = "model.onnx"


def add_onnx(entry: Entry | str) -> ParityReport:
    """Give an entry its ``model.onnx``, with all layers and the proof, and write its hash into ``model.yaml``.

    Args:
        entry: the entry, its name or its folder.

    Raises:
        EntryError: the graph is another model than the entry, which then stays as it was.
        MissingDependencyError: onnx is not installed.
    """
    entry = entry if isinstance(entry, Entry) else load(entry)
    graph = entry.folder / ONNX_FILE
    report = export(entry, "onnx", graph, layers=True)
    path = entry.folder / "model.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    backends = [name for name in BACKENDS if name != "torch" or not isinstance(entry, PeakScorerEntry)]
    content["zoo"] |= {"onnx": ONNX_FILE, "onnx_sha256": sha256(graph), "backends": backends}
    with atomic_path(path) as temporary:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
        temporary.write_text(text, encoding="utf-8")
    return report


def add_onnx_if_installed(entry: Entry) -> str | None:
    """Give an entry its graph where ONNX is installed; why it has none, where that is because of the entry."""
    if not is_installed("onnx", "onnxruntime"):
        return None
    try:
        add_onnx(entry)
    except EntryError as error:
        return str(error)
    return None


def main() -> None:
    """The command: all entries of the zoo, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m epizoo.conversion.onnx.entry_graph", description=__doc__)
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="name or folder of an entry; by default all")
    try:
        for name in parser.parse_args().entries or list_entries():
            print(add_onnx(name), load(name).folder / ONNX_FILE, sep="\n")
    except EpizooError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

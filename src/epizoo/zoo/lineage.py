"""Where an entry comes from: the entries that it was fine-tuned from, back to the first."""

from typing import TYPE_CHECKING

from rich.tree import Tree

from epizoo.zoo.description import Ancestor

if TYPE_CHECKING:
    from epizoo.zoo.entry import Entry


def lineage_from(base: "Entry") -> list[Ancestor]:
    """The lineage of an entry that is fine-tuned from ``base``: the first ancestor first, ``base`` last."""
    own = Ancestor(name=base.name, version=base.version, sha256=base.sha256)
    return [*base.zoo.lineage, own]


def draw_lineage(entry: "Entry") -> Tree | None:
    """The ancestors of an entry and the entry itself as a tree; None where it has none."""
    if not entry.zoo.lineage:
        return None
    own = Ancestor(name=entry.name, version=entry.version, sha256=entry.sha256)
    first, *others = [*entry.zoo.lineage, own]
    tree = branch = Tree(_line(first))
    for ancestor in others:
        branch = branch.add(_line(ancestor))
    return tree


def _line(ancestor: Ancestor) -> str:
    return f"{ancestor.name} {ancestor.version} (weights {ancestor.sha256[:12]})"

"""The two trees of a bigWig as they are written: its chromosomes by name, and its blocks by place."""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from epizoo.genome.bigwig.format import INDEX_HEADER, INDEX_MAGIC, TREE_HEADER, TREE_MAGIC

_PER_NODE = 256
_NODE = struct.Struct("<BBH")
_CHILD = struct.Struct("<Q")
_CHROM = struct.Struct("<II")
_PLACE = struct.Struct("<IIII")
_DATA = struct.Struct("<QQ")


class Block(NamedTuple):
    """A block's place in the genome, chromosomes by number, and in the file."""

    first_chrom: int
    start: int
    last_chrom: int
    end: int
    offset: int
    size: int


def chromosome_tree(chrom_sizes: Mapping[str, int], at: int) -> bytes:
    """The tree of the chromosomes, numbered from 0.

    Args:
        chrom_sizes: length in bp of every chromosome, sorted by name.
        at: the tree's place in the file.
    """
    key_bytes = max((len(chrom.encode()) for chrom in chrom_sizes), default=1)
    keys = {chrom: chrom.encode().ljust(key_bytes, b"\0") for chrom in chrom_sizes}
    in_order = list(keys.values())
    items = [key + _CHROM.pack(number, chrom_sizes[name]) for number, (name, key) in enumerate(keys.items())]
    header = TREE_HEADER.pack(TREE_MAGIC, _PER_NODE, key_bytes, 8, len(items), 0)
    return header + _nodes(items, lambda first, _: in_order[first], at + len(header))


def block_index(blocks: Sequence[Block], n_items: int, per_block: int, at: int) -> bytes:
    """The index of blocks, which stand in order.

    Args:
        blocks: what to index.
        n_items: items in all blocks, as the header states it: of signal, the blocks themselves.
        per_block: items in a block, at most.
        at: the index's place in the file.
    """

    def span(first: int, after: int) -> bytes:
        return _PLACE.pack(*blocks[first][:2], *blocks[after - 1][2:4])

    items = [_PLACE.pack(*block[:4]) + _DATA.pack(*block[4:]) for block in blocks]
    whole = (*blocks[0][:2], *blocks[-1][2:4]) if blocks else (0, 0, 0, 0)
    header = INDEX_HEADER.pack(INDEX_MAGIC, _PER_NODE, n_items, *whole, at, per_block, 0)
    return header + _nodes(items, span, at + len(header))


def _nodes(items: Sequence[bytes], key: Callable[[int, int], bytes], at: int) -> bytes:
    """The nodes of a tree, the root first, each level behind the one above it.

    Args:
        items: what the leaves hold.
        key: what a branch says of the items from a first one to before another.
        at: the root's place in the file.
    """
    # Each level's nodes as ranges of items, the leaves first; all but the last of a level are full.
    levels = [[(low, min(low + _PER_NODE, len(items))) for low in range(0, max(len(items), 1), _PER_NODE)]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        groups = [below[low : low + _PER_NODE] for low in range(0, len(below), _PER_NODE)]
        levels.append([(group[0][0], group[-1][1]) for group in groups])
    content = b""
    for number in range(len(levels) - 1, 0, -1):
        below = levels[number - 1]
        branches = [key(first, after) for first, after in below]
        branch_bytes = len(branches[0]) + _CHILD.size
        item_bytes = branch_bytes if number > 1 else len(items[0])
        children_at = at + len(content) + _NODE.size * len(levels[number]) + branch_bytes * len(below)
        full = _NODE.size + _PER_NODE * item_bytes
        content += _level(
            False, [branch + _CHILD.pack(children_at + full * child) for child, branch in enumerate(branches)]
        )
    return content + _level(True, items)


def _level(is_leaf: bool, items: Sequence[bytes]) -> bytes:
    """The nodes of one level."""
    groups = [items[low : low + _PER_NODE] for low in range(0, max(len(items), 1), _PER_NODE)]
    return b"".join(_NODE.pack(is_leaf, 0, len(group)) + b"".join(group) for group in groups)

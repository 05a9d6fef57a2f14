"""Names and labels of a track hub, as UCSC's browser takes and shows them."""

import itertools
import re
from collections.abc import Collection

LONGEST_SHORT, LONGEST_LONG = 17, 76
"""Letters of a short and of a long label."""


def ascii_name(name: str) -> str:
    """A name as UCSC's browser takes it: letters, digits and _, with a letter in front.

    >>> [ascii_name(name) for name in ("K562", "cell 1", "2i-ES", "Hör")]
    ['K562', 'cell_1', 'x2i_ES', 'H_r']
    """
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return plain if plain[:1].isalpha() else f"x{plain}"


def short_label(name: str, what: str, taken: Collection[str]) -> str:
    """A label of 17 letters at most that no other track has, with both ends of the sample's name and the kind.

    >>> short_label("K562", "peaks", ()), short_label("H3K27ac_donor_12", "signal", ())
    ('K562 peaks', 'H3..nor_12 signal')
    >>> short_label("H3K4me3_donor_12", "signal", ["H3..nor_12 signal"])
    'H3.2.or_12 signal'
    """
    room = LONGEST_SHORT - len(f" {what}")
    labels = (f"{shortened(name, room, '..' if n == 1 else f'.{n}.')} {what}" for n in itertools.count(1))
    return next(label for label in labels if label not in taken)


def shortened(name: str, most: int, mark: str = "..") -> str:
    """A name of so many letters at most: more of its end, where names of samples differ, than of its beginning."""
    if len(name) <= most and mark == "..":
        return name
    left = max(most - len(mark), 0)
    head = left // 3
    return name[:head] + mark + name[max(len(name) - (left - head), 0) :]

"""The order and the colours of states, by the entries that have them."""

from collections.abc import Iterable, Sequence

from epizoo.calling.state_colors import Color, StateStyle
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.loading import load_annotator


def state_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of all states, in its order, of the first entry that has states of all these names; empty without one.

    >>> state_order(["Quies", "TssA"])[:2]
    ('TssA', 'TssWk')
    """
    return tuple(style.name for style in _styles(set(names)))


def state_colors(names: Sequence[str]) -> list[Color] | None:
    """The colours of states of these names, by the same entry; None without one.

    >>> state_colors(["Quies", "TssA"])
    [(255, 255, 255), (255, 0, 0)]
    """
    colors = {style.name: style.color for style in _styles(set(names))}
    return [colors[name] for name in names] if colors else None


def _styles(wanted: set[str]) -> list[StateStyle]:
    for entry in list_entries():
        if wanted and entry.startswith("chromatin_states/"):
            styles = [state.style for state in load_annotator(entry).config.states]
            if wanted <= {style.name for style in styles}:
                return styles
    return []

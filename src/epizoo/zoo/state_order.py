"""The order of states, which files of states do not hold."""

from collections.abc import Iterable

from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.loading import load_annotator


def state_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of all states, in its order, of the first entry that has states of all these names; empty without one.

    >>> state_order(["Quies", "TssA"])[:2]
    ('TssA', 'TssWk')
    """
    wanted = set(names)
    for entry in list_entries():
        if wanted and entry.startswith("chromatin_states/"):
            known = tuple(state.name for state in load_annotator(entry).config.states)
            if wanted <= set(known):
                return known
    return ()

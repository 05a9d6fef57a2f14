"""Names of learned chromatin states, by a rule, from their emissions.

Each state is compared with the states of a published model (Roadmap Epigenomics' 15 states) over the marks that both
models have:

1. *Candidates* are the published states that these marks can tell: a state that shows a mark which the learned model
   lacks with a probability of at least 0.3 is left out (without H3K9me3: ZNF/Rpts and Het).
2. The *match* is the candidate at the smallest distance, the root mean square difference of the emissions over the
   shared marks. It gives the state its colour and the start of its name.
3. A state in which no shared mark reaches 0.2, but a mark that the published model lacks reaches 0.5, is named after
   that mark (the strongest), such as ``CTCF``. A CTCF state is light blue (10,190,254), ChromHMM's usual colour of
   insulators, since the match's white would not be seen.
4. Of several states with one match, the closest keeps its name alone. Each other one gets ``_`` and the mark in which
   it exceeds the closest one the most, if by at least 0.1, such as ``Enh_H3K27ac``, and else ``Wk``, since it is
   weaker. Names that are still equal are numbered from 2, by distance. Each of them is a quarter darker than the one
   before, so that a browser tells them apart.

The order of the states is that of their matches in the published model, the closest first, states named after a mark
last.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from epizoo.errors import InputError

DEFINING = 0.3
SHARED_LOW = 0.2
OWN_HIGH = 0.5
EXCESS = 0.1
INSULATOR_COLOR = "10,190,254"


class ReferenceStates(NamedTuple):
    """States of a published model; colours are "r,g,b"."""

    marks: tuple[str, ...]
    emission: Float64[np.ndarray, "state mark"]
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    colors: tuple[str, ...]


class NamedState(NamedTuple):
    """A learned state's name, description, colour ("r,g,b"), and what it was matched to at what distance."""

    name: str
    description: str
    color: str
    match: str
    distance: float


def name_states(
    emission: Float64[np.ndarray, "state mark"],
    marks: tuple[str, ...],
    reference: ReferenceStates,
) -> tuple[list[NamedState], Int64[np.ndarray, " state"]]:
    """Name states by the rule of this module.

    Args:
        emission: the probability that a state shows a mark.
        marks: the names of the marks.
        reference: the published model.

    Returns:
        The named states, and their order: the places of the states, the first to be shown first.

    Raises:
        InputError: the models share no mark, or every published state needs a mark that is not there.
    """
    distances, candidates = _distances(emission, marks, reference)
    matches = candidates[np.argmin(distances, axis=1)]
    distance = distances.min(axis=1)
    after_mark = [_own_mark(row, marks, reference) for row in emission]
    ranks = [len(reference.names) if own else int(match) for own, match in zip(after_mark, matches, strict=True)]
    order = np.array(sorted(range(len(emission)), key=lambda state: (ranks[state], distance[state], state)))
    named: dict[int, NamedState] = {}
    closest: dict[str, int] = {}
    for state in order.tolist():
        match = int(matches[state])
        own = after_mark[state]
        base = own or reference.names[match]
        detail = ""
        description = f"{own} alone" if own else reference.descriptions[match]
        if base in closest:
            excess = emission[state] - emission[closest[base]]
            strongest = int(np.argmax(excess))
            detail = f"_{marks[strongest]}" if excess[strongest] >= EXCESS else "Wk"
            description += f", more {marks[strongest]}" if excess[strongest] >= EXCESS else ", weaker marks"
        closest.setdefault(base, state)
        before = sum(other.match == reference.names[match] and not after_mark[i] for i, other in named.items())
        color = INSULATOR_COLOR if own == "CTCF" else _darker(reference.colors[match], 0 if own else before)
        name = _unused(base + detail, {other.name for other in named.values()})
        named[state] = NamedState(name, description, color, reference.names[match], float(distance[state]))
    return [named[state] for state in range(len(emission))], order


def _distances(
    emission: Float64[np.ndarray, "state mark"],
    marks: tuple[str, ...],
    reference: ReferenceStates,
) -> tuple[Float64[np.ndarray, "state candidate"], Int64[np.ndarray, " candidate"]]:
    shared = [mark for mark in reference.marks if mark in marks]
    lacking = [reference.marks.index(mark) for mark in reference.marks if mark not in marks]
    candidates = np.flatnonzero((reference.emission[:, lacking] < DEFINING).all(axis=1))
    if not shared or not len(candidates):
        raise InputError(
            f"states of marks {', '.join(marks)} cannot be named after a model of {', '.join(reference.marks)}; "
            "learn on marks that both have"
        )
    ours = emission[:, [marks.index(mark) for mark in shared]]
    theirs = reference.emission[candidates][:, [reference.marks.index(mark) for mark in shared]]
    return np.sqrt(((ours[:, None] - theirs) ** 2).mean(axis=2)), candidates


def _own_mark(
    emission: Float64[np.ndarray, " mark"],
    marks: tuple[str, ...],
    reference: ReferenceStates,
) -> str | None:
    """The mark that a state is named after, or None."""
    shared = [value for mark, value in zip(marks, emission, strict=True) if mark in reference.marks]
    others = [(value, mark) for mark, value in zip(marks, emission, strict=True) if mark not in reference.marks]
    if max(shared) < SHARED_LOW and others and max(others)[0] >= OWN_HIGH:
        return max(others)[1]
    return None


def _darker(color: str, times: int) -> str:
    """``color`` ("r,g,b") with a quarter less light, so many times.

    >>> _darker("255,69,0", 2)
    '143,38,0'
    """
    return ",".join(str(int(int(part) * 0.75**times)) for part in color.split(","))


def _unused(name: str, taken: set[str]) -> str:
    number = 2
    candidate = name
    while candidate in taken:
        candidate = f"{name}{number}"
        number += 1
    return candidate

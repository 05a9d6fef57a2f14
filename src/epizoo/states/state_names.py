"""Names of learned chromatin states, by a rule from their emissions.

Each state is named by itself, so that the same biology has the same name in every model of the same marks:

1. Each kind of mark (`epizoo.states.name_table.KINDS`) is present, weak or absent with a certainty that follows from
   its emission by logistic curves in log-odds: a mark is *present* from 0.3, in *nearly every bin* from 0.8, in *some
   bins* from 0.06 and *absent* below 0.012, each with a certainty of one half there. Acetylation is H3K27ac, or else
   the mean of the other acetylations; where H3K36me3 is not there, H3K79me2 stands for it.
2. The *score* of a row of the table is the product of its certainties, that of a name the sum over its rows. The
   *confidence* of a name is its share of all scores and `UNNAMED`, the score of being none of them.
3. A state has its best name if its confidence is at least `LOW`; else the name of the family of that name, if the
   confidence of all names of the family together is (``Enh``, where EnhA and EnhG tie); else its plain number, as
   ``E7``, and its description says what it may be.
4. A state whose name is ``other`` is named after that mark, such as ``CTCF``.
5. States of one name are numbered from 1, the one with the most marks first, and each is a quarter darker than the one
   before.

States are shown in the order of the table, states with plain numbers at the places of their best names.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from epizoo.calling.state_colors import default_colors
from epizoo.states.name_table import AFTER_MARK, INPUTS, KINDS, LOOKS, PATTERNS, Look, Pattern

PRESENT, FULL, SOME, ABSENT = 0.3, 0.8, 0.06, 0.012
"""Emissions at which a mark is present, in nearly every bin, in some bins, and absent, with a certainty of one half."""
LOW = 0.5
"""Below this confidence a state has no name but its number."""
UNNAMED = 0.05
_WIDTHS = {PRESENT: 0.6, FULL: 0.5, SOME: 0.2, ABSENT: 0.4}
_STAND_INS = {"H3K36me3": ("H3K36me3", "H3K79me2"), "acetylation": ("H3K27ac",)}
_ACETYLATION = re.compile(r"h\w+?k\d+ac", re.IGNORECASE)


class NamedState(NamedTuple):
    """A state's name, description and colour ("r,g,b").

    ``confidence`` is that of the name, NaN where the rule did not give it; see `epizoo.zoo.description.State` for
    ``enrichment``.
    """

    name: str
    description: str
    color: str
    confidence: float = np.nan
    enrichment: Mapping[str, float] = {}


def name_states(
    emission: Float64[np.ndarray, "state mark"],
    marks: Sequence[str],
    *,
    refused: Sequence[Collection[str]] | None = None,
    numbers: Sequence[int] | None = None,
    taken: Collection[str] = (),
) -> tuple[list[NamedState], Int64[np.ndarray, " state"]]:
    """Name states by the rule of this module.

    Args:
        emission: the probability that a state shows a mark.
        marks: the names of the marks.
        refused: for each state, names that it cannot have, since other evidence contradicts them; their scores go
            to the other names of their families.
        numbers: the number of each state where it stays without a name; by default its place in the order.
        taken: names that other states of the model have already.

    Returns:
        The named states, and their order: the places of the states, the first to be shown first. Marks that the table
        does not know give plain numbers.
    """
    refused = refused or [()] * len(emission)
    found = [_decide(name_scores(row, marks), names) for row, names in zip(emission, refused, strict=True)]
    strength = np.asarray(emission).sum(axis=1)
    keys = [(_rank(best), -strength[state], state) for state, (_, best, _, _) in enumerate(found)]
    order = np.array([key[2] for key in sorted(keys)])
    place = {int(state): number for number, state in enumerate(order, start=1)}
    shades = [",".join(map(str, color)) for color in default_colors(len(found))]
    bases = [found[state][0] for state in order]
    used = set(taken)
    named: dict[int, NamedState] = {}
    for before, state in enumerate(order.tolist()):
        base, _, confidence, text = found[state]
        if base is None:
            number = place[state] if numbers is None else numbers[state]
            name, color = _unused(f"E{number}", 0, False, used), shades[state]
        else:
            twins = bases[:before].count(base)
            name, color = _unused(base, twins, bases.count(base) > 1, used), darker(look_of(base).color, twins)
        used.add(name)
        named[state] = NamedState(name, text, color, confidence)
    return [named[state] for state in range(len(found))], order


def name_scores(emission: Float64[np.ndarray, " mark"], marks: Sequence[str]) -> dict[str, float]:
    """The score of each name, the best first; none where the table knows no mark of a histone among `marks`.

    >>> scores = name_scores(np.array([0.95, 0.02, 0.9]), ("H3K4me3", "H3K27me3", "H3K27ac"))
    >>> next(iter(scores))
    'TssA'
    """
    levels, strongest = _levels(emission, marks)
    if not set(levels) - {"input", "other"}:
        return {}
    scores: dict[str, float] = {}
    for pattern in PATTERNS:
        name = strongest if pattern.name == AFTER_MARK else pattern.name
        if name is not None:
            scores[name] = scores.get(name, 0.0) + _score(pattern, levels)
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def base_name(name: str) -> str:
    """A name without the number that tells states of one name apart.

    >>> base_name("EnhA2"), base_name("H2A.Z_2"), base_name("H4K20me1")
    ('EnhA', 'H2A.Z', 'H4K20me1')
    """
    stem = name.rstrip("0123456789")
    return stem if stem in LOOKS else stem[:-1] if stem.endswith("_") else name


def look_of(name: str) -> Look:
    """Description, colour and family of a name of the rule; a mark's name is that of a state of this mark alone."""
    return LOOKS.get(base_name(name), Look(f"{name} without marks of other kinds", "160,160,80"))


def darker(color: str, times: int) -> str:
    """``color`` ("r,g,b") with a quarter less light, so many times.

    >>> darker("255,69,0", 2)
    '143,38,0'
    """
    return ",".join(str(int(int(part) * 0.75**times)) for part in color.split(","))


def _decide(scores: Mapping[str, float], refused: Collection[str]) -> tuple[str | None, str, float, str]:
    """Name (None: a plain number), best name, confidence and description of a state."""
    left = _without(scores, refused)
    total = sum(left.values()) + UNNAMED
    confidence = {name: score / total for name, score in sorted(left.items(), key=lambda item: -item[1])}
    if not confidence:
        return None, "", 0.0 if scores else np.nan, "A learned state"
    best = next(iter(confidence))
    if confidence[best] >= LOW:
        return best, best, confidence[best], look_of(best).description
    family = look_of(best).family
    members = {name: value for name, value in confidence.items() if family in (name, look_of(name).family)}
    together = sum(members.values())
    if family and together >= LOW and family not in refused:
        return family, family, together, f"{look_of(family).description} ({_shares(members)})"
    return None, best, confidence[best], f"Unclear ({_shares(confidence)})"


def _without(scores: Mapping[str, float], refused: Collection[str]) -> dict[str, float]:
    """Scores of the names that are not refused; those of refused ones go to the others of their families.

    They are shared in proportion, or are the family's own where it has no other; with the family they are lost.
    """
    left = {name: score for name, score in scores.items() if name not in refused}
    for name in refused:
        score, family = scores.get(name, 0.0), look_of(name).family
        if score and family and family not in refused:
            others = {other: left[other] for other in left if other != family and look_of(other).family == family}
            shares = others if sum(others.values()) else {family: 1.0}
            for other, share in shares.items():
                left[other] = left.get(other, 0.0) + score * share / sum(shares.values())
    return left


def _shares(confidence: Mapping[str, float]) -> str:
    shown = [(name, value) for name, value in confidence.items() if value >= 0.1] or [*confidence.items()][:1]
    return ", ".join(f"{name} {value:.2f}" for name, value in shown)


def _levels(emission: Float64[np.ndarray, " mark"], marks: Sequence[str]) -> tuple[dict[str, float], str | None]:
    """The emission of each kind of mark that is there, and the strongest mark of no other kind."""
    values = {mark.lower(): float(value) for mark, value in zip(marks, emission, strict=True)}
    used: set[str] = set()
    levels: dict[str, float] = {}
    for kind in KINDS[:-2]:
        there = [one.lower() for one in _STAND_INS.get(kind, (kind,)) if one.lower() in values]
        used |= set(there)
        if there:
            levels[kind] = values[there[0]]
    acetylations = [mark for mark in values if _ACETYLATION.fullmatch(mark)]
    inputs = [mark for mark in values if mark in INPUTS]
    used |= {*acetylations, *inputs}
    if acetylations:
        levels.setdefault("acetylation", float(np.mean([values[mark] for mark in acetylations])))
    if inputs:
        levels["input"] = max(values[mark] for mark in inputs)
    others = [mark for mark in marks if mark.lower() not in used]
    if not others:
        return levels, None
    strongest = max(others, key=lambda mark: values[mark.lower()])
    return levels | {"other": values[strongest.lower()]}, strongest


def _score(pattern: Pattern, levels: Mapping[str, float]) -> float:
    score = pattern.share
    for kind, letter in zip(KINDS, pattern.marks, strict=True):
        score *= _certainty(letter, levels.get(kind))
    return score


def _certainty(letter: str, emission: float | None) -> float:
    """Certainty that a mark is as a letter of the table asks; None is a mark that the model lacks."""
    if emission is None:
        return float(letter not in "+fwpns")
    present, full, some, trace = (_above(emission, level) for level in (PRESENT, FULL, SOME, ABSENT))
    certainties = {"+": present, "-": 1 - present, "n": 1 - present, "f": full, "o": 1 - full, "s": some, "u": 1 - some}
    return {**certainties, "p": trace, "0": 1 - trace, "w": trace * (1 - present), ".": 1.0, "x": 0.0}[letter]


def _above(emission: float, level: float) -> float:
    bounded = min(max(emission, 1e-6), 1 - 1e-6)
    gap = np.log(bounded / (1 - bounded)) - np.log(level / (1 - level))
    return float(1 / (1 + np.exp(-gap / _WIDTHS[level])))


def _rank(name: str) -> int:
    return [*LOOKS].index(name) if name in LOOKS else len(LOOKS)


def _unused(name: str, twins: int, several: bool, taken: Collection[str]) -> str:
    """The name, numbered where several states have it or it is taken, behind ``_`` where it may end in a digit.

    >>> _unused("EnhA", 0, True, []), _unused("H4K20me1", 0, False, ["H4K20me1"])
    ('EnhA1', 'H4K20me1_2')
    """
    stem, first = name if name in LOOKS else f"{name}_", twins + 1 + (name in taken)
    candidates = [name] if not several else []
    candidates += [f"{stem}{number}" for number in range(first, first + 1 + len(taken))]
    return next(candidate for candidate in candidates if candidate not in taken)

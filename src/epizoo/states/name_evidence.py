"""Evidence against the name of a chromatin state: where its bins lie, by assays that it was not learned from.

A name promises something (active TSS, silence, transcription, regulation). `contradictions` says which promise the
evidence breaks, by the stated bounds of `PROMISES`. Enrichments are folds: the share of all such places that lies in
the state, over its share of the genome.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from epizoo.states.state_names import base_name

STANDARD_ERRORS = 2
"""By so many standard errors a state's tested elements must regulate more or less often than all, to be said to."""


class StateEvidence(NamedTuple):
    """Places of the bins of a state in one cell type; NaN is not measured.

    Attributes:
        genome: share of all bins.
        active_tss: fold, of TSS that are in use.
        silent_tss: fold, of TSS that are not.
        flank: fold, 400 to 1,000 bp on both sides of active TSS.
        body: fold, 3 to 30 kb downstream of active TSS.
        upstream: fold, as far upstream of them.
        tested: fold, of open elements that were tested for regulating a gene.
        regulating: fold, of those of them that do.
        n_tested: number of tested elements in the state.
        regulate: share of them that regulate a gene.
        regulate_anywhere: the same of all tested elements.
    """

    genome: float
    active_tss: float
    silent_tss: float
    flank: float
    body: float
    upstream: float
    tested: float = np.nan
    regulating: float = np.nan
    n_tested: float = np.nan
    regulate: float = np.nan
    regulate_anywhere: float = np.nan

    @property
    def tss(self) -> float:
        """Fold of TSS of the kind that the state prefers."""
        return max(self.active_tss, self.silent_tss)

    @property
    def regulates(self) -> float:
        """By how many standard errors its tested elements regulate more often than all; NaN where none was tested."""
        if not self.n_tested > 0:
            return np.nan
        expected = self.regulate_anywhere
        return (self.regulate - expected) / np.sqrt(expected * (1 - expected) / self.n_tested)


class Promise(NamedTuple):
    """Promise of a name, and the evidence that breaks it; comparisons with NaN break nothing."""

    text: str
    is_broken: Callable[[StateEvidence], bool]


_TRANSCRIBED = Promise(
    "at least 1.5-fold in bodies of active genes, more than upstream of them, and not at their TSS",
    lambda e: e.body < 1.5 or e.body <= e.upstream or e.active_tss > 1,
)
_OPEN = Promise("at least 1.5-fold among open elements", lambda e: e.tested < 1.5)
_SILENCED = Promise(
    "more at silent than at active TSS, and at most 0.5-fold at active ones",
    lambda e: e.active_tss > 0.5 or e.silent_tss <= e.active_tss,
)
PROMISES: dict[str, tuple[Promise, ...]] = {
    "TssA": (
        Promise(
            "at least 10-fold at active TSS, and more than at silent ones",
            lambda e: e.active_tss < 10 or e.active_tss <= e.silent_tss,
        ),
    ),
    "Tss": (Promise("at least 5-fold at TSS or their flanks", lambda e: max(e.tss, e.flank) < 5),),
    "TssWk": (
        Promise(
            "at least 5-fold at TSS, and more than at flanks of active ones", lambda e: e.tss < 5 or e.tss < e.flank
        ),
    ),
    "TssFlnk": (
        Promise(
            "at least 5-fold at flanks of active TSS, more than at TSS and than among regulating elements",
            lambda e: e.flank < 5 or e.flank < e.tss or e.flank < e.regulating,
        ),
    ),
    "TssBiv": (
        Promise(
            "at least 5-fold at silent TSS, and 4 times the fold at active ones",
            lambda e: e.silent_tss < 5 or e.silent_tss < 4 * e.active_tss,
        ),
    ),
    "EnhA": (
        Promise(
            "at least 10-fold among regulating elements, more than at TSS and their flanks, and tested elements that "
            "regulate no less often than all",
            lambda e: e.regulating < max(10, e.tss, e.flank) or e.regulates < -STANDARD_ERRORS,
        ),
    ),
    "Enh": (_OPEN,),
    "EnhG": (
        _OPEN,
        Promise(
            "at least 3-fold in bodies of active genes, more than upstream of them",
            lambda e: e.body < 3 or e.body <= e.upstream,
        ),
    ),
    "EnhWk": (
        _OPEN,
        Promise("tested elements that regulate no more often than all", lambda e: e.regulates > STANDARD_ERRORS),
    ),
    "Tx": (_TRANSCRIBED, Promise("at least 3-fold in bodies of active genes", lambda e: e.body < 3)),
    "TxWk": (_TRANSCRIBED,),
    "ReprPC": (_SILENCED,),
    "ReprPCWk": (_SILENCED,),
    "Quies": (
        Promise(
            "at most once the genome's share of active TSS, gene bodies and open elements",
            lambda e: e.active_tss > 1 or e.body > 1 or e.tested > 1,
        ),
    ),
    "CTCF": (
        Promise(
            "at most once the genome's share of active TSS and of regulating elements",
            lambda e: e.active_tss > 1 or e.regulating > 1,
        ),
    ),
}
"""By name; other names promise nothing that is measured here."""


def contradictions(name: str, evidence: Iterable[StateEvidence]) -> list[str]:
    """The promises of a name that evidence breaks, in any of the cell types it was measured in.

    >>> contradictions("TssA", [StateEvidence(0.01, 3.0, 9.0, 2.0, 1.0, 1.0)])
    ['at least 10-fold at active TSS, and more than at silent ones']
    """
    measured = list(evidence)
    return [one.text for one in PROMISES.get(base_name(name), ()) if any(one.is_broken(part) for part in measured)]


def refused_names(evidence: Iterable[StateEvidence]) -> set[str]:
    """All names that evidence contradicts."""
    measured = list(evidence)
    return {name for name in PROMISES if contradictions(name, measured)}

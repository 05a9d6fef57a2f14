"""Evidence of states from assays they were not learned from: TSS in use (RAMPAGE), regulating elements (CRISPRi).

Names are chosen on the chromosomes that states are learned on; the held-out ones are not looked at.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Integer

from epizoo.errors import InputError
from epizoo.models.hmm.decoding import decode_all
from epizoo.models.hmm.run_lengths import Parameters
from epizoo.recipes.state_data import CELLS, HELD_OUT, read_codes
from epizoo.states.name_evidence import StateEvidence, contradictions, refused_names
from epizoo.states.state_names import NamedState, base_name, name_states
from epizoo.zoo.state_runs import BIN_BP

TSS = Path("truth/rampage_tss/tss_hg19.tsv.gz")
ELEMENTS = Path("truth/crispri_k562/elements_hg19.tsv.gz")
TESTED_CELL = SHOWN_CELL = "K562"
LEAST_SHOWN = 20
FLANK_BP = (-1000, -800, -600, -400, 400, 600, 800, 1000)
BODY_BP = tuple(range(3000, 30_001, 1000))
MEASURED_ON = (
    f"{SHOWN_CELL}, all chromosomes but {', '.join(HELD_OUT)}: the share of the genome in percent; folds (the share of "
    "all such places that lies in the state, over its share of the genome) of TSS in use and not in use (RAMPAGE), of "
    "places 3 to 30 kb downstream of TSS in use, and of open elements that regulate a gene (CRISPRi); and the share of "
    f"the state's tested open elements that regulate one, in percent, where it has {LEAST_SHOWN} at least. Names that "
    "these figures, or those of GM12878, contradict were refused."
)
States = Mapping[str, Integer[np.ndarray, " bin"]]


def name_by_evidence(parameters: Parameters, marks: tuple[str, ...], data: Path) -> list[NamedState]:
    """The states in the model's order, with the best names by the rule that no evidence contradicts.

    Held-out chromosomes are not looked at.

    Raises:
        InputError: the data lack a file, or a name is contradicted all the same.
    """
    states = {cell: decode_cell(parameters, data, cell) for cell in CELLS}
    names = range(len(parameters.initial))
    found = {cell: measure_states(data, cell, of_cell) for cell, of_cell in states.items()}
    measured = [[found[cell][state] for cell in CELLS] for state in names]
    refused, numbers = [refused_names(one) for one in measured], [state + 1 for state in names]
    named, _ = name_states(np.asarray(parameters.emission), marks, refused=refused, numbers=numbers)
    require_true([state.name for state in named], measured)
    return [state._replace(enrichment=_shown(one)) for state, one in zip(named, found[SHOWN_CELL], strict=True)]


def regulation_metrics(parameters: Parameters, named: Sequence[NamedState], data: Path) -> list[dict[str, Any]]:
    """Share of elements in states named EnhA that regulate a gene, on held-out chromosomes: a row of ``metrics.json``.

    Chromosomes without tested elements give no row.
    """
    unseen = [chrom for chrom in HELD_OUT if chrom in set(_read(data / ELEMENTS)["chrom"])]
    if not unseen:
        return []
    states = decode_cell(parameters, data, TESTED_CELL)
    found = measure_states(data, TESTED_CELL, states, left_out=[chrom for chrom in states if chrom not in unseen])
    percent = {
        name: _regulate([one for one, state in zip(found, named, strict=True) if base_name(state.name) == name])
        for name in ("EnhA", "Enh", "EnhWk", "TssFlnk")
    }
    if not np.isfinite(percent["EnhA"]):
        return []
    others = {name: value for name, value in percent.items() if name != "EnhA" and np.isfinite(value)}
    everywhere = round(100 * max(one.regulate_anywhere for one in found), 1)
    return [
        {
            "name": "tested elements in states EnhA that regulate a gene (%)",
            "value": percent["EnhA"],
            "on": f"{TESTED_CELL}, {', '.join(unseen)} (never seen)",
            "compared_with": {"all tested": everywhere} | {f"in {name}": value for name, value in others.items()},
        }
    ]


def _regulate(evidence: Sequence[StateEvidence]) -> float:
    """Percent of the tested elements of some states that regulate a gene."""
    measured = [(one.n_tested, one.regulate) for one in evidence if one.n_tested > 0]
    n_tested = sum(number for number, _ in measured)
    return round(100 * sum(number * share for number, share in measured) / n_tested, 1) if n_tested else np.nan


def require_true(names: Sequence[str], evidence: Sequence[Sequence[StateEvidence]]) -> None:
    """Refuse names that evidence contradicts.

    Args:
        names: of the states.
        evidence: of each state, in each cell type.

    Raises:
        InputError: a name is contradicted.
    """
    for number, (name, measured) in enumerate(zip(names, evidence, strict=True), start=1):
        for promise in contradictions(name, measured):
            raise InputError(
                f"state {number}: {name} is contradicted by what was measured, expected {promise}; give it another name"
            )


def decode_cell(parameters: Parameters, data: Path, cell: str) -> dict[str, Integer[np.ndarray, " bin"]]:
    """The most probable state of each bin of a cell type's genome."""
    chromosomes = read_codes(data, cell)[1]
    decoded = decode_all(parameters, list(chromosomes.values()))
    return {chrom: one.states for chrom, one in zip(chromosomes, decoded, strict=True)}


def measure_states(
    data: Path, cell: str, states: States, *, left_out: Collection[str] = HELD_OUT
) -> list[StateEvidence]:
    """Evidence of each state in one cell type; that of tested elements only in K562.

    Args:
        data: folder of the data.
        cell: the cell type.
        states: of each bin of each chromosome.
        left_out: chromosomes not to measure on.

    Raises:
        InputError: a file is missing.
    """
    n_states = 1 + max(int(one.max()) for one in states.values())
    chosen = {chrom: one for chrom, one in states.items() if chrom not in left_out}
    genome = _share(np.concatenate(list(chosen.values())), n_states)
    tss = _read(data / TSS)
    active, silent = (tss[tss[f"class_{cell}"] == kind] for kind in ("active", "silent"))
    places = {
        "active_tss": _share(_states_at(chosen, active, (0,)), n_states),
        "silent_tss": _share(_states_at(chosen, silent, (0,)), n_states),
        "flank": _share(_states_at(chosen, active, FLANK_BP), n_states),
        "body": _share(_states_at(chosen, active, BODY_BP), n_states),
        "upstream": _share(_states_at(chosen, active, [-offset for offset in BODY_BP]), n_states),
    }
    tested = np.full((2, n_states), np.nan)
    if cell == TESTED_CELL:
        tested = _elements(chosen, _read(data / ELEMENTS), n_states)
    folds = {key: share / np.where(genome > 0, genome, np.nan) for key, share in places.items()}
    rows = []
    for state in range(n_states):
        values = {key: float(fold[state]) for key, fold in folds.items()}
        rows.append(StateEvidence(float(genome[state]), **values, **_of_elements(tested, genome, state)))
    return rows


def _of_elements(
    tested: Float64[np.ndarray, "kind state"], genome: Float64[np.ndarray, " state"], state: int
) -> dict[str, float]:
    n_all, n_regulating = tested.sum(axis=1)
    if not n_regulating > 0 or not genome[state]:
        return {}
    in_state, regulating = tested[:, state]
    return {
        "tested": float(in_state / n_all / genome[state]),
        "regulating": float(regulating / n_regulating / genome[state]),
        "n_tested": float(in_state),
        "regulate": float(regulating / in_state) if in_state else np.nan,
        "regulate_anywhere": float(n_regulating / n_all),
    }


def _elements(states: States, elements: pd.DataFrame, n_states: int) -> Float64[np.ndarray, "kind state"]:
    """Elements in each state, tested ones and those that regulate; one in several states counts in parts."""
    counts = np.zeros((2, n_states))
    for chrom, start, end, regulates in elements[["chrom", "start", "end", "regulates"]].itertuples(index=False):
        bins = states[chrom][start // BIN_BP : -(-end // BIN_BP)] if chrom in states else np.zeros(0, np.int64)
        if len(bins):
            counts += np.array([[1.0], [float(bool(regulates))]]) * _share(bins, n_states)
    return counts


def _states_at(states: States, tss: pd.DataFrame, offsets: Sequence[int]) -> Integer[np.ndarray, " place"]:
    """States at offsets from TSS, downstream positive; places outside a chromosome are left out."""
    found = [np.zeros(0, np.int64)]
    for chrom, rows in tss.groupby("chrom"):
        if chrom in states:
            sign = np.where(rows["strand"] == "+", 1, -1)[:, None]
            bins = (rows["pos"].to_numpy()[:, None] + sign * np.array(offsets)) // BIN_BP
            found.append(states[str(chrom)][bins[(bins >= 0) & (bins < len(states[str(chrom)]))]])
    return np.concatenate(found)


def _share(states: Integer[np.ndarray, " place"], n_states: int) -> Float64[np.ndarray, " state"]:
    return np.bincount(states, minlength=n_states) / max(len(states), 1)


def _shown(evidence: StateEvidence) -> dict[str, float]:
    """The columns of the card, to two digits."""
    values = {
        "genome (%)": 100 * evidence.genome,
        "active TSS": evidence.active_tss,
        "silent TSS": evidence.silent_tss,
        "gene bodies": evidence.body,
        "regulating": evidence.regulating,
        "regulate (%)": 100 * evidence.regulate if evidence.n_tested >= LEAST_SHOWN else np.nan,
    }
    return {key: float(f"{value:.2g}") for key, value in values.items() if np.isfinite(value)}


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of the data")
    return pd.read_csv(path, sep="\t")

"""Annotators on K562 and GM12878: TSS in use, and elements that regulate a gene.

An annotator has no score for either, so that one is made of its states' names: the posterior of states that are said to
be active promoters (weak promoters, flanks and active enhancers, which lie beside TSS in use, count half), and of
states that are said to be active promoters, their flanks or acetylated enhancers. Names that promise what the state
does not hold lower the figure.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from epizoo.bench.experiments import CRISPRI, TSS_OF_CELLS, read_table
from epizoo.bench.figures import Figure, Metric, figure
from epizoo.bench.places import tss_places
from epizoo.genome.marks import arrange_marks, decode
from epizoo.jobs.state_decoding import decode_chromosomes
from epizoo.metrics.label_errors import Interval, assign_loci
from epizoo.metrics.locus_bootstrap import Statistic, ranking
from epizoo.recipes.state_data import CELLS, read_codes
from epizoo.zoo.entry import ChromatinStateEntry

PROMOTERS = {r"TssA": 1.0, r"TssWk|TssA?Flnk[UD]?|EnhA\d?": 0.5}
"""Weights of states by their whole name, for TSS in use."""
REGULATORY = {r"TssA|TssA?Flnk[UD]?|EnhA\d?": 1.0}
"""Weights of states by their whole name, for elements that regulate."""
_REACH_BINS = 1
_TSS = ("active against silent TSS, AUROC", "TSS active in one of the two, AUROC of the difference")
_ELEMENTS = "CRISPRi elements, average precision"

Scores = dict[str, dict[str, Float[np.ndarray, " bin"]]]
"""By chromosome, the scores of its bins by the name of the truth."""


def function_figures(caller: str, entry: ChromatinStateEntry, data: Path) -> Iterator[Figure]:
    """Figures of how well the states of two cell types tell TSS in use and elements that regulate a gene."""
    tss, elements = tss_places(data / TSS_OF_CELLS), read_table(data / CRISPRI)
    bin_bp, at_tss = entry.window.bin_bp, {}
    for cell in CELLS:
        scores = _bin_scores(entry, data, cell)
        at_tss[cell] = _highest(scores, "promoter", tss, bin_bp, _REACH_BINS)
        yield _tss_figure(caller, cell, tss, at_tss[cell])
        if cell == "K562":
            at_elements = _highest(scores, "regulatory", elements, bin_bp, 0)
            is_true = elements["regulates"].to_numpy(bool)
            found = _ranked(elements, at_elements, is_true, "average_precision")
            count = f"{is_true.sum()} of {len(is_true)} elements"
            yield figure(caller, "function", cell, Metric(_ELEMENTS, "higher"), found, count)
    rows = tss["differential"].isin(["K562_only", "GM12878_only"]).to_numpy()
    is_k562 = (tss["differential"] == "K562_only").to_numpy()
    difference = at_tss["K562"] - at_tss["GM12878"]
    found = _ranked(tss[rows], difference[rows], is_k562[rows], "auroc")
    yield figure(caller, "function", " and ".join(CELLS), Metric(_TSS[1], "higher"), found, f"{rows.sum()} TSS")


def _tss_figure(caller: str, cell: str, tss: pd.DataFrame, scores: Float[np.ndarray, " tss"]) -> Figure:
    rows = tss[f"class_{cell}"].isin(["active", "silent"]).to_numpy()
    found = _ranked(tss[rows], scores[rows], (tss.loc[rows, f"class_{cell}"] == "active").to_numpy(), "auroc")
    return figure(caller, "function", cell, Metric(_TSS[0], "higher"), found, f"{rows.sum()} TSS")


def _bin_scores(entry: ChromatinStateEntry, data: Path, cell: str) -> Scores:
    marks, codes = read_codes(data, cell)
    name = f"{cell} of the data"
    values = {
        chrom: arrange_marks(decode(of_bins, len(marks)), marks, entry.channels, name, allow_missing=True)
        for chrom, of_bins in codes.items()
    }
    names = [state.name for state in entry.config.states]
    weights = {"promoter": _weights(names, PROMOTERS), "regulatory": _weights(names, REGULATORY)}
    found: Scores = {}
    for chrom, decoding in decode_chromosomes(entry, values, viterbi=False, posteriors=True):
        assert decoding.posteriors is not None
        found[chrom] = {truth: decoding.posteriors @ weight for truth, weight in weights.items()}
    return found


def _weights(names: list[str], by_pattern: Mapping[str, float]) -> Float[np.ndarray, " state"]:
    """The weight of each state by the pattern that its whole name fits; 0 where none does.

    >>> _weights(["TssA", "TssAFlnk", "TssBiv"], PROMOTERS).tolist()
    [1.0, 0.5, 0.0]
    """
    found = (next((weight for form, weight in by_pattern.items() if re.fullmatch(form, name)), 0.0) for name in names)
    return np.array(list(found), np.float32)


def _highest(
    scores: Scores, truth: str, places: pd.DataFrame, bin_bp: int, reach_bins: int
) -> Float[np.ndarray, " place"]:
    """The highest score of the bins that each place touches, and of some beyond; 0 on other chromosomes."""
    found = np.zeros(len(places))
    columns = (places[column].tolist() for column in ("chrom", "start", "end"))
    for number, (name, low, high) in enumerate(zip(*columns, strict=True)):
        if name in scores:
            first, after = low // bin_bp - reach_bins, -(-high // bin_bp) + reach_bins
            found[number] = scores[name][truth][max(first, 0) : after].max(initial=0.0)
    return found


def _ranked(
    places: pd.DataFrame, scores: Float[np.ndarray, " place"], is_true: np.ndarray, statistic: Statistic
) -> Interval:
    loci: Int64[np.ndarray, " place"] = assign_loci(places.reset_index(drop=True)).to_numpy()
    return ranking(scores, is_true, loci, statistic)

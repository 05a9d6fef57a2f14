"""A chromatin-state entry with weights of regulatory activity added to it, and not one bit of its states changed.

    python -m epizoo.recipes.add_regulatory_activity ENTRY --data DIR

The weights are fitted to the open elements of K562 that were silenced one by one (CRISPRi), on odd chromosomes and
chrX; the figures in the card are of elements each of whose chromosomes was left out of the fit. Weights that the entry
has already are replaced.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float64

from epizoo.errors import EntryError, InputError
from epizoo.files import sha256, write_yaml
from epizoo.metrics.calibration import cases, expected_calibration_error
from epizoo.metrics.peaks import binned_curve
from epizoo.models.hmm.decoding import decode_all
from epizoo.recipes.roadmap_states import read_marks
from epizoo.recipes.run_folder import one_sentence_errors
from epizoo.recipes.state_evidence import ELEMENTS, TESTED_CELL
from epizoo.states.regulatory_activity import (
    N_PARTS,
    RegulatoryHead,
    activity_along,
    fit_head,
    neighbourhood,
    regulatory_activity,
)
from epizoo.validation import read_yaml
from epizoo.zoo.build import render
from epizoo.zoo.entry import ChromatinStateEntry
from epizoo.zoo.loading import load_annotator

METRIC = "elements that regulate a gene"
"""What the names of its metrics begin with."""
_DIGITS = 6
Posteriors = Mapping[str, Float[np.ndarray, "bin state"]]


def read_elements(data: Path) -> pd.DataFrame:
    """The tested elements: chrom, start, end, regulates, and measurements of other assays.

    Raises:
        InputError: the file is missing.
    """
    path = data / ELEMENTS
    if not path.is_file():
        raise InputError(f"{path}: no such file; see docs/data.md")
    return pd.read_csv(path, sep="\t")


def posteriors_of(entry: ChromatinStateEntry, chroms: list[str], data: Path) -> dict[str, np.ndarray]:
    """Posteriors of the tested cell type's chromosomes."""
    marks = read_marks(data, TESTED_CELL, entry.channels)
    found = {}
    for chrom in chroms:
        (decoded,) = decode_all(entry.parameters(), [marks[chrom]], posteriors=True)
        assert decoded.posteriors is not None
        found[chrom] = decoded.posteriors
    return found


def features_of(posteriors: Posteriors, elements: pd.DataFrame, bin_bp: int) -> Float64[np.ndarray, "element feature"]:
    """The neighbourhood of each element."""
    n_states = next(iter(posteriors.values())).shape[1]
    features = np.zeros((len(elements), N_PARTS * n_states))
    for chrom, rows in elements.groupby("chrom"):
        places = (rows["start"].to_numpy(), rows["end"].to_numpy())
        found = neighbourhood(posteriors[str(chrom)], *places, bin_bp)
        features[elements.index.get_indexer(rows.index)] = found
    return features


def left_out_heads(
    features: Float64[np.ndarray, "element feature"], regulates: Bool[np.ndarray, " element"], chroms: np.ndarray
) -> dict[str, RegulatoryHead]:
    """For each chromosome the regression on the elements of all others."""
    return {str(chrom): fit_head(features[chroms != chrom], regulates[chroms != chrom]) for chrom in np.unique(chroms)}


def left_out_predictions(
    features: Float64[np.ndarray, "element feature"], regulates: Bool[np.ndarray, " element"], chroms: np.ndarray
) -> Float64[np.ndarray, " element"]:
    """The prediction of each element by the regression on the elements of all other chromosomes."""
    predicted = np.zeros(len(features))
    for chrom, head in left_out_heads(features, regulates, chroms).items():
        predicted[chroms == chrom] = regulatory_activity(head, features[chroms == chrom])
    return predicted


def average_precision(predicted: np.ndarray, regulates: np.ndarray) -> float:
    """Average precision of the elements that regulate a gene."""
    return binned_curve(predicted, regulates).average_precision


def other_predictors(elements: pd.DataFrame) -> dict[str, np.ndarray]:
    """Other measurements by which elements regulate a gene, higher where they do."""
    return {
        "H3K27ac RPM": elements["h3k27ac_rpm"].fillna(0).to_numpy(),
        "DHS RPM": elements["dhs_rpm"].fillna(0).to_numpy(),
        "closeness to a tested TSS": -elements["min_distance_to_tested_tss"].to_numpy(float),
    }


def add_regulatory_activity(entry: ChromatinStateEntry, data: Path) -> None:
    """Fit the weights, and write them, their figures and the card of the entry.

    Raises:
        InputError: a file of the data is missing, or they lack a mark of the entry.
    """
    elements, bin_bp = read_elements(data), entry.window.bin_bp
    regulates, chroms = elements["regulates"].to_numpy(bool), elements["chrom"].to_numpy()
    posteriors = posteriors_of(entry, list(np.unique(chroms)), data)
    features = features_of(posteriors, elements, bin_bp)
    head = fit_head(features, regulates)
    alone = left_out_predictions(features, regulates, chroms)
    along = _along(posteriors, left_out_heads(features, regulates, chroms), elements, bin_bp)
    on = (
        f"{TESTED_CELL}, {len(elements):,} open elements silenced one by one (CRISPRi), odd chromosomes and chrX, each "
        "chromosome left out of the fit"
    )
    compared = {
        name: round(average_precision(values, regulates), 3) for name, values in other_predictors(elements).items()
    }
    metrics = [
        {
            "name": f"{METRIC}: average precision",
            "value": round(average_precision(alone, regulates), 3),
            "on": on,
            "compared_with": compared | {"all alike": round(float(regulates.mean()), 3)},
        },
        {
            "name": f"{METRIC}: average precision of the track at an element's middle",
            "value": round(average_precision(along, regulates), 3),
            "on": on,
        },
        {
            "name": f"{METRIC}: calibration error",
            "value": round(expected_calibration_error(cases(alone, regulates)), 3),
            "on": on,
        },
    ]
    _write(entry, head, metrics, len(elements), sha256(data / ELEMENTS))


def _along(
    posteriors: Posteriors, heads: Mapping[str, RegulatoryHead], elements: pd.DataFrame, bin_bp: int
) -> Float64[np.ndarray, " element"]:
    """The track of `epizoo annotate --regulatory-activity` at the middle of each element, by left-out regressions."""
    found = np.zeros(len(elements))
    for chrom, rows in elements.groupby("chrom"):
        track = activity_along(heads[str(chrom)], posteriors[str(chrom)], bin_bp)
        middles = (rows["start"] + rows["end"]).to_numpy() // 2 // bin_bp
        found[elements.index.get_indexer(rows.index)] = track[middles]
    return found


def _write(
    entry: ChromatinStateEntry, head: RegulatoryHead, metrics: list[dict[str, Any]], n_elements: int, digest: str
) -> None:
    path = entry.folder / "model.yaml"
    content = read_yaml(path, EntryError)
    zoo = content["zoo"]
    weights = head.weight.reshape(N_PARTS, -1).T
    for state, row in zip(zoo["config"]["states"], weights, strict=True):
        state["regulatory_weights"] = [float(f"{value:.{_DIGITS}g}") for value in row]
    zoo["config"]["regulatory_activity"] = {
        "intercept": float(f"{head.intercept:.{_DIGITS}g}"),
        "trained_on": f"{n_elements:,} open elements of {TESTED_CELL} that were silenced one by one (CRISPRi; the "
        "training set of github.com/EngreitzLab/CRISPR_comparison, MIT), odd chromosomes and chrX; file "
        f"{ELEMENTS.as_posix()}, SHA-256 {digest}",
    }
    zoo["metrics"] = [*(row for row in zoo["metrics"] if not row["name"].startswith(METRIC)), *metrics]
    write_yaml(path, content)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", help="name or folder of an annotator")
    parser.add_argument("--data", type=Path, required=True, help="folder of the training data (docs/data.md)")
    arguments = parser.parse_args()
    with one_sentence_errors():
        entry = load_annotator(arguments.entry)
        add_regulatory_activity(entry, arguments.data)
        print(*render(entry.folder.parents[1]), sep="\n")


if __name__ == "__main__":
    main()

"""Which open elements regulate a gene (CRISPRi, K562), from the states of their neighbourhood.

    python -m benchmarks.states.regulatory_activity --data DIR -o benchmarks/states/regulatory_activity.json

Every element is predicted by a regression (`epizoo.states.regulatory_activity`) on all other chromosomes. Intervals are
bootstraps over chromosomes. ``with distance``: the logarithm of the distance to the nearest tested TSS and its square
are features too. The elements are those of odd chromosomes and chrX.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from epizoo.files import write_json
from epizoo.metrics.calibration import cases, expected_calibration_error
from epizoo.metrics.peaks import binned_curve
from epizoo.models.hmm.decoding import decode_all
from epizoo.recipes.roadmap_states import read_marks
from epizoo.recipes.state_evidence import ELEMENTS, TESTED_CELL
from epizoo.states.regulatory_activity import fit_head, neighbourhood, regulatory_activity
from epizoo.zoo import load
from epizoo.zoo.entry import ChromatinStateEntry

ENTRIES = ("encode-10", "encode-15", "roadmap-15", "roadmap-18")
N_BOOTSTRAPS = 500
Features = Float64[np.ndarray, "element feature"]


def features_of(entry: ChromatinStateEntry, elements: pd.DataFrame, data: Path) -> Features:
    marks = read_marks(data, TESTED_CELL, entry.channels)
    features = np.zeros((len(elements), 0))
    for chrom, rows in elements.groupby("chrom"):
        (decoded,) = decode_all(entry.parameters(), [marks[str(chrom)]], posteriors=True)
        assert decoded.posteriors is not None
        places = (rows["start"].to_numpy(), rows["end"].to_numpy())
        found = neighbourhood(decoded.posteriors, *places, entry.window.bin_bp)
        if not features.size:
            features = np.zeros((len(elements), found.shape[1]))
        features[elements.index.get_indexer(rows.index)] = found
    return features


def out_of_fold(features: Features, regulates: Bool[np.ndarray, " element"], chroms: np.ndarray) -> np.ndarray:
    """The prediction of each element by a regression on the elements of all other chromosomes."""
    predicted = np.zeros(len(features))
    for chrom in np.unique(chroms):
        there = chroms == chrom
        predicted[there] = regulatory_activity(fit_head(features[~there], regulates[~there]), features[there])
    return predicted


def average_precision(predicted: np.ndarray, regulates: np.ndarray, chosen: Any = slice(None)) -> float:
    return binned_curve(predicted[chosen], regulates[chosen]).average_precision


def resampled(chroms: np.ndarray) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    places = [np.flatnonzero(chroms == chrom) for chrom in np.unique(chroms)]
    draws = (random.choice(len(places), len(places)) for _ in range(N_BOOTSTRAPS))
    return [np.concatenate([places[number] for number in draw]) for draw in draws]


def interval(values: list[float]) -> list[float]:
    return np.percentile(values, [2.5, 97.5]).round(3).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    elements = pd.read_csv(options.data / ELEMENTS, sep="\t")
    regulates, chroms = elements["regulates"].to_numpy(bool), elements["chrom"].to_numpy()
    distance = elements["min_distance_to_tested_tss"].to_numpy(float)
    logs = np.log1p(distance)[:, None] ** np.array([1, 2])
    near = -distance
    rivals = {
        "distance to the nearest tested TSS": near,
        "H3K27ac RPM": elements["h3k27ac_rpm"].fillna(0).to_numpy(),
        "DHS RPM": elements["dhs_rpm"].fillna(0).to_numpy(),
    }
    draws = resampled(chroms)
    content: dict[str, Any] = {
        "elements": len(elements),
        "regulate": round(float(regulates.mean()), 4),
        "others": {name: round(average_precision(values, regulates), 3) for name, values in rivals.items()},
    }
    for name in ENTRIES:
        entry = load(f"chromatin_states/{name}")
        assert isinstance(entry, ChromatinStateEntry)
        features = features_of(entry, elements, options.data)
        alone = out_of_fold(features, regulates, chroms)
        own = out_of_fold(features[:, : entry.config.model.n_states], regulates, chroms)
        both = out_of_fold(np.hstack([features, logs]), regulates, chroms)
        gains = [average_precision(both, regulates, one) - average_precision(near, regulates, one) for one in draws]
        content[name] = {
            "version": entry.version,
            "element alone": round(average_precision(own, regulates), 3),
            "neighbourhood": round(average_precision(alone, regulates), 3),
            "neighbourhood, interval": interval([average_precision(alone, regulates, one) for one in draws]),
            "calibration error": round(expected_calibration_error(cases(alone, regulates)), 4),
            "with distance": round(average_precision(both, regulates), 3),
            "gain over distance, interval": interval(gains),
        }
        print(name, content[name], flush=True)
    write_json(options.output, content)


if __name__ == "__main__":
    main()

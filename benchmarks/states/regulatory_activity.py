"""Which open elements regulate a gene (CRISPRi, K562), from the states of their neighbourhood.

    python -m benchmarks.states.regulatory_activity --data DIR -o benchmarks/states/regulatory_activity.json

Every element is predicted by a regression (`epizoo.recipes.add_regulatory_activity`) on all other chromosomes.
Intervals are bootstraps over chromosomes. ``with distance``: the logarithm of the distance to the nearest tested TSS
and its square are features too. The elements are those of odd chromosomes and chrX.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from epizoo.files import write_json
from epizoo.metrics.calibration import cases, expected_calibration_error
from epizoo.recipes.add_regulatory_activity import (
    average_precision,
    features_of,
    left_out_predictions,
    other_predictors,
    posteriors_of,
    read_elements,
)
from epizoo.zoo import load
from epizoo.zoo.entry import ChromatinStateEntry

ENTRIES = ("encode-10", "encode-15", "roadmap-15", "roadmap-18")
N_BOOTSTRAPS = 500


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
    elements = read_elements(options.data)
    regulates, chroms = elements["regulates"].to_numpy(bool), elements["chrom"].to_numpy()
    distance = elements["min_distance_to_tested_tss"].to_numpy(float)
    logs = np.log1p(distance)[:, None] ** np.array([1, 2])
    rivals = other_predictors(elements)
    near = rivals["closeness to a tested TSS"]
    draws = resampled(chroms)
    content: dict[str, Any] = {
        "elements": len(elements),
        "regulate": round(float(regulates.mean()), 4),
        "others": {name: round(average_precision(values, regulates), 3) for name, values in rivals.items()},
    }
    for name in ENTRIES:
        entry = load(f"chromatin_states/{name}")
        assert isinstance(entry, ChromatinStateEntry)
        posteriors = posteriors_of(entry, list(np.unique(chroms)), options.data)
        features = features_of(posteriors, elements, entry.window.bin_bp)
        alone = left_out_predictions(features, regulates, chroms)
        own = left_out_predictions(features[:, : entry.config.model.n_states], regulates, chroms)
        both = left_out_predictions(np.hstack([features, logs]), regulates, chroms)
        gains = [
            average_precision(both[one], regulates[one]) - average_precision(near[one], regulates[one]) for one in draws
        ]
        content[name] = {
            "version": entry.version,
            "element alone": round(average_precision(own, regulates), 3),
            "neighbourhood": round(average_precision(alone, regulates), 3),
            "neighbourhood, interval": interval([average_precision(alone[one], regulates[one]) for one in draws]),
            "calibration error": round(expected_calibration_error(cases(alone, regulates)), 4),
            "with distance": round(average_precision(both, regulates), 3),
            "gain over distance, interval": interval(gains),
        }
        print(name, content[name], flush=True)
    write_json(options.output, content)


if __name__ == "__main__":
    main()

"""Inputs of the annotation of states, and what Python makes of them; see `vectors`."""

import dataclasses

import numpy as np
import pandas as pd
from bigwigs import coverage, write_bigwig

from epizoo.calling.segments import clip_segments, segments_from_states
from epizoo.genome.binarize import poisson_threshold
from epizoo.genome.binarize_bigwigs import BigWigBinarization, binarize_bigwigs
from epizoo.models.hmm.decoding import decode
from epizoo.models.hmm.run_lengths import Float64Parameters
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.loading import load_annotator

SETTINGS = [
    BigWigBinarization("counts"),
    BigWigBinarization("coverage", read_length_bp=147),
    BigWigBinarization("coverage", read_length_bp=60, bin_bp=300),
    BigWigBinarization("cpm", threshold=0.7),
    BigWigBinarization("fold_change", threshold=2.0, bin_bp=100),
]


def state_vectors(folder):
    """Vectors by the name of their file."""
    return {
        "decodings": [_decoding(name, *case) for name, case in _cases().items()],
        "binarized": _binarized(folder),
        "poisson_thresholds": _poisson_thresholds(),
        "segments": _segments(),
    }


def _cases():
    """Models and marks: each annotator's, exact zeros, a sequence that no state allows, rare states, a bin, none."""
    rng = np.random.default_rng(3)
    cases = {}
    for name in (name for name in list_entries() if name.startswith("chromatin_states/")):
        annotator = load_annotator(name)
        cases[name] = annotator.parameters(), _marks(rng, 9_000, len(annotator.channels))
    cyclic = np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0.1, 0, 0.9]])
    zeros = Float64Parameters(np.array([1.0, 0, 0]), cyclic, np.array([[0.0, 0.9], [0.5, 0.0], [1.0, 0.5]]))
    cases["exact zeros"] = zeros, _marks(rng, 3_000, 2)
    stuck = Float64Parameters(np.array([1.0, 0]), np.eye(2), np.array([[0.0, 0.5], [1.0, 0.5]]))
    cases["impossible"] = stuck, np.array([[0, 1], [1, 0], [1, 1], [0, 0], [2, 1]], np.uint8)
    rare = Float64Parameters(
        np.array([1 - 1e-200, 1e-200]), np.array([[1.0, 1e-300], [1e-300, 1.0]]), np.full((2, 40), [[1e-8], [0.999]])
    )
    cases["rare"] = rare, np.repeat(np.array([[1], [0], [1]], np.uint8), 40, axis=1)
    cases["one bin"] = zeros, np.array([[0, 1]], np.uint8)
    cases["no bin"] = zeros, np.zeros((0, 2), np.uint8)
    return cases


def _marks(rng, n_bins, n_marks):
    """Marks in runs, of which one is missing in places."""
    runs = np.repeat(rng.integers(0, 2, (n_bins, n_marks)) * (rng.random((n_bins, n_marks)) < 0.4), 3, axis=0)[:n_bins]
    runs[n_bins // 2 : n_bins // 2 + 700, 0] = 2
    return runs.astype(np.uint8)


def _decoding(name, parameters, marks):
    decoded = decode(parameters, marks)
    return {
        "name": name,
        "parameters": {key: array.tolist() for key, array in parameters._asdict().items()},
        "columns": marks.T.tolist(),
        "states": decoded.states.tolist(),
        "log_likelihood": decoded.log_likelihood,
    }


def _binarized(folder):
    tracks = coverage(11) | {"chr3": np.zeros(5_000, np.float32), "tiny": np.ones(90, np.float32)}
    files = [
        write_bigwig(folder / "mark.bw", tracks),
        write_bigwig(folder / "mark_bins.bw", tracks, form="bins"),
        write_bigwig(folder / "mark_gaps.bw", tracks, gaps_are_nan=True),
    ]
    found = []
    for path in files:
        for settings in SETTINGS:
            values = binarize_bigwigs({"mark": path}, settings)
            present = {chrom: np.flatnonzero(column[:, 0]).tolist() for chrom, column in values.items()}
            lengths = {chrom: len(column) for chrom, column in values.items()}
            found.append({"file": path.name, **dataclasses.asdict(settings), "present": present, "n_bins": lengths})
    return found


def _poisson_thresholds():
    means = np.concatenate([[0, 1e-12, 1, 50], 10 ** np.random.default_rng(5).uniform(-5, 2.5, 300)])
    return [(float(mean), p, poisson_threshold(mean, p)) for mean in means for p in (1e-4, 1e-2)]


def _segments():
    rng = np.random.default_rng(9)
    found = []
    for _ in range(40):
        states = np.repeat(rng.integers(0, 3, 20), rng.integers(1, 6, 20))
        size = len(states) * 200 + int(rng.integers(-100, 200))
        start = rng.integers(0, size - 1, 4)
        regions = pd.DataFrame({"chrom": "a", "start": start, "end": start + rng.integers(1, 6_000, 4)})
        whole = segments_from_states(states, "a", bin_bp=200, chrom_size=size)
        rows = {
            name: table[["start", "end", "state"]].to_numpy().tolist()
            for name, table in (("whole", whole), ("clipped", clip_segments(whole, regions)))
        }
        found.append({"states": states.tolist(), "size": size, "regions": regions.to_numpy().tolist(), **rows})
    return found

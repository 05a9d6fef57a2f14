"""Recovery of simulated sites by a peak caller: average precision over bins, found and false peaks."""

from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float

from epizoo.genome.coverage_transform import scaled_arcsinh
from epizoo.metrics.peaks import binned_curve
from epizoo.models.peak_caller.network import PeakCaller
from epizoo.simulation.fragment_windows import SimulatedFragments

_ROWS = 32


class SiteScores(NamedTuple):
    """Scores over clear bins, and over runs of bins at a threshold."""

    average_precision: float
    recall: float
    """Share of the sites (runs of peak bins) that a call overlaps."""
    precision: float
    """Share of the calls that overlap a site, among those that touch clear bins alone."""
    calibration_error: float
    """Mean distance of probability and frequency in ten equal ranges of probability, weighted by their bins."""


def predict_windows(model: PeakCaller, windows: SimulatedFragments) -> Float[np.ndarray, "window bin"]:
    """Peak probabilities of simulated windows without their flanks."""
    graph, parameters = nnx.split(model)

    @jax.jit
    def probabilities(parameters, coverage):
        return nnx.merge(graph, parameters)(coverage).peak_probabilities

    coverage = scaled_arcsinh(windows.coverage, windows.scale[:, None])
    missing = -len(coverage) % _ROWS
    padded = np.pad(coverage, ((0, missing), (0, 0), (0, 0)))
    parts = [np.asarray(probabilities(parameters, padded[i : i + _ROWS])) for i in range(0, len(padded), _ROWS)]
    flank = model.receptive_field_bins
    return np.concatenate(parts)[: len(coverage), flank:-flank]


def site_scores(
    probabilities: Float[np.ndarray, "window bin"],
    is_peak: Bool[np.ndarray, "window bin"],
    is_clear: Bool[np.ndarray, "window bin"],
    threshold: float = 0.5,
) -> SiteScores:
    """The scores of probabilities, or of any scores between 0 and 1; runs of at least the threshold are called."""
    clear_scores, clear_truth = probabilities[is_clear], is_peak[is_clear]
    called = _apart(probabilities >= threshold)
    sites, unclear = _apart(is_peak), _apart(~is_clear)
    found = _overlapped(sites, called)
    right, doubtful = _overlapped(called, sites), _overlapped(called, unclear)
    judged = right | ~doubtful
    ranges = np.minimum((10 * clear_scores).astype(int), 9)
    gaps = np.bincount(ranges, weights=clear_scores - clear_truth, minlength=10)
    return SiteScores(
        binned_curve(clear_scores, clear_truth).average_precision,
        float(found.mean()) if found.size else 0.0,
        float(right[judged].mean()) if judged.any() else 0.0,
        float(np.abs(gaps).sum() / len(clear_scores)),
    )


def _apart(inside: Bool[np.ndarray, "window bin"]) -> Bool[np.ndarray, " bin"]:
    """All windows in one row, with a bin outside between neighbours."""
    return np.pad(inside, ((0, 0), (0, 1))).ravel()


def _overlapped(runs: Bool[np.ndarray, " bin"], others: Bool[np.ndarray, " bin"]) -> Bool[np.ndarray, " run"]:
    """Mask of the maximal runs that share a bin with the others."""
    edges = np.flatnonzero(np.diff(runs, prepend=False, append=False))
    so_far = np.concatenate([[0], np.cumsum(others)])
    return so_far[edges[1::2]] > so_far[edges[::2]]

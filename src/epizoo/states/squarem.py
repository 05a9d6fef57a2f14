"""SQUAREM's extrapolation of two steps of EM (Varadhan and Roland, Scandinavian J. Stat. 35, 2008)."""

import numpy as np
from jaxtyping import Float64

from epizoo.models.hmm.run_lengths import Float64Parameters

# Beyond these, probabilities are left to plain EM: their logarithms jump, and extrapolating them gains nothing.
_SMALLEST = 1e-10


def step_length(zeroth: Float64Parameters, first: Float64Parameters, second: Float64Parameters) -> float:
    """SQUAREM's step length (its scheme S3), at least 1, which is that of plain EM."""
    x0, x1, x2 = (_coordinates(model) for model in (zeroth, first, second))
    bend = np.nansum((x2 - 2 * x1 + x0) ** 2)
    return max(float(np.sqrt(np.nansum((x1 - x0) ** 2) / bend)), 1.0) if bend > 0 else 1.0


def extrapolate(
    zeroth: Float64Parameters, first: Float64Parameters, second: Float64Parameters, length: float
) -> Float64Parameters:
    """SQUAREM's point at some step length (1 gives ``second``); initial probabilities are those of ``second``."""
    x0, x1, x2 = (_coordinates(model) for model in (zeroth, first, second))
    target = x0 + 2 * length * (x1 - x0) + length**2 * (x2 - 2 * x1 + x0)
    n_transitions = second.transition.size
    frozen = np.isnan(target)
    target = np.where(frozen, 0, np.clip(target, -700, 700))
    transition = np.where(
        frozen[:n_transitions], second.transition.ravel(), np.exp(np.minimum(target[:n_transitions], 1))
    )
    rows = transition.reshape(second.transition.shape)
    emission = np.where(frozen[n_transitions:], second.emission.ravel(), 1 / (1 + np.exp(-target[n_transitions:])))
    return Float64Parameters(
        second.initial,
        rows / rows.sum(axis=-1, keepdims=True),
        emission.reshape(second.emission.shape),
    )


def _coordinates(model: Float64Parameters) -> Float64[np.ndarray, " coordinate"]:
    """Logarithms of transitions and log-odds of emissions, where extrapolation goes; NaN where it does not."""
    safe = _SMALLEST
    with np.errstate(divide="ignore", invalid="ignore"):
        transition = np.where(model.transition > safe, np.log(model.transition), np.nan)
        inside = (model.emission > safe) & (model.emission < 1 - safe)
        emission = np.where(inside, np.log(model.emission) - np.log1p(-model.emission), np.nan)
    return np.concatenate([transition.ravel(), emission.ravel()])

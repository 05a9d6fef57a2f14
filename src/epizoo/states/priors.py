"""Priors of chromatin-state models as pseudo-counts: Dirichlet over rows, Beta over emissions."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from epizoo.errors import InputError
from epizoo.models.hmm.run_lengths import Float64Parameters, Parameters, in_float64


class Prior(NamedTuple):
    """Counts that are added to the expected counts: exponents of the prior's density, its Dirichlet and Beta minus one.

    ``initial`` are first bins by state, ``transition`` steps (from, to), ``present`` and ``absent`` bins of each state
    in which a mark was measured and found or not found.
    """

    initial: Float64[np.ndarray, " state"]
    transition: Float64[np.ndarray, "state state"]
    present: Float64[np.ndarray, "state mark"]
    absent: Float64[np.ndarray, "state mark"]


def uniform_prior(n_states: int, n_marks: int, initial: float, transition: float, emission: float) -> Prior:
    """The same pseudo-count everywhere: `initial` and `transition` for each outcome, `emission` for present and absent.

    >>> uniform_prior(2, 3, 1.0, 0.0, 0.5).present.tolist()
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """
    marks = np.full((n_states, n_marks), float(emission))
    return Prior(np.full(n_states, float(initial)), np.full((n_states, n_states), float(transition)), marks, marks)


def centred_prior(
    parameters: Parameters,
    strength: float,
    *,
    transition_strength: float | None = None,
    initial_strength: float | None = None,
) -> Prior:
    """A prior whose mode is a model, such as a published one that is to be adapted to a new cell type.

    A strength is how much data the model counts for: each mark of each state as so many bins in that state, each row of
    transitions as so many steps from that state. 0 is no prior; where it far exceeds the bins of a state in the data,
    the state stays as it is. What has probability zero in the model gets no pseudo-count, and from this model EM leaves
    it zero.

    ``expectation_maximization(counter, start=pretrained, config=config, prior=centred_prior(pretrained, 1000.0))``

    Args:
        parameters: the model.
        strength: strength of emissions, in bins for each state; also of the next two where they are not given.
        transition_strength: in steps from each state.
        initial_strength: in sequences.

    Raises:
        InputError: a strength is negative, or the parameters are none.
    """
    model = in_float64(parameters)
    transition = strength if transition_strength is None else transition_strength
    initial = strength if initial_strength is None else initial_strength
    for name, value in (("strength", strength), ("transition_strength", transition), ("initial_strength", initial)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name} is {value}, expected a finite number of bins, 0 or more")
    emission = np.clip(model.emission, 0, 1)
    return Prior(initial * model.initial, transition * model.transition, strength * emission, strength * (1 - emission))


def add_priors(first: Prior, second: Prior) -> Prior:
    """The product of two priors: their pseudo-counts added.

    Raises:
        InputError: they are of different numbers of states or marks.
    """
    if any(a.shape != b.shape for a, b in zip(first, second, strict=True)):
        raise InputError(
            f"the prior has {second.present.shape} states and marks, expected {first.present.shape}; give one of the "
            "model that is learned"
        )
    return Prior(*(a + b for a, b in zip(first, second, strict=True)))


def log_density(prior: Prior, model: Float64Parameters) -> float:
    """Logarithm of the prior's density, without its constant; -inf where the model rules out what the prior expects."""
    return sum(_times_log(counts, probabilities) for counts, probabilities in density_terms(prior, model))


def density_terms(prior: Prior, model: Parameters) -> list[tuple[Any, Any]]:
    """Pseudo-counts and the probabilities whose logarithms they multiply in the prior's log-density."""
    present, absent = model.emission, 1 - model.emission
    return list(zip(prior, (model.initial, model.transition, present, absent), strict=True))


def _times_log(counts: Float64[np.ndarray, "*axes"], probabilities: Float64[np.ndarray, "*axes"]) -> float:
    counted = counts > 0
    with np.errstate(divide="ignore"):
        return float((counts[counted] * np.log(probabilities[counted])).sum())

"""Probabilities of a chromatin-state model from its stored logits, in NumPy: what decoding needs, without JAX."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Shaped

from epizoo.models.hmm.run_lengths import Float64Parameters


def probabilities_of_logits(arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> Float64Parameters:
    """The result of `ChromatinStateAnnotator.parameters` in float64; logits of -1e4 give exact zeros.

    Args:
        arrays: ``initial_logits`` (state), ``transition_logits`` (state, state), ``emission_logits`` (state, mark).

    >>> initial, transition, emission = np.zeros(2), np.zeros((2, 2)), np.zeros((2, 1))
    >>> logits = {"initial_logits": initial, "transition_logits": transition, "emission_logits": emission}
    >>> probabilities_of_logits(logits).emission.tolist()
    [[0.5], [0.5]]
    """
    emission = arrays["emission_logits"].astype(np.float64)
    with np.errstate(over="ignore"):
        return Float64Parameters(
            _softmax(arrays["initial_logits"].astype(np.float64)),
            _softmax(arrays["transition_logits"].astype(np.float64)),
            1 / (1 + np.exp(-emission)),
        )


def _softmax(logits: Float64[np.ndarray, "... state"]) -> Float64[np.ndarray, "... state"]:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)

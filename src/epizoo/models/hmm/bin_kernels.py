"""Compiled loops of a hidden Markov model that go bin by bin, in float64.

`viterbi` serves every sequence; `smooth` serves what runs cannot: soft values, and sequences that are impossible under
the model.
"""

import numpy as np

from epizoo.compilation import compiled
from epizoo.models.hmm.floors import LOG_FLOOR
from epizoo.models.hmm.vector_kernels import multiply

_BLOCK_BINS = 4096
# One over less than this, times a probability, is too near to infinity.
_SMALLEST_DIVISOR = 1e-290


@compiled
def _step_forward(transition, initial, log_emission, previous, is_first, out):
    """One bin of the forward pass: fills ``out`` (sum one) and returns log p(bin | bins before it)."""
    n_states = len(out)
    if is_first:
        out[:] = initial
    else:
        multiply(previous, transition, out)
    top = -np.inf
    for j in range(n_states):
        if out[j] > 0:
            top = max(top, log_emission[j])
    if top == -np.inf:
        return LOG_FLOOR
    total = 0.0
    for j in range(n_states):
        if out[j] > 0:
            out[j] *= np.exp(log_emission[j] - top)
            total += out[j]
    for j in range(n_states):
        out[j] /= total
    return top + np.log(total)


@compiled
def _forward_block(transition, initial, symbols, log_emissions, begin, end, filtered, log_likelihood):
    """Filtered probabilities of the bins ``begin`` to ``end``, after ``filtered[0]``; returns the likelihood so far."""
    for position in range(begin, end):
        row = position - begin
        log_likelihood += _step_forward(
            transition, initial, log_emissions[symbols[position]], filtered[row], position == 0, filtered[row + 1]
        )
    return log_likelihood


@compiled
def smooth(initial, transition, symbols, log_emissions, states, posteriors):
    """Forward-backward, bin by bin: fills the best posterior states and the posteriors (unless without rows).

    Args:
        initial: initial probabilities.
        transition: transition probabilities.
        symbols: row of ``log_emissions`` of each bin.
        log_emissions: log p(bin | state) by symbol; -inf where impossible.
        states: filled with the best state of each bin, ties to the lowest.
        posteriors: filled with the posteriors, unless it has no rows.

    Returns the log-likelihood. A bin that no state within reach allows counts as unobserved and costs `LOG_FLOOR`.
    """
    n_bins, n_states = len(symbols), len(initial)
    n_blocks = (n_bins + _BLOCK_BINS - 1) // _BLOCK_BINS
    checkpoints = np.zeros((n_blocks, n_states))
    filtered = np.zeros((_BLOCK_BINS + 1, n_states))
    log_likelihood = 0.0
    for block in range(n_blocks):
        checkpoints[block] = filtered[0]
        begin, end = block * _BLOCK_BINS, min((block + 1) * _BLOCK_BINS, n_bins)
        log_likelihood = _forward_block(
            transition, initial, symbols, log_emissions, begin, end, filtered, log_likelihood
        )
        filtered[0] = filtered[end - begin]
    posterior = filtered[0].copy()
    predicted = np.empty(n_states)
    for block in range(n_blocks - 1, -1, -1):
        filtered[0] = checkpoints[block]
        begin, end = block * _BLOCK_BINS, min((block + 1) * _BLOCK_BINS, n_bins)
        _forward_block(transition, initial, symbols, log_emissions, begin, end, filtered, log_likelihood)
        for position in range(end - 1, begin - 1, -1):
            row = position - begin
            states[position] = np.argmax(posterior)
            if len(posteriors):
                posteriors[position] = posterior
            if position:
                _step_back(transition, filtered[row], posterior, predicted)
    return log_likelihood


@compiled
def _share_back(transition, filtered, posterior, predicted):
    """As `_step_back`, each share of a state computed for itself, so that no quotient overflows."""
    following = posterior.copy()
    for i in range(len(filtered)):
        posterior[i] = 0.0
        for j in range(len(filtered)):
            if predicted[j] > 0:
                posterior[i] += filtered[i] * transition[i, j] / predicted[j] * following[j]


@compiled
def _step_back(transition, filtered, posterior, predicted):
    """Turn the posterior of a bin into that of the bin before it, whose filtered probabilities are given."""
    n_states = len(filtered)
    multiply(filtered, transition, predicted)
    smallest = 1.0
    for j in range(n_states):
        if predicted[j] > 0:
            smallest = min(smallest, predicted[j])
    if smallest < _SMALLEST_DIVISOR:
        _share_back(transition, filtered, posterior, predicted)
    else:
        for j in range(n_states):
            predicted[j] = posterior[j] / predicted[j] if predicted[j] > 0 else 0.0
        for i in range(n_states):
            message = 0.0
            for j in range(n_states):
                message += transition[i, j] * predicted[j]
            posterior[i] = filtered[i] * message
    total = 0.0
    for i in range(n_states):
        total += posterior[i]
    for i in range(n_states):
        posterior[i] /= total


@compiled
def viterbi(log_initial, log_transition, symbols, log_emissions):
    """The most probable path, ties to the lowest; a bin that no state within reach allows counts as unobserved."""
    n_bins, n_states = len(symbols), len(log_initial)
    pointers = np.empty((n_bins, n_states), np.uint8)
    scores = log_initial.copy()
    candidates = np.empty(n_states)
    origins = np.empty(n_states, np.int64)
    for position in range(n_bins):
        if position:
            for j in range(n_states):
                candidates[j] = scores[0] + log_transition[0, j]
                origins[j] = 0
            for i in range(1, n_states):
                score = scores[i]
                for j in range(n_states):
                    candidate = score + log_transition[i, j]
                    better = candidate > candidates[j]
                    candidates[j] = candidate if better else candidates[j]
                    origins[j] = i if better else origins[j]
            for j in range(n_states):
                scores[j] = candidates[j]
                pointers[position, j] = origins[j]
        log_emission = log_emissions[symbols[position]]
        top = -np.inf
        for j in range(n_states):
            candidates[j] = scores[j] + log_emission[j]
            top = max(top, candidates[j])
        if top > -np.inf:
            for j in range(n_states):
                # Relative to the best, so that their size, and rounding with it, does not grow along the sequence.
                scores[j] = candidates[j] - top
    path = np.empty(n_bins, np.uint8)
    state = np.argmax(scores)
    for position in range(n_bins - 1, -1, -1):
        path[position] = state
        state = pointers[position, state]
    return path

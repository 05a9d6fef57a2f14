"""Compiled loops for expected counts over runs of equal bins, in float64: the E step of learning."""

import numpy as np

from epizoo.models.hmm_kernels import (
    _BLOCK_PIECES,
    _balance,
    _carry_back,
    _forward_block,
    _multiply,
    compiled,
)


@compiled
def count_pieces(matrices, transposed, pieces, checkpoints, weights):
    """Backward pass over a sequence that adds to the weights of the entries; returns the posterior of the first bin.

    The weight of an entry is the sum, over its pieces, of the outer product of the forward message before the piece and
    the backward message after it, divided by the probability of the piece given those before it: `spread` makes
    expected counts of it.

    Args:
        matrices: of `powers`.
        transposed: of `powers`.
        pieces: of `cut`.
        checkpoints: of `forward_checkpoints`.
        weights: "entry state state", added to.
    """
    n_states = matrices.shape[1]
    messages = np.empty((_BLOCK_PIECES + 1, n_states))
    totals = np.empty(_BLOCK_PIECES)
    scratch = np.empty(n_states)
    backward = np.ones(n_states)
    for block in range(len(checkpoints) - 1, -1, -1):
        begin = max(block * _BLOCK_PIECES, 1)
        end = min((block + 1) * _BLOCK_PIECES, len(pieces))
        messages[0] = checkpoints[block]
        _forward_block(matrices, pieces, begin, end, messages, totals)
        _balance(messages[end - begin], backward)
        for piece in range(end - 1, begin - 1, -1):
            row = piece - begin
            entry = pieces[piece]
            scale = 1 / totals[row]
            for i in range(n_states):
                share = messages[row, i] * scale
                for j in range(n_states):
                    weights[entry, i, j] += share * backward[j]
            _carry_back(transposed[entry], totals[row], backward, scratch)
    first = messages[0] * backward
    return first / first.sum()


@compiled
def spread(matrices, transposed, offsets, longest, weights, transitions, occupancies):
    """Expected transitions and states of every bin within the pieces that `count_pieces` weighed.

    For a symbol with A = T diag(e) and weights M of length L the transitions are A times, element by element, the sum
    over t of (A')^t M (A')^(L - 1 - t); two Horner schemes from the longest piece down give the sum over all lengths.

    Args:
        matrices: of `powers`.
        transposed: of `powers`.
        offsets: first entry of each symbol.
        longest: longest piece of each symbol.
        weights: of `count_pieces`.
        transitions: "state state", added to.
        occupancies: "symbol state", added to: expected number of bins of the symbol in the state.
    """
    n_states = matrices.shape[1]
    tails = np.empty((n_states, n_states))
    sums = np.empty((n_states, n_states))
    product = np.empty(n_states)
    for symbol in range(len(offsets)):
        first = offsets[symbol]
        step = transposed[first]
        tails[:] = 0
        sums[:] = 0
        for length in range(longest[symbol], 0, -1):
            for i in range(n_states):
                _multiply(tails[i], step, product)
                for j in range(n_states):
                    tails[i, j] = product[j] + weights[first + length - 1, i, j]
            earlier = sums.copy()
            for i in range(n_states):
                _multiply(step[i], earlier, sums[i])
                for j in range(n_states):
                    sums[i, j] += tails[i, j]
        for i in range(n_states):
            for j in range(n_states):
                count = matrices[first, i, j] * sums[i, j]
                transitions[i, j] += count
                occupancies[symbol, j] += count

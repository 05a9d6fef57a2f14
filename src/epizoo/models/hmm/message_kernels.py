"""Compiled forward and backward messages of a hidden Markov model over runs of equal bins, in float64.

`epizoo.models.hmm.run_kernels` cuts the sequences into pieces and says what symbols and entries are. Everything here is
products and sums of numbers that are not negative, so nothing cancels and each message is exact to rounding. Kernels
release the interpreter's lock, so that threads work on sequences side by side.
"""

import numpy as np

from epizoo.compilation import compiled
from epizoo.models.hmm.vector_kernels import multiply

_BLOCK_PIECES = 2048
# Backward messages of states that the past all but rules out grow without bound; they must not become infinite, nor
# must what is made of them.
_LARGEST = 1e300
_LARGEST_WEIGHT = 1e200
_TINY = 1e-150


@compiled
def _total(vector):
    even = odd = 0.0
    for i in range(0, len(vector) - 1, 2):
        even += vector[i]
        odd += vector[i + 1]
    return even + odd + (vector[-1] if len(vector) % 2 else 0.0)


@compiled
def _forward_block(matrices, pieces, begin, end, messages, totals):
    """Forward messages at the ends of pieces ``begin`` to ``end``; ``messages[0]`` is that before them.

    Each message sums to one; ``totals`` are what they were divided by. Returns the piece at which nothing was left,
    or -1.
    """
    for piece in range(begin, end):
        row = piece - begin
        message = messages[row + 1]
        multiply(messages[row], matrices[pieces[piece]], message)
        total = _total(message)
        if not total > 0:
            return piece
        totals[row] = total
        scale = 1 / total
        for i in range(len(message)):
            message[i] *= scale
    return -1


@compiled
def forward_checkpoints(start, matrices, pieces, log_scales):
    """Forward pass over a sequence: messages at the starts of blocks of pieces, and the log-likelihood.

    Args:
        start: initial probabilities times emissions of the first bin; what it sums to is part of the likelihood.
        matrices: result of `powers`.
        pieces: result of `cut`.
        log_scales: logarithm of what each entry's matrix was divided by.

    The log-likelihood is NaN where the sequence is impossible under the model or underflows.
    """
    n_states = len(start)
    n_blocks = (len(pieces) + _BLOCK_PIECES - 1) // _BLOCK_PIECES
    checkpoints = np.empty((n_blocks, n_states))
    messages = np.empty((_BLOCK_PIECES + 1, n_states))
    totals = np.empty(_BLOCK_PIECES)
    total = start.sum()
    if not total > 0:
        return checkpoints, np.nan
    log_likelihood = np.log(total) + log_scales[pieces[0]]
    messages[0] = start / total
    for block in range(n_blocks):
        begin = max(block * _BLOCK_PIECES, 1)
        end = min((block + 1) * _BLOCK_PIECES, len(pieces))
        checkpoints[block] = messages[0]
        if _forward_block(matrices, pieces, begin, end, messages, totals) >= 0:
            return checkpoints, np.nan
        product = 1.0
        for row in range(end - begin):
            log_likelihood += log_scales[pieces[begin + row]]
            product *= totals[row]
            if product < _TINY:
                log_likelihood += np.log(product)
                product = 1.0
        log_likelihood += np.log(product)
        messages[0] = messages[end - begin]
    return checkpoints, log_likelihood


@compiled
def _carry_back(transposed, before, evidence, backward, out):
    """Carry a backward message over a piece, scaled so that it and the forward message before the piece give one.

    States that the past rules out get 0, since nothing is ever made of them.
    """
    multiply(backward, transposed, out)
    scale = 1 / evidence
    for i in range(len(out)):
        backward[i] = min(out[i] * scale, _LARGEST) if before[i] > 0 else 0.0


@compiled
def _balance(forward, backward):
    """Scale a backward message so that it and the forward message give one, rid of the rounding of many pieces."""
    total = 0.0
    for i in range(len(forward)):
        total += forward[i] * backward[i]
    for i in range(len(forward)):
        backward[i] = min(backward[i] / total, _LARGEST)


@compiled
def _restore_block(matrices, pieces, block, checkpoints, messages, totals, backward):
    """Forward messages and totals of a block from its checkpoint; returns its first piece and the one after its last.

    The backward message that arrives from the blocks after it is balanced.
    """
    begin = max(block * _BLOCK_PIECES, 1)
    end = min((block + 1) * _BLOCK_PIECES, len(pieces))
    messages[0] = checkpoints[block]
    _forward_block(matrices, pieces, begin, end, messages, totals)
    _balance(messages[end - begin], backward)
    return begin, end


@compiled
def _best(forward, backward):
    best = 0
    highest = forward[0] * backward[0]
    for i in range(1, len(forward)):
        value = forward[i] * backward[i]
        if value > highest:
            best, highest = i, value
    return best


@compiled
def _stays(before, transposed, first, length, state, backward, evidence):
    """True if one state is certainly the best of every bin of a piece: the chain stays in it with p > 1/2."""
    arrival = 0.0
    for i in range(len(before)):
        arrival += before[i] * transposed[first, state, i]
    stay = transposed[first, state, state] ** (length - 1)
    return arrival * stay * backward[state] > 0.5000001 * evidence


@compiled
def _expand(matrix, transposed, before, backward, length, forwards, message, states, posteriors):
    """Best state and posteriors of every bin of a piece, bin by bin."""
    previous = before
    for position in range(length):
        multiply(previous, matrix, forwards[position])
        previous = forwards[position]
    current = backward.copy()
    for position in range(length - 1, -1, -1):
        states[position] = _best(forwards[position], current)
        if len(posteriors):
            _write_posteriors(forwards[position], current, posteriors[position])
        if position:
            multiply(current, transposed, message)
            current[:] = message


@compiled
def _write_posteriors(forward, backward, out):
    total = 0.0
    for i in range(len(forward)):
        total += forward[i] * backward[i]
    for i in range(len(forward)):
        out[i] = forward[i] * backward[i] / total


@compiled
def decode_pieces(matrices, transposed, pieces, entry_first, entry_length, checkpoints, states, posteriors):
    """Backward pass over a sequence: the best posterior state of each bin (ties to the lowest), and the posteriors.

    Args:
        matrices: result of `powers`.
        transposed: result of `powers`.
        pieces: result of `cut`.
        entry_first: for each entry, that of the same symbol and one bin.
        entry_length: bins of each entry.
        checkpoints: result of `forward_checkpoints`.
        states: filled with the states, one per bin.
        posteriors: filled with the posteriors, unless it has no rows.
    """
    n_states = matrices.shape[1]
    messages = np.empty((_BLOCK_PIECES + 1, n_states))
    totals = np.empty(_BLOCK_PIECES)
    forwards = np.empty((entry_length.max(), n_states))
    scratch = np.empty(n_states)
    backward = np.ones(n_states)
    end_bin = len(states)
    for block in range(len(checkpoints) - 1, -1, -1):
        begin, end = _restore_block(matrices, pieces, block, checkpoints, messages, totals, backward)
        for piece in range(end - 1, begin - 1, -1):
            row = piece - begin
            entry = pieces[piece]
            first, length = entry_first[entry], entry_length[entry]
            before, after = messages[row], messages[row + 1]
            begin_bin = end_bin - length
            best = _best(after, backward)
            if len(posteriors) == 0 and (
                length == 1 or _stays(before, transposed, first, length, best, backward, totals[row])
            ):
                states[begin_bin:end_bin] = best
            else:
                _expand(
                    matrices[first],
                    transposed[first],
                    before,
                    backward,
                    length,
                    forwards,
                    scratch,
                    states[begin_bin:end_bin],
                    posteriors[begin_bin:end_bin],
                )
            _carry_back(transposed[entry], before, totals[row], backward, scratch)
            end_bin = begin_bin
    states[0] = _best(messages[0], backward)
    if len(posteriors):
        _write_posteriors(messages[0], backward, posteriors[0])


@compiled
def count_pieces(matrices, transposed, pieces, checkpoints, weights):
    """Backward pass over a sequence that adds to the weights of the entries; returns the posterior of the first bin.

    The weight of an entry is the sum, over its pieces, of the outer product of the forward message before the piece and
    the backward message after it, divided by the probability of the piece given those before it: `spread` makes
    expected counts of it.

    Args:
        matrices: result of `powers`.
        transposed: result of `powers`.
        pieces: result of `cut`.
        checkpoints: result of `forward_checkpoints`.
        weights: "entry state state", added to.
    """
    n_states = matrices.shape[1]
    messages = np.empty((_BLOCK_PIECES + 1, n_states))
    totals = np.empty(_BLOCK_PIECES)
    scratch = np.empty(n_states)
    backward = np.ones(n_states)
    for block in range(len(checkpoints) - 1, -1, -1):
        begin, end = _restore_block(matrices, pieces, block, checkpoints, messages, totals, backward)
        for piece in range(end - 1, begin - 1, -1):
            row = piece - begin
            entry = pieces[piece]
            scale = 1 / totals[row]
            for i in range(n_states):
                share = messages[row, i] * scale
                for j in range(n_states):
                    weights[entry, i, j] += min(share * backward[j], _LARGEST_WEIGHT)
            _carry_back(transposed[entry], messages[row], totals[row], backward, scratch)
    first = messages[0] * backward
    return first / first.sum()


@compiled
def spread(matrices, transposed, offsets, longest, weights, transitions, occupancies):
    """Expected transitions and states of every bin within the pieces that `count_pieces` weighed.

    For a symbol with A = T diag(e) and weights M of length L the transitions are A times, element by element, the sum
    over t of (A')^t M (A')^(L - 1 - t); two Horner schemes from the longest piece down give the sum over all lengths.

    Args:
        matrices: result of `powers`.
        transposed: result of `powers`.
        offsets: first entry of each symbol.
        longest: longest piece of each symbol.
        weights: result of `count_pieces`.
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
                multiply(tails[i], step, product)
                for j in range(n_states):
                    tails[i, j] = product[j] + weights[first + length - 1, i, j]
            earlier = sums.copy()
            for i in range(n_states):
                multiply(step[i], earlier, sums[i])
                for j in range(n_states):
                    sums[i, j] += tails[i, j]
        for i in range(n_states):
            for j in range(n_states):
                count = matrices[first, i, j] * sums[i, j]
                transitions[i, j] += count
                occupancies[symbol, j] += count

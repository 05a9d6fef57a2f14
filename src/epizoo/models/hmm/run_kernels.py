"""Compiled loops that cut sequences into runs of equal bins, and the powers of their matrices, in float64.

A *symbol* is what a bin shows (its marks, or that they are missing). A sequence is cut into *pieces*: runs of one
symbol, at most `LONGEST_PIECE` bins long, the first piece of a sequence being its first bin alone. An *entry* is a pair
of symbol and length, and stands for the matrix (T diag(e))^length: one product carries a message over a whole piece.
"""

import numpy as np

from epizoo.compilation import compiled
from epizoo.models.hmm.vector_kernels import multiply

LONGEST_PIECE = 32
"""Longest piece, in bins."""

SMALLEST_ROW = 1e-100
"""A power whose rows get smaller than this is not used, so that no message underflows inside a piece."""


@compiled
def longest_runs(codes, n_codes):
    """Length of each code's longest run, at most `LONGEST_PIECE`; 0 where it does not occur."""
    longest = np.zeros(n_codes, np.int64)
    begin = 0
    while begin < len(codes):
        code = codes[begin]
        end = begin + 1
        while end < len(codes) and codes[end] == code:
            end += 1
        longest[code] = max(longest[code], min(end - begin, LONGEST_PIECE))
        begin = end
    return longest


@compiled
def cut(codes, lookup, offsets, longest):
    """Cut one sequence into pieces: the entry of each.

    Args:
        codes: a code per bin.
        lookup: the symbol of each code.
        offsets: first entry of each symbol.
        longest: maximum length of a piece of each symbol.
    """
    pieces = np.empty(max(len(codes) // 4, 16), np.int32)
    n_pieces = 0
    begin = 0
    while begin < len(codes):
        code = codes[begin]
        end = begin + 1
        while begin > 0 and end < len(codes) and codes[end] == code:
            end += 1
        symbol = lookup[code]
        while begin < end:
            if n_pieces == len(pieces):
                grown = np.empty(2 * n_pieces, np.int32)
                grown[:n_pieces] = pieces
                pieces = grown
            length = min(end - begin, longest[symbol])
            pieces[n_pieces] = offsets[symbol] + length - 1
            n_pieces += 1
            begin += length
    return pieces[:n_pieces].copy()


@compiled
def powers(transition, emissions, offsets, longest):
    """Powers of T diag(e) for every entry, as they are and transposed, and how long a piece of each symbol may be."""
    n_states = len(transition)
    n_entries = longest.sum()
    forward = np.zeros((n_entries, n_states, n_states))
    usable = longest.copy()
    for symbol in range(len(emissions)):
        first = offsets[symbol]
        for i in range(n_states):
            for j in range(n_states):
                forward[first, i, j] = transition[i, j] * emissions[symbol, j]
        for length in range(2, longest[symbol] + 1):
            previous, power = forward[first + length - 2], forward[first + length - 1]
            smallest = 1.0
            for i in range(n_states):
                multiply(previous[i], forward[first], power[i])
                largest = 0.0
                for j in range(n_states):
                    largest = max(largest, power[i, j])
                smallest = min(smallest, largest)
            if smallest < SMALLEST_ROW:
                usable[symbol] = length - 1
                break
    return forward, forward.transpose(0, 2, 1).copy(), usable

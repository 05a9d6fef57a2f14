"""Compiled arithmetic on vectors of states that the kernels share.

Numba keeps compiled code by the file of the kernel that calls: after a change here, remove ``__pycache__``.
"""

from epizoo.compilation import compiled


@compiled
def multiply(vector, matrix, out):
    """``out = vector @ matrix``, row by row, which vector units do without reordering a sum."""
    n_states = len(vector)
    for j in range(n_states):
        out[j] = 0.0
    for i in range(n_states):
        weight = vector[i]
        for j in range(n_states):
            out[j] += weight * matrix[i, j]

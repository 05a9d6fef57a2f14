"""Numbers that stand for what is impossible or nearly so, the same in every implementation of the model."""

FLOOR = 1e-300
"""ChromHMM's floor for the emission of a bin."""

LOG_FLOOR = -690.7755278982137
"""The logarithm of `FLOOR`."""

LOG_ZERO = -1e30
"""Stands for log(0): finite, so that 0 * log(0) is 0 and no gradient is NaN, and far below any float64's logarithm."""

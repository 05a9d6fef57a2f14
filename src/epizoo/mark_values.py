"""The value of a mark that is neither 0 (absent) nor 1 (present), in files, arrays and models alike."""

MISSING = 2
"""A mark that was not measured, in integers; NaN in floats."""

"""Values of marks other than 0 (absent) and 1 (present), in files, arrays and models alike."""

MISSING = 2
"""A mark that was not measured, in integers; NaN in floats."""

OUTSIDE = -1.0
"""Every mark of a bin outside the chromosome."""

"""Peaks and segments from probabilities, and the files that hold them. Holds no model code."""

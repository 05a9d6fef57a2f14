"""Peaks, segments and pictures from probabilities. Holds no model code."""

"""Figures: regions, heatmaps, evaluations and model selection."""

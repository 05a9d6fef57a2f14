"""Evaluation of peaks and states against human labels, known intervals, sites and annotations."""

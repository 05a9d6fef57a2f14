"""Measurements behind the figures of the cards and the docs; README.md lists them and their commands."""

"""Losses, metrics and the recipes that trained the zoo entries."""

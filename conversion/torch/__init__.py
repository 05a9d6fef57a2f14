"""Torch twins of the models, and the way there and back."""

"""Training of peak callers: losses, batches, fits and the choice of calling rules."""

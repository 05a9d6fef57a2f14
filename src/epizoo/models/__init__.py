"""The models: a peak caller (flax nnx) and a hidden Markov model of chromatin states."""
